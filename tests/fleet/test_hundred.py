"""A hundred databases: killed, gone on with by two at once, and stopped by a signal."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from expandcontract.testing.supervisor import die_with_parent
from tests.fleet.conftest import CHANGE, READY, Desk, Make, database_name, execute
from tests.waiting import SECONDS

MANY = 100
WAVES = """
[defaults]
parallel = 6

[[waves]]
name = "all"
max_failed = 100
"""


def _begun(folder: Path, *words: str) -> "subprocess.Popen[str]":
    """Begin `ec fleet run` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "expandcontract", "fleet", "run", CHANGE, "--json", *words],
        cwd=folder,
        env=os.environ | {"EC_LOG_FORMAT": "json"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - this process has one thread
    )


def _until_ended(process: "subprocess.Popen[str]", targets: int) -> None:
    """Read what the process tells until so many targets have ended."""
    assert process.stderr is not None
    deadline, ended = time.monotonic() + SECONDS, 0
    for line in process.stderr:
        ended += json.loads(line)["event"] == "target_ended"
        if ended == targets:
            return
        assert time.monotonic() < deadline
    raise AssertionError(f"It ended with {ended} targets: {process.communicate()}")


def _heard(process: "subprocess.Popen[str]") -> tuple[str, str]:
    return process.communicate()


def _fleet(desk: Make, number: int, waves: str) -> Desk:
    fleet = desk(*(f"t{at}" for at in range(number)), rows=3)
    fleet.inventory(waves)
    fleet.ec("fleet", "plan", "rename-column", "users.email", "mail")
    return fleet


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_hundred_databases_killed_and_gone_on_with_by_two_at_once(desk: Make) -> None:
    """Nothing but the ledgers says who is done: after SIGKILL the same command passes those, and two of them
    at once bring every other one there, but for one that takes no connection, which comes later.
    """
    fleet = _fleet(desk, MANY, WAVES)
    closed = fleet.urls["t7"]
    name, beside = database_name(closed), fleet.urls["t8"]
    execute(beside, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")

    first = _begun(fleet.folder)
    _until_ended(first, 10)
    first.kill()
    first.communicate()
    killed = Counter(fleet.states().values())
    assert sum(killed[word] for word in READY) >= 9
    assert killed["not started"] > 10

    both = [_begun(fleet.folder), _begun(fleet.folder)]
    # Both are listened to at once: nobody may have to wait for room in a pipe.
    with ThreadPoolExecutor(len(both)) as pool:
        answers = [json.loads(out) for out, _ in pool.map(_heard, both)]
    # Where both were at work on one target, the second one stopped; t7 failed for both.
    for process, answer in zip(both, answers, strict=True):
        assert process.returncode == 1
        failed = [each for each in answer["outcomes"] if each["result"] == "failed"]
        assert [each["target"] for each in failed] == ["t7"]
        assert answer["left"] == []
    assert [name for name, word in fleet.states().items() if word not in READY] == ["t7"]
    assert fleet.states()["t7"] == "cannot be reached"

    execute(beside, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    last = fleet.read("fleet", "run", CHANGE)
    assert last["results"] == {"done": 1, "passed": MANY - 1}
    assert set(fleet.states().values()) <= READY


@pytest.mark.slow
def test_a_target_that_dies_in_the_middle_ends_nobody_elses_work(desk: Make) -> None:
    """A database that goes while its rows are copied stopped, as far as anybody knows; those beside it come
    to their end, and within max_failed those after it are begun.
    """
    fleet = desk("t0", "t1", "t2", rows=30_000)
    fleet.inventory("[defaults]\nparallel = 2\n[[waves]]\nname = 'all'\nmax_failed = 1\n")
    fleet.ec("fleet", "plan", "rename-column", "users.email", "mail")
    process = _begun(fleet.folder, "--max-rate", "20k")
    assert process.stderr is not None
    every = (json.loads(line) for line in process.stderr)
    gone = next(e["target"] for e in every if (e["event"], e.get("phase")) == ("phase_started", "backfill"))
    beside = next(url for name, url in fleet.urls.items() if name != gone)
    execute(beside, f"DROP DATABASE {database_name(fleet.urls[gone])} WITH (FORCE)")
    answer = json.loads(process.communicate()[0])
    execute(beside, f"CREATE DATABASE {database_name(fleet.urls[gone])}")  # the fixture drops it
    results = {each["target"]: each["result"] for each in answer["outcomes"]}
    assert results == {name: "stopped" if name == gone else "done" for name in fleet.urls}
    assert process.returncode == 5


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_lets_those_at_work_end_and_begins_no_other(
    desk: Make, number: signal.Signals, code: int
) -> None:
    """The exit code is the signal's, the answer an error that says how to go on, and what is left is begun by
    the same command.
    """
    fleet = _fleet(desk, 6, "[defaults]\nparallel = 1\n")
    process = _begun(fleet.folder)
    _until_ended(process, 2)
    process.send_signal(number)
    out, _ = process.communicate()
    assert process.returncode == code
    assert json.loads(out)["next"] == "Run the same command again."
    states = Counter(fleet.states().values())
    assert states["not started"] >= 1
    fleet.ec("fleet", "run", CHANGE)
    assert set(fleet.states().values()) <= READY
