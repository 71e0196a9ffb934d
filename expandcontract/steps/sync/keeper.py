"""What keeps the hidden old side current after contract, so that undo loses nothing."""

from collections.abc import Sequence

from expandcontract.model.change import Mode, Pair
from expandcontract.model.names import RelationName, of_row, quote
from expandcontract.model.phases import State
from expandcontract.steps.sync import notes, parsed, predicates, template, triggers
from expandcontract.steps.sync.predicates import Values
from expandcontract.steps.sync.subject import Sync


def create(sync: Sync, tables: Sequence[RelationName]) -> tuple[str, ...]:
    """Return the statements that keep the hidden old side current after contract; none where nothing leads
    back.
    """
    pair = sync.pair
    if pair.one_way:
        return ()
    hidden, finals = (of(pair, "NEW", State.HIDDEN) for of in (predicates.old_values, predicates.new_values))
    was = predicates.new_values(pair, "OLD", State.HIDDEN)
    carried = predicates.forward(pair, hidden, "NEW")
    statement = template.render(
        "keep.sql",
        function=sync.keeper.sql,
        table=pair.table.sql,
        hidden=" and ".join(quote(each.at(State.HIDDEN)) for each in pair.olds),
        hidden_given=predicates.old_given(pair, hidden),
        final_not_given=_final_not_given(sync, finals),
        take=template.assigned(finals, carried),
        belongs="" if pair.mode == Mode.FILL else f" AND {predicates.same_new(pair, finals, carried)}",
        new_unchanged=predicates.same_new(pair, finals, was),
        hidden_unchanged=predicates.same_old(pair, hidden, predicates.old_values(pair, "OLD", State.HIDDEN)),
        drifted=_drifted(sync, hidden),
        not_taken=_not_taken(sync, hidden, finals),
        apart=_apart(sync, hidden, finals, was),
        moved_apart=_moved_apart(pair),
        assign=_keep(sync, hidden, finals),
        faults=notes.faults(sync, "OTHERS"),
    )
    condition = predicates.needs_rule(pair, "NEW", State.HIDDEN)
    if pair.gives_null:
        condition = predicates.either(condition, predicates.old_lacks(pair, hidden))
    when = "" if pair.mode == Mode.FILL else f" WHEN ({condition})"
    fires = (s for table in tables for s in triggers.put_on(sync.trigger, table, sync.keeper, when))
    return (statement, f"GRANT EXECUTE ON FUNCTION {sync.keeper.sql}() TO PUBLIC", *fires)


def _drifted(sync: Sync, hidden: Values) -> str:
    """What is in sync need not be carried, and what the new side cannot hold must not empty it."""
    pair = sync.pair
    if pair.identity:
        return ""
    taken = predicates.new_given(pair, predicates.forward(pair, hidden, "NEW"))
    apart = f"NOT {predicates.agree(pair, 'NEW', State.HIDDEN)}"
    return f" AND {apart} AND ({predicates.old_absent(pair, hidden)} OR {taken})"


def _moved_apart(pair: Pair) -> str:
    """What the new side holds stays where a column changes that the expressions read; the hidden side is made
    of it.
    """
    if not pair.beside:
        return ""
    changed = f"NOT {predicates.beside_unchanged(pair)}"
    return f"\n        OR {changed} AND NOT {predicates.agree(pair, 'NEW', State.HIDDEN)}"


def _not_taken(sync: Sync, hidden: Values, finals: Values) -> str:
    """Return what notes that the new side took what it cannot give back, or took nothing."""
    misfit = notes.forward_misfit(sync.pair, hidden, finals)
    if misfit is None:
        return ""
    return f"""
        IF {misfit} THEN
            {_unheld_by_new(sync, hidden)}
        END IF;"""


def _apart(sync: Sync, hidden: Values, finals: Values, was: Values) -> str:
    """Return the branch for a value of which the new side can hold nothing, and keeps what it had."""
    pair = sync.pair
    if pair.identity:
        return ""
    unchanged = predicates.same_new(pair, finals, was)
    written = predicates.same_old(pair, hidden, predicates.old_values(pair, "OLD", State.HIDDEN))
    none = predicates.new_absent(pair, predicates.forward(pair, hidden, "NEW"))
    unheld = f"{predicates.old_given(pair, hidden)} AND {none}"
    return f"""
    ELSIF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND {unchanged} AND NOT {written}
        AND NOT {predicates.agree(pair, "NEW", State.HIDDEN)} AND {unheld}
    THEN
        {_unheld_by_new(sync, hidden)}"""


def _unheld_by_new(sync: Sync, hidden: Values) -> str:
    old = f"pg_catalog.format('%s', {predicates.shown(hidden)})"
    sentence = "'the new side cannot hold what was written to the hidden one'"
    return notes.conflict(sync, "'does not fit'", old, "NULL", sentence)


def _final_not_given(sync: Sync, finals: Values) -> str:
    pair = sync.pair
    if any(each.volatile_default for each in pair.olds) and pair.mode == Mode.MIRROR:
        return ""  # whoever gives both gives them in sync, and does not come here
    default = predicates.null(pair.new.type)
    if pair.mode == Mode.MIRROR and sync.new_default and not sync.rules.default_goes:
        default = sync.made_by_default
    more = (predicates.null(each.type) for each in pair.more)
    return f" AND {predicates.same_new(pair, finals, (default, *more))}"


def _keep(sync: Sync, hidden: Values, finals: Values) -> str:
    if sync.pair.identity:
        return f"\n        {template.assigned(hidden, finals)}"
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
            {template.assigned(hidden, predicates.back(sync.pair, finals, "NEW"))}
            IF {predicates.not_held(sync.pair, "NEW")} THEN
                {note}{_nothing_given(sync, hidden)}{_equal(sync, hidden, finals)}
            END IF;{_refused(sync, hidden, final)}
        EXCEPTION WHEN OTHERS THEN
            {template.assigned(hidden, ("NULL",) * len(hidden))}
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
    carried = predicates.same_new(pair, finals, predicates.forward(pair, hidden, "NEW"))
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
    values = (of_row("NEW", called.get(column, column)) for column in parsed.check_columns(sync))
    return f"""
            IF NOT {sync.check.sql}({", ".join(values)}) THEN
                {note}
            END IF;"""
