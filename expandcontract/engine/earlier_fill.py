"""Whether the trigger of a change that an earlier program began would bend rows that the copy fills."""

from expandcontract.engine.leased_work import Work
from expandcontract.model.errors import StepFailed
from expandcontract.model.names import quote
from expandcontract.model.step import Sweep
from expandcontract.postgres import owner_rights
from expandcontract.steps import filled_earlier


async def refuse(work: Work, action: Sweep) -> None:
    """Raise StepFailed where the copy would change the old side."""
    plan = work.plan
    bent = filled_earlier.bent(plan)
    if not bent:
        return
    query = f"SELECT pg_catalog.count(*) FROM {action.table} t WHERE ({action.wanted}) AND {bent}"
    async with work.context.database.transaction(patient=True) as conn:
        ((found,),) = await owner_rights.rows(conn, plan.table.sql, query)
    if found:
        old = " and ".join(map(quote, plan.old_columns))
        raise StepFailed(
            f"{found:,} {'row' if found == 1 else 'rows'} of {plan.table} would get another value in {old}.",
            why="--back does not give back what they hold, and the trigger, which an earlier version of ec "
            "made, writes it there as soon as the new side is filled.",
            state="Nothing was copied.",
            next=f"ec rollback {work.name}; then start it again",
        )
