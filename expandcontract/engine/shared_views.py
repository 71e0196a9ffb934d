"""Views that two open changes have read other columns: undo of the one undoes what the other did."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine.context import Context
from expandcontract.model.errors import ColumnOwned
from expandcontract.model.phases import State
from expandcontract.model.plan import Plan, from_data


async def refuse(conn: AsyncConnection, context: Context, plan: Plan, change_id: int) -> None:
    """Raise ColumnOwned where a view that the plan makes anew follows another open change too, on whichever
    table, or the other way round. Each may be replaced in its place by any number of changes.
    """
    mine = (*plan.follows, *plan.goes_along)
    if not mine:
        return
    c = context.tables.change.c
    query = select(c.plan).where(c.id != change_id, c.state.in_([State.ACTIVE, State.HIDDEN]))
    for other in map(from_data, (await conn.execute(query)).scalars()):
        theirs = (*other.follows, *other.goes_along, *other.hidden_views)
        shared = [view for view in mine if view in theirs]
        if shared and (plan.hidden_views or other.hidden_views):
            raise ColumnOwned(
                f"View {shared[0]} follows change {other.change.name} too, which is not finished.",
                why="One of the two hides it, and brings it back as it was before the other one.",
                next=f"ec status {other.change.name}",
            )
