"""`ec status` and `ec gates`: what is true of changes now, with a look at who still uses their old side."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from expandcontract.engine import old_reader_watch, told_gates
from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.engine.soft_evidence import around
from expandcontract.model.situation import Situation
from expandcontract.postgres.activity import Site, observe

#: So old may be what was seen last of those who use the old side.
RECENT = timedelta(seconds=10)


async def load(context: Context, names: Sequence[str] | None = None) -> tuple[Situation, ...]:
    """Return the changes of those names, or all, oldest first.

    Raises LedgerMissing, LedgerTooNew, NotConnected.
    """
    found = await situations.load(context, names)
    if await old_reader_watch.look(context, found, _recent(context)):
        found = await situations.load(context, names)
    await told_gates.keep(context, found)
    return found


async def one(context: Context, name: str) -> Situation:
    """Return the change of that name. Raises UnknownChange with the nearest."""
    found = await looked(context, await situations.one(context, name), _recent(context))
    await told_gates.keep(context, [found])
    return found


async def looked(context: Context, situation: Situation, older_than: timedelta = timedelta(0)) -> Situation:
    """Return the change with who was seen by a look now, unless the last one is not `older_than`."""
    if not await old_reader_watch.look(context, [situation], older_than):
        return situation
    async with context.database.transaction() as conn:
        (seen,) = await around(conn, context, [situation])
    return seen


def _recent(context: Context) -> timedelta:
    return min(RECENT, context.policy.quiet_for)


async def beside(context: Context, found: Sequence[Situation]) -> tuple[Situation, ...]:
    """Return the changes with what goes on beside them: index builds, and who holds the horizon back."""
    sites = [_site(situation) for situation in found]
    async with context.database.transaction() as conn:
        seen = await observe(conn, sites)
    return tuple(replace(situation, activity=seen[situation.change_id]) for situation in found)


def _site(situation: Situation) -> Site:
    leaves = tuple(leaf.oid for leaf in situation.live.leaves)
    return Site(situation.change_id, leaves, situation.plan.new_column)
