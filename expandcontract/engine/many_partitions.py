"""What a table of many partitions costs: a statement is instant on each, and goes through all of them."""

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.plan import LockMode, Note, Plan, Step, Transactional
from expandcontract.postgres.partitions import MEASURED, kind_of, seconds_each

#: With fewer the locks are short anyway.
MANY = 50
#: Locks that stop no writer.
_GENTLE = frozenset(list(LockMode)[: list(LockMode).index(LockMode.SHARE)])


async def costs(conn: AsyncConnection, plan: Plan, partitions: int) -> tuple[Note, ...]:
    """Return for how long the longest step of a plan will hold its lock, where there are many partitions."""
    if partitions < MANY:
        return ()
    each = await seconds_each(conn)
    steps = (step for steps in plan.sections.values() for step in steps)
    seconds, step = max(
        ((_seconds(step, each) * partitions, step) for step in steps), key=lambda found: found[0]
    )
    sentence = (
        f"With {partitions:,} partitions the longest lock is held for about {1000 * seconds:,.0f} ms "
        f"({step.sentence}), as measured here on {MEASURED} empty ones; who wants the table waits as long."
    )
    return (Note("many-partitions", sentence),)


def _seconds(step: Step, each: dict[str, float]) -> float:
    """Pure. Return how long a step holds a lock that stops others, for each partition."""
    match step.action:
        case Transactional(statements=statements, locks=locks) if {lock.mode for lock in locks} - _GENTLE:
            kinds = (kind_of(statement) for statement in statements)
            return sum(each[kind] for kind in kinds if kind is not None)
        case _:
            return 0.0
