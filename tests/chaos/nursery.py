"""A warmed process that forks one child for each act of a life, and tells how the child ended: `python -m
tests.chaos.nursery`.

Everything is imported before the first fork, and there is neither an event loop nor a connection nor a
thread. One line of JSON asks for a child, one answers. A child dies, or is stopped, at the kill point that it
is told.
"""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import asyncpg

from expandcontract.engine.verbs import backfill
from expandcontract.model import killpoints
from expandcontract.model.change import Change
from expandcontract.model.errors import EcError
from tests.chaos.life import EXAMPLES, OPTIONS, act

ROOT = Path(__file__).parents[2]
DIED, STOPPED, ENDED = "died", "stopped", "ended"


@dataclass(frozen=True)
class Outcome:
    """How a child fared: `how` it came to an end or halt, the points that it reached, and the error of `ec`
    that ended its act.
    """

    how: str
    pid: int
    points: tuple[str, ...] = ()
    error: str | None = None
    code: str | None = None


class Nursery:
    """The parent's handle. Use as a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Children that were stopped are killed with it.
        self._process.communicate()

    def run(self, url: str, example: str | Sequence[object], verb: str, **more: object) -> Outcome:
        """Fork a child for one act of an example, or of a change by its name, kind and spec; wait until it
        ends or halts.

        `kill` is (point, which time it is reached), or `nth` the number of the point among all; `signal` what
        then happens (default SIGKILL), `batch` the backfill's.
        """
        return self._ask({"url": url, "example": example, "verb": verb, **more})

    def wake(self, pid: int) -> Outcome:
        """Let a stopped child go on; wait until it ends."""
        self.nudge(pid)
        return self.wait(pid)

    def nudge(self, pid: int) -> None:
        """Let a stopped child go on, without waiting for it."""
        os.kill(pid, signal.SIGCONT)

    def kill(self, pid: int) -> Outcome:
        """Kill a child that was stopped once."""
        os.kill(pid, signal.SIGKILL)
        return self.wait(pid)

    def wait(self, pid: int) -> Outcome:
        """Wait until a child that was stopped once ends."""
        return self._ask({"wait": pid})

    def _ask(self, asked: dict[str, Any]) -> Outcome:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return Outcome(
            answer["how"],
            answer["pid"],
            tuple(answer.get("points", ())),
            answer.get("error"),
            answer.get("code"),
        )


def _serve() -> None:
    asleep: dict[int, int] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            pid = asked["wait"]
            pipe = asleep.pop(pid)
        else:
            pid, pipe = _fork(asked)
        _, status = os.waitpid(pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            asleep[pid] = pipe
            answer: dict[str, Any] = {"how": STOPPED}
        else:
            answer = {"how": DIED if os.WIFSIGNALED(status) else ENDED} | _told(pipe)
        sys.stdout.write(json.dumps(answer | {"pid": pid}) + "\n")
        sys.stdout.flush()
    for pid in asleep:  # the test failed before it came back to them
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _fork(asked: dict[str, Any]) -> tuple[int, int]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _live(asked, writing)
    os.close(writing)
    return pid, reading


def _told(pipe: int) -> dict[str, Any]:
    with os.fdopen(pipe, encoding="utf-8") as reader:
        told: dict[str, Any] = json.loads(reader.read() or "{}")
    return told


def _change(asked: str | Sequence[Any]) -> Change:
    return EXAMPLES[asked].change if isinstance(asked, str) else Change(*asked)


def _live(asked: dict[str, Any], pipe: int) -> NoReturn:
    """Be the child: carry out the act, tell how it went, and end without any of the parent's clean-up."""
    points: list[str] = []
    counter = itertools.count(1)
    kill, how = asked.get("kill"), getattr(signal, asked.get("signal", "SIGKILL"))

    def at(point: str) -> None:
        points.append(point)
        if len(points) == asked.get("nth") or (
            kill is not None and point == kill[0] and next(counter) == kill[1]
        ):
            os.kill(os.getpid(), how)

    killpoints.watch(at)
    told: dict[str, Any] = {}
    options = backfill.BackfillOptions(batch=asked["batch"]) if "batch" in asked else OPTIONS
    try:
        change, consent = _change(asked["example"]), asked.get("acknowledged", ())
        asyncio.run(act(asked["url"], change, asked["verb"], options=options, acknowledged=consent))
    except EcError as error:
        told = {"error": f"{type(error).__name__}: {error.message} {error.why}", "code": error.code}
    except BaseException:  # noqa: BLE001 - the test shows it
        told = {"error": traceback.format_exc()}
    os.write(pipe, json.dumps(told | {"points": points}).encode())
    os._exit(0)


if __name__ == "__main__":
    # What the first use of a module or dialect would load is loaded before the first fork.
    asyncio.run(asyncio.sleep(0))
    assert asyncpg.__version__
    _serve()
