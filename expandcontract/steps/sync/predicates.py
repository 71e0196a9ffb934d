"""In sync, as SQL: one text for the trigger's WHEN, the copy, the comparison and the trigger's body.

What stands here runs in sessions of the application, under whatever search_path they have, and as the table's
owner where a foreign key acts. So every name is qualified: functions and types with their schema, operators
as OPERATOR(pg_catalog.=). IS [NOT] DISTINCT FROM, BETWEEN, IN and NULLIF look for `=` along the
search_path and cannot be qualified: they are not used. An expression that somebody else wrote (a default, a
CHECK, --using) stands in a function with a standard body, which is parsed once.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from expandcontract.model.change import Mode, Pair, Read, Side, Unfit
from expandcontract.model.names import literal, of_row, qualify_type, quote
from expandcontract.model.phases import State

#: SQL for each column of a side.
Values: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class CarriedCheck:
    """A CHECK of the old side that contract takes away: its expression, in parentheses, and the columns that
    it names, with their types.
    """

    expression: str
    columns: tuple[str, ...]
    types: tuple[str, ...]


#: Arrays of types of PostgreSQL's own, all of which can be sent.
_ARRAY = re.compile(r"[a-z0-9 ]+(\(\d+(,-?\d+)?\))?[a-z ]*\[\]")
_FLOATS = ("double precision", "real")


def same(left: str, right: str, *, plain: bool = False, type_: str = "") -> str:
    """Return SQL that is true when two values are identical, NULLs included, and never NULL.

    Equal is not enough: 1.0 = 1.00 and '30 days' = '1 month', and json has no `=` at all. `plain` says that
    for the type equal means identical (its btree class has equalimage), which is quicker; `left` is a column
    then, and `right`, which may call a function, is evaluated once. `type_` is that of both.

    Of two types one value may have several images, all of which are read, shown and compared alike: an array
    in which a NULL was replaced keeps the room for it, and NaN has signs.
    """
    if plain:
        equal = f"COALESCE({left} OPERATOR(pg_catalog.=) {right}, false)"
        return f"(CASE WHEN {left} IS NULL THEN {right} IS NULL ELSE {equal} END)"
    image = f"pg_catalog.record_image_eq(ROW({left}), ROW({right}))"
    if _ARRAY.fullmatch(type_):
        # As they are sent, but for the flag that says that there is such room.
        sent, other = (
            f"pg_catalog.set_byte(pg_catalog.array_send({value}), 7, 0)" for value in (left, right)
        )
        return f"({image} OR COALESCE({sent} OPERATOR(pg_catalog.=) {other}, false))"
    if type_.endswith("[]"):
        # What a type of somebody else's is sent as may not exist. With one more NULL each has the room.
        longer = (f"ROW(pg_catalog.array_append({value}, NULL))" for value in (left, right))
        flat = " AND ".join(f"pg_catalog.array_ndims({v}) OPERATOR(pg_catalog.=) 1" for v in (left, right))
        same_but_for_room = f"pg_catalog.record_image_eq({', '.join(longer)})"
        return f"(CASE WHEN {image} THEN true WHEN {flat} THEN {same_but_for_room} ELSE false END)"
    if type_ in _FLOATS:
        nan = f"'NaN'::{qualify_type(type_)}"
        both = f"{left} OPERATOR(pg_catalog.=) {nan} AND {right} OPERATOR(pg_catalog.=) {nan}"
        return f"({image} OR COALESCE({both}, false))"
    return image


def null(type_: str) -> str:
    """Return a NULL of a type as SQL."""
    return f"NULL::{qualify_type(type_)}"


def absent(value: str) -> str:
    """Return SQL that is true for NULL, and false for a composite value whose fields are all NULL. With a
    bare NULL PostgreSQL compares nothing: no type has to be named, no operator is looked for.
    """
    return f"({value} IS NOT DISTINCT FROM NULL)"


def old_absent(pair: Pair, values: Values) -> str:
    """`absent` for the old side, all of it. Of a type whose equality is plain NULL is NULL."""
    return _absent(_old_plain(pair), values)


def new_absent(pair: Pair, values: Values) -> str:
    """`absent` for the new side, all of it."""
    return _absent(_new_plain(pair), values)


def first_absent(pair: Pair, value: str) -> str:
    """`absent` for the first column of the old side."""
    return _absent((pair.old_plain_equality,), (value,))


def old_given(pair: Pair, values: Values) -> str:
    """The opposite of `old_absent`, any part of it: a composite value with a NULL in it IS NOT NULL is not
    true of.
    """
    return _given(_old_plain(pair), values)


def new_given(pair: Pair, values: Values) -> str:
    """The opposite of `new_absent`: any part of it."""
    return _given(_new_plain(pair), values)


def old_unheld(pair: Pair, values: Values) -> str:
    """Return SQL that is true where the old side cannot hold what was to be in it: none of it is there, or
    not all that must be.
    """
    if not pair.old_more:
        return old_absent(pair, values)
    return together(tuple(dict.fromkeys((old_absent(pair, values), *_lacking(pair, values)))), "OR")


def old_lacks(pair: Pair, values: Values) -> str:
    """Return SQL that is true where a column of the old side is NULL that must not be."""
    lacking = _lacking(pair, values)
    return together(lacking, "OR") if lacking else "false"


def _lacking(pair: Pair, values: Values) -> tuple[str, ...]:
    columns = zip(pair.olds, _old_plain(pair), values, strict=True)
    return tuple(_absent((plain,), (value,)) for column, plain, value in columns if column.not_null)


def _absent(plain: Sequence[bool], values: Values) -> str:
    return together([f"{v} IS NULL" if p else absent(v) for v, p in zip(values, plain, strict=True)], "AND")


def _given(plain: Sequence[bool], values: Values) -> str:
    parts = [
        f"{v} IS NOT NULL" if p else f"({v} IS DISTINCT FROM NULL)"
        for v, p in zip(values, plain, strict=True)
    ]
    return together(parts, "OR")


def _old_plain(pair: Pair) -> tuple[bool, ...]:
    return (pair.old_plain_equality, *(each.plain_equality for each in pair.old_more))


def _new_plain(pair: Pair) -> tuple[bool, ...]:
    return (pair.new_plain_equality, *(each.plain_equality for each in pair.more))


def together(parts: Sequence[str], word: str) -> str:
    """Return conditions as one; a single one as it is."""
    return parts[0] if len(parts) == 1 else f"({f' {word} '.join(parts)})"


def old_values(pair: Pair, row: str, state: State = State.ACTIVE) -> Values:
    """Return SQL for each column of the old side, as it is called while the change is in `state`. `row` is an
    alias, NEW or OLD, or empty for the columns alone.
    """
    return tuple(_value(row, each.at(state)) for each in pair.olds)


def new_values(pair: Pair, row: str, state: State = State.ACTIVE) -> Values:
    """Return SQL for each column of the new side, in the same way."""
    return tuple(_value(row, each.at(state)) for each in pair.news)


def forward(pair: Pair, values: Values, row: str) -> Values:
    """Return SQL for the new side's values, given SQL for the old side's; NULL where nobody can tell. What
    forward reads beside the old side is that of `row`: an alias, NEW or OLD, or empty.
    """
    if pair.computed_outside:
        return (null(pair.new.type),)
    given = ", ".join((*values, *_beside(pair.reads, row)))
    first = given if pair.forward is None else f"{pair.forward.sql}({given})"
    return (first, *(f"{each.forward.sql}({given})" for each in pair.more))


def back(pair: Pair, values: Values, row: str) -> Values:
    """Return SQL for the old side's values, given SQL for the new side's, in the same way."""
    given = ", ".join((*values, *_beside(pair.back_reads, row)))
    makers = (pair.back, *(each.back for each in pair.old_more))
    return tuple(values[0] if made_by is None else f"{made_by.sql}({given})" for made_by in makers)


def _beside(reads: Sequence[Read], row: str) -> Values:
    return tuple(_value(row, each.column) for each in reads)


def beside(pair: Pair, row: str) -> Values:
    """Return SQL for each column of neither side at which forward or back looks."""
    return _beside(pair.beside, row)


def beside_unchanged(pair: Pair) -> str:
    """Return SQL that is true where a write leaves all of them as they were."""
    same_as_before = (
        same(
            of_row("NEW", each.column), of_row("OLD", each.column), plain=each.plain_equality, type_=each.type
        )
        for each in pair.beside
    )
    return together(tuple(same_as_before), "AND")


def shown(values: Values) -> str:
    """Return SQL for one value that stands for a side, where it is shown or kept as text."""
    return values[0] if len(values) == 1 else f"ROW({', '.join(values)})"


def same_old(pair: Pair, left: Values, right: Values) -> str:
    """`same` for the old side, each part of it."""
    return _same(pair.olds, _old_plain(pair), left, right)


def same_new(pair: Pair, left: Values, right: Values) -> str:
    """`same` for the new side, each part of it."""
    return _same(pair.news, _new_plain(pair), left, right)


def _same(columns: Sequence[Side], plain: Sequence[bool], left: Values, right: Values) -> str:
    parts = [
        same(one, other, plain=is_plain, type_=column.type)
        for column, is_plain, one, other in zip(columns, plain, left, right, strict=True)
    ]
    return together(parts, "AND")


def in_sync(pair: Pair, row: str) -> str:
    """Return SQL that is true when the two sides of a row agree. `row` is an alias, NEW or OLD, or
    empty for the column alone, as a CHECK that children get too must name it.

    A new side that is filled may also agree through back: a pair whose forward loses something is right when
    old is what back makes of new.
    """
    return _in_sync(pair, row, State.ACTIVE)


def _in_sync(pair: Pair, row: str, state: State) -> str:
    old_value, new_value = old_values(pair, row, state), new_values(pair, row, state)
    if pair.computed_outside:
        return f"NOT ({new_absent(pair, new_value)} AND {old_given(pair, old_value)})"
    if pair.mode == Mode.FILL:
        unfilled = f"{new_absent(pair, new_value)} AND {old_given(pair, old_value)}"
        return f"NOT ({unfilled} AND {new_given(pair, forward(pair, old_value, row))})"
    return agree(pair, row, state)


def _value(row: str, column: str) -> str:
    return of_row(row, column) if row else quote(column)


def agree(pair: Pair, row: str, state: State = State.ACTIVE) -> str:
    """Return SQL that is true when the sides of a row are what forward or back makes of each other here and
    now. Of a pair that is only filled, another session's settings may have made something else.
    """
    old_value, new_value = old_values(pair, row, state), new_values(pair, row, state)
    through_forward = same_new(pair, new_value, forward(pair, old_value, row))
    if pair.identity:
        return through_forward
    through_back = same_old(pair, old_value, back(pair, new_value, row))
    return f"({through_forward} OR ({new_given(pair, new_value)} AND {through_back}))"


def out_of_sync(pair: Pair, row: str, state: State = State.ACTIVE) -> str:
    """The opposite of `in_sync`, under the names that the columns have while the change is in `state`."""
    return f"NOT {_in_sync(pair, row, state)}".replace("NOT NOT ", "", 1)


def needs_rule(pair: Pair, row: str, state: State = State.ACTIVE) -> str:
    """Return SQL for the trigger's WHEN: true when a write may need the function.

    Out of sync, or in sync although one side cannot hold the other's value: only the function can tell
    whether this write brought it. Where values may be stored that back does not give back, in sync through
    back alone as well: old code may have written just what back makes of a value that forward made of another
    one, or a column that forward reads. Of the hidden side nobody asks that, as old code does not write it.
    """
    if pair.identity:
        return out_of_sync(pair, row, state)
    old_value, new_value = old_values(pair, row, state), new_values(pair, row, state)
    carried = same_new(pair, new_value, forward(pair, old_value, row))
    if pair.unfit == Unfit.ACCEPT:
        drifted = f"NOT {carried}" if state == State.ACTIVE else out_of_sync(pair, row, state)
        one, other = old_absent(pair, old_value), new_absent(pair, new_value)
        return f"{drifted} OR ({one}) OPERATOR(pg_catalog.<>) ({other})"
    filled = f"{new_given(pair, new_value)} AND {old_given(pair, old_value)}"
    returns = same_old(pair, old_value, back(pair, new_value, row))
    empty = f"{new_absent(pair, new_value)} AND {old_absent(pair, old_value)}"
    if state == State.ACTIVE and (pair.unfit == Unfit.RECORD or pair.old_more or pair.more or pair.beside):
        return f"NOT ({carried} AND ({filled} AND {returns} OR {empty}))"
    return f"NOT ({filled} AND {returns} OR {empty} AND {carried})"


def unfit(pair: Pair, row: str) -> str | None:
    """Return SQL that is true when the new side cannot hold the old side's value; None where that cannot be.

    A value fits when back makes of it what it was; without back, or where losses are accepted, when forward
    makes something of it.
    """
    if pair.identity or pair.computed_outside:
        return None
    old_value, new_value = old_values(pair, row), new_values(pair, row)
    if pair.back is None or pair.unfit == Unfit.ACCEPT:
        return f"({new_absent(pair, new_value)} AND {old_given(pair, old_value)})"
    carried = same_new(pair, new_value, forward(pair, old_value, row))
    made = _carried_value(pair, old_value, new_value, row)
    returns = same_old(pair, old_value, back(pair, made, row))
    return f"({old_given(pair, old_value)} AND {carried} AND NOT {returns})"


def mismatch(pair: Pair, row: str) -> str:
    """Return SQL that is true when the sides of a row do not agree, or the new one cannot hold the old value.

    A row that matches costs one call of `back` where values are computed both ways: what back makes of the
    new side is also what it makes of an identical value that forward has just returned.
    """
    drifted, misfit = out_of_sync(pair, row), unfit(pair, row)
    if misfit is None:
        return drifted
    if pair.mode == Mode.FILL or pair.back is None or pair.unfit == Unfit.ACCEPT:
        return f"({drifted}) OR {misfit}"
    old_value, new_value = old_values(pair, row), new_values(pair, row)
    returns = same_old(pair, old_value, back(pair, new_value, row))
    carried = same_new(pair, new_value, forward(pair, old_value, row))
    return (
        f"NOT CASE WHEN {returns} THEN {new_given(pair, new_value)} OR {carried} "
        f"ELSE {old_absent(pair, old_value)} AND {carried} END"
    )


def either(*predicates: str) -> str:
    """Return SQL that is true when one of the predicates is."""
    return predicates[0] if len(predicates) == 1 else " OR ".join(f"({each})" for each in predicates)


def _carried_value(pair: Pair, old_value: Values, new_value: Values, row: str) -> Values:
    """Return SQL for what forward makes of the old side, given that the new side is identical to it."""
    return forward(pair, old_value, row) if pair.mode == Mode.FILL else new_value


def only_new(pair: Pair, row: str) -> str:
    """Return SQL that is true when the new side holds a value that the old side cannot give back."""
    old_value, new_value = old_values(pair, row), new_values(pair, row)
    return f"{new_given(pair, new_value)} AND NOT {same_new(pair, new_value, forward(pair, old_value, row))}"


def written_by_new_code(pair: Pair, row: str, change: str, ledger: str) -> str:
    """Return SQL that is true for a filled row when new code ever wrote the new side, as the trigger noted.

    Nobody can tell its values from those that were computed: encrypting twice gives two values.
    """
    seen = (
        f"SELECT FROM {quote(ledger)}.old_use u JOIN {quote(ledger)}.change c "
        f"ON c.id OPERATOR(pg_catalog.=) u.change_id "
        f"WHERE c.name OPERATOR(pg_catalog.=) {literal(change)} AND u.side OPERATOR(pg_catalog.=) 'new'"
    )
    return f"{new_given(pair, new_values(pair, row))} AND EXISTS ({seen})"


def hidden_names(pair: Pair) -> dict[str, str]:
    """Return what the old columns are called after contract, by their names until then."""
    return {each.column: each.at(State.HIDDEN) for each in pair.olds}


def refused_by(check: CarriedCheck, row: str, called: Mapping[str, str] | None = None) -> str:
    """Return SQL that is true when an old CHECK, which contract took away, refuses the hidden side's row.

    `row` is an alias, NEW or OLD; of the columns of which the CHECK speaks, some are `called` otherwise now.
    """
    called = called or {}
    named = (f"{of_row(row, called.get(column, column))} AS {quote(column)}" for column in check.columns)
    return f"NOT coalesce((SELECT {check.expression} FROM (SELECT {', '.join(named)}) AS held), true)"


def not_held(pair: Pair, row: str) -> str:
    """Return SQL that is true when the hidden side could not hold the new side's value."""
    if pair.identity or pair.one_way:
        return "false"
    given = new_given(pair, new_values(pair, row, State.HIDDEN))
    return f"{old_unheld(pair, old_values(pair, row, State.HIDDEN))} AND {given}"


def barred(pair: Pair, checks: Sequence[CarriedCheck], row: str) -> str:
    """Return SQL that is true when the old side's own constraints would refuse the row after undo."""
    refused = [refused_by(check, row, hidden_names(pair)) for check in checks]
    refused += _lacking(pair, old_values(pair, row, State.HIDDEN))
    return " OR ".join(refused) or "false"
