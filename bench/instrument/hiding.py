"""For how long the old side of a large table is locked while it is hidden, and while it is brought back.

What the ledger says of that, and what sessions wait that ask for the table all the time.
"""

import asyncio
import random
import tempfile
import time
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from expandcontract.testing.operator import Operator
from expandcontract.testing.server import Server
from expandcontract.testing.timeline import percentile
from instrument import page
from instrument.copies import Session, session
from instrument.script import say

DATABASE = "hiding"
CHANGE = "0001_rename_users_name"
TABLE = """
CREATE TABLE users (id bigint, name text NOT NULL, email text);
INSERT INTO users SELECT g, 'user number ' || g, 'u' || g || '@example.com'
FROM generate_series(1, {rows}::bigint) g;
ALTER TABLE users ADD PRIMARY KEY (id);
CREATE INDEX users_name ON users (name)
"""
LIMIT_SECONDS = 0.05
#: For this long nothing else happens before a verb.
ALONE_SECONDS = 1.0
VERBS = ("contract", "undo")
HEAD = ("", "times", "lock held (at most 50 ms)", "p50 of a statement", "longest wait")
HELD = """
SELECT max((data->>'held_seconds')::float8) FROM expandcontract.event
WHERE kind = 'locked' AND data->>'section' = $1 AND id > $2"""
LAST = "SELECT max(id) FROM expandcontract.event"


@dataclass
class Probe:
    """Sessions of an application, and when each of their statements began and how long it took."""

    server: Server
    rows: int
    felt: list[tuple[float, float]] = field(default_factory=list)

    async def ask(self) -> None:
        """Read a row and write another until cancelled. No side of the change is written."""
        async with session(self.server.url(DATABASE)) as raw:
            await raw.execute("SET synchronous_commit = off")
            read = await raw.prepare("SELECT email FROM users WHERE id = $1")
            write = await raw.prepare("UPDATE users SET email = email WHERE id = $1")
            while True:
                for statement in (read, write):
                    began = time.perf_counter()
                    await statement.fetchval(random.randint(1, self.rows))
                    self.felt.append((began, time.perf_counter() - began))

    def between(self, begin: float, end: float) -> list[float]:
        """Return how long the statements took that ran then, in order of that."""
        return sorted(took for began, took in self.felt if began < end and began + took >= begin)


@dataclass(frozen=True)
class Turn:
    """One run of a verb: how long statements took before it and meanwhile, in order, and its longest lock."""

    verb: str
    before: list[float]
    during: list[float]
    held_seconds: float


async def run(server: Server, told: Namespace) -> str:
    """Hide and bring back, again and again."""
    with tempfile.TemporaryDirectory() as folder:
        operator = Operator(Path(folder), server.url(DATABASE), {"EC_QUIET_FOR": "0"})
        await _prepare(server, told.rows, operator)
        turns = []
        async with _probed(server, told) as probe, session(server.url(DATABASE)) as raw:
            for _ in range(told.repeat):
                # Nobody here has code that knows the new name.
                await operator.type("ack", CHANGE, "new-code-seen", "--reason", "this is a benchmark")
                for verb in VERBS:
                    turns.append(turn := await _turn(probe, raw, operator, verb))
                    say(f"{verb}: lock held {page.millis(turn.held_seconds)}")
                await operator.type("verify")
    return f"{_table(turns)}\n\n{_explained(told)}"


async def _prepare(server: Server, rows: int, operator: Operator) -> None:
    async with session(server.url()) as admin:
        await admin.execute(f"CREATE DATABASE {DATABASE}")
    async with session(server.url(DATABASE)) as raw:
        await raw.execute(TABLE.format(rows=rows))
        await raw.execute("VACUUM (FREEZE, ANALYZE) users")
        for words in (("init",), ("start", "rename-column", "users.name", "display_name"), ("backfill",)):
            await operator.type(*words)
        await raw.execute("VACUUM ANALYZE users")
        await raw.execute("CHECKPOINT")


@asynccontextmanager
async def _probed(server: Server, told: Namespace) -> AsyncIterator[Probe]:
    probe = Probe(server, told.rows)
    asking = [asyncio.create_task(probe.ask()) for _ in range(told.probes)]
    try:
        yield probe
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def _turn(probe: Probe, raw: Session, operator: Operator, verb: str) -> Turn:
    probe.felt.clear()
    last = await raw.fetchval(LAST)
    alone = time.perf_counter()
    await asyncio.sleep(ALONE_SECONDS)
    begin = time.perf_counter()
    await operator.type(verb)
    end = time.perf_counter()
    held = await raw.fetchval(HELD, verb, last)
    return Turn(verb, probe.between(alone, begin), probe.between(begin, end), held)


def _table(turns: list[Turn]) -> str:
    waits = {"alone": [turn.before for turn in turns]}
    waits |= {verb: [turn.during for turn in turns if turn.verb == verb] for verb in VERBS}
    rows = []
    for label, runs in waits.items():
        held = [turn.held_seconds for turn in turns if turn.verb == label]
        spelt = page.middle(held, page.millis, spread=True)
        longest = page.middle([run[-1] for run in runs], page.millis, spread=True)
        middle = page.middle([percentile(run, 0.5) for run in runs], page.millis)
        over = bool(held) and max(held) > LIMIT_SECONDS
        rows.append([label, str(len(runs)), f"**{spelt}**" if over else spelt, middle, longest])
    return page.table(HEAD, rows)


def _explained(told: Namespace) -> str:
    return (
        f"{told.rows:,} rows; the old column is NOT NULL and has an index. {told.probes} sessions read and "
        "write single rows all the time; what they wait for while the command runs includes waiting for a "
        "core, as it does when they are alone. Medians, with the least and the greatest."
    )
