"""Hooks before and after each turn of a change: who is asked, who is told, and what becomes of it."""

import asyncio
import json
import shlex
import threading
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Self

import pytest

from expandcontract.model.errors import HookRefused
from expandcontract.model.events import Notice
from expandcontract.model.hooks import NAMES, Hooks
from expandcontract.model.phases import Stage
from tests.acceptance.cycle import Life, living
from tests.acceptance.moments import dies_at

pytestmark = pytest.mark.in_turn(3)

_USERS = """
CREATE TABLE users(id int PRIMARY KEY, name text);
INSERT INTO users SELECT i, 'name ' || i FROM generate_series(1, 20) i
"""
_RENAME = ("rename-column", {"column": "users.name", "new_name": "full_name"}, _USERS)


def _with(life: Life, calls: dict[str, str], timeout: timedelta = timedelta(seconds=30)) -> Life:
    return replace(life, context=replace(life.context, hooks=Hooks(calls, timeout)))


def _noting(path: Path, words: str = "$EC_HOOK $EC_STATE") -> str:
    return f'echo "{words}" >> {shlex.quote(str(path))}'


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


async def _kept(life: Life, kind: str = "hook%") -> list[str]:
    query = "SELECT kind || ' ' || (data->>'hook') FROM expandcontract.event WHERE kind LIKE $1 ORDER BY id"
    return [row[0] for row in await life.rows(query, kind)]


async def test_every_turn_asks_before_and_tells_after_once(database: str, tmp_path: Path) -> None:
    """In order, with the state that the change is in; what is run again asks and tells nobody."""
    path = tmp_path / "said"
    async with living(database, *_RENAME) as plain:
        life = _with(plain, {name: _noting(path) for name in NAMES})
        await life.start()
        await life.rollback()
        await life.start()
        await life.start()
        await life.backfill()
        await life.backfill()
        await life.contract()
        await life.undo()
        await life.undo()
        await life.verify()
        await life.contract()
        await life.contract()
        await life.purge()
        await life.purge()
        assert _lines(path) == [
            "before_start planned", "after_start active",
            "before_rollback active", "after_rollback rolled_back",
            "before_start rolled_back", "after_start active", "before_ready active", "after_ready active",
            "before_contract active", "after_contract hidden", "before_undo hidden", "after_undo active",
            "before_contract active", "after_contract hidden", "before_purge hidden", "after_purge purged",
        ]  # fmt: skip
        told = await _kept(life, "hook ran")
        assert len(told) == 16
        due = "SELECT told_at IS NOT NULL FROM expandcontract.hook"
        assert [told for (told,) in await life.rows(due)] == [True] * 8


async def test_a_command_gets_the_change_in_its_environment(database: str, tmp_path: Path) -> None:
    """All that a message to people or a dashboard needs."""
    path = tmp_path / "said"
    words = "$EC_CHANGE|$EC_KIND|$EC_PHASE|$EC_TABLE|$EC_OLD_COLUMN|$EC_NEW_COLUMN|$EC_WHO"
    async with living(database, *_RENAME) as plain:
        life = _with(plain, {"before_start": _noting(path, words), "after_ready": _noting(path, words)})
        await life.ready()
        said = "rename-column|{}|public.users|name|full_name|the operator"
        assert _lines(path) == [f"{life.name}|{said.format(turn)}" for turn in ("start", "ready")]


_TURNS = {
    "before_start": ("start", Stage.NOT_STARTED),
    "before_ready": ("backfill", Stage.BEFORE_READY),
    "before_contract": ("contract", Stage.READY),
    "before_undo": ("undo", Stage.HIDDEN),
    "before_purge": ("purge", Stage.HIDDEN),
    "before_rollback": ("rollback", Stage.READY),
}


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("hook", _TURNS)
async def test_a_before_hook_that_fails_shuts_the_way(database: str, hook: str) -> None:
    """The exit code is a shut gate's, its name and words are said and kept, and nothing is changed."""
    verb, stage = _TURNS[hook]
    async with living(database, *_RENAME, to=None if stage == Stage.NOT_STARTED else stage) as life:
        shut = _with(life, {hook: "echo; echo 'not on a Friday' >&2; exit 3"})
        with pytest.raises(HookRefused, match=f"{hook} .*exit code 3: not on a Friday") as refused:
            await getattr(shut, verb)()
        assert refused.value.exit_code == 4
        assert await _kept(life, "hook refused") == [f"hook refused {hook}"]
        if stage == Stage.NOT_STARTED:
            assert await life.rows("SELECT FROM expandcontract.change") == []
        else:
            assert (await life.situation()).stage == stage
        await getattr(_with(life, {hook: "exit 0"}), verb)()


async def test_a_hook_that_does_not_answer_is_ended_with_all_that_it_began(
    database: str, tmp_path: Path
) -> None:
    """No process is left behind, and the phase does not begin."""
    path = tmp_path / "children"
    command = f"sleep 600 & echo $! >> {shlex.quote(str(path))}; wait"
    async with living(database, *_RENAME) as life:
        slow = _with(life, {"before_start": command}, timedelta(seconds=1))
        with pytest.raises(HookRefused, match="no end within 1s"):
            await slow.start()
        (child,) = _lines(path)
        assert not _runs(child)


def _runs(pid: str) -> bool:
    """Whether a process is there that has not ended: one that nobody asked about yet is a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def test_an_after_hook_that_fails_changes_nothing(database: str) -> None:
    """It is said and kept; the verb ends well, and the hook is not called again."""
    async with living(database, *_RENAME) as plain:
        life = _with(plain, {"after_start": "echo 'no such channel'; exit 1"})
        situation = await life.start()
        assert situation.stage == Stage.BEFORE_READY
        said = [event.text for event in life.heard if isinstance(event, Notice)]
        assert any("after_start failed: exit code 1: no such channel" in text for text in said)
        await life.start()
        assert await _kept(life, "hook failed") == ["hook failed after_start"]


@pytest.mark.in_turn(3)
@pytest.mark.parametrize(
    ("point", "asked"),
    [
        ("hook.contract.agreed", 2),
        ("hook.contract.due", 2),
        ("contract.hide.begun", 2),
        ("contract.hide.recorded", 1),
        ("hook.contract.over", 1),
        ("hook.contract.called", 1),
    ],
)
async def test_a_death_between_hook_and_phase(database: str, tmp_path: Path, point: str, asked: int) -> None:
    """The same command goes on: who has to agree may be asked twice, who is told is told at least once."""
    path = tmp_path / "said"
    async with living(database, *_RENAME, to=Stage.READY) as plain:
        life = _with(plain, {"before_contract": _noting(path), "after_contract": _noting(path)})
        with dies_at(point):
            await life.contract()
        await life.contract()
        lines = _lines(path)
        assert lines.count("before_contract active") == asked
        told = lines.count("after_contract hidden")
        assert told == (2 if point == "hook.contract.called" else 1)
        await life.contract()
        assert _lines(path) == lines


async def test_undo_that_was_killed_is_told_when_it_is_finished(database: str, tmp_path: Path) -> None:
    """Also when the old side was back already and only steps after it were left."""
    path = tmp_path / "said"
    given = f"{_USERS}; ALTER TABLE users ALTER name SET NOT NULL"
    async with living(database, *_RENAME[:2], given) as plain:
        await plain.ready()
        await plain.contract()
        life = _with(plain, {"after_undo": _noting(path)})
        with dies_at("undo.unhide.recorded"):
            await life.undo()
        assert _lines(path) == []
        await life.undo()
        assert _lines(path) == ["after_undo active"]


class _Desk:
    """Answers POST requests with `status`, and keeps what they said."""

    def __init__(self) -> None:
        self.status = 204
        self.heard: list[tuple[str | None, dict[str, Any]]] = []
        desk = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                desk.heard.append((self.headers["Authorization"], json.loads(self.rfile.read(length))))
                self.send_response(desk.status)
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://ada:s3cret@127.0.0.1:{self._server.server_port}/hook"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


async def test_a_url_gets_the_change_as_json(database: str) -> None:
    """A status of 2xx agrees; any other, and silence, refuses; credentials of the URL are not said."""
    with _Desk() as desk:
        async with living(database, *_RENAME) as plain:
            life = _with(plain, {"before_start": desk.url, "after_start": desk.url}, timedelta(seconds=5))
            desk.status = 503
            with pytest.raises(HookRefused, match="answered 503") as refused:
                await life.start()
            assert "s3cret" not in str(vars(refused.value))
            desk.status = 200
            await life.start()
            (_, first), (authorization, agreed), (_, told) = desk.heard
            assert authorization is not None
            assert authorization.startswith("Basic ")
            assert first == agreed
            assert agreed == {
                "schema": "ec.hook/1", "hook": "before_start", "phase": "start", "change": life.name,
                "kind": "rename-column", "table": "public.users", "old_column": "name",
                "new_column": "full_name", "state": "planned", "who": "the operator",
            }  # fmt: skip
            assert (told["hook"], told["state"]) == ("after_start", "active")
    async with living(database, *_RENAME[:2]) as plain:
        life = _with(plain, {"before_ready": desk.url}, timedelta(seconds=5))
        with pytest.raises(HookRefused):
            await life.backfill()
        assert await asyncio.to_thread(lambda: len(desk.heard)) == 3
