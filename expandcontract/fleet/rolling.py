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
from expandcontract.fleet.running import Limits, on_each
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


@dataclass(frozen=True)
class Rolling:
    """What is done on each target, and who hears of it.

    `open` opens a target, `act` does it there; `since` says from when a target soaks. `told` hears of each
    target, `soaking` for how long the next wave is waited with. When `stop` is set nothing further is begun.
    """

    defaults: Defaults
    open: Open
    act: Act
    stop: asyncio.Event
    since: Since
    told: Told
    soaking: Callable[[Round, timedelta], None]

    async def through(self, rounds: Sequence[Round]) -> tuple[Rolled, ...]:
        """Return what became of each wave that was begun with."""
        done: list[Rolled] = []
        for at, each in enumerate(rounds):
            rolled, due = await self._wave(each)
            done.append(rolled)
            if not rolled.whole or at + 1 == len(rounds):
                break
            left = due - time.monotonic()
            if left > 0:
                self.soaking(each, timedelta(seconds=left))
                await self._pause(left)
            if self.stop.is_set():
                break
        return tuple(done)

    async def _wave(self, each: Round) -> tuple[Rolled, float]:
        """Return what became of a wave, and by this process's clock when it has soaked."""
        due = 0.0

        async def one(target: Target) -> Outcome[Situation]:
            nonlocal due
            async with self.open(target) as context:
                outcome = await self.act(context, target)
            due = max(due, time.monotonic() + _left(outcome.answer, each.wave.soak, self.since))
            return outcome

        most = each.wave.max_failed
        limits = Limits(each.parallel(self.defaults), each.per_server(self.defaults), most)
        outcomes = await on_each(
            each.targets, one, limits, self.stop, lambda outcome: self.told(each, outcome)
        )
        failed = sum(outcome.exit_code != 0 for outcome in outcomes)
        return Rolled(each, outcomes, len(outcomes) == len(each.targets) and failed <= most), due

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.stop.wait(), seconds)
        except TimeoutError:
            return


def _left(situation: Situation | None, soak: timedelta, since: Since) -> float:
    """Return how many seconds a target has to soak, by its server's clock."""
    if situation is None:
        return 0.0
    moment = since(situation)
    gone = timedelta(0) if moment is None else situation.since(moment)
    return (soak - gone).total_seconds()
