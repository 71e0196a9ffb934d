"""Write the witnesses of a version: what is in a database at each stage of a change that it carries.

They are made once, when a version is released, by the program of that version, and never again:

    git worktree add /tmp/released TAG
    cp -r tests/ledgers /tmp/released/tests/
    cd /tmp/released && python -m tests.ledgers.make VERSION
"""

import asyncio
import os
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import backfill, contract, control, init, start, undo
from expandcontract.model import killpoints
from expandcontract.model.change import Change
from expandcontract.model.events import ignore
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database
from expandcontract.testing.server import Server
from tests.ledgers.changes import CHANGES, NAME, STAGES, TABLE, Kept

#: Tables of the ledger that its migrations fill.
FILLED = ("phase_rule", "state_rule")
#: A day that has passed everywhere.
DAY = "2026-01-15"
TIMES = 2


def main(version: str) -> None:
    """Write a file for each change and stage."""
    folder = Path(__file__).parent / version
    folder.mkdir(exist_ok=True)
    with Server.start(18, {"fsync": "off", "timezone": "UTC"}) as server:
        for example, kept in CHANGES.items():
            for stage, (verbs, point) in STAGES.items():
                asyncio.run(_execute(server.url(), "DROP DATABASE IF EXISTS kept", "CREATE DATABASE kept"))
                asyncio.run(_execute(server.url("kept"), TABLE))
                for verb in ("init", *verbs[:-1]):
                    _act(server.url("kept"), kept, verb, None)
                _act(server.url("kept"), kept, verbs[-1], point)
                plan = asyncio.run(_plan(server.url("kept")))
                (folder / f"{example}.plan.json").write_text(plan + "\n")
                literal = plan.replace("'", "''")
                (folder / f"{example}-{stage}.sql").write_text(
                    _dumped(server).replace(f"'{literal}'", ":plan")
                )


def _act(url: str, kept: Kept, verb: str, point: str | None) -> None:
    """Carry out a verb in a process of its own, which dies at `point`."""
    pid = os.fork()
    if pid == 0:
        reached = 0

        def at(name: str) -> None:
            nonlocal reached
            reached += name == point
            if reached == (TIMES if point == "copy.batch.committed" else 1):
                os._exit(0)

        killpoints.watch(at)
        try:
            asyncio.run(_verb(url, Change(NAME, kept.kind, dict(kept.fields)), verb))
        finally:
            os._exit(1 if sys.exc_info()[0] is not None or point is not None else 0)
    _, status = os.waitpid(pid, 0)
    assert status == 0, f"{verb} of {kept.kind} did not come to {point or 'its end'}"


async def _verb(url: str, change: Change, verb: str) -> None:
    context = Context(Database(url), Policy(quiet_for=timedelta(0)), ignore, "operator")
    match verb:
        case "init":
            await init.init(context)
        case "start":
            await start.start(context, change)
        case "backfill" | "ready":
            options = backfill.BackfillOptions(batch=20, verify=verb == "backfill")
            await backfill.backfill(context, change.name, options)
        case "contract":
            await control.ack(context, change.name, "new-code-seen", "nobody writes")
            await contract.contract(context, change.name)
        case "undo":
            await undo.undo(context, change.name)
        case _:
            raise ValueError(verb)
    await context.database.close()


def _dumped(server: Server) -> str:
    """Return the table, what keeps it in sync, and the ledger's rows, as statements. The ledger itself is
    what the migrations of that version made.
    """
    excluded = [f"--exclude-table-data=expandcontract.{name}" for name in FILLED]
    text = "\n".join(
        (
            _dump(server, "--schema=public", "--schema=expandcontract_sync"),
            _dump(server, "--schema=expandcontract", "--data-only", *excluded),
        )
    )
    text = text.replace(f"{datetime.now(UTC):%Y-%m-%d}", DAY).replace(socket.gethostname(), "somewhere")
    lines = (line for line in text.splitlines() if line and not re.match(r"--|\\|CREATE SCHEMA public", line))
    return "\n".join(lines) + "\n"


def _dump(server: Server, *options: str) -> str:
    command = [str(server.bin("pg_dump")), "--no-owner", "--inserts", *options, "-d", server.url("kept")]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


async def _plan(url: str) -> str:
    """Return the plan, of which one copy is enough for all stages."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    plan: str = await connection.fetchval("SELECT plan::text FROM expandcontract.change")
    await connection.close()
    return plan


async def _execute(url: str, *statements: str) -> None:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
