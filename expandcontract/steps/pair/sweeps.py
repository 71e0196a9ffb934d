"""The two walks over all rows of a pair: one fills the new side, one compares."""

from expandcontract.model.names import quote
from expandcontract.model.step import Purpose, Step, Sweep, Transformation
from expandcontract.steps.carry import checks
from expandcontract.steps.pair.columns import Columns
from expandcontract.steps.sync import predicates


def copy(columns: Columns) -> Step:
    """Return the step that fills the new side of rows that were there before."""
    pair = columns.pair
    if pair.computed_outside:
        return _transform(columns)
    old = predicates.old_values(pair, "t")
    action = _sweep(
        columns,
        Purpose.COPY,
        _writable(columns, predicates.out_of_sync(pair, "t")),
        assignments=tuple(zip(map(quote, pair.new_columns), predicates.forward(pair, old, "t"), strict=True)),
    )
    return Step("copy", "=", f"fill {columns.new} in rows that were there before", action, by_size=True)


def compare(columns: Columns) -> Step:
    """Return the step that looks at every row. A value that the new side cannot hold keeps contract shut like
    one that drifted, and so does a row that a rule of it will refuse.
    """
    pair, refused = columns.pair, columns.carried.refused
    action = _sweep(
        columns,
        Purpose.COMPARE,
        predicates.either(predicates.mismatch(pair, "t"), *refused),
        unfit=predicates.unfit(pair, "t") or "false",
        refused=predicates.either(*refused) if refused else "false",
    )
    sentence = f"compare {columns.old()} {'with' if pair.old_more else 'and'} {columns.new} in every row"
    return Step("compare", "=", sentence, action, by_size=True)


def _transform(columns: Columns) -> Step:
    pair = columns.pair
    action = Transformation(
        **vars(_sweep(columns, Purpose.COPY, _writable(columns, predicates.out_of_sync(pair, "t")))),
        function=columns.function,
        type=columns.bare_type,
    )
    old, new = quote(pair.old.column), quote(pair.new.column)
    sentence = f"fill {new} with what {columns.function} makes of {old}, outside of the database"
    return Step("copy", "=", sentence, action, by_size=True)


def _writable(columns: Columns, wanted: str) -> str:
    """Leave out rows that PostgreSQL lets nobody update: one of them would stop the whole copy."""
    broken = [predicates.refused_by(check, "t") for check in checks.unchecked(columns.subject)]
    return " AND ".join((f"({wanted})", *(f"NOT ({each})" for each in broken))) if broken else wanted


def _sweep(
    columns: Columns,
    purpose: Purpose,
    wanted: str,
    *,
    assignments: tuple[tuple[str, str], ...] = (),
    unfit: str = "false",
    refused: str = "false",
) -> Sweep:
    pair = columns.pair
    return Sweep(
        purpose,
        columns.table.sql,
        wanted,
        assignments,
        key=tuple(quote(column) for column in columns.subject.snapshot.primary_key),
        old=predicates.shown(predicates.old_values(pair, "t")) if pair.old_more else quote(pair.old.column),
        new=predicates.shown(predicates.new_values(pair, "t")) if pair.more else quote(pair.new.column),
        unfit=unfit,
        refused=refused,
        own_path=purpose == Purpose.COPY,
    )
