"""`ec report` and `ec log`: what the ledger tells of a change when the table, or the change, is gone."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import contract, control, rollback
from expandcontract.engine.verbs import log as logs
from expandcontract.engine.verbs.backfill import BackfillOptions
from expandcontract.model.errors import GateShut, NotConfirmed
from expandcontract.model.events import ignore
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database
from tests.chaos import life
from tests.chaos.life import EXAMPLES

pytestmark = pytest.mark.in_turn(2)

RENAME = EXAMPLES["rename"]
NAME = RENAME.change.name
SECRET = "Jane Doe, 4 Privet Drive"


@pytest.fixture
async def application(database: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """Give a session of the application, on a table of which each row holds the secret."""
    session: asyncpg.Connection[Any] = await asyncpg.connect(database, statement_cache_size=0)
    await session.execute(life.TABLE)
    await session.execute("UPDATE people SET name = $1", SECRET)
    await life.act(database, RENAME, "init")
    yield session
    await session.close()


async def _ec(url: str, *words: str) -> str:
    """Run `ec` as people do; return what it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "expandcontract", *words),
        env={**os.environ, "EC_DATABASE_URL": url},
        stdout=subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


def _section(report: str, title: str) -> str:
    return report.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]


async def _acts(url: str, *verbs: str) -> None:
    for verb in verbs:
        await life.act(url, RENAME, verb)


async def test_a_change_from_start_to_purge(database: str, application: "asyncpg.Connection[Any]") -> None:
    """Who, rows, both contracts, waiver, refusal, undo, every lock; also when the table is gone, and not one
    value of a row.
    """
    await _acts(database, "start", "backfill")
    await application.execute("UPDATE people SET name = $1 WHERE id = 1", f"{SECRET}!")
    context = Context(Database(database), Policy(quiet_for=timedelta(0)), ignore, "grace")
    try:
        with pytest.raises(GateShut):
            await contract.contract(context, NAME)
        await control.ack(context, NAME, "new-code-seen", "the new version is out")
    finally:
        await context.database.close()
    await _acts(database, "contract", "undo", "backfill")
    await application.execute("UPDATE people SET display_name = $1 WHERE id = 2", f"{SECRET}?")
    await _acts(database, "contract", "purge")
    await application.execute("DROP TABLE people")
    report = await _ec(database, "report")
    page = await _ec(database, "report", NAME, "--html")
    assert SECRET not in report + page
    short = _section(report, "In short")
    assert "| state | purged " in short
    assert "it held at contract" in short
    assert "| rows | 300 rows written" in short
    gates = _section(report, "Gates")
    assert gates.count("### At contract") == 2
    assert "the new version is out" in gates
    assert "Who wrote through the old side" in gates
    locks = _section(report, "What it cost others")
    for step in ("expand add_column", "contract hide", "undo unhide", "purge drop"):
        assert f"| {step}" in locks
    story = _section(report, "What happened")
    assert "| grace as postgres | refused | ec contract: EC310" in story
    assert "contract was undone" in story
    assert page.count("<h2>") == report.count("\n## ")


@pytest.mark.usefixtures("application")
async def test_a_change_that_was_rolled_back(database: str) -> None:
    """It tells that it was, that nothing is proven now, and of a second attempt apart from the first."""
    await _acts(database, "start", "backfill", "rollback")
    report = await _ec(database, "report", NAME)
    assert "| state | rolled back" in _section(report, "In short")
    assert "There is no proof that counts." in _section(report, "Proof")
    await _acts(database, "start")
    phases = _section(await _ec(database, "report", NAME), "Phases")
    assert "| 1 | backfill | undone |" in phases
    assert "| 2 | expand | done |" in phases


@pytest.mark.usefixtures("application")
async def test_a_change_that_has_hardly_begun(database: str, tmp_path: Path) -> None:
    """There is a report from the first moment on, in a file where somebody wants it there."""
    await _acts(database, "start")
    await _ec(database, "report", "--html", "--output", str(tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text()
    assert "open: both sides are in use" in page
    assert "No rows were read or written." in page
    document = json.loads(await _ec(database, "report", "--json"))
    assert (document["schema"], document["change"]) == ("ec.report/1", NAME)


@pytest.mark.usefixtures("application")
async def test_what_held_it_back(database: str) -> None:
    """For how long, by which throttle; and a refusal of a verb that wants to be confirmed."""
    await _acts(database, "start")
    await life.act(database, RENAME, "backfill", options=BackfillOptions(batch=20, max_rate=100))
    context = Context(Database(database), Policy(), ignore, "grace")
    try:
        with pytest.raises(NotConfirmed):
            await rollback.rollback(context, NAME, discard=True)
    finally:
        await context.database.close()
    report = await _ec(database, "report", NAME)
    assert "| max-rate |" in _section(report, "Rows")
    assert "| grace as postgres | refused | ec rollback:" in _section(report, "What happened")


@pytest.mark.usefixtures("application")
async def test_the_story_is_told_in_order(database: str) -> None:
    """A command begins before what it does, and each lock, proof and undo is an entry of its own."""
    await _acts(database, "start", "backfill")
    context = Context(Database(database), Policy(), ignore, "grace")
    try:
        entries = await logs.read(context, NAME)
    finally:
        await context.database.close()
    kinds = [entry.kind for entry in entries]
    assert kinds.index("began") < kinds.index("step")
    assert [e.data["verb"] for e in entries if e.kind == "began"] == ["start", "backfill"]
    assert "verified" in kinds
    locked = [entry.data for entry in entries if entry.kind == "locked"]
    assert {"expand", "dual_write", "backfill"} == {data["section"] for data in locked}
    assert all(data["held_seconds"] > 0 for data in locked)
