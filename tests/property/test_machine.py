"""Any verb at any time, dying at any point, between any writes of old and new code and whatever others do to
table, trigger and server: both sides always hold what was written, and nothing is contracted without proof.

`EC_MACHINE_SECONDS` is for how long each shape of table is worked on: a few seconds in `make test`, a minute
in CI, as long as one likes in `make soak`. `EC_MACHINE_SEED` gives other examples, `random` others each time;
a failure names its seed.
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import run_state_machine_as_test

from expandcontract.engine import gatekeeper
from expandcontract.steps.sync import template
from expandcontract.testing.server import Server, available_versions
from tests.chaos import life
from tests.chaos.life import EXAMPLES
from tests.chaos.nursery import Nursery
from tests.conftest import SETTINGS, VERSION
from tests.property.hands import SHAPES, Shape
from tests.property.machine import Machine, execute
from tests.rotation import part

#: What is asked for instead of each test's own.
SECONDS = float(os.environ.get("EC_MACHINE_SECONDS", "0"))
#: What a run must have done to mean something.
SOME = ("start", "backfill", "contract", "old", "new")


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """Give a server that may crash."""
    if VERSION not in available_versions():
        pytest.skip(f"needs PostgreSQL {VERSION}")
    with Server.start(VERSION, SETTINGS) as started:
        yield started


@pytest.fixture
def machine(own_server: Server, nursery: Nursery, request: pytest.FixtureRequest) -> type[Machine]:
    """Give the machine for the shape that the test is about."""

    class OnShape(Machine):
        seen: ClassVar[Counter[str]] = Counter()

    OnShape.server, OnShape.nursery, OnShape.shape = own_server, nursery, SHAPES[request.param]
    _lay(own_server, OnShape.shape)
    return OnShape


def _lay(server: Server, shape: Shape) -> None:
    """Make the database that each example begins as a copy of."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(execute(server.url(), f"DROP DATABASE IF EXISTS {shape.template}"))
        runner.run(execute(server.url(), f"CREATE DATABASE {shape.template}"))
        runner.run(execute(server.url(shape.template), shape.table))
        runner.run(life.act(server.url(shape.template), EXAMPLES[shape.example], "init"))


def _run(machine: type[Machine], *, seconds: float, steps: int, first: int = 0) -> None:
    """Run one example after another; the same ones, as many as there is time for."""
    machine.until = time.monotonic() + (SECONDS or seconds)
    asked = os.environ.get("EC_MACHINE_SEED", "")
    number = random.SystemRandom().randrange(1 << 32) if asked == "random" else int(asked or first)
    while not machine.over():
        _run_some(machine, number, steps)
        number += 1


def _run_some(machine: type[Machine], number: int, steps: int) -> None:
    """Run the examples of one seed."""
    limits = settings(
        # Of those that it is asked for, hypothesis makes every tenth as simple as can be, up to the first
        # fifty: `carry_on` and nothing else. At seconds an example there would be no others.
        max_examples=9,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        # The run that fails is short enough to read, and making it shorter takes long.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(number)(machine), settings=limits)
    except BaseException as error:
        if isinstance(error, FlakyStrategyDefinition) and machine.over():
            return  # that an example could not begin
        error.add_note(f"EC_MACHINE_SEED={number}, {machine.shape.template}, {steps} steps")
        raise


every_shape = pytest.mark.parametrize("machine", SHAPES, indirect=True)


@pytest.mark.timeout(900 + SECONDS)
@pytest.mark.parametrize("machine", part(list(SHAPES), 2), indirect=True)
def test_whatever_happens(machine: type[Machine]) -> None:
    """The same examples each time, for five seconds on each shape, half of them in each commit."""
    _run(machine, seconds=5, steps=15)
    assert machine.seen["start"], machine.seen


@pytest.mark.slow
@pytest.mark.in_turn(2)
@pytest.mark.timeout(1_800 + SECONDS)
@every_shape
def test_whatever_happens_at_length(machine: type[Machine]) -> None:
    """Longer lives, other ones, and enough of them that everything has happened: a minute on each shape, or
    more until it has; on half of the shapes in each commit.
    """
    machine.some, machine.grace = SOME, 600
    _run(machine, seconds=60, steps=40, first=1_000)
    assert [each for each in SOME if not machine.seen[each]] == [], dict(machine.seen)


@pytest.mark.slow
@pytest.mark.in_turn(2)
@pytest.mark.timeout(900)
@pytest.mark.parametrize("machine", ["rename"], indirect=True)
def test_a_trigger_that_loses_values_is_found(
    machine: type[Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: what new code writes does not reach the old side."""
    render = template.render

    def forgetful(name: str, **fields: str) -> str:
        return render(name, **fields).replace("NEW.name := NEW.display_name;", "")

    monkeypatch.setattr(template, "render", forgetful)
    machine.beginnings = (2,)
    with pytest.raises(AssertionError, match="written was"):
        _run(machine, seconds=600, steps=15)


@pytest.mark.slow
@pytest.mark.in_turn(2)
@pytest.mark.timeout(900)
@pytest.mark.parametrize("machine", ["rename"], indirect=True)
def test_contract_without_proof_is_found(machine: type[Machine], monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: neither the gates nor the ledger's guard ask for a proof."""
    monkeypatch.setattr(gatekeeper, "require_open", lambda *_: None)
    unguarded = """CREATE OR REPLACE FUNCTION expandcontract.proof_missing(change_id bigint) RETURNS text
        LANGUAGE sql AS 'SELECT NULL::text'"""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(execute(machine.server.url(machine.shape.template), unguarded))
    machine.beginnings = (2,)
    with pytest.raises(AssertionError):
        _run(machine, seconds=600, steps=15)
