"""A table with two columns that a trigger keeps in sync, its ledger, and a sweep over it: what the tests of
the sweep start from.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg

from expandcontract.ledger import chunk
from expandcontract.ledger.migrate import migrate
from expandcontract.ledger.tables import Tables
from expandcontract.model.events import Event, Notice, Progress
from expandcontract.model.step import Purpose, Sweep
from expandcontract.postgres.connect import Database
from expandcontract.sweep import Job, SweepOptions, SweepOutcome, lay, walk
from expandcontract.sweep.shift import SliceCheck
from expandcontract.throttles import courtesy

WANTED = "t.new IS DISTINCT FROM t.old"
FUNCTION = """
CREATE FUNCTION sync() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.new IS NOT DISTINCT FROM OLD.new THEN
        NEW.new := NEW.old;
    ELSE
        NEW.old := NEW.new;
    END IF;
    RETURN NEW;
END $$"""
TRIGGER = """
CREATE TRIGGER "~ec_sync" BEFORE INSERT OR UPDATE ON things FOR EACH ROW
WHEN (NEW.new IS DISTINCT FROM NEW.old) EXECUTE FUNCTION sync()"""
CHANGE = """
INSERT INTO expandcontract.change (
    name, kind, spec, plan, fingerprint, relation, table_schema, table_name, columns,
    created_by, created_from, program_version, database_oid
) VALUES (
    '0001_things', 'rename-column', '{}', '{}', '', 'public.things'::regclass, 'public', 'things',
    '{old,new}', 'test', 'test', '0', 0
) RETURNING id"""


@dataclass
class Swept:
    """The table `things(id, old, new, pad)` with its sync trigger, and a job over it. `raw` is a session of
    the application.
    """

    url: str
    database: Database
    raw: "asyncpg.Connection[Any]"
    job: Job
    tables: Tables
    events: list[Event] = field(default_factory=list)
    courteous: bool = False

    async def lay(self, workers: int = 1) -> int:
        """Lay the job's chunks."""
        async with self.database.transaction() as conn:
            return await lay(conn, self.tables, self.job, workers=workers)

    async def walk(
        self,
        *,
        options: SweepOptions | None = None,
        stop: asyncio.Event | None = None,
        check: SliceCheck | None = None,
        void_leases: bool = False,
    ) -> SweepOutcome:
        """Take part in the walk, without courtesy to the test's own sessions, and keep what it tells."""
        options = options or SweepOptions()
        off = options.limits.off if self.courteous else options.limits.off | {courtesy.NAME}
        return await walk(
            self.database,
            self.tables,
            self.job,
            options=replace(options, limits=replace(options.limits, off=off)),
            listen=self.events.append,
            stop=stop,
            check=check,
            void_leases=void_leases,
        )

    async def sweep(
        self,
        *,
        options: SweepOptions | None = None,
        stop: asyncio.Event | None = None,
        check: SliceCheck | None = None,
    ) -> SweepOutcome:
        """Lay and walk."""
        await self.lay((options or SweepOptions()).workers)
        return await self.walk(options=options, stop=stop, check=check)

    def again(self, purpose: Purpose | None = None, *, round: int = 1, wanted: str = WANTED) -> "Swept":  # noqa: A002
        """Return the same table with a job of another purpose or round."""
        purpose = purpose or self.job.purpose
        return replace(self, job=replace(self.job, round=round, action=action(purpose, wanted=wanted)))

    async def chunks(self) -> list[asyncpg.Record]:
        """Return the job's chunks in order."""
        query = "SELECT * FROM expandcontract.chunk WHERE purpose = $1 AND round = $2 ORDER BY id"
        return await self.raw.fetch(query, self.job.purpose.value, self.job.round)

    async def totals(self) -> chunk.Totals:
        """Return the sums over the job's chunks."""
        async with self.database.transaction() as conn:
            key = chunk.Round(self.job.change_id, self.job.attempt, self.job.purpose, self.job.round)
            return await chunk.totals(conn, self.tables, key)

    async def out_of_sync(self) -> int:
        """Return how many rows differ."""
        return int(await self.raw.fetchval(f"SELECT count(*) FROM things t WHERE {WANTED}"))

    @property
    def notices(self) -> list[str]:
        """What was worth a line."""
        return [event.text for event in self.events if isinstance(event, Notice)]

    @property
    def progress(self) -> list[Progress]:
        """How far the sweep was, each time."""
        return [event for event in self.events if isinstance(event, Progress)]


def action(purpose: Purpose = Purpose.COPY, *, wanted: str = WANTED, key: tuple[str, ...] = ("id",)) -> Sweep:
    """Return a sweep over `things`."""
    assignments = (("new", "t.old"),) if purpose == Purpose.COPY else ()
    return Sweep(purpose, "public.things", wanted, assignments, key, "old", "new")


@asynccontextmanager
async def swept(
    url: str, *, rows: int = 0, ddl: str | None = None, fill: str | None = None, trigger: bool = True
) -> AsyncIterator[Swept]:
    """Make the ledger and the table with this many rows, their new column empty, then put the trigger on."""
    raw: asyncpg.Connection[Any] = await asyncpg.connect(url)
    database = Database(url)
    try:
        await migrate(database)
        await raw.execute(
            ddl
            or "CREATE TABLE things (id bigint PRIMARY KEY, old text, new text, pad text DEFAULT 'padding')"
        )
        await raw.execute(
            fill or f"INSERT INTO things (id, old) SELECT g, 'value ' || g FROM generate_series(1, {rows}) g"
        )
        await raw.execute(FUNCTION)
        if trigger:
            await raw.execute(TRIGGER)
        change, relation = await raw.fetchval(CHANGE), await raw.fetchval("SELECT 'things'::regclass::oid")
        job = Job(change, "0001_things", 1, 1, action(), relation)
        yield Swept(url, database, raw, job, Tables())
    finally:
        await database.close()
        await raw.close()
