"""The functions and triggers of a pair as statements. docs/explanation/sync-trigger.md tells the rules.

Names are qualified to the last operator and type, as `predicates` tells. The body of a trigger function is
parsed in the session of whoever writes; what somebody else wrote, a default or a CHECK, stands in a function
of its own, whose standard body was parsed in ours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from expandcontract.model.change import Mode, Pair, Side
from expandcontract.model.names import (
    RelationName,
    dollar_quote,
    judging_trigger,
    literal,
    qualify_constant,
    qualify_type,
    quote,
)
from expandcontract.model.phases import State
from expandcontract.steps.sessions import FILLING
from expandcontract.steps.sync import notes, predicates, rows
from expandcontract.steps.sync.predicates import Values


@dataclass(frozen=True)
class Sync:
    """A pair with the names of what keeps it in sync.

    `schema` holds the functions, `key` are the columns that name a row in `conflict`, `new_default` is the
    default that the new side gets when it is settled, `ledger` the schema of the ledger, `checks` are those
    that contract takes away. `first` is the name of the trigger that sorts before all others, empty where
    none is of use; `watched` says that triggers of the user may look at the pair, so that it is put there
    from the beginning. `partition_keys` are the columns by which rows move. `unique`: so is the old side.
    """

    change: str
    pair: Pair
    schema: str
    trigger: str
    key: Sequence[str]
    new_default: str | None = None
    ledger: str = ""
    checks: tuple[predicates.CarriedCheck, ...] = ()
    first: str = ""
    watched: bool = False
    partition_keys: tuple[str, ...] = ()
    unique: bool = False

    @property
    def function(self) -> RelationName:
        return RelationName(self.schema, self.trigger)

    @property
    def stored(self) -> str:
        """The name of the trigger that judges what did not fit, once it is stored."""
        return judging_trigger(self.trigger)

    @property
    def judges(self) -> bool:
        """Whether one side may be given what the other cannot hold."""
        return not (self.pair.identity or self.pair.computed_outside)

    @property
    def keeper(self) -> RelationName:
        return self._beside("~ek_")

    @property
    def old_default(self) -> RelationName:
        """What makes the old side's default, where that is more than a constant."""
        return self._beside("~eo_")

    def default_of(self, column: Side) -> str:
        """Return SQL for the default of a column of the old side, which has one."""
        return _default(column.default or "NULL", self.old_default, column.type)

    @property
    def default(self) -> RelationName:
        """What makes the new side's default, where that is more than a constant."""
        return self._beside("~en_")

    @property
    def check(self) -> RelationName:
        """What asks the old side's CHECKs."""
        return self._beside("~ex_")

    def _beside(self, mark: str) -> RelationName:
        return RelationName(self.schema, self.trigger.replace("~ec_", mark, 1))


def create_sync_function(sync: Sync, *, ready: bool) -> str:
    """Return CREATE OR REPLACE for the function of the sync trigger; `ready` chooses the rules that hold from
    ready on.
    """
    pair = sync.pair
    fields = _fields(sync, ready=ready)
    if pair.computed_outside:
        return _render("outside.sql", **fields, filling=literal(FILLING))
    if pair.mode == Mode.FILL:
        write_back = (
            ""
            if pair.back is None
            else f"\n        IF NOT old_given THEN\n            {fields['give_back']}"
            f"{fields['back_fits']}\n        END IF;"
        )
        return _render("fill.sql", **fields, write_back=write_back)
    return _render("mirror.sql", **fields)


def create_parsed(sync: Sync) -> tuple[str, ...]:
    """Return the statements that make the functions of what others wrote: defaults and CHECKs."""
    statements = []
    for name, arguments, result, body in _parsed(sync):
        signature = f"{name.sql}({arguments}) RETURNS {qualify_type(result)}"
        statements.append(
            f"CREATE OR REPLACE FUNCTION {signature} LANGUAGE sql STABLE BEGIN ATOMIC SELECT {body}; END"
        )
        statements.append(f"GRANT EXECUTE ON FUNCTION {name.sql} TO PUBLIC")
    return tuple(statements)


def parsed(sync: Sync) -> tuple[RelationName, ...]:
    """Return the functions that `create_parsed` makes."""
    return tuple(name for name, *_ in _parsed(sync))


def _parsed(sync: Sync) -> Iterator[tuple[RelationName, str, str, str]]:
    """Yield name, arguments, type and expression of each."""
    pair = sync.pair
    old = None if pair.old.volatile_default else pair.old.default
    for default, name, type_ in (
        (old, sync.old_default, pair.old.type),
        (sync.new_default, sync.default, pair.new.type),
    ):
        if default is not None and qualify_constant(default) is None:
            yield name, "", type_, f"({default})::{qualify_type(type_)}"
    if sync.checks and not pair.one_way:
        types = _check_columns(sync)
        arguments = ", ".join(f"{quote(column)} {qualify_type(type_)}" for column, type_ in types.items())
        yield (
            sync.check,
            arguments,
            "boolean",
            " AND ".join(f"COALESCE({check.expression}, true)" for check in sync.checks),
        )


def _check_columns(sync: Sync) -> dict[str, str]:
    return {c: t for check in sync.checks for c, t in zip(check.columns, check.types, strict=True)}


def _default(default: str, function: RelationName, type_: str) -> str:
    constant = qualify_constant(default)
    return f"{function.sql}()" if constant is None else f"({constant})::{qualify_type(type_)}"


def create_sync_trigger(sync: Sync, tables: Sequence[RelationName], *, first: bool) -> tuple[str, ...]:
    """Return the statements that put the trigger on `tables` (the table, and children by inheritance), firing
    always; with `first` two of them, before and after those of the user, so that what these look at is whole.

    WHEN keeps writes that are in sync from calling the function at all: the copy's own, and those of an
    application that writes both sides. In mode fill the rules depend on what the row was before, which WHEN
    cannot see for INSERT OR UPDATE, so there the function decides.
    """
    when = "" if sync.pair.mode == Mode.FILL else f" WHEN ({predicates.needs_rule(sync.pair, 'NEW')})"
    names = {sync.first: rows.FIRST, sync.trigger: rows.LAST} if first and sync.first else {sync.trigger: ""}
    statements = [
        s
        for table in tables
        for name, argument in names.items()
        for s in _trigger(name, table, sync.function, when, argument)
    ]
    if sync.judges:
        condition = f" WHEN ({rows.stored_unfit(sync.change, sync.pair)})"
        for table in tables:
            statements += _trigger(sync.stored, table, sync.function, condition, rows.STORED, after=True)
    return tuple(statements)


def drop_triggers(
    sync: Sync, tables: Sequence[RelationName], *, must_be_there: bool = False
) -> tuple[str, ...]:
    """Return the statements that remove the triggers, whether or not they are there. Of two the first one may
    always be missing: a repair puts it there, too.
    """
    last = "" if must_be_there else "IF EXISTS "
    names = {sync.first: "IF EXISTS ", sync.trigger: last} if sync.first else {sync.trigger: last}
    if sync.judges:
        names[sync.stored] = "IF EXISTS "
    return tuple(
        f"DROP TRIGGER {if_exists}{quote(name)} ON {table.sql}"
        for table in tables
        for name, if_exists in names.items()
    )


def drop_sync(sync: Sync, tables: Sequence[RelationName]) -> tuple[str, ...]:
    """Return the statements that remove trigger and functions, whether or not they are there."""
    return (*drop_triggers(sync, tables), *drop_functions(sync))


def drop_functions(sync: Sync) -> tuple[str, ...]:
    """Return the statements that remove what the trigger called, whether or not it is there."""
    return (
        f"DROP FUNCTION IF EXISTS {sync.function.sql}()",
        f"DROP FUNCTION IF EXISTS {sync.keeper.sql}()",
        *(f"DROP FUNCTION IF EXISTS {name.sql}" for name in parsed(sync)),
    )


def create_keeper(sync: Sync, tables: Sequence[RelationName]) -> tuple[str, ...]:
    """Return the statements that keep the hidden old side current after contract; none where nothing leads
    back.
    """
    pair = sync.pair
    if pair.one_way:
        return ()
    hidden, finals = (of(pair, "NEW", State.HIDDEN) for of in (predicates.old_values, predicates.new_values))
    was = predicates.new_values(pair, "OLD", State.HIDDEN)
    carried = predicates.forward(pair, hidden)
    statement = _render(
        "keep.sql",
        function=sync.keeper.sql,
        table=pair.table.sql,
        hidden=" and ".join(quote(each.at(State.HIDDEN)) for each in pair.olds),
        hidden_given=predicates.old_given(pair, hidden),
        final_not_given=_final_not_given(sync, finals),
        take=_assigned(finals, carried),
        belongs="" if pair.mode == Mode.FILL else f" AND {predicates.same_new(pair, finals, carried)}",
        new_unchanged=predicates.same_new(pair, finals, was),
        assign=_keep(sync, hidden, finals),
        faults=notes.faults(sync, "OTHERS"),
    )
    condition = predicates.needs_rule(pair, "NEW", State.HIDDEN)
    if pair.gives_null:
        condition = predicates.either(condition, predicates.old_lacks(pair, hidden))
    when = "" if pair.mode == Mode.FILL else f" WHEN ({condition})"
    triggers = (s for table in tables for s in _trigger(sync.trigger, table, sync.keeper, when))
    return (statement, f"GRANT EXECUTE ON FUNCTION {sync.keeper.sql}() TO PUBLIC", *triggers)


def _final_not_given(sync: Sync, finals: Values) -> str:
    pair = sync.pair
    if any(each.volatile_default for each in pair.olds) and pair.mode == Mode.MIRROR:
        return ""  # whoever gives both gives them in sync, and does not come here
    default = predicates.null(pair.new.type)
    if pair.mode == Mode.MIRROR and sync.new_default:
        default = _default(sync.new_default, sync.default, pair.new.type)
    more = (predicates.null(each.type) for each in pair.more)
    return f" AND {predicates.same_new(pair, finals, (default, *more))}"


def _keep(sync: Sync, hidden: Values, finals: Values) -> str:
    if sync.pair.identity:
        return f"\n        {_assigned(hidden, finals)}"
    final = predicates.shown(finals)
    note = notes.conflict(
        sync,
        "'not held by the hidden side'",
        "NULL",
        f"pg_catalog.format('%s', {final})",
        "'undo would lose it'",
    )
    return f"""
        BEGIN
            {_assigned(hidden, predicates.back(sync.pair, finals))}
            IF {predicates.not_held(sync.pair, "NEW")} THEN
                {note}{_nothing_given(sync, hidden)}{_equal(sync, hidden, finals)}
            END IF;{_refused(sync, hidden, final)}
        EXCEPTION WHEN OTHERS THEN
            {_assigned(hidden, ("NULL",) * len(hidden))}
            {note}
        END;"""


def _nothing_given(sync: Sync, hidden: Values) -> str:
    """A row may come without what the old side must have: undo has to know which."""
    if not sync.pair.gives_null:
        return ""
    sentence = "'the old side is NOT NULL, and nothing was given that it could be made of'"
    note = notes.conflict(sync, "'not held by the hidden side'", "NULL", "NULL", sentence)
    return f"""
            ELSIF {predicates.old_lacks(sync.pair, hidden)} THEN
                {note}"""


def _equal(sync: Sync, hidden: Values, finals: Values) -> str:
    """Values that the new side tells apart may be one on the old side, whose UNIQUE is gone while it is
    hidden. All but one of them are not what forward makes of it.
    """
    pair = sync.pair
    if not sync.unique or pair.mode == Mode.FILL:
        return ""
    old, new = (f"pg_catalog.format('%s', {predicates.shown(side)})" for side in (hidden, finals))
    sentence = "'the old side is UNIQUE, and holds the same for another value'"
    note = notes.conflict(sync, "'not held by the hidden side'", old, new, sentence)
    carried = predicates.same_new(pair, finals, predicates.forward(pair, hidden))
    return f"""
            ELSIF NOT {carried} THEN
                {note}"""


def _refused(sync: Sync, hidden: Values, final: str) -> str:
    """Its CHECKs are not there while the old side is hidden: undo has to know what they refuse."""
    if not sync.checks:
        return ""
    old, new = (f"pg_catalog.format('%s', {each})" for each in (predicates.shown(hidden), final))
    sentence = "'a CHECK of the old side refuses it'"
    note = notes.conflict(sync, "'not held by the hidden side'", old, new, sentence)
    called = predicates.hidden_names(sync.pair)
    values = (f"NEW.{quote(called.get(column, column))}" for column in _check_columns(sync))
    return f"""
            IF NOT {sync.check.sql}({", ".join(values)}) THEN
                {note}
            END IF;"""


def _trigger(
    name: str,
    table: RelationName,
    function: RelationName,
    when: str,
    argument: str = "",
    *,
    after: bool = False,
) -> tuple[str, str]:
    # SHARE ROW EXCLUSIVE, on a partitioned table for every partition as well. No UPDATE OF: it sees the
    # statement's SET list only, not what other triggers write.
    events = f"{'AFTER INSERT' if after else 'BEFORE INSERT OR UPDATE'} ON {table.sql}"
    call = f"{function.sql}({argument and literal(argument)})"
    return (
        f"CREATE TRIGGER {quote(name)} {events} FOR EACH ROW{when} EXECUTE FUNCTION {call}",
        # Without ALWAYS logical replication (session_replication_role = replica) would write past it.
        f"ALTER TABLE {table.sql} ENABLE ALWAYS TRIGGER {quote(name)}",
    )


def _fields(sync: Sync, *, ready: bool) -> dict[str, str]:
    pair = sync.pair
    old, new = predicates.old_values(pair, "NEW"), predicates.new_values(pair, "NEW")
    old_was, was = predicates.old_values(pair, "OLD"), predicates.new_values(pair, "OLD")
    new_default = sync.new_default if ready else None
    outside = pair.computed_outside
    return {
        "function": sync.function.sql,
        "table": pair.table.sql,
        "old": " and ".join(map(quote, pair.old_columns)),
        "new": " and ".join(map(quote, pair.new_columns)),
        "change": literal(sync.change),
        "stage": "From ready on."
        if ready
        else "Until ready: a row may be unfilled, and NULL in the new side never goes back.",
        "declare": "" if outside else rows.declare(),
        "stored": "" if outside else notes.stored_unfit(sync),
        "moved": rows.moved(pair, sync.change, sync.partition_keys, judged=sync.judges),
        "left": "" if outside else rows.left(sync.change, pair, note=_unseen(sync)),
        "leave": rows.moves(pair, sync.change, sync.partition_keys)
        + ("" if outside else rows.leave(sync.change, pair)),
        "faults": notes.faults(sync, rows.NAMES),
        "later_defaults": "" if outside else notes.later_defaults(sync, new_default),
        "new_is_default": predicates.same_new(
            pair, new, (_default(new_default, sync.default, pair.new.type),)
        )
        if new_default
        else predicates.together([predicates.absent(each) for each in new], "AND"),
        "old_is_default": _old_is_default(sync),
        "complete": ""
        if ready
        else f"\n        IF {predicates.new_absent(pair, was)} THEN\n"
        f"            {_assigned(was, predicates.forward(pair, old_was))}\n        END IF;",
        "new_absent": predicates.new_absent(pair, new),
        "new_present": predicates.new_given(pair, new),
        "new_unchanged": predicates.same_new(pair, new, was),
        "null_is_silence": "" if ready else f" AND {predicates.new_given(pair, new)}",
        "not_carried": _not_carried(pair, old),
        # Who is called for a pair of the very same values was called because they differ.
        "otherwise": "ELSE"
        if pair.identity
        else f"ELSIF old_given OR {predicates.out_of_sync(pair, 'NEW')} THEN",
        "old_unchanged": predicates.same_old(pair, old, old_was),
        "note_both": notes.note_both(sync, "'the new side won'"),
        "note_drifted": notes.note_drifted(sync),
        "give_back": _assigned(old, predicates.back(pair, new)),
        "fill": _assigned(new, predicates.forward(pair, old)),
        "empty": _assigned(new, ("NULL",) * len(new)),
        "back_fits": notes.back_fits(sync),
        # Left NULL, the row would be out of sync, and some later write would change it unasked.
        "null_again": f"\n        IF {predicates.new_absent(pair, new)} THEN\n"
        f"            {_assigned(new, predicates.forward(pair, old))}\n        END IF;"
        if pair.fills_null
        else "",
        "forward_fits": notes.forward_fits(sync),
        "note_new": _note_use(sync, "new", ready=ready),
        "note_old": _note_use(sync, "old", ready=ready),
    }


def _assigned(columns: Values, values: Values) -> str:
    return " ".join(f"{column} := {value};" for column, value in zip(columns, values, strict=True))


def _note_use(sync: Sync, side: str, *, ready: bool) -> str:
    unless = "" if sync.pair.computed_outside else "NOT altered AND "
    return notes.note_use(sync.change, sync.schema, side, ready=ready, unless=unless)


def _unseen(sync: Sync) -> str:
    # In mode fill the first trigger is called for every row.
    if not sync.first or sync.pair.mode == Mode.FILL:
        return ""
    return notes.note_both(sync, "'the old side won: a trigger of the table changed it'")


def _not_carried(pair: Pair, old: Values) -> str:
    # What forward makes of old says nothing new, and may be a repair's: back must not cut the old value.
    if pair.identity:
        return ""
    new = predicates.new_values(pair, "NEW")
    carried = predicates.same_new(pair, new, predicates.forward(pair, old))
    return f"\n            AND NOT {carried}"


def _old_is_default(sync: Sync) -> str:
    pair = sync.pair

    def is_default(column: Side, value: str, *, plain: bool) -> str:
        # A volatile default (nextval) makes another value at each call: the value is taken as given, unless
        # new was given.
        if column.default is None or column.volatile_default:
            return predicates.absent(value)
        return predicates.same(value, sync.default_of(column), plain=plain, type_=column.type)

    plain = (pair.old_plain_equality, *(each.plain_equality for each in pair.old_more))
    values = predicates.old_values(pair, "NEW")
    columns = zip(pair.olds, values, plain, strict=True)
    return predicates.together([is_default(each, value, plain=p) for each, value, p in columns], "AND")


def _render(template: str, **fields: str) -> str:
    header, _, body = _template(template).partition("$ec$\n")
    comment, _, rest = body.rpartition("$ec$")[0].partition("\n")
    # A name may hold a line break, which would end the comment.
    line = " ".join(comment.format(**fields).splitlines())
    return header.format(**fields) + dollar_quote(f"\n{line}\n{rest.format(**fields)}")


@cache
def _template(name: str) -> str:
    return files("expandcontract.steps.sync").joinpath(name).read_text(encoding="utf-8")
