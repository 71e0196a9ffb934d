"""What a table of many partitions costs: a statement is instant on each, and goes through all of them."""

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.notes import Note
from expandcontract.model.phases import Section
from expandcontract.model.plan import Plan
from expandcontract.model.step import LockMode, Step, Transactional
from expandcontract.postgres.partitions import MEASURED, kind_of, seconds_each

#: With fewer the locks are short anyway.
MANY = 50
#: Locks that stop no writer.
_GENTLE = frozenset(list(LockMode)[: list(LockMode).index(LockMode.SHARE)])


#: In which verb a section is run.
_VERBS = {
    Section.EXPAND: "start",
    Section.DUAL_WRITE: "start",
    Section.BACKFILL: "backfill",
    Section.REPAIR: "a repair",
    Section.ROLLBACK: "rollback",
    Section.CONTRACT: "contract",
    Section.UNDO: "undo",
    Section.PURGE: "purge",
}


async def costs(conn: AsyncConnection, plan: Plan, partitions: int) -> tuple[Note, ...]:
    """Return for how long each verb will hold its longest lock, where there are many partitions."""
    if partitions < MANY:
        return ()
    each = await seconds_each(conn)
    longest = dict.fromkeys(_VERBS.values(), 0.0)
    for section, verb in _VERBS.items():
        for step in plan.steps(section):
            longest[verb] = max(longest[verb], _seconds(step, each) * partitions)
    said = ", ".join(f"{1000 * seconds:,.0f} ms in {verb}" for verb, seconds in longest.items() if seconds)
    sentence = (
        f"With {partitions:,} partitions a statement goes through all of them, and who wants the table waits "
        f"as long: about {said}, as measured here on {MEASURED} empty ones."
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
