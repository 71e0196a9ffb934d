"""`--fill EXPR`: what gives a column a value where rows come without one, of their other columns."""

from expandcontract.changes import row_expressions
from expandcontract.changes.row_expressions import RowExpression
from expandcontract.model.change import Change
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import do, literal, quote, trigger_name
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Trial
from expandcontract.postgres.expression import single
from expandcontract.steps.filling import Filling
from expandcontract.steps.row_function import RowFunction

#: Of the functions that `row_expressions.statements` made.
_BY_WRITERS = """DECLARE denied pg_catalog.text; BEGIN
    SELECT pg_catalog.string_agg(DISTINCT pg_catalog.format(
        '%I, who may write the table, may not execute %s', r.rolname,
        d.refobjid::pg_catalog.regprocedure), '; ')
    INTO denied
    FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_depend d ON d.objid OPERATOR(pg_catalog.=) p.oid
        AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid
        AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid
    JOIN pg_catalog.pg_roles r
        ON r.rolname OPERATOR(pg_catalog.=) ANY (ARRAY[<roles>]::pg_catalog.name[])
    WHERE p.pronamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
        AND pg_catalog.starts_with(p.proname::pg_catalog.text, 'ec_row_')
        AND NOT pg_catalog.has_function_privilege(r.oid, d.refobjid, 'EXECUTE');
    IF denied IS NOT NULL THEN
        RAISE insufficient_privilege USING MESSAGE = denied;
    END IF;
END"""


def trial(snapshot: Snapshot, column: Column, fill: str) -> Trial:
    """Return the question of a column that is there. Raises BadExpression for more than one expression."""
    update = f"UPDATE pg_temp.ec_clone AS {quote(snapshot.table.name)} SET {quote(column.name)}"
    asked = row_expressions.statements(snapshot, [_asked(column.type, fill)])
    explain = f"EXPLAIN (COSTS OFF) {update} = ({single(fill, '--fill')})"
    return Trial((explain, *asked, by_writers(snapshot)), row_expressions.QUERY, f"--fill {fill!r}")


def by_writers(snapshot: Snapshot) -> str:
    """Return the statement that fails where a role that may write the table may not call what an expression
    calls: a trigger evaluates it with the rights of whoever writes, and would leave the row without a value.
    """
    roles = ", ".join(map(literal, snapshot.relation.writers))
    return do(_BY_WRITERS.replace("<roles>", roles))


def value(
    change: Change, snapshot: Snapshot, type_: str, fill: str, answer: Answer, schema: str
) -> RowFunction:
    """Return the expression as a function of the change in `schema`; `answer` is what QUERY told of it."""
    names = [(change.name, "fill")]
    (made,) = row_expressions.read(snapshot, [_asked(type_, fill)], answer, names, schema)
    return made


def filling(
    change: Change, snapshot: Snapshot, column: str, by: RowFunction, schema: str, *, needed: bool = True
) -> Filling:
    """Return what fills rows that come; with `needed` none may stay without a value. Raises UnsupportedShape
    for an expression over generated columns.
    """
    examine(snapshot, by)
    trigger = trigger_name(change.name)
    return Filling(change.name, snapshot, column, by, trigger, schema, needed)


def examine(snapshot: Snapshot, by: RowFunction) -> None:
    """Raise UnsupportedShape for an expression that a trigger cannot evaluate: over generated columns."""
    for name, _ in by.columns:
        found = snapshot.column(name)
        if found is not None and found.generated:
            raise UnsupportedShape(
                f"--fill uses {quote(name)}, which is generated: a trigger does not see its value yet.",
                next="the expression of that column in its place",
            )


def _asked(type_: str, fill: str) -> RowExpression:
    return RowExpression(fill, type_, "--fill")
