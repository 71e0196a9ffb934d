"""What the ledger has of a change: its phases and sweeps, its proof, who holds it and what was wished."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from expandcontract.model.phases import Phase, Status

#: While a larger share of the blocks is left, rows per block so far say nothing.
SETTLED_SHARE = 0.9


@dataclass(frozen=True)
class PhaseRecord:
    """One phase of the current attempt, as the ledger has it. `soak` is how long the change has to be ready
    before it, where somebody else than the settings asks for that.
    """

    phase: Phase
    status: Status
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None
    soak: timedelta | None = None


@dataclass(frozen=True)
class SweepRecord:
    """The chunks of one purpose, summed: the last round that was laid.

    `seconds` is the time from the first lease to the last batch. `rows_per_second` is the present rate while
    somebody is at work, over all processes; otherwise that of the whole time, without that in which nobody
    was. `eta_seconds` is None while nobody knows. `running` chunks are somebody's, and `active_at` is when
    anybody was last heard.
    """

    round: int
    blocks_done: int
    blocks_total: int
    chunks_open: int
    rows: int
    mismatches: int
    hot_ratio: float | None
    seconds: float
    rows_per_second: float
    throttled_by: str | None = None
    batch: int | None = None
    eta_seconds: float | None = None
    running: int = 0
    active_at: datetime | None = None

    @property
    def finished(self) -> bool:
        return self.chunks_open == 0

    def rows_left(self, table_rows: int | None) -> int | None:
        """Return about how many rows are to come; `table_rows` is what the statistics say of the table.

        Rows per block so far say too much while windows are unfinished: their rows are written, their blocks
        are not done. So the statistics cap it, and without any nothing is said of the first tenth.
        """
        left = self.blocks_total - self.blocks_done
        share = left / max(self.blocks_total, 1)
        guesses = []
        if self.blocks_done and (table_rows is not None or share <= SETTLED_SHARE):
            guesses.append(self.rows / self.blocks_done * left)
        if table_rows is not None:
            guesses.append(table_rows * share)
            guesses += [table_rows - self.rows] if table_rows > self.rows else []
        return round(min(guesses)) if guesses else None

    def what_is_left(self, table_rows: int | None) -> str:
        """Return it in a sentence: blocks exactly, rows about."""
        rows = self.rows_left(table_rows)
        about = "" if rows is None else f", about {rows:,} rows"
        return f"{self.blocks_total - self.blocks_done:,} of {self.blocks_total:,} blocks are left{about}."


@dataclass(frozen=True)
class Proof:
    """The newest verification that ran to its end."""

    id: int
    finished_at: datetime
    rows_compared: int
    mismatches: int
    spoiled_at: datetime | None = None
    spoiled_why: str | None = None
    #: What is different now from what the proof is bound to; empty when it still holds.
    differences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Waiver:
    """A soft gate that somebody opened, and what was known then.

    `who` is what the environment claims, `session_role` and `address` what the server knows; None where
    the ledger did not keep them. `by_starter`: by whoever made the plan, by name or by role.
    """

    gate: str
    who: str
    why: str
    at: datetime
    known: str
    session_role: str | None = None
    address: str | None = None
    by_starter: bool = False


@dataclass(frozen=True)
class Heard:
    """A process that reads wishes between batches, and when what it read last was asked for."""

    host: str
    pid: int
    at: datetime


@dataclass(frozen=True)
class Wish:
    """The wished state that every worker reads between batches.

    `paused` is over by itself at `paused_until`, where somebody said for how long.
    """

    paused: bool = False
    paused_by: str | None = None
    batch: int | None = None
    max_rate: float | None = None
    workers: int | None = None
    max_lag_seconds: float | None = None
    paused_at: datetime | None = None
    paused_why: str | None = None
    paused_until: datetime | None = None
    #: The pause is one of every change of the database.
    all: bool = False
    #: When anything of this was asked for last, and by whom.
    asked_at: datetime | None = field(default=None, compare=False)
    asked_by: str | None = field(default=None, compare=False)
    heard: tuple[Heard, ...] = field(default=(), compare=False)

    def resume(self, name: str) -> str:
        """Return the command that ends the pause of a change."""
        return "ec resume --all" if self.all else f"ec resume {name}"

    def is_heard_by(self, holder: "Holder") -> bool | None:
        """Whether somebody at work has taken up what was asked last; None where he does nothing that could be
        paused or tuned.
        """
        at = next(
            (each.at for each in self.heard if (each.host, each.pid) == (holder.host, holder.pid)), None
        )
        return None if at is None else self.asked_at is None or at >= self.asked_at

    @property
    def pause(self) -> str:
        """Who paused it, since when, until when and why, as the end of a sentence."""
        since = f" since {_when(self.paused_at)}" if self.paused_at else ""
        until = f" until {_when(self.paused_until)}" if self.paused_until else ""
        why = f": {self.paused_why}" if self.paused_why else ""
        return f"paused by {self.paused_by or 'somebody'}{since}{until}{why}"


def _when(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True)
class Waits:
    """What somebody at work waits for: `kind` is lock or snapshot, `detail` says whose, without queries."""

    kind: str
    since: datetime
    detail: str


@dataclass(frozen=True)
class Judged:
    """What whoever asked the gates last was told. `gates` are `{gate, hard, open, blind, reason}`."""

    at: datetime
    gates: tuple[Mapping[str, Any], ...]
    damage: tuple[str, ...]
    undo_until: datetime | None


@dataclass(frozen=True)
class Holder:
    """Who holds a lease on the change."""

    verb: str
    host: str
    pid: int
    who: str
    until: datetime
    alive: bool
    acquired_at: datetime | None = None
    #: What it waits for just now, by its own word.
    waits: Waits | None = None

    def __str__(self) -> str:
        return f"ec {self.verb} of {self.who} on {self.host} (pid {self.pid})"


@dataclass(frozen=True)
class NewestStep:
    """The row of the journal that was written last; `status` is started, done or failed."""

    section: str
    step: str
    status: str
    since: datetime
