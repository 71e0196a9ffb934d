"""`ec plan`: compile, and write the folder. Changes nothing in the database."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.changes import registry
from expandcontract.engine import owned_views, plan_files, planner
from expandcontract.engine.context import Context
from expandcontract.model.change import Change
from expandcontract.model.plan import Plan


def named(kind: str, fields: Mapping[str, object], taken: tuple[str, ...]) -> Change:
    """Return a change of that kind under the next free number. Raises BadName, BadChangeFile."""
    spec = planner.validate(kind, fields)
    slug = registry.load(kind).slug(spec)
    return Change(
        plan_files.next_name(slug, taken), kind, spec.model_dump(mode="json", exclude_defaults=True)
    )


async def make(
    context: Context, change: Change, *, folder: Path | None = None, check_rows: bool = False
) -> Plan:
    """Return the plan of a change; write it to `folder/NAME` where a folder is given. `check_rows` looks at
    every row, not at a sample.

    Raises Refused and its kin when the change cannot be carried through as things are.
    """

    async def compiled(conn: AsyncConnection) -> Plan:
        return await owned_views.compile_plan(conn, context, change, check_rows=check_rows)

    plan = await planner.patiently(context, change, compiled)
    if folder is not None:
        plan_files.write(plan, folder, context.database.ledger_schema)
    return plan


async def look(context: Context, change: Change) -> str:
    """Return everything that the plan of a change is compiled from, as JSON, so that it can be planned
    without a database. Raises what `make` raises: nobody else can try the plan later.
    """
    schema = context.database.ledger_schema

    async def asked(conn: AsyncConnection) -> str:
        catalog = await planner.ask(conn, change)
        await planner.examined(conn, change, catalog, schema)
        return planner.to_json(catalog)

    return await planner.patiently(context, change, asked)


def from_catalog(change: Change, text: str, ledger_schema: str) -> Plan:
    """Return the plan of a change from what `look` returned. Needs no database."""
    return planner.compose(change, planner.from_json(text), ledger_schema)
