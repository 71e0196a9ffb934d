"""Whose change a view belongs to that stands where somebody looks for a table."""

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine import planner
from expandcontract.engine.context import Context
from expandcontract.ledger import reader
from expandcontract.model.change import Change
from expandcontract.model.errors import ColumnOwned, UnsupportedShape
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog import relation
from expandcontract.postgres.query import value

#: Whether there is a ledger in schema $1 that the role may read: who plans needs none.
_READABLE = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = 'change' AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
      AND pg_catalog.has_table_privilege(c.oid, 'SELECT'))
"""


async def compile_plan(
    conn: AsyncConnection, context: Context, change: Change, *, check_rows: bool = False, tried: bool = True
) -> Plan:
    """Return what `planner.compile_plan` returns, or `compile_untried`. Raises ColumnOwned in the place of
    UnsupportedShape where a view stands for the table, with the change that put it there.
    """
    schema = context.database.ledger_schema
    try:
        if not tried:
            return await planner.compile_untried(conn, change, schema)
        return await planner.compile_plan(conn, change, schema, check_rows=check_rows)
    except UnsupportedShape:
        if not planner.makes_table(change):
            await _refuse(conn, context, change)
        raise


async def _refuse(conn: AsyncConnection, context: Context, change: Change) -> None:
    if not await value(conn, _READABLE, context.tables.schema):
        return
    target = planner.target(change)
    oid = await relation.find(conn, target)
    owner = await reader.owner_of_name(conn, context.tables, oid, leave_out=change.name)
    if owner is not None:
        raise ColumnOwned(
            f"Table {replace(target, column='')} belongs to change {owner}, which is not finished: a view "
            "stands in its place.",
            next=f"ec status {owner}",
        )
