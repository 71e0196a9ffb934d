"""Contract with a canary: the application is watched, and contract is undone when it fails."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from expandcontract import gates
from expandcontract.cli.views.status import StatusView
from expandcontract.engine.verbs import canary
from expandcontract.model.errors import CanaryFailed, Interrupted, WrongState
from expandcontract.model.events import Notice
from expandcontract.model.hooks import Hooks
from expandcontract.model.phases import Stage, State
from expandcontract.model.situation import Situation
from tests.acceptance.cycle import Life, acknowledge, living
from tests.acceptance.moments import at, dies_at, elsewhere
from tests.waiting import until

pytestmark = pytest.mark.in_turn(2)

_USERS = """
CREATE TABLE users(id int PRIMARY KEY, name text);
INSERT INTO users SELECT i, 'name ' || i FROM generate_series(1, 20) i
"""
_RENAME = ("rename-column", {"column": "users.name", "new_name": "full_name"}, _USERS)

#: What it reads of the old side fails after contract. What it does beside that succeeds: a session that does
#: nothing but fail hands in no counters.
_OLD_CODE = ("SELECT name FROM users", "SELECT count(id) FROM users")


@asynccontextmanager
async def _application(url: str, *statements: str) -> AsyncIterator[None]:
    """Run the statements over and over, and count on none of them to succeed."""
    conn = await asyncpg.connect(url, server_settings={"application_name": "old app"})

    async def work() -> None:
        while True:
            for statement in statements:
                with contextlib.suppress(asyncpg.PostgresError):
                    await conn.execute(statement)
            await asyncio.sleep(0.005)

    working = asyncio.create_task(work())
    try:
        yield
    finally:
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
        await conn.close()


async def _noted(life: Life) -> None:
    await acknowledge(life, "new-code-seen", "the test writes as both")


async def _watched(life: Life, seconds: float) -> Situation:
    return await canary.contract_watched(life.context, life.name, timedelta(seconds=seconds))


async def _events(life: Life) -> list[str]:
    query = "SELECT kind FROM expandcontract.event WHERE kind LIKE 'canary%' ORDER BY id"
    return [row[0] for row in await life.rows(query)]


async def test_contract_is_undone_when_old_code_fails(database: str) -> None:
    """Its statements name the old column, are rolled back, and soon work again; the reason has both rates."""
    async with living(database, *_RENAME, to=Stage.READY) as life:
        await _noted(life)
        async with _application(database, *_OLD_CODE):
            with pytest.raises(CanaryFailed, match=r"rolled back in .* before contract") as failed:
                await _watched(life, 30)
        assert failed.value.exit_code == 1
        assert "old side is back" in failed.value.state
        assert (await life.situation()).state == State.ACTIVE
        assert await life.value("SELECT name FROM users WHERE id = 1") == "name 1"
        assert await _events(life) == ["canary begun", "canary failed"]
        said = [event.text for event in life.heard if isinstance(event, Notice)]
        assert any("3 times as many as before" in text for text in said)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_an_application_that_fails_as_before_is_left_alone(database: str) -> None:
    """Contract stays; the ledger says that the canary passed, and nothing is left to do."""
    async with living(database, *_RENAME, to=Stage.READY) as life:
        await _noted(life)
        async with _application(database, "SELECT nothing_of_that_name", "SELECT full_name FROM users"):
            situation = await _watched(life, 6)
        assert (situation.state, situation.canary_open) == (State.HIDDEN, False)
        assert await _events(life) == ["canary begun", "canary passed"]
        await _watched(life, 600)
        assert await _events(life) == ["canary begun", "canary passed"]


async def test_the_canary_hook_undoes_contract(database: str, tmp_path: Path) -> None:
    """Nothing is rolled back, but it knows better; its words are the reason."""
    async with living(database, *_RENAME, to=Stage.READY) as plain:
        await _noted(plain)
        hooks = Hooks({"canary": f"echo x >> {tmp_path}/asked; echo 'no orders any more'; exit 1"})
        life = replace(plain, context=replace(plain.context, hooks=hooks))
        with pytest.raises(CanaryFailed, match="canary hook failed: exit code 1: no orders any more"):
            await _watched(life, 20)
        assert (await life.situation()).state == State.ACTIVE


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("point", ["canary.watching", "contract.hide.recorded"])
async def test_a_canary_that_was_killed_is_said_to_be_open_and_goes_on(database: str, point: str) -> None:
    """The old side stays hidden; status says how to go on and how to undo; the same command watches again."""
    async with living(database, *_RENAME, to=Stage.READY) as life:
        await _noted(life)
        with dies_at(point):
            await _watched(life, 2)
        situation = await life.situation()
        assert situation.canary_open
        text = StatusView.of([situation], gates.judge_all).text()
        assert f"the canary has not ended; ec undo {life.name}" in text
        assert f"ec contract {life.name} --canary" in text
        done = await _watched(life, 2)
        assert (done.state, done.canary_open) == (State.HIDDEN, False)


async def test_a_canary_that_was_killed_before_it_hid_anything_begins_anew(database: str) -> None:
    """With another baseline; the journal keeps the first beginning."""
    async with living(database, *_RENAME, to=Stage.READY) as life:
        await _noted(life)
        with dies_at("canary.begun"):
            await _watched(life, 2)
        assert (await life.situation()).state == State.ACTIVE
        assert (await _watched(life, 2)).state == State.HIDDEN
        assert await _events(life) == ["canary begun", "canary begun", "canary passed"]


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_failed_canary_that_was_killed_undoes_at_the_next_run(database: str) -> None:
    """It was about to undo: the failures are still there, and are seen again."""
    async with living(database, *_RENAME, to=Stage.READY) as life:
        await _noted(life)
        async with _application(database, *_OLD_CODE):
            with dies_at("canary.failed"):
                await _watched(life, 30)
            assert (await life.situation()).canary_open
            with pytest.raises(CanaryFailed):
                await _watched(life, 30)
        assert (await life.situation()).state == State.ACTIVE


async def test_what_undo_would_lose_is_not_lost_by_a_canary(database: str) -> None:
    """It says that the old side stays hidden, what would be lost, and leaves the decision to people."""
    given = "CREATE TABLE t(id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1), (2, 2)"
    fields = {"column": "t.n", "type": "text", "to": "s"}
    async with living(database, "change-type", fields, given, to=Stage.READY) as plain:
        await _noted(plain)
        life = replace(plain, context=replace(plain.context, hooks=Hooks({"canary": "exit 1"})))
        with (
            at("canary.failed", lambda: elsewhere(database, "UPDATE t SET s = 'two' WHERE id = 2")),
            pytest.raises(CanaryFailed, match="could not be undone: 1 row") as failed,
        ):
            await _watched(life, 10)
        assert "--accept-loss" in failed.value.next
        assert "stays hidden" in failed.value.state
        assert (await life.situation()).state == State.HIDDEN


async def test_a_canary_can_be_stopped(database: str) -> None:
    """At once, and the change stays as it is."""
    async with living(database, *_RENAME, to=Stage.READY) as life:
        await _noted(life)
        watching = asyncio.create_task(_watched(life, 30))
        await _begun(life, watching)
        life.context.stop.set()
        with pytest.raises(Interrupted, match="stopped on request") as stopped:
            await watching
        assert stopped.value.exit_code == 130
        assert (await life.situation()).canary_open


async def _begun(life: Life, watching: "asyncio.Task[object]") -> None:
    async def begun() -> bool:
        return "canary begun" in await _events(life) and (await life.situation()).state == State.HIDDEN

    await until(begun, watching)


async def test_a_canary_ends_when_somebody_undoes_contract(database: str) -> None:
    """It holds no lease: undo from elsewhere goes through, and the watcher says so."""
    async with living(database, *_RENAME, to=Stage.READY) as life:
        await _noted(life)
        watching = asyncio.create_task(_watched(life, 30))
        await _begun(life, watching)
        await life.undo()
        with pytest.raises(WrongState, match="is active by now"):
            await watching
