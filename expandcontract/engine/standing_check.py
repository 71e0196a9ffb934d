"""The standing comparison of a change: put up by verify, taken down by contract."""

from expandcontract.engine.context import Context
from expandcontract.engine.leased_work import Work, leased
from expandcontract.engine.runner import run_step
from expandcontract.model.change import Mode
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.phases import Section
from expandcontract.model.situation import Situation
from expandcontract.steps import standing_constraint as steps

#: Whether the constraint is validated; no row where there is none. $1 the table's OID, $2 its name.
_NOW = "SELECT convalidated FROM pg_catalog.pg_constraint WHERE conrelid = $1 AND conname = $2"


def require(situation: Situation) -> None:
    """Raise UnsupportedShape where a CHECK cannot say what in sync means, or there is nothing to be it."""
    if situation.plan.pair is None:
        raise UnsupportedShape(
            f"{situation.name} holds no two columns together: nothing could be compared at each write.",
            why="The rule itself begins with contract.",
            next=f"ec verify {situation.name}",
        )
    if situation.plan.sides.mode != Mode.MIRROR:
        raise UnsupportedShape(
            f"{situation.name} cannot have a standing comparison: its mode is {situation.plan.sides.mode}.",
            why="A CHECK takes immutable expressions, and in this mode the two sides need not agree.",
            next=f"ec verify {situation.name}",
        )


async def put_up(context: Context, situation: Situation) -> None:
    """Bring the constraint about, validated. It is no proof: somebody may drop it and add it again."""
    async with leased(context, situation, "verify") as work:
        add, validate = steps.put_up(situation.plan)
        found = await _validated(work)
        if found is None:
            await run_step(work, Section.VERIFY, add)
        if not found:
            await run_step(work, Section.VERIFY, validate)
    context.notice(
        situation.name,
        f"Constraint {steps.constraint(situation.plan)} stands: every write is compared, and pays for it, "
        "until contract removes it. It is no proof.",
    )


async def take_down(work: Work) -> None:
    """Remove the constraint where there is one, in a short transaction of its own."""
    if await _validated(work) is not None:
        await run_step(work, Section.VERIFY, steps.take_down(work.plan))


async def _validated(work: Work) -> bool | None:
    if work.plan.pair is None:
        return None
    values = (work.situation.relation, steps.constraint(work.plan))
    async with work.context.database.transaction() as conn:
        found: bool | None = (await conn.exec_driver_sql(_NOW, values)).scalar_one_or_none()
    return found
