"""Rows that are written in a sweep: updated, or deleted, where a condition holds, until none is left."""

from collections.abc import Sequence
from dataclasses import dataclass

from expandcontract.model.names import qualify_type, quote, without_length
from expandcontract.model.notes import Note
from expandcontract.model.step import (
    Deletion,
    LockMode,
    Purpose,
    Replacement,
    RowTransformation,
    Step,
    Sweep,
    Transactional,
)
from expandcontract.model.upkeep import functions_alone
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps.parts import Part, finish
from expandcontract.steps.row_function import RowFunction
from expandcontract.steps.sync.predicates import same

#: What is said of a sweep that keeps what it replaces.
_KEPT = ", and keep in the ledger what they held"


@dataclass(frozen=True)
class Assignment:
    """A column with the function that makes its value."""

    column: Column
    value: RowFunction

    def stored(self, row: str, instead: dict[str, str] | None = None) -> str:
        """Return the value for a row as the column would hold it: its type may round, or cut."""
        made = self.value.of(row, instead or {})
        return f"CAST({made} AS {qualify_type(self.column.type)})" if "(" in self.column.type else made


def updated(
    snapshot: Snapshot,
    where: RowFunction,
    assignments: Sequence[Assignment],
    notes: tuple[Note, ...],
    *,
    keep: bool = False,
) -> Part:
    """Return what updates the rows for which `where` is true and that are not yet as the assignments make
    them.

    A row that would be both again once it was written is never written: how often it was then would depend on
    how often it was met. It is what the check after finds. With `keep` the ledger gets what rows held before.
    """
    matching = _matching(where, assignments, {})
    wanted = matching
    if _may_match_again(assignments):
        after = {each.column.name: each.stored("t") for each in assignments}
        wanted = f"{matching} AND ({_matching(where, assignments, after)}) IS NOT TRUE"
    sweep = Sweep(
        Purpose.COPY,
        snapshot.table.sql,
        wanted,
        tuple((quote(each.column.name), each.value.of("t")) for each in assignments),
        key=tuple(map(quote, snapshot.primary_key)),
        own_path=True,
    )
    if keep:
        kept = tuple(quote(each.column.name) for each in assignments)
        sweep = Replacement(**vars(sweep), keeps=kept)
    names = ", ".join(quote(each.column.name) for each in assignments)
    functions = [where, *(each.value for each in assignments)]
    sentence = f"update {names} in rows that match{_KEPT if keep else ''}"
    return _part(snapshot, sweep, matching, sentence, functions, notes)


def transformed(
    snapshot: Snapshot,
    where: RowFunction,
    columns: Sequence[Column],
    function: str,
    notes: tuple[Note, ...],
    *,
    keep: bool = False,
) -> Part:
    """Return what updates columns of the rows for which `where` is true with what a Python function makes of
    the row. With `keep` the ledger gets what rows held before.
    """
    names = tuple(quote(each.name) for each in columns)
    after = {each.name: _computed(number, each) for number, each in enumerate(columns, 1)}
    sweep = RowTransformation(
        purpose=Purpose.COPY,
        table=snapshot.table.sql,
        wanted=where.of("t"),
        key=tuple(map(quote, snapshot.primary_key)),
        own_path=True,
        function=function,
        columns=tuple(quote(each.name) for each in snapshot.columns),
        values=tuple((quote(each.name), qualify_type(without_length(each.type))) for each in columns),
        again=where.of("t", after),
        keeps=names if keep else (),
    )
    sentence = (
        f"update {', '.join(names)} in rows that match with what {function} makes of the row, outside of the "
        f"database{_KEPT if keep else ''}"
    )
    return _part(snapshot, sweep, sweep.wanted, sentence, [where], notes)


def _computed(number: int, column: Column) -> str:
    """Return what a column will hold of what was computed."""
    return f"CAST(computed.value_{number} AS {qualify_type(column.type)})"


def deleted(snapshot: Snapshot, where: RowFunction, notes: tuple[Note, ...], *, keep: bool = False) -> Part:
    """Return what deletes the rows for which `where` is true; with `keep` the ledger gets them."""
    columns = tuple(quote(each.name) for each in snapshot.columns if not each.generated)
    sweep = Deletion(
        purpose=Purpose.COPY,
        table=snapshot.table.sql,
        wanted=where.of("t"),
        key=tuple(map(quote, snapshot.primary_key)),
        own_path=True,
        deletes=True,
        keeps=columns if keep else (),
    )
    sentence = f"delete the rows that match{_KEPT if keep else ''}"
    return _part(snapshot, sweep, sweep.wanted, sentence, [where], notes)


def _part(
    snapshot: Snapshot,
    sweep: Sweep,
    left: str,
    sentence: str,
    functions: Sequence[RowFunction],
    notes: tuple[Note, ...],
) -> Part:
    keeps = isinstance(sweep, Deletion | Replacement | RowTransformation) and sweep.keeps
    make = tuple(statement for each in functions for statement in each.create())
    drop = tuple(each.drop() for each in functions)
    look = Sweep(Purpose.COMPARE, snapshot.table.sql, left, key=sweep.key, own_path=True)
    return Part(
        expand=(
            Step("functions", "+", "have the expressions parsed, once and for all", Transactional(make)),
        ),
        backfill=(Step("copy", "~", sentence, sweep, by_size=True, reversible=bool(keeps)),),
        verify=(Step("look", "=", "look for rows that match still", look, by_size=True),),
        repair=(finish("drop what the expressions were parsed into", drop),),
        rollback=drop,
        beside=drop,
        upkeep=(functions_alone(tuple(each.name for each in functions)),),
        lock=LockMode.ACCESS_SHARE,
        notes=notes,
    )


def _may_match_again(assignments: Sequence[Assignment]) -> bool:
    """Whether a row could be wanted once more after it was written: not where each value comes from columns
    that stay, and is the same whenever it is made.
    """
    written = {each.column.name: True for each in assignments}
    return any(each.value.opaque or each.value.uses(written) for each in assignments)


def _matching(where: RowFunction, assignments: Sequence[Assignment], values: dict[str, str]) -> str:
    """Return what is true of a row `t` that holds `values` in place of its own, and is to be written."""
    held = [
        not_the_same(
            each, values.get(each.column.name, f"t.{quote(each.column.name)}"), each.stored("t", values)
        )
        for each in assignments
    ]
    return f"{where.of('t', values)} AND ({' OR '.join(held)})"


def not_the_same(each: Assignment, left: str, right: str) -> str:
    """Return what is true where a value that is held is another than the one that is made."""
    return f"NOT {same(left, right, plain=each.column.plain_equality, type_=each.column.type)}"
