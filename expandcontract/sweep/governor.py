"""Asks the throttles for the workers of one process: reads them when that is due, says what they decide."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from math import inf, isfinite

from expandcontract.model.step import Purpose
from expandcontract.postgres.connect import Database
from expandcontract.throttles import courtesy, nice_ratio, replica_lag
from expandcontract.throttles.controller import Controller, Decision
from expandcontract.throttles.limits import Limits
from expandcontract.throttles.reading import Reading, ReadingKind, tightest
from expandcontract.throttles.rests import Rests
from expandcontract.throttles.signal_reader import NAMES, SignalReader

#: What only deserves a line is told no more often than this.
TOLD_SECONDS = 300.0
#: Nobody rests for longer after one batch: a lease runs out after ten seconds.
LONGEST_PAUSE_SECONDS = 8.0


class Governor:
    """Shared by all workers of a process. `tell` hears what deserves a line; `rests` is told of batches.

    A copy is paced by all throttles, a comparison by load alone. What a rollback keeps waits for none of
    them: somebody wants it to end.
    """

    def __init__(
        self, database: Database, purpose: Purpose, limits: Limits, tell: Callable[[str], None]
    ) -> None:
        self._limits = replace(limits, off=frozenset(NAMES)) if purpose == Purpose.KEEP else limits
        self.rests = Rests()
        self._watch = SignalReader(
            database, self._limits, load_only=purpose != Purpose.COPY, rests=self.rests
        )
        self._nice_ratio = 0.0 if purpose == Purpose.KEEP else limits.nice_ratio
        self._controller = Controller(limits.max_wait.total_seconds() or None)
        self._tell = tell
        self._told: dict[str, float] = {}
        self._courtesy: Reading | None = None
        self._courteous_until = -inf
        self._turn = asyncio.Lock()

    def wish(self, max_lag_seconds: float | None) -> None:
        """Keep to another lag than the limits say; None takes that back."""
        max_lag = self._limits.max_lag if max_lag_seconds is None else timedelta(seconds=max_lag_seconds)
        self._watch.limits = replace(self._limits, max_lag=max_lag)

    async def read(self, *, older_than: float = 0.0) -> None:
        """Read all signals, unless they were read within the last `older_than` seconds."""
        async with self._turn:
            if time.monotonic() - self._controller.read_at > older_than:
                await self._read()

    async def ask(self) -> Decision:
        """Say whether a worker may write a batch now, from readings that can be relied on."""
        async with self._turn:
            if self._controller.is_stale(time.monotonic()):
                await self._read()
            self._controller, decision = self._controller.ask(time.monotonic())
        if decision.because_stuck:
            self._tell(f"{decision.reason}: waited long enough, doing one batch all the same")
        if decision.reason is None and self.courteous and self._courtesy is not None:
            return replace(decision, reason=f"{self._courtesy.sentence}, {self.rests.words}")
        if decision.reason is None and (nice := nice_ratio.reading(self._nice_ratio)) is not None:
            return replace(decision, reason=nice.sentence)
        return decision

    def pressed(self) -> dict[str, str | float | None]:
        """Return the signal that is used up most, as it was read last, and how far standbys are behind."""
        # JSON has no infinity.
        known = [each for each in self._controller.readings if not each.error and isfinite(each.value)]
        most = tightest(known)
        lags = [each.value for each in known if each.throttle == replica_lag.NAME and each.unit == "s"]
        lag = {"lag_seconds": max(lags, default=None)}
        if most is None or not isfinite(most.threshold):
            return {**lag}
        used = {"reading": most.value, "threshold": most.threshold}
        return {**lag, **used, "throttle": most.throttle, "unit": most.unit}

    @property
    def batch_share(self) -> float:
        """The part of a full batch that is done at once."""
        return self._controller.batch_share

    @property
    def courteous(self) -> bool:
        """Whether others are at work, so that batches are to be short."""
        return time.monotonic() < self._courteous_until

    def pause_seconds(self, batch_seconds: float, server_seconds: float | None = None) -> float:
        """Return for how long to rest after a batch that took this long, here and on the server."""
        if self.courteous:
            nice = self.rests.seconds_after(batch_seconds, server_seconds)
        else:
            nice = nice_ratio.pause_seconds(self._nice_ratio, batch_seconds)
        return min(LONGEST_PAUSE_SECONDS, nice + self._controller.pause_seconds(batch_seconds))

    async def _read(self) -> None:
        at = time.monotonic()
        readings = await self._watch.read()
        self._controller = self._controller.read(readings, at)
        for reading in readings:
            if reading.kind == ReadingKind.COURTESY and reading.over:
                self._courtesy, self._courteous_until = reading, at + courtesy.LINGERS_SECONDS
        for reading in _told_of(readings):
            self._once_in_a_while(reading)

    def _once_in_a_while(self, reading: Reading) -> None:
        now = time.monotonic()
        if now - self._told.get(reading.throttle, -inf) >= TOLD_SECONDS:
            self._told[reading.throttle] = now
            self._tell(f"{reading.sentence}. The work goes on.")


def _told_of(readings: Sequence[Reading]) -> list[Reading]:
    """Return what is worth a line although it holds nothing back."""
    return [
        reading
        for reading in readings
        if (reading.error and reading.optional) or (reading.over and reading.kind == ReadingKind.NOTICE)
    ]
