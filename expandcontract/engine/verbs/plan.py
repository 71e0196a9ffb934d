"""`ec plan`: compile, and write the folder. Changes nothing in the database."""

from pathlib import Path

from expandcontract import __version__
from expandcontract.changes import registry
from expandcontract.engine import plan_files
from expandcontract.engine.context import Context
from expandcontract.engine.planner import compile_plan, validate
from expandcontract.model.change import Change
from expandcontract.model.plan import Plan


def named(kind: str, fields: dict[str, object], taken: tuple[str, ...]) -> Change:
    """Return a change of that kind under the next free number. Raises BadName, BadChangeFile."""
    spec = validate(kind, fields)
    slug = registry.load(kind).slug(spec)
    return Change(
        plan_files.next_name(slug, taken), kind, spec.model_dump(mode="json", exclude_defaults=True)
    )


async def make(context: Context, change: Change, *, folder: Path | None = None) -> Plan:
    """Return the plan of a change; write it to `folder/NAME` where a folder is given.

    Raises Refused and its kin when the change cannot be carried through as things are.
    """
    async with context.database.transaction() as conn:
        plan = await compile_plan(conn, change, context.database.ledger_schema, __version__)
    if folder is not None:
        plan_files.write(plan, folder, context.database.ledger_schema)
    return plan
