"""Wave after wave: each with its limits, the next one when the one before has soaked."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from expandcontract.engine.context import Context
from expandcontract.fleet.inventory import Defaults
from expandcontract.fleet.opening import Open
from expandcontract.fleet.outcome import Outcome
from expandcontract.fleet.running import on_each
from expandcontract.fleet.target import Round, Target
from expandcontract.model.situation import Situation

Act = Callable[[Context, Target], Awaitable[Outcome[Situation]]]
#: Since when a target is where it was to come.
Since = Callable[[Situation], datetime | None]
Told = Callable[[Round, Outcome[Situation]], None]


@dataclass(frozen=True)
class Rolled:
    """What became of a wave. `whole` says whether each of its targets was begun with, and not too many
    failed: then the next one may come.
    """

    round: Round
    outcomes: tuple[Outcome[Situation], ...]
    whole: bool


async def roll(
    rounds: Sequence[Round],
    defaults: Defaults,
    open_: Open,
    act: Act,
    *,
    stop: asyncio.Event,
    since: Since,
    told: Told,
    soaking: Callable[[Round, timedelta], None],
) -> tuple[Rolled, ...]:
    """Return what became of each wave that was begun with.

    Args:
        rounds: the waves, in order.
        defaults: what holds where a wave says nothing.
        open_: opens a target.
        act: does it on one.
        stop: when it is set nothing further is begun.
        since: from when a target soaks.
        told: hears of each target.
        soaking: hears for how long the next wave is waited with.
    """
    done: list[Rolled] = []
    for at, each in enumerate(rounds):
        rolled, due = await _wave(each, defaults, open_, act, stop, since, told)
        done.append(rolled)
        if not rolled.whole or at + 1 == len(rounds):
            return tuple(done)
        left = due - time.monotonic()
        if left > 0:
            soaking(each, timedelta(seconds=left))
            await _pause(stop, left)
        if stop.is_set():
            return tuple(done)
    return tuple(done)


async def _wave(
    each: Round, defaults: Defaults, open_: Open, act: Act, stop: asyncio.Event, since: Since, told: Told
) -> tuple[Rolled, float]:
    """Return what became of a wave, and by this process's clock when it has soaked."""
    due = 0.0

    async def one(target: Target) -> Outcome[Situation]:
        nonlocal due
        async with open_(target) as context:
            outcome = await act(context, target)
        due = max(due, time.monotonic() + _left(outcome.answer, each.wave.soak, since))
        return outcome

    outcomes = await on_each(
        each.targets,
        one,
        parallel=each.parallel(defaults),
        per_server=each.per_server(defaults),
        max_failed=each.wave.max_failed,
        stop=stop,
        told=lambda outcome: told(each, outcome),
    )
    failed = sum(outcome.exit_code != 0 for outcome in outcomes)
    whole = len(outcomes) == len(each.targets) and failed <= each.wave.max_failed
    return Rolled(each, outcomes, whole), due


def _left(situation: Situation | None, soak: timedelta, since: Since) -> float:
    """Return how many seconds a target has to soak, by its server's clock."""
    if situation is None:
        return 0.0
    moment = since(situation)
    gone = timedelta(0) if moment is None else situation.since(moment)
    return (soak - gone).total_seconds()


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
