"""What renames that copy nothing cost on a large table: time, WAL, and for how long the table is locked."""

import time
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import contract, control, init, plan, rollback, start, undo
from expandcontract.model.errors import Refused
from expandcontract.model.events import ignore
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database
from expandcontract.testing.server import Server
from instrument import page
from instrument.copies import session
from instrument.hiding import HELD, LAST, TABLE
from instrument.script import say

DATABASE = "instant"
#: Kind, fields, and the hazards that are acknowledged.
RENAMES: Mapping[str, tuple[str, dict[str, object], frozenset[str]]] = {
    "rename-table": ("rename-table", {"table": "users", "new_name": "accounts"}, frozenset({"view"})),
    "rename-column --instant": (
        "rename-column",
        {"column": "users.name", "new_name": "title", "instant": True},
        frozenset({"view", "both-names"}),
    ),
}
VERBS = {"contract": contract.contract, "undo": undo.undo, "rollback": rollback.rollback}
SECTIONS = {"start": "expand", "contract": "contract", "undo": "undo", "rollback": "rollback"}
HEAD = ("", "verb", "in all (at most 1 s)", "lock held (at most 50 ms)", "WAL (at most 1 MB)")
MOST_SECONDS, MOST_HELD_SECONDS, MOST_KB = 1.0, 0.05, 1000
_LSN = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::int8"
Verb = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Turn:
    """One run of a verb, with its longest lock."""

    verb: str
    seconds: float
    held_seconds: float
    wal_bytes: float


async def run(server: Server, told: Namespace) -> str:
    """Rename a table and a column of it, there and back, again and again."""
    async with session(server.url()) as admin:
        await admin.execute(f"CREATE DATABASE {DATABASE}")
    async with session(server.url(DATABASE)) as raw:
        await raw.execute(TABLE.format(rows=told.rows))
        await raw.execute("VACUUM (FREEZE, ANALYZE) users")
    rows = []
    async with _context(server) as context:
        await init.init(context)
        for label in RENAMES:
            turns = [turn for _ in range(told.repeat) for turn in await _turns(context, label)]
            rows += [_row(label, verb, [each for each in turns if each.verb == verb]) for verb in SECTIONS]
    return f"{page.table(HEAD, rows)}\n\n{_explained(told)}"


@asynccontextmanager
async def _context(server: Server) -> AsyncIterator[Context]:
    context = Context(
        Database(server.url(DATABASE)), Policy(quiet_for=timedelta(0)), ignore, "this is a benchmark"
    )
    try:
        yield context
    finally:
        await context.database.close()


async def _turns(context: Context, label: str) -> list[Turn]:
    kind, fields, acknowledged = RENAMES[label]
    change = plan.named(kind, fields, ())
    consent = start.Consent(acknowledged=acknowledged)
    found = [await _turn(context, "start", lambda: start.start(context, change, consent))]
    with suppress(Refused):  # of what nobody can see the gate is open
        await control.ack(context, change.name, "new-code-seen", "this is a benchmark")
    for verb, does in VERBS.items():
        found.append(await _turn(context, verb, lambda does=does: does(context, change.name)))
    return found


async def _turn(context: Context, verb: str, does: Verb) -> Turn:
    async with context.database.transaction() as conn:
        last = (await conn.exec_driver_sql(LAST)).scalar_one() or 0
        lsn = (await conn.exec_driver_sql(_LSN)).scalar_one()
    began = time.perf_counter()
    await does()
    seconds = time.perf_counter() - began
    async with context.database.transaction() as conn:
        written = (await conn.exec_driver_sql(_LSN)).scalar_one() - lsn
        held = (await conn.exec_driver_sql(HELD, (SECTIONS[verb], last))).scalar_one()
    say(f"{verb}: {page.millis(seconds)}, lock held {page.millis(held)}, {written:,} bytes of WAL")
    return Turn(verb, seconds, held, float(written))


def _row(label: str, verb: str, turns: list[Turn]) -> list[str]:
    columns = (
        ([each.seconds for each in turns], "{:.2f} s".format, MOST_SECONDS),
        ([each.held_seconds for each in turns], page.millis, MOST_HELD_SECONDS),
        ([each.wal_bytes / 1000 for each in turns], "{:.0f} kB".format, MOST_KB),
    )
    cells = []
    for values, spell, most in columns:
        spelt = page.middle(values, spell, spread=True)
        cells.append(f"**{spelt}**" if max(values) > most else spelt)
    return [label, verb, *cells]


def _explained(told: Namespace) -> str:
    return (
        f"{told.rows:,} rows; the column is NOT NULL and has an index. Each verb {told.repeat} times, as a "
        "library, without the start of Python. Medians, with the least and the greatest."
    )
