"""What happens while `ec` works, as typed events. Rooms emit them into a Listener; the command line renders
them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from expandcontract.model.phases import Phase, Section


@dataclass(frozen=True)
class Blocker:
    """A session (or prepared transaction, when `pid` is 0) that holds what we wait for."""

    pid: int
    application_name: str
    role: str
    state: str
    age: timedelta
    query: str
    kind: str = "client backend"

    def __str__(self) -> str:
        name = self.application_name or "unnamed"
        who = f"{self.kind} pid {self.pid}" if self.pid else f"prepared transaction {name!r}"
        text = f"{who} ({name}, {self.role}, {self.state}, {self.age.total_seconds():.0f} s)"
        return f"{text}: {self.query}" if self.query else text


@dataclass(frozen=True)
class PhaseStarted:
    """A phase moved to running."""

    change: str
    phase: Phase


@dataclass(frozen=True)
class PhaseDone:
    """A phase is done."""

    change: str
    phase: Phase
    seconds: float


@dataclass(frozen=True)
class StepStarted:
    """A step begins."""

    change: str
    section: Section
    step: str
    sentence: str


@dataclass(frozen=True)
class StepDone:
    """A step is journaled as done. `sentence` says which, to people."""

    change: str
    section: Section
    step: str
    seconds: float
    sentence: str = ""


@dataclass(frozen=True)
class LockTried:
    """One try for a lock failed; the next comes after `pause_seconds`. Nobody waited behind it for longer
    than `felt_seconds`.
    """

    relations: tuple[str, ...]
    mode: str
    attempt: int
    pause_seconds: float
    blockers: tuple[Blocker, ...]
    felt_seconds: float = 0.0


@dataclass(frozen=True)
class LockHeld:
    """Locks were had at the `attempt`th try, held for `held_seconds`, and given back. Nobody waited behind
    that try, before and after it had them, for longer than `felt_seconds`.
    """

    relations: tuple[str, ...]
    mode: str
    attempt: int
    held_seconds: float
    felt_seconds: float


@dataclass(frozen=True)
class WaitingForSnapshots:
    """A concurrent step or a validation waits for older transactions. `sentence` says which, to people."""

    step: str
    blockers: tuple[Blocker, ...]
    sentence: str = ""


@dataclass(frozen=True)
class Progress:
    """How far a sweep is. The same fields on a terminal, off it, and in `ec status --json`."""

    change: str
    stage: str
    rows: int
    blocks_done: int
    blocks_total: int
    rows_per_second: float
    batch: int
    hot_ratio: float | None
    throttled_by: str | None
    eta_seconds: float | None

    @property
    def percent(self) -> float:
        return 100.0 if self.blocks_total == 0 else 100.0 * self.blocks_done / self.blocks_total


@dataclass(frozen=True)
class Build:
    """How far the server is with an index, as pg_stat_progress_create_index tells it.

    `index` is its name as SQL. `done` of `total` counts the `unit` of this `phase` alone: blocks, tuples, or
    lockers, which are transactions that are waited for; 0 of 0 where the phase counts nothing. `waits_for` is
    the locker whose turn it is.
    """

    index: str
    pid: int
    phase: str
    done: int
    total: int
    unit: str
    seconds: float
    waits_for: Blocker | None = None

    @property
    def percent(self) -> float | None:
        """How much of this phase is done; None where nobody counts."""
        return 100.0 * self.done / self.total if self.total else None


@dataclass(frozen=True)
class StepRunning:
    """A step is under way for this long. Of one that builds an index the server tells how far it is."""

    change: str
    section: Section
    step: str
    sentence: str
    seconds: float
    build: Build | None = None


@dataclass(frozen=True)
class TookOver:
    """The lease of a dead or silent process was taken over."""

    change: str
    holder: str


@dataclass(frozen=True)
class Notice:
    """Something worth a line that is none of the above."""

    change: str
    text: str


Event: TypeAlias = (
    PhaseStarted
    | PhaseDone
    | StepStarted
    | StepDone
    | LockTried
    | LockHeld
    | WaitingForSnapshots
    | Progress
    | StepRunning
    | TookOver
    | Notice
)
Listener: TypeAlias = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Listen to nothing."""
