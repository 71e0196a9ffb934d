"""A plan's statements, run one after another without the verbs: what the database holds then is tested."""

from collections.abc import Sequence

from expandcontract.engine.planner import compile_plan
from expandcontract.ledger.migrate import migrate
from expandcontract.model.change import Change
from expandcontract.model.phases import Section
from expandcontract.model.plan import Plan
from expandcontract.model.step import Concurrent, Step, Sweep, Transactional
from expandcontract.postgres.connect import Database
from tests.acceptance.catalog import Connection


async def compiled(url: str, change: Change) -> Plan:
    """Return the plan of a change, in a database with a ledger."""
    database = Database(url)
    try:
        await migrate(database)
        async with database.transaction() as conn:
            return await compile_plan(conn, change, database.ledger_schema)
    finally:
        await database.close()


async def run(conn: Connection, plan: Plan, *sections: Section) -> None:
    """Run the statements of whole sections as they stand. Copies fill every row, comparisons are left out."""
    await conn.execute("SET search_path = ''")
    for section in sections:
        for step in plan.steps(section):
            for statement in _statements(step):
                await conn.execute(statement)
    await conn.execute("RESET search_path")


def _statements(step: Step) -> Sequence[str]:
    match step.action:
        case Transactional(statements=statements):
            return statements
        case Concurrent(statement=statement):
            return (statement,)
        case Sweep(table=relation, assignments=assignments):
            sets = ", ".join(f"{column} = {expression}" for column, expression in assignments)
            return (f"UPDATE {relation} t SET {sets}",) if sets else ()
