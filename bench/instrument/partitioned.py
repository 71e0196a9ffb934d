"""What a table of many small partitions takes: transactions for each, and locks as long as they are many."""

import time
from argparse import Namespace
from dataclasses import dataclass
from datetime import timedelta

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import backfill, contract, control, init, plan, purge, start, undo, verify
from expandcontract.model.errors import Refused
from expandcontract.model.events import Event, LockHeld
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database
from expandcontract.testing.server import Server
from instrument import machine, page
from instrument.copies import session
from instrument.script import say

#: A transaction that locks all of them needs room for as many, and for their indexes.
LOCKS = {"max_locks_per_transaction": "1024"}
MOST_SECONDS = 60.0
FIELDS = {"column": "t.name", "new_name": "label"}
TABLE = """
CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL) PARTITION BY HASH (id);
DO $$ BEGIN FOR n IN 0..{last} LOOP EXECUTE format(
    'CREATE TABLE t%s PARTITION OF t FOR VALUES WITH (MODULUS {partitions}, REMAINDER %s)', n, n);
END LOOP; END $$;
INSERT INTO t SELECT n, 'name ' || n FROM generate_series(1, {rows}) n
"""
HEAD = ("verb", f"in all (the backfill: at most {MOST_SECONDS:.0f} s)", "longest lock held")


@dataclass
class Heard:
    """The longest lock of those that a verb tells of."""

    seconds: float = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, LockHeld):
            self.seconds = max(self.seconds, event.held_seconds)


async def run(_: Server, told: Namespace) -> str:
    """Lead one life over the table, on a server with room for its locks."""
    with Server.start(told.version, machine.SETTINGS | LOCKS) as server:
        async with session(server.url()) as raw:
            count = told.partitions
            await raw.execute(TABLE.format(last=count - 1, partitions=count, rows=10 * count))
        heard = Heard()
        database = Database(server.url())
        context = Context(database, Policy(quiet_for=timedelta(0)), heard, "this is a benchmark")
        try:
            rows = await _life(context, heard)
        finally:
            await database.close()
    return f"{page.table(HEAD, rows)}\n\n{_explained(told)}"


async def _life(context: Context, heard: Heard) -> list[list[str]]:
    await init.init(context)
    change = plan.named("rename-column", FIELDS, ())
    name = change.name

    async def contracts() -> object:
        try:
            await control.ack(context, name, "new-code-seen", "this is a benchmark")
        except Refused as error:
            say(f"not acknowledged: {error}")
        return await contract.contract(context, name)

    verbs = {
        "start": lambda: start.start(context, change, start.Consent()),
        "backfill": lambda: backfill.backfill(context, name, backfill.BackfillOptions()),
        "contract": contracts,
        "undo": lambda: undo.undo(context, name),
        "verify": lambda: verify.verify(context, name, verify.VerifyOptions()),
        "contract again": contracts,
        "purge": lambda: purge.purge(context, name, now=True, confirm=name),
    }
    rows = []
    for verb, does in verbs.items():
        heard.seconds, began = 0.0, time.perf_counter()
        await does()
        seconds = time.perf_counter() - began
        spelt, held = f"{seconds:.1f} s", page.millis(heard.seconds)
        over = verb == "backfill" and seconds > MOST_SECONDS
        say(f"{verb}: {spelt}, longest lock {held}")
        rows.append([verb, f"**{spelt}**" if over else spelt, held])
    return rows


def _explained(told: Namespace) -> str:
    return (
        f"rename-column on a table of {told.partitions:,} partitions with ten rows each, once; as a library, "
        f"without the start of Python. The server has {' '.join('='.join(each) for each in LOCKS.items())}."
    )
