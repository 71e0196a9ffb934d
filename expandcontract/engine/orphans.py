"""Changes whose table is gone: dropped, and perhaps made again under its name by other migrations.

What stands there now was never part of the change. So nothing is done to it; the attempt is closed, and the
next one begins on what is there.
"""

from expandcontract.engine.context import Context
from expandcontract.engine.leased_work import Work, leased
from expandcontract.ledger import change as change_writer
from expandcontract.ledger import event
from expandcontract.ledger import phase as phase_writer
from expandcontract.model.errors import Refused
from expandcontract.model.phases import Phase, Section, Stage, State
from expandcontract.model.situation import Situation
from expandcontract.postgres.query import value

#: The kind of the event that closes the attempt.
ORPHANED = "orphaned"


def is_orphan(situation: Situation) -> bool:
    """Pure. Return whether the table of a change that was started, and not contracted, is gone."""
    return (
        situation.state == State.ACTIVE
        and situation.stage != Stage.NOT_STARTED
        and not situation.live.table_exists
    )


def require_table(situation: Situation) -> None:
    """Raise Refused where the table is gone: of no rows nothing can be proven, filled or hidden."""
    if situation.live.table_exists:
        return
    raise Refused(
        f"The table of {situation.name}, {situation.plan.table}, is gone.",
        why="It was dropped. One that has its name now was never part of the change.",
        next=f"ec start {situation.name} to begin anew on what is there, or: ec rollback {situation.name}",
    )


async def has_successor(context: Context, situation: Situation) -> bool:
    """Return whether another table has the name of the one that is gone."""
    query = "SELECT pg_catalog.to_regclass($1::pg_catalog.text) IS NOT NULL"
    async with context.database.transaction() as conn:
        return bool(await value(conn, query, situation.plan.table.sql))


async def close(context: Context, situation: Situation, verb: str) -> None:
    """End the attempt of an orphaned change. Does nothing where the table was found again under the lease."""
    async with leased(context, situation, verb) as work:
        if is_orphan(work.situation):
            await close_here(work)


async def close_here(work: Work) -> None:
    """End the attempt: drop what was made for it beside the table, and say that it was rolled back."""
    context, change = work.context, work.situation.change_id
    async with work.transaction() as conn:
        for step in work.plan.steps(Section.ROLLBACK):
            for statement in step.beside:
                await conn.exec_driver_sql(statement)
        for phase in reversed(Phase):
            await phase_writer.undo(conn, context.tables, change, phase, context.who)
        await change_writer.become(conn, context.tables, change, State.ROLLED_BACK, context.who)
        data = {"attempt": work.situation.attempt, "table": work.plan.table.sql}
        await event.write(conn, context.tables, ORPHANED, context.who, change_id=change, data=data)
    context.notice(
        work.name,
        f"{work.plan.table} was dropped: attempt {work.situation.attempt} is closed. What has its name now "
        "was left alone.",
    )
