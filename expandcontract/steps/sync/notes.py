"""What the sync function tells, refuses and lets pass, as pieces of its body. A note is never worth a failed
write.
"""

from collections.abc import Sequence

from expandcontract.model.change import Pair, Side, Unfit
from expandcontract.model.names import literal, of_row, quote
from expandcontract.steps.sessions import UNFIT_SQLSTATE, note_settings
from expandcontract.steps.sync import predicates, refusals, rows
from expandcontract.steps.sync.predicates import Values
from expandcontract.steps.sync.subject import Sync


def later_defaults(sync: Sync, new_default: str | None, *, ready: bool) -> str:
    """What a default gives that came after the function was made, nobody gave. Where it is more than a
    constant it is not evaluated: then the old side's value stays, if that is one that somebody gave.
    """
    pair = sync.pair
    volatile = any(each.volatile_default for each in pair.olds)

    if sync.rules.tells_null and ready:
        new_default = f"{sync.telling.sql}()"

    def is_default(column: str, compiled: str | None) -> str:
        known = "NULL" if compiled is None else literal(compiled)
        value = of_row("NEW", column)
        return f"{quote(sync.schema)}.is_default(TG_RELID, {literal(column)}, {value}, {known})"

    new_later = is_default(pair.new.column, new_default)
    old_later = predicates.together(
        [_not_given(sync, each, is_default(each.column, each.default)) for each in pair.olds], "AND"
    )
    told = rows.null_given(sync.schema, sync.change, pair) if sync.rules.tells_null and ready else ""
    note = note_both(sync, "'the old side won: the new one has a default that came later'")
    keep_old = f"""
            ELSIF later IS NULL AND old_given THEN
                {note}
                new_given := false;"""
    return f"""
        IF new_given AND {predicates.old_given(pair, predicates.old_values(pair, "NEW"))} THEN
            later := {new_later};
            IF later THEN
                new_given := false;{"" if volatile else keep_old}
            ELSIF {"NOT later" if volatile else f"old_given AND {old_later}"} THEN
                old_given := false;
            END IF;
        END IF;{told}"""


def _not_given(sync: Sync, column: Side, is_later: str) -> str:
    """Return SQL that is true of a column of the old side that holds what a later default gave. One of
    several may also hold nothing, or the default that the function knows.
    """
    if not sync.pair.old_more:
        return is_later
    value = of_row("NEW", column.column)
    held = predicates.absent(value)
    if column.default is not None:
        held = predicates.same(value, sync.default_of(column), type_=column.type)
    return f"({held} OR {is_later})"


def _texts(sync: Sync) -> tuple[str, str]:
    """Return the two sides of NEW as text."""
    sides = (predicates.old_values(sync.pair, "NEW"), predicates.new_values(sync.pair, "NEW"))
    old, new = (f"pg_catalog.format('%s', {predicates.shown(side)})" for side in sides)
    return old, new


def note_both(sync: Sync, sentence: str) -> str:
    """Return what keeps the value that lost where both sides were given; `sentence` is SQL."""
    return conflict(sync, "'both written'", *_texts(sync), sentence)


def note_drifted(sync: Sync) -> str:
    """Return what keeps the new side's value where a write of another column fills it from the old one again:
    the two had drifted apart while nothing kept them in sync, and nobody wrote either now.
    """
    sentence = "'the two sides had drifted apart, and a write of another column filled the new one again'"
    note = conflict(sync, "'overwritten'", *_texts(sync), sentence)
    filled = predicates.new_given(sync.pair, predicates.new_values(sync.pair, "NEW"))
    unless = " AND NOT anew" if sync.pair.beside else ""
    return f"""
        IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND NOT old_given{unless} AND {filled} THEN
            {note}
        END IF;"""


def faults(sync: Sync, conditions: str) -> str:
    """What the function rests on may be renamed or taken away: the write goes on all the same, and the note
    keeps contract shut. Once a minute per session, as all that is noted.
    """
    (name, moment), _ = note_settings(sync.change, "fault")
    setting = literal(name)
    sentence = "pg_catalog.concat('rows are not kept in sync: ', SQLERRM)"
    note = conflict(sync, "'does not fit'", "NULL", "NULL", sentence, "NULL")
    return f"""EXCEPTION
    WHEN {conditions} THEN
        IF COALESCE(pg_catalog.current_setting({setting}, true), '') OPERATOR(pg_catalog.<>) {moment} THEN
            PERFORM pg_catalog.set_config({setting}, {moment}, false);
            {note}
        END IF;
        RETURN NEW;
"""


def _safely(statement: str) -> str:
    """A note is never worth a failed write."""
    return f"BEGIN {statement} EXCEPTION WHEN OTHERS THEN NULL; END;"


def _key(columns: Sequence[str]) -> str:
    if not columns:
        return "NULL"
    pairs = ", ".join(f"{literal(column)}, {of_row('NEW', column)}" for column in columns)
    return f"pg_catalog.jsonb_build_object({pairs})::pg_catalog.text"


def conflict(
    sync: Sync, kind: str, old_text: str, new_text: str, sentence: str, key: str | None = None
) -> str:
    """Return what keeps a value in `conflict`; all arguments are SQL. `key` is the row's own unless given."""
    schema, change = quote(sync.schema), literal(sync.change)
    named = _key(sync.key) if key is None else key
    arguments = f"{change}, {kind}, {named}, {old_text}, {new_text}, current_user, {sentence}"
    return _safely(f"PERFORM {schema}.note_conflict({arguments});")


def note_use(change: str, schema: str, side: str, *, ready: bool, unless: str = "") -> str:
    """Return what notes that a session writes `side` of a change; `unless` is SQL that ends in AND."""
    # Once a minute per session and application_name. A plain INSERT: an upsert here is a hot lock that made
    # two applications deadlock.
    name, moment = note_settings(change, side)[ready]
    setting = literal(name)
    width = 12 if side == "old" else 8
    indent = "\n" + " " * width
    call = f"PERFORM {quote(schema)}.note_use({literal(change)}, '{side}', current_user);"
    written = f"COALESCE(pg_catalog.current_setting({setting}, true), '')"
    return (
        f"IF {unless}{written} OPERATOR(pg_catalog.<>) {moment} THEN"
        f"{indent}    PERFORM pg_catalog.set_config({setting}, {moment}, false);"
        f"{indent}    {_safely(call)}"
        f"{indent}END IF;"
    )


def forward_misfit(pair: Pair, old: Values, new: Values, row: str = "NEW") -> str | None:
    """Return SQL that is true where forward made `new` of an `old` that the new side cannot hold; None where
    that cannot be. What back reads beside them is that of `row`.
    """
    if pair.identity:
        return None
    given = predicates.old_given(pair, old)
    if pair.back is None or pair.unfit == Unfit.ACCEPT:
        return f"{predicates.new_absent(pair, new)} AND {given}"
    return f"{given} AND NOT {predicates.same_old(pair, old, predicates.back(pair, new, row))}"


def forward_fits(sync: Sync) -> str:
    """Return what happens to a value of the old side that the new one cannot hold."""
    pair = sync.pair
    old, new = predicates.old_values(pair, "NEW"), predicates.new_values(pair, "NEW")
    misfit = forward_misfit(pair, old, new)
    if misfit is None:
        return ""
    if pair.old_more and any(each.not_null for each in pair.olds):
        # NOT NULL says so itself, as it did before.
        misfit = f"{misfit} AND NOT {predicates.old_lacks(pair, old)}"
    return _misfit(sync, misfit, "old")


def back_fits(sync: Sync) -> str:
    """Return what happens to a value of the new side that the old one cannot hold."""
    if sync.pair.identity or sync.pair.back is None:
        return ""
    unheld = predicates.old_unheld(sync.pair, predicates.old_values(sync.pair, "NEW"))
    given = predicates.new_given(sync.pair, predicates.new_values(sync.pair, "NEW"))
    return _misfit(sync, f"{unheld} AND {given}", "new")


def stored_unfit(sync: Sync) -> str:
    """Return what the trigger after a row does: it is called for what did not fit and was stored indeed."""
    pair = sync.pair
    if not sync.judges:
        return ""
    of_old = _verdict(sync, "old")
    look = refusals.look_when_stored(sync.rules, sync.change, pair, sync.breaks[1])
    body = f"\n        {of_old}"
    if pair.back is not None:
        given = predicates.old_given(pair, predicates.old_values(pair, "NEW"))
        body = (
            f"\n        IF {given} THEN\n            {of_old}"
            f"\n        ELSE\n            {_verdict(sync, 'new')}\n        END IF;"
        )
    return f"""
    IF TG_WHEN OPERATOR(pg_catalog.=) 'AFTER' THEN{look}
        -- What did not fit was stored, and not given up for a row that is there (ON CONFLICT).{body}
        RETURN NULL;
    END IF;"""


def _misfit(sync: Sync, condition: str, side: str) -> str:
    pair = sync.pair
    later = rows.judged_when_stored(sync.stored, (pair.new.column,) if side == "old" else pair.old_columns)
    return f"""
            IF {condition} THEN
                IF {later} THEN
                    {rows.put_down_unfit(sync.change, pair)}
                ELSE
                    {_verdict(sync, side)}
                END IF;
            END IF;"""


def _verdict(sync: Sync, side: str) -> str:
    """Return what the policy does about a value that only `side` can hold."""
    pair = sync.pair
    others = (pair.new,) if side == "old" else pair.olds
    if pair.unfit == Unfit.RECORD:
        old, new = _texts(sync)
        texts = (old, "NULL") if side == "old" else ("NULL", new)
        return conflict(
            sync, "'does not fit'", *texts, f"'the other side cannot hold what was written to {side}'"
        )
    what = " and ".join(f"{other.column} {other.type}" for other in others)
    message = literal(f"the value does not fit {what} of {pair.table.sql}")
    both, one = ("both sides", "one side") if pair.old_more else ("both columns", "one of them")
    hint = literal(
        f"The schema change {sync.change} holds {both} in sync; a value that only {one} can hold is refused."
    )
    return f"RAISE EXCEPTION USING ERRCODE = '{UNFIT_SQLSTATE}', MESSAGE = {message}, HINT = {hint};"
