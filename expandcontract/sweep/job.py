"""What a sweep is told, and what it answers. Pure data."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from expandcontract.model.step import Purpose, Sweep
from expandcontract.throttles.limits import Limits

#: Why a sweep ended before its end: a signal, `max_runtime`, or a pause that it was not to wait for.
StoppedBy = Literal["signal", "runtime", "paused"]

#: What becomes of a row for which a transform makes no value.
OnError = Literal["stop", "skip"]


@dataclass(frozen=True)
class Job:
    """One walk of one change.

    `table` is the OID of the table; `round` counts the walks of one purpose within an attempt.
    """

    change_id: int
    name: str
    attempt: int
    round: int
    action: Sweep
    table: int

    @property
    def purpose(self) -> Purpose:
        """What is done to the rows."""
        return self.action.purpose


@dataclass(frozen=True)
class SweepOptions:
    """How a process takes part in a walk. What `ec tune` wishes meanwhile goes before these.

    `batch` fixes the rows that a transaction writes; None adapts them. `max_rate` is in rows per second,
    over all processes. `limits` are what the throttles keep to. `session_settings` are in force, by name,
    wherever it reads or writes rows. `on_error` and `show_values` are about rows that a transform fails for:
    leave them out or stop, and whether the error tells the value.
    """

    batch: int | None = None
    workers: int = 1
    max_rate: float | None = None
    max_runtime: timedelta | None = None
    wait_when_paused: bool = True
    limits: Limits = field(default_factory=Limits)
    session_settings: tuple[tuple[str, str], ...] = ()
    on_error: OnError = "stop"
    show_values: bool = False


@dataclass(frozen=True)
class SweepOutcome:
    """What the round has come to, over all chunks and all processes.

    `rows` are those that were written (copy), compared (compare) or kept (keep).
    """

    rows: int
    mismatches: int
    unfit: int
    finished: bool
    stopped_by: StoppedBy | None = None
