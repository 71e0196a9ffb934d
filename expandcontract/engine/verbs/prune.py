"""`ec prune`: take from the ledger what is old and nothing rests on any more."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from expandcontract.engine.context import Context
from expandcontract.ledger import migrate, retention
from expandcontract.model.durations import spell
from expandcontract.model.errors import Interrupted, UsageError

#: What is younger stays: pages and gates show a day.
LEAST = timedelta(days=1)


@dataclass(frozen=True)
class Pruned:
    """What went, or would go, by table: rows of it. Tables of which nothing does are left out."""

    before: datetime
    rows: dict[str, int]


async def prune(context: Context, older_than: timedelta, *, dry_run: bool = False) -> Pruned:
    """Delete in batches, each of which commits by itself: it may be stopped anywhere, and run again.

    Raises UsageError for less than a day, Interrupted between two batches, MissingPrivilege for a role that
    does not own the ledger, and what `migrate.check` raises.
    """
    if older_than < LEAST:
        raise UsageError(
            f"--older-than {spell(older_than)} is less than a day.",
            why="Gates, and the pages that people look at, show what was seen within a day.",
            next="ec prune --older-than 90d --dry-run",
        )
    async with context.database.transaction() as conn:
        await migrate.check(conn, context.tables)
        moment = await retention.before(conn, older_than)
    if dry_run:
        return Pruned(moment, await _prunable(context, moment))
    gone: dict[str, int] = {}
    try:
        for name in retention.NAMES:
            await _prune(context, name, moment, gone)
    finally:
        if gone:
            async with context.database.transaction() as conn:
                await retention.tell(conn, context.tables, gone, moment, context.who)
    return Pruned(moment, gone)


async def _prunable(context: Context, moment: datetime) -> dict[str, int]:
    async with context.database.transaction() as conn:
        found = {
            name: await retention.prunable(conn, context.tables, name, moment) for name in retention.NAMES
        }
    return {name: rows for name, rows in found.items() if rows}


async def _prune(context: Context, name: str, moment: datetime, gone: dict[str, int]) -> None:
    while True:
        if context.stop.is_set():
            raise Interrupted(
                "Interrupted between two batches.",
                state=f"What went stays gone: {told(gone) or 'nothing'}.",
                next="the same command again",
            )
        async with context.database.transaction() as conn:
            rows = await retention.prune(conn, context.tables, name, moment, context.who)
        if rows:
            gone[name] = gone.get(name, 0) + rows
        if rows < retention.BATCH:
            return


def told(rows: dict[str, int]) -> str:
    """Return the rows by table in words."""
    return ", ".join(f"{count:,} of {name}" for name, count in rows.items())
