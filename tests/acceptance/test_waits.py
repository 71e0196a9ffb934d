"""How long a statement of the application waits at most, because of a change, beside those who are slow to
let go of the table.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import backfill, contract, init, rollback, start, undo
from expandcontract.model.change import Change
from expandcontract.model.events import Event, LockTried
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database
from expandcontract.testing.server import Server
from tests.acceptance.cycle import Expected
from tests.acceptance.probe import longest, probing, require_short
from tests.conftest import SETTINGS, VERSION
from tests.waiting import SECONDS, until

#: Three tries at three moments, beside somebody who holds the table for seconds.
pytestmark = [pytest.mark.in_turn(2), pytest.mark.timeout(900)]

CHANGE = Change("0001_t", "rename-column", {"column": "t.name", "new_name": "label"})
PROBES = (
    "SELECT pad FROM t WHERE id = 7",
    "UPDATE t SET pad = 'x' WHERE id = 8",
    "SELECT count(*) FROM t WHERE id < 5",
)
PLAIN = """
CREATE TABLE t (
    id int PRIMARY KEY, name text NOT NULL DEFAULT 'nobody', pad text,
    CONSTRAINT t_name_check CHECK (name <> '')
);
CREATE INDEX t_name ON t (name);
CREATE UNIQUE INDEX t_name_id ON t (name, id);
INSERT INTO t SELECT g, 'name ' || g FROM generate_series(1, 5000) g;
"""
PARTITIONED = """
CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL DEFAULT 'nobody', pad text) PARTITION BY HASH (id);
DO $$ BEGIN FOR n IN 0..9 LOOP
    EXECUTE format('CREATE TABLE t%s PARTITION OF t FOR VALUES WITH (MODULUS 10, REMAINDER %s)', n, n);
END LOOP; END $$;
CREATE INDEX t_name ON t (name);
INSERT INTO t SELECT g, 'name ' || g FROM generate_series(1, 5000) g;
"""


@dataclass
class Operator:
    """Gives commands, and keeps what `ec` said."""

    context: Context
    events: list[Event] = field(default_factory=list)

    async def give(self, verb: str) -> None:
        """Carry out one verb."""
        match verb:
            case "start":
                await start.start(self.context, CHANGE, start.Consent(acknowledged=Expected()))
            case "backfill":
                await backfill.backfill(self.context, CHANGE.name)
            case "contract":
                await contract.contract(self.context, CHANGE.name)
            case "undo":
                await undo.undo(self.context, CHANGE.name)
            case _:
                await rollback.rollback(self.context, CHANGE.name)

    def refused(self) -> bool:
        """Whether a try for a lock failed since the events were last cleared."""
        return any(isinstance(event, LockTried) for event in self.events)


@asynccontextmanager
async def _operator(url: str, table: str) -> AsyncIterator[Operator]:
    await _execute(url, table)
    events: list[Event] = []
    database = Database(url)
    context = Context(
        database,
        Policy(quiet_for=timedelta(0), soak=timedelta(microseconds=1), lock_budget=timedelta(seconds=60)),
        events.append,
        "test",
    )
    try:
        await init.init(context)
        yield Operator(context, events)
    finally:
        await database.close()


async def _execute(url: str, *statements: str) -> None:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


@asynccontextmanager
async def _reading(
    operator: Operator, url: str, relation: str, hold: float, pause: float
) -> AsyncIterator[None]:
    """Read a relation in transactions that hold it for `hold` seconds, until `ec` found it locked."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    holding = asyncio.Event()

    async def read() -> None:
        while not operator.refused():
            async with connection.transaction():
                await connection.execute(f"SELECT FROM {relation} LIMIT 1")
                holding.set()
                await asyncio.sleep(hold)
            await asyncio.sleep(pause)

    task = asyncio.create_task(read())
    try:
        await holding.wait()
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        connection.terminate()


async def _waits(url: str, work: Callable[[], Awaitable[None]]) -> float:
    """Return the longest wait of the probes while the work is done."""
    async with probing(url, PROBES) as probes:
        await work()
    return longest(probes)


def _control(url: str) -> Callable[[], Awaitable[float]]:
    return lambda: _waits(url, lambda: asyncio.sleep(3))


#: What is measured, and what has to be done before it so that it can be done once more.
MOMENTS = (("start", ("rollback",)), ("backfill", ("rollback", "start")), ("contract", ("undo", "backfill")))


async def _prepare(
    operator: Operator, moment: str, before: tuple[str, ...], *, again: bool, probe: str
) -> None:
    if again:
        for verb in before:
            await operator.give(verb)
    if moment == "contract":
        # New code is there.
        await _execute(probe, "UPDATE t SET label = label || '!' WHERE id = 3")
    operator.events.clear()


async def _require_short_at_each_moment(
    url: str,
    operator: Operator,
    beside: Callable[[], contextlib.AbstractAsyncContextManager[None]],
    *,
    patiently: bool = False,
) -> None:
    """Measure expand and dual_write (start), ready (backfill), and contract, each beside somebody else."""
    for moment, before in MOMENTS:
        counter = itertools.count()

        async def measure(
            moment: str = moment, before: tuple[str, ...] = before, counter: "itertools.count[int]" = counter
        ) -> float:
            await _prepare(operator, moment, before, again=next(counter) > 0, probe=url)
            async with beside():
                found = await _waits(url, lambda: operator.give(moment))
            # A build or a validation waits for a vacuum without a limit, where it stops nobody.
            assert operator.refused() or (patiently and moment != "start"), f"{moment}: nobody was in the way"
            return found

        await require_short(measure, _control(url))


async def test_nobody_waits_long_beside_a_reader_that_holds_the_table(database: str) -> None:
    """A reader holds the table for five seconds at a time: others wait for one try for the lock at most."""
    async with _operator(database, PLAIN) as operator:
        await _require_short_at_each_moment(
            database, operator, lambda: _reading(operator, database, "t", 5.0, 3.0)
        )


async def test_nobody_waits_long_on_a_table_of_many_partitions(database: str) -> None:
    """Ten readers hold ten partitions, one here, one there: the waits do not add up."""

    @asynccontextmanager
    async def readers() -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for number in range(10):
                await stack.enter_async_context(
                    _reading(operator, database, f"t{number}", 0.08, 0.02 + number / 100)
                )
            yield

    async with _operator(database, PARTITIONED) as operator:
        await _require_short_at_each_moment(database, operator, readers)


async def test_nobody_waits_long_beside_a_vacuum(database: str) -> None:
    """A VACUUM by hand, and another after it, does not give way: `ec` waits for it where it stops nobody."""

    @asynccontextmanager
    async def vacuum() -> AsyncIterator[None]:
        connection: asyncpg.Connection[Any] = await asyncpg.connect(database)
        await connection.execute(
            "SET vacuum_cost_delay = '15ms'; SET vacuum_cost_limit = 1; SET vacuum_cost_page_dirty = 1"
        )

        async def work() -> None:
            # Until `ec` found the table locked: how long it takes to get there is the machine's.
            while not operator.refused():
                await connection.execute("UPDATE t SET pad = 'dead'")
                await connection.execute("VACUUM (INDEX_CLEANUP ON) t")

        task = asyncio.create_task(work())
        async with asyncio.timeout(SECONDS):
            await _until_vacuuming(database)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            connection.terminate()

    async with _operator(database, PLAIN) as operator:
        await _require_short_at_each_moment(database, operator, vacuum, patiently=True)


async def test_autovacuum_gives_way() -> None:
    """A real autovacuum is at work: expand has its lock within seconds, and nobody waits long."""
    settings = SETTINGS | {
        "autovacuum_naptime": "1s",
        "autovacuum_vacuum_cost_delay": "100ms",
        "autovacuum_vacuum_cost_limit": "1",
    }
    with Server.start(VERSION, settings) as server:
        url = server.url()
        async with _operator(url, PLAIN) as operator:
            counter = itertools.count()

            async def measure() -> float:
                if next(counter):
                    await operator.give("rollback")
                await _execute(
                    url,
                    "ALTER TABLE t SET (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0)",
                    "UPDATE t SET pad = 'dead'",
                )
                async with asyncio.timeout(SECONDS):
                    await _until_vacuuming(url)
                async with asyncio.timeout(SECONDS):
                    return await _waits(url, lambda: operator.give("start"))

            await require_short(measure, _control(url))


async def _until_vacuuming(url: str) -> None:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    vacuuming = "SELECT count(*) FROM pg_stat_progress_vacuum WHERE relid = 't'::regclass"
    await until(lambda: connection.fetchval(vacuuming))
    await connection.close()
