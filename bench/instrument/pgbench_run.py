"""One run of pgbench: what its transactions felt, from its log, and what it says at its end."""

import asyncio
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path

from expandcontract.testing.pgbench import PgbenchFailedError
from expandcontract.testing.server import Server
from expandcontract.testing.supervisor import die_with_parent
from expandcontract.testing.timeline import percentile

#: Serialization failures and deadlocks are counted instead of aborting the client.
COUNTS_FAILURES_SINCE = 15


@dataclass(frozen=True)
class Felt:
    """Transactions of one run. Under a rate a latency counts from when the transaction was due.

    So a wait is felt by all that had to wait behind it.
    """

    seconds: float
    transactions: int
    failed: int
    deadlocked: int
    p50: float
    p99: float
    longest: float

    @property
    def per_second(self) -> float:
        """How many transactions went through in a second."""
        return self.transactions / self.seconds


def felt(lines: Iterable[str], *, warm_up: float = 0.0, until: float = inf) -> Felt | None:
    """Sum up a log (manual, pgbench, "Per-Transaction Logging"); None when no transaction counts.

    Those that were due in the first `warm_up` seconds, or after `until`, do not.
    """
    entries = [line.split() for line in lines]
    failed = [entry[2] for entry in entries if not entry[2].isdigit()]
    done = [
        (int(entry[4]) + int(entry[5]) / 1e6, int(entry[2]) / 1e6) for entry in entries if entry[2].isdigit()
    ]
    if not done:
        return None
    since = min(end - took for end, took in done) + warm_up
    last = min(until, max(end for end, _ in done))
    took = sorted(took for end, took in done if since <= end - took < last)
    if not took or last <= since:
        return None
    return Felt(
        seconds=last - since,
        transactions=len(took),
        failed=len(failed),
        deadlocked=failed.count("deadlock"),
        p50=percentile(took, 0.5),
        p99=percentile(took, 0.99),
        longest=took[-1],
    )


@dataclass(frozen=True)
class Load:
    """What pgbench runs where: its own TPC-B-like transaction when there is no script."""

    server: Server
    database: str
    clients: int
    script: str | None = None
    settings: Mapping[str, str] | None = None

    async def flat_out(self, seconds: int) -> float:
        """Run without a pause between transactions; return how many went through in a second."""
        said, _ = await self._run(f"--time={seconds}")
        match = re.search(r"tps = ([\d.]+)", said)
        if match is None:
            raise PgbenchFailedError(said)
        return float(match[1])

    async def paced(self, seconds: int, rate: float) -> list[str]:
        """Run at a rate of transactions a second; return the log."""
        failures = ("--failures-detailed",) if self.server.version >= COUNTS_FAILURES_SINCE else ()
        _, log = await self._run(f"--time={seconds}", f"--rate={rate:.1f}", "--log", *failures)
        return log

    async def _run(self, *options: str) -> tuple[str, list[str]]:
        """Return what pgbench said, and its log."""
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder) / "script", self.script or "")
            scripts = ("--no-vacuum", "--file=script") if self.script else ("--no-vacuum",)
            url = self.server.socket_url(self.database)
            said = await pgbench(
                self.server, folder, *options, *scripts, *self._clients(), url, settings=self.settings
            )
            return said, _logged(Path(folder))

    def _clients(self) -> tuple[str, ...]:
        return ("--protocol=prepared", f"--client={self.clients}", f"--jobs={min(2, self.clients)}")


def _write(path: Path, script: str) -> None:
    path.write_text(script)


def _logged(folder: Path) -> list[str]:
    return [line for log in folder.glob("pgbench_log.*") for line in log.read_text().splitlines()]


async def pgbench(
    server: Server, folder: str, *arguments: str, settings: Mapping[str, str] | None = None
) -> str:
    """Run pgbench in a folder to its end; return what it says. Raises PgbenchFailedError."""
    options = " ".join(f"-c {name}={value}" for name, value in (settings or {}).items())
    process = await asyncio.create_subprocess_exec(
        server.bin("pgbench"), *arguments,
        cwd=folder,
        env={**os.environ, "PGOPTIONS": options},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        preexec_fn=die_with_parent,
    )  # fmt: skip
    said = (await process.communicate())[0].decode()
    if process.returncode:
        raise PgbenchFailedError(said)
    return said
