"""Several processes with pools of their own on one change, as on several hosts; one of them stops in the
middle for longer than its lease, and wakes up when others have done its work.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.acceptance.catalog import Connection
from tests.acceptance.cycle import living
from tests.waiting import until

ROWS = 6_000
#: Wide rows: so small a table has a chunk for each 64 blocks at most.
GIVEN = f"""
CREATE TABLE t (id int PRIMARY KEY, name text, filler text DEFAULT repeat('x', 700));
INSERT INTO t SELECT n, 'name ' || n FROM generate_series(1, {ROWS}) n;
CREATE TABLE written (id int);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO public.written VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER note AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note()
"""
#: Slow enough to be met in the middle.
SLOWLY: Mapping[str, tuple[str, ...]] = {
    "backfill": ("--no-verify", "--batch", "50", "--max-rate", "1500"),
    "verify": (),
}
REST = {"EC_THROTTLE_NICE_RATIO": "30"}


class Host:
    """A place where `ec` is run on one database."""

    def __init__(self, folder: Path, url: str, raw: Connection) -> None:
        self.raw = raw
        self._folder = folder
        self._environment = {**os.environ, "EC_DATABASE_URL": url}

    async def begin(self, *words: str, **settings: str) -> asyncio.subprocess.Process:
        """Start a command."""
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "expandcontract", *words, "--json",
            cwd=self._folder, env=self._environment | settings,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip

    async def done(self, purpose: str) -> int:
        """Return how many rows were copied or compared so far, in the last round."""
        query = "SELECT coalesce(sum(rows), 0) FROM expandcontract.chunk WHERE purpose = $1"
        return int(await self.raw.fetchval(query, purpose))

    async def workers(self, purpose: str) -> set[str]:
        """Return the processes that had chunks."""
        query = "SELECT DISTINCT split_part(worker, '/', 1) FROM expandcontract.chunk WHERE purpose = $1"
        return {row[0] for row in await self.raw.fetch(query, purpose)}

    async def require_written_once(self) -> None:
        """Each row was written by a copy exactly once, and all are in sync."""
        query = "SELECT count(*), count(DISTINCT id) FROM written"
        assert tuple(await self.raw.fetchrow(query) or ()) == (ROWS, ROWS)
        assert await self.raw.fetchval("SELECT count(*) FROM t WHERE title IS DISTINCT FROM name") == 0


@asynccontextmanager
async def _started(folder: Path, url: str, verb: str) -> AsyncIterator[Host]:
    """Give a change at which `verb` can begin, and end whatever was started."""
    async with living(url, "rename-column", {"column": "t.name", "new_name": "title"}, GIVEN) as life:
        await life.start()
        if verb == "verify":
            await life.backfill(verify=False)
        yield Host(folder, url, life.app)


# Processes that take their time on a busy machine.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
PURPOSE = {"backfill": "copy", "verify": "compare"}


@pytest.mark.parametrize("verb", SLOWLY)
async def test_a_host_that_stops_is_left_behind(database: str, tmp_path: Path, verb: str) -> None:
    """Another takes its work over and ends it; awake again it finds its tokens void, writes nothing twice and
    counts nothing twice, and ends well or says that its lease was lost.
    """
    purpose = PURPOSE[verb]
    async with _started(tmp_path, database, verb) as host, AsyncExitStack() as ends:

        async def half_done() -> bool:
            assert first.returncode is None
            return await host.done(purpose) > 0

        first = await host.begin(verb, *SLOWLY[verb], **(REST if verb == "verify" else {}))
        ends.callback(_end, first)
        await until(half_done)
        first.send_signal(signal.SIGSTOP)
        seen = await host.done(purpose)
        assert 0 < seen < ROWS
        second = await host.begin(verb, *(("--no-verify",) if verb == "backfill" else ()))
        ends.callback(_end, second)
        assert await _ended(second) == 0
        first.send_signal(signal.SIGCONT)
        assert await _ended(first) in (0, 5)
        await host.require_written_once()
        assert await host.done(purpose) == ROWS
        if verb == "verify":
            proof = "SELECT rows_compared, mismatches FROM expandcontract.proof"
            assert [tuple(row) for row in await host.raw.fetch(proof)] == [(ROWS, 0)]


async def _ended(process: asyncio.subprocess.Process) -> int:
    async with asyncio.timeout(300):
        await process.communicate()
    assert process.returncode is not None
    return process.returncode


def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()


@pytest.mark.parametrize("verb", SLOWLY)
async def test_hosts_share_the_work(database: str, tmp_path: Path, verb: str) -> None:
    """The same command, run on two hosts with two workers each, ends well on both; both took part, and no row
    was written or counted twice.
    """
    purpose = PURPOSE[verb]
    async with _started(tmp_path, database, verb) as host, AsyncExitStack() as ends:
        both = []
        for _ in range(2):
            settings = REST if verb == "verify" else {}
            both.append(await host.begin(verb, *SLOWLY[verb], "--workers", "2", **settings))
            ends.callback(_end, both[-1])
        assert await asyncio.gather(*map(_ended, both)) == [0, 0]
        await host.require_written_once()
        assert await host.done(purpose) == ROWS
        assert len(await host.workers(purpose)) == 2
