"""`pgbench` as the old application: its own tables and load, while a column of its largest table is renamed.

Nobody here wrote pgbench. Its TPC-B-like transaction adds one delta to an account, a teller and a branch and
writes it to the history, so that four sums must be the same at any time.
"""

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import create_async_engine

from expandcontract.testing.operator import Operator, phases
from expandcontract.testing.server import Server
from expandcontract.testing.timeline import Latencies, Span, Timeline

#: Four clients on two threads, each with its log of transactions; no end by itself.
LOAD = ("--client=4", "--jobs=2", "--time=86400", "--log")
SUMS = """
SELECT (SELECT sum(balance) FROM pgbench_accounts) AS accounts,
       (SELECT sum(tbalance) FROM pgbench_tellers) AS tellers,
       (SELECT sum(bbalance) FROM pgbench_branches) AS branches,
       (SELECT sum(delta) FROM pgbench_history) AS history
"""


class PgbenchFailedError(Exception):
    """pgbench ended with an error, or would not start."""


@dataclass(frozen=True)
class Outcome:
    """What pgbench says of itself, and what `ec` says of the change.

    `latencies` are those of whole transactions, by phase; `sums` are those of accounts, tellers, branches and
    history. `compared_under_load` need not be the number of rows: one that moves to another page between two
    slices counts twice or not at all. It moved because the application wrote it, through the sync trigger.
    The `status` has the verification after that, when pgbench had ended.
    """

    transactions: int
    failed: int
    timeline: Timeline
    latencies: dict[str, Latencies]
    compared_under_load: int
    sums: dict[str, int]
    status: dict[str, Any]

    @property
    def good(self) -> bool:
        """No transaction failed, and every delta is where it belongs."""
        return self.failed == 0 and self.transactions > 0 and len(set(self.sums.values())) == 1


async def rename_under_load(
    server: Server, operator: Operator, folder: Path, scale: int, alone: float
) -> Outcome:
    """Let `pgbench_accounts.abalance` become `balance` under pgbench's load.

    Args:
        server: where pgbench makes its tables, in the database `postgres`.
        operator: of a database that has no ledger yet.
        folder: for the logs of pgbench.
        scale: 100,000 accounts each.
        alone: for how many seconds pgbench runs by itself first.

    Raises:
        PgbenchFailedError: a client of pgbench was aborted.
        CommandFailedError: a command of `ec` did not end well.
    """
    await _run(server, folder, "--initialize", f"--scale={scale}", "--quiet")
    await operator.type("init")
    async with _load(server, folder) as load:
        await asyncio.sleep(alone)
        await operator.type("start", "rename-column", "pgbench_accounts.abalance", "balance")
        await operator.type("backfill")
        load.send_signal(signal.SIGALRM)  # what ends a run of pgbench when its --time is over
        said = await _said(load)
    under_load = await operator.status()
    await operator.type("verify")
    status = await operator.status()
    for gate in ("old-writers", "new-code-seen"):  # nobody has a pgbench that knows the new name
        await operator.type("ack", status["name"], gate, "--reason", "pgbench has ended")
    await operator.type("contract")
    await operator.type("purge", "--now", "--confirm", status["name"])
    timeline = Timeline(_spans(operator, under_load))
    return Outcome(
        transactions=_number(r"number of transactions actually processed: (\d+)", said),
        failed=_number(r"number of failed transactions: (\d+)", said),
        timeline=timeline,
        latencies=timeline.latencies(_logged(folder), ()),
        compared_under_load=under_load["phases"]["verify"]["rows_compared"],
        sums=await _sums(server),
        status=await operator.status(),
    )


def _spans(operator: Operator, status: dict[str, Any]) -> Iterable[Span]:
    """The phases so far; contract comes when pgbench has stopped, as old code must."""
    expand, dual_write, backfill, verify = phases(status)
    init = next(span for span in operator.spans if span.name == "init")
    return (Span("alone", init.end, expand.begin), expand, dual_write, backfill, verify)


@asynccontextmanager
async def _load(server: Server, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await _start(server, folder, *LOAD)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _run(server: Server, folder: Path, *arguments: str) -> str:
    return await _said(await _start(server, folder, *arguments))


async def _start(server: Server, folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        server.bin("pgbench"), *arguments, server.socket_url(),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


async def _said(process: asyncio.subprocess.Process) -> str:
    """Wait for the end of pgbench and return what it said. Raises PgbenchFailedError."""
    said = (await process.communicate())[0].decode()
    if process.returncode:
        raise PgbenchFailedError(said)
    return said


def _number(pattern: str, said: str) -> int:
    match = re.search(pattern, said)
    if match is None:
        raise PgbenchFailedError(f"pgbench did not say {pattern!r}: {said}")
    return int(match[1])


def _logged(folder: Path) -> Iterator[tuple[float, float]]:
    """Read when each transaction began and how long it took (manual, pgbench, "Per-Transaction Logging")."""
    for log in folder.glob("pgbench_log.*"):
        for line in log.read_text().splitlines():
            _client, _number, took, _script, epoch, microseconds, *_ = line.split()
            seconds = int(took) / 1e6
            yield int(epoch) + int(microseconds) / 1e6 - seconds, seconds


async def _sums(server: Server) -> dict[str, int]:
    engine = create_async_engine(server.url().replace("postgresql:", "postgresql+asyncpg:", 1))
    try:
        async with engine.connect() as connection:
            return dict((await connection.exec_driver_sql(SUMS)).mappings().one())
    finally:
        await engine.dispose()
