"""What the sync trigger takes from pgbench's throughput, and which part of that is taking notes.

A change of `pgbench_accounts.abalance` is ready. Of its database there are three copies, the same to the last
page: as it is, without the taking of notes, and without the trigger.
"""

import re
import tempfile
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from expandcontract.testing.operator import Operator
from expandcontract.testing.server import Server
from instrument import page
from instrument.copies import session
from instrument.machine import cpu_seconds
from instrument.pgbench_run import Load, pgbench
from instrument.script import say

CHANGE = ("start", "rename-column", "pgbench_accounts.abalance", "balance")
TRIGGER = '"~ec_0001_rename_pgbench_accounts_abalance"'
FUNCTION = f"SELECT pg_get_functiondef('expandcontract_sync.{TRIGGER}'::regproc)"
#: Who writes which side is noted in such a block.
NOTE = re.compile(r"IF (?:NOT altered AND )?COALESCE\(pg_catalog\.current_setting\(.*?END IF;", re.DOTALL)
WITH, UNNOTED, WITHOUT = "with the trigger", "with it, but for its notes", "without the trigger"
DATABASES = {WITH: "standing", UNNOTED: "unnoted", WITHOUT: "bare"}
#: A commit that waits for the disk would hide what the trigger takes.
SETTINGS = {"synchronous_commit": "off"}
TRIGGER_LIMIT, NOTES_LIMIT = 0.08, 0.03


class NoNoteError(Exception):
    """The trigger's function does not look as it is known here."""


@dataclass(frozen=True)
class Pace:
    """Transactions a second, and the server's processor time for one, in microseconds."""

    per_second: float
    cpu: float | None


def options(parser: ArgumentParser) -> None:
    """Add what this section understands."""
    parser.add_argument("--scale", type=int, default=10, help="of pgbench: 100,000 accounts each")
    parser.add_argument("--rounds", type=int, default=30, help="of one slice with each variant")
    parser.add_argument("--slice", type=int, default=3, help="seconds")
    parser.add_argument("--clients", type=int, default=4)


async def run(server: Server, told: Namespace) -> str:
    """Let pgbench run flat out on each copy in turn."""
    with tempfile.TemporaryDirectory() as folder:
        await _prepare(server, told, folder)
    found: dict[str, list[Pace]] = defaultdict(list)
    for number in range(told.rounds + 1):
        for name in _rotated(list(DATABASES), number):
            pace = await _slice(server, told, DATABASES[name])
            if number:  # the first round fills caches
                found[name].append(pace)
                say(f"{name}: {pace.per_second:,.0f} a second")
    return f"{_table(found)}\n\n{_explained(told)}"


def _rotated(names: list[str], number: int) -> list[str]:
    cut = number % len(names)
    return names[cut:] + names[:cut]


async def _prepare(server: Server, told: Namespace, folder: str) -> None:
    standing, unnoted, bare = DATABASES.values()
    async with session(server.url()) as admin:
        await admin.execute(f"CREATE DATABASE {standing}")
        await pgbench(
            server, folder, "--initialize", f"--scale={told.scale}", "--quiet", server.socket_url(standing)
        )
        operator = Operator(Path(folder), server.url(standing))
        for words in (("init",), CHANGE, ("backfill", "--no-verify")):
            await operator.type(*words)
        async with session(server.url(standing)) as raw:
            # All three have a row's new version on the same page, as a table that is at work for long.
            await raw.execute("ALTER TABLE pgbench_accounts SET (fillfactor = 90)")
            await raw.execute("VACUUM (FULL, FREEZE, ANALYZE) pgbench_accounts")
        for name in (unnoted, bare):
            await admin.execute(f"CREATE DATABASE {name} TEMPLATE {standing}")
    async with session(server.url(bare)) as raw:
        await raw.execute(f"DROP TRIGGER {TRIGGER} ON pgbench_accounts")
    async with session(server.url(unnoted)) as raw:
        await raw.execute(without_notes(await raw.fetchval(FUNCTION)))


def without_notes(definition: str) -> str:
    """Return the function of the sync trigger as it would be if it noted nobody. Raises NoNoteError."""
    silent, blocks = NOTE.subn("NULL;", definition)
    if not blocks:
        raise NoNoteError(definition)
    return silent


async def _slice(server: Server, told: Namespace, database: str) -> Pace:
    async with session(server.url()) as admin:
        await admin.execute("CHECKPOINT")
    used = cpu_seconds(server)
    load = Load(server, database, told.clients, settings=SETTINGS)
    per_second = await load.flat_out(told.slice)
    used_then = cpu_seconds(server)
    transactions = per_second * told.slice
    return Pace(
        per_second, None if used is None or used_then is None else 1e6 * (used_then - used) / transactions
    )


def _table(found: dict[str, list[Pace]]) -> str:
    rows = [
        [
            name,
            page.quarters([pace.per_second for pace in paces], page.count),
            page.quarters([pace.cpu for pace in paces if pace.cpu is not None], page.micros),
        ]
        for name, paces in found.items()
    ]
    costs = [
        _lost(found, WITHOUT, "the trigger", TRIGGER_LIMIT),
        _lost(found, UNNOTED, "its notes", NOTES_LIMIT),
    ]
    return "\n\n".join(
        (
            page.table(("", "transactions a second", "server CPU for one"), rows),
            page.table(("what it takes", "of the throughput", "more server CPU", "at most"), costs),
        )
    )


def _lost(found: dict[str, list[Pace]], other: str, label: str, limit: float) -> list[str]:
    """Return what is lost by the trigger beside a variant, from slices of the same round."""
    rounds = list(zip(found[WITH], found[other], strict=True))
    lost = [1 - ours.per_second / theirs.per_second for ours, theirs in rounds]
    more = [ours.cpu / theirs.cpu - 1 for ours, theirs in rounds if ours.cpu and theirs.cpu]
    return [label, page.quarters(lost, _tenths), page.quarters(more, _tenths), _tenths(limit)]


def _tenths(share: float) -> str:
    return f"{100 * share:.1f} %"


def _explained(told: Namespace) -> str:
    return (
        f"pgbench's TPC-B-like transaction, {told.clients} clients, scale {told.scale}; commits do not wait "
        f"for the disk. {told.rounds} rounds of slices of {told.slice} s in turn, a checkpoint before each. "
        "Medians, with the first and the third quartile; differences are of slices of the same round."
    )
