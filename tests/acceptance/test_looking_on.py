"""What an operator on another host sees of a change that is worked on, from ledger and server alone."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from expandcontract.engine import under_way
from expandcontract.engine.context import Context
from expandcontract.engine.hot_updates import spoilers
from expandcontract.engine.verbs import control, init, plan, start, status
from expandcontract.engine.verbs.backfill import BackfillOptions, backfill
from expandcontract.engine.verbs.contract import contract
from expandcontract.engine.verbs.verify import verify
from expandcontract.model.events import Event, Progress, StepRunning
from expandcontract.model.phases import Phase, Status
from expandcontract.model.policy import Policy
from expandcontract.model.situation import Situation
from expandcontract.postgres.connect import Database
from expandcontract.throttles import courtesy
from expandcontract.throttles.limits import Limits
from tests.waiting import until

pytestmark = pytest.mark.in_turn(2)

NAME = "0001_rename_users_name"
TABLE = """
-- A validation comes to this row, and no further while somebody holds the lock.
CREATE FUNCTION patient(name text) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF name = 'name 4000' AND pg_catalog.current_query() LIKE '%VALIDATE%' THEN
        PERFORM pg_catalog.pg_advisory_xact_lock_shared(77);
    END IF;
    RETURN true;
END $$;
CREATE TABLE users (id int PRIMARY KEY, name text CHECK (patient(name)), pad text DEFAULT repeat('x', 100));
CREATE INDEX ix_users_name ON users (name);
INSERT INTO users SELECT n, 'name ' || n FROM generate_series(1, 20000) n;
ANALYZE users;
"""


class Shop:
    """A change of `users.name` that was started. `here` works on it, `there` looks on from elsewhere."""

    def __init__(self, url: str) -> None:
        self.url, self.heard = url, list[Event]()
        self._databases = [Database(url), Database(url)]
        here = Context(
            self._databases[0],
            Policy(),
            self.heard.append,
            "ada",
            limits=Limits(off=frozenset({courtesy.NAME})),
        )
        self.here, self.there = here, replace(here, database=self._databases[1], who="eve")
        self._sessions: list[asyncpg.Connection] = []
        self._work: list[asyncio.Task[Situation]] = []

    async def session(self, name: str) -> asyncpg.Connection:
        """Return a session of an application."""
        opened = await asyncpg.connect(self.url, server_settings={"application_name": name})
        self._sessions.append(opened)
        return opened

    def work(self, verb: Coroutine[None, None, Situation]) -> "asyncio.Task[Situation]":
        """Begin to work; what is still at work at the end is stopped at its checkpoint."""
        self._work.append(asyncio.create_task(verb))
        return self._work[-1]

    async def look(self) -> Situation:
        """Return what somebody sees from elsewhere."""
        (seen,) = await status.beside(self.there, await status.load(self.there))
        return seen

    async def step(self) -> StepRunning | None:
        """Return the step that is under way, as seen from elsewhere."""
        return under_way.step(await self.look())

    async def close(self) -> None:
        """Let everybody go."""
        for session in self._sessions:
            await session.close()
        self.here.stop.set()
        await asyncio.gather(*self._work, return_exceptions=True)
        for database in self._databases:
            await database.close()


@asynccontextmanager
async def _started(url: str) -> AsyncIterator[tuple[Shop, asyncpg.Connection]]:
    shop = Shop(url)
    application = await shop.session("billing")
    await application.execute(TABLE)
    change = plan.named("rename-column", {"column": "users.name", "new_name": "title"}, ())
    try:
        await init.init(shop.here)
        await start.start(shop.here, change)
        yield shop, application
    finally:
        await shop.close()


async def test_a_validation_and_a_build_are_seen_from_here_and_elsewhere(database: str) -> None:
    """Of the index of the new column, which waits for an old snapshot, the process and `ec status` on another
    host say for whom. Of VALIDATE, of which PostgreSQL reports nothing, both say for how long it runs.
    """
    async with _started(database) as (shop, application):
        report = await shop.session("report")
        await report.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        work = shop.work(backfill(shop.here, NAME))
        await until(lambda: _told(shop, "index:ix_users_name"))
        building = await shop.look()
        running = under_way.step(building)
        assert running is not None
        assert running.build is not None
        assert running.build.waits_for is not None
        assert (running.build.index, running.build.waits_for.pid) == (
            "ix_users_title",
            report.get_server_pid(),
        )
        assert under_way.place_in_section(building, running) == (1, 3)
        await report.execute("COMMIT")
        assert (await work).ready

        await application.execute("SELECT pg_advisory_lock(77)")
        await control.ack(shop.here, NAME, "new-code-seen", "the test is alone")
        at_once = replace(shop.here, policy=replace(shop.here.policy, quiet_for=timedelta(0)))
        work = shop.work(contract(at_once, NAME))
        await until(lambda: _told(shop, "check:users_name_check:validate"))
        looked = await shop.look()
        validating = under_way.step(looked)
        assert validating is not None
        assert (validating.step, validating.build) == ("check:users_name_check:validate", None)
        assert validating.seconds >= 1
        assert under_way.place_in_section(looked, validating) == (2, 3)
        await application.execute("SELECT pg_advisory_unlock(77)")
        await work
        assert await shop.step() is None


async def _told(shop: Shop, step: str) -> bool:
    """Say whether the process has told that a step takes long, and of a build for whom it waits."""
    return any(
        event.step == step and event.seconds >= 1 and (event.build is None or event.build.waits_for)
        for event in shop.heard
        if isinstance(event, StepRunning)
    )


async def test_a_copy_is_seen_with_its_pace(database: str) -> None:
    """Rate, batch, throttle and percentage are those that the process tells of itself; the rows that are left
    are about those that are left.
    """
    async with _started(database) as (shop, _):
        pace = BackfillOptions(verify=False, batch=100, max_rate=2_000)
        shop.work(backfill(shop.here, NAME, pace))

        async def paced() -> bool:
            progress = under_way.sweep(await shop.look())
            return progress is not None and bool(progress.throttled_by) and progress.rows_per_second > 0

        await until(paced)
        seen = await shop.look()
        progress = under_way.sweep(seen)
        assert progress is not None
        assert (progress.stage, progress.batch) == ("copy", 100)
        assert progress.rows_per_second < 4_000
        assert progress.throttled_by is not None
        assert progress.throttled_by.startswith("max-rate ")
        assert {event.stage for event in shop.heard if isinstance(event, Progress)} == {"copy"}


async def test_a_comparison_that_is_held_back_says_why(database: str) -> None:
    """A throttled verify shows its reason as a throttled copy does, and goes on when it is let go."""
    async with _started(database) as (shop, application):
        await backfill(shop.here, NAME, BackfillOptions(verify=False))
        await application.execute("CREATE TABLE public.held AS SELECT 1 AS one")
        limits = Limits(query="SELECT one FROM public.held", max_wait=timedelta(0))
        work = shop.work(verify(replace(shop.here, limits=limits), NAME))

        async def held() -> bool:
            progress = under_way.sweep(await shop.look())
            return progress is not None and bool(progress.throttled_by)

        await until(held)
        seen = await shop.look()
        progress = under_way.sweep(seen)
        assert progress is not None
        assert (progress.stage, seen.phases[Phase.VERIFY].status) == ("compare", Status.RUNNING)
        assert progress.throttled_by is not None
        assert progress.throttled_by.startswith("query ")
        assert progress.eta_seconds is None
        await application.execute("UPDATE public.held SET one = 0")
        assert (await work).proof is not None


async def test_what_spoils_hot_is_named_from_elsewhere(database: str) -> None:
    """An index on the new column that was there before the copy, and a report that keeps dead rows."""
    async with _started(database) as (shop, application):
        report = await shop.session("report")
        await report.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        await application.execute("CREATE INDEX too_early ON users (title)")
        shop.work(backfill(shop.here, NAME, BackfillOptions(verify=False, batch=200, max_rate=1_500)))

        async def named() -> bool:
            return len(spoilers(await shop.look())) > 1

        await until(named)
        index, horizon, *_ = spoilers(await shop.look())
        assert index == "index public.too_early on title takes an entry for each row"
        assert horizon.startswith(
            f"pid {report.get_server_pid()} (report, postgres, idle in transaction) keeps"
        )
