"""How many rows one worker writes in its next transaction, and for how long it rests before."""

import time
from dataclasses import dataclass, replace
from typing import Self

from expandcontract.ledger.chunk import Chunk
from expandcontract.sweep.line import Answer
from expandcontract.sweep.pace import Pace
from expandcontract.sweep.shift import Shift
from expandcontract.throttles import courtesy
from expandcontract.throttles.rests import Batch

#: This long is a batch at full speed: who wants one of its rows waits for the rest of it.
TARGET_SECONDS = 0.05
#: Beside others who are at work batches begin with this many rows, and have no more and no less than these.
GENTLE_START, GENTLE_FLOOR, GENTLE_CEILING = 50, 5, 2_000


@dataclass(frozen=True)
class Written:
    """What a transaction did, and its cost: seconds as client and server felt them, and WAL."""

    asked: int
    written: int
    seconds: float
    server_seconds: float
    wal_bytes: float

    @classmethod
    def of(cls, row: Answer, asked: int, seconds: float) -> Self:
        """Take what the statement answered."""
        return cls(asked, row["written"], seconds, row["seconds"], row["wal_bytes"])


class Tempo:
    """Paces and rests of one worker, kept from chunk to chunk.

    There are four paces: at full speed and beside others, and each apart for rows that leave their page.
    Those write to every index, and after a checkpoint whole pages of it.
    """

    def __init__(self, shift: Shift, start: int, floor: int, ceiling: int) -> None:
        """At full speed begin with `start` rows and keep between `floor` and `ceiling`."""
        self._shift = shift
        usual = Pace.adaptive(start, floor, ceiling, TARGET_SECONDS)
        gentle = Pace.adaptive(GENTLE_START, GENTLE_FLOOR, GENTLE_CEILING, courtesy.BATCH_SECONDS)
        self._paces = {
            (among_others, moving): gentle if among_others else usual
            for among_others in (False, True)
            for moving in (False, True)
        }
        self._fixed: Pace | None = None
        self._rest_until = 0.0

    def rows(self, *, moving: bool = False) -> int:
        """Return how many rows the next transaction may write.

        Under a rate they are no more than it allows in half a second, under load a part of what they would
        be.
        """
        fixed = self._fixed_pace()
        if fixed is not None:
            batch = fixed.batch
        elif self.gentle:
            batch = self._paces[True, moving].batch
        else:
            batch = int(self._paces[False, moving].batch * self._shift.governor.batch_share)
        limit = self._shift.throttle.limit
        return max(1, batch if limit is None else min(batch, int(limit / 2)))

    @property
    def gentle(self) -> bool:
        """Whether batches are short because others are at work."""
        return self._shift.governor.courteous and self._shift.fixed_batch is None

    @property
    def exhausted(self) -> bool:
        """Whether batches cannot become smaller."""
        fixed = self._fixed_pace()
        return all(pace.exhausted for pace in (self._paces.values() if fixed is None else (fixed,)))

    async def wait(self, chunk: Chunk) -> None:
        """Return when the next transaction may begin: rested, not paused, not held back by a throttle.

        Waits without a transaction. Raises what `Shift.go_ahead` raises.
        """
        shift, now = self._shift, time.monotonic()
        pause, sentence = shift.throttle.pause_seconds(now), shift.throttle.sentence(now)
        shift.throttled_by = sentence or shift.throttled_by
        await shift.brake.rest(max(pause, self._rest_until - now))
        await shift.go_ahead(chunk)
        shift.throttled_by = shift.throttled_by or sentence

    async def rest(self) -> None:
        """Rest for what is left of it."""
        await self._shift.brake.rest(self._rest_until - time.monotonic())

    def worked(self, seconds: float, server_seconds: float | None = None) -> None:
        """Note what took this long until now; a rest follows that is as long as throttles say."""
        pause = self._shift.governor.pause_seconds(seconds, server_seconds)
        self._rest_until = time.monotonic() + pause

    def wrote(self, done: Written, *, moving: bool = False) -> None:
        """Note a transaction that has just ended.

        Beside others its WAL counts as its time does, and what it felt of them decides how long to rest.
        """
        fixed, governor, now = self._fixed_pace(), self._shift.governor, time.monotonic()
        if fixed is not None:
            self._fixed = fixed.after(done.asked, done.seconds)
        elif self.gentle:
            pace = replace(
                self._paces[True, moving], target_seconds=courtesy.batch_seconds(governor.rests.ratio)
            )
            cost = courtesy.cost_seconds(done.server_seconds, done.wal_bytes)
            self._paces[True, moving] = pace.after(done.asked, cost)
        else:
            self._paces[False, moving] = self._paces[False, moving].after(done.asked, done.seconds)
        self._shift.throttle.note(done.written, now - done.seconds)
        if governor.courteous and not moving:
            # What leaves its page takes as long as each index does, undisturbed or not.
            governor.rests.note(Batch(now, done.written, done.seconds, done.server_seconds))
        self.worked(done.seconds, done.server_seconds)

    def halve(self, rows: int | None) -> None:
        """Do half after a transaction of about this many rows ran into its timeout."""
        self._paces = {key: pace.halved(rows) for key, pace in self._paces.items()}
        fixed = self._fixed_pace()
        self._fixed = None if fixed is None else fixed.halved(rows)

    def _fixed_pace(self) -> Pace | None:
        """Return the pace that somebody chose, or chose anew meanwhile."""
        batch = self._shift.fixed_batch
        if batch != (None if self._fixed is None else self._fixed.ceiling):
            self._fixed = None if batch is None else Pace.steady(batch)
        return self._fixed
