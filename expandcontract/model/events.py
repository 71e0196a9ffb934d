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
    """A step is journaled as done."""

    change: str
    section: Section
    step: str
    seconds: float


@dataclass(frozen=True)
class LockTried:
    """One try for a lock failed; the next comes after `pause_seconds`."""

    relations: tuple[str, ...]
    mode: str
    attempt: int
    pause_seconds: float
    blockers: tuple[Blocker, ...]


@dataclass(frozen=True)
class WaitingForSnapshots:
    """A concurrent step or a validation waits for older transactions."""

    step: str
    blockers: tuple[Blocker, ...]


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
    | WaitingForSnapshots
    | Progress
    | TookOver
    | Notice
)
Listener: TypeAlias = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Listen to nothing."""
