"""What the throttles keep to. Pure data: the command line reads it from its settings."""

from dataclasses import dataclass, field
from datetime import timedelta

from expandcontract.throttles.schedule import WeeklyWindow

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Thresholds of all throttles. None: that throttle does not take part, unless it says otherwise.

    What is on by default needs no configuration: replica-lag, lock-waiters, slot-wal where the server has a
    limit of its own, courtesy, and horizon as a warning.
    """

    #: No standby may be behind by more, in time and in bytes of WAL.
    max_lag: timedelta = timedelta(seconds=10)
    max_lag_bytes: int = 256 * MEGABYTE
    #: The standbys that count, by application_name; one that is missing stops the work. Empty: all there are.
    standbys: tuple[str, ...] = ()
    #: No slot may retain more WAL. None: half of max_slot_wal_keep_size, where that is set.
    max_slot_wal: int | None = None
    #: This much WAL may wait to be archived.
    max_archive_backlog: int | None = None
    #: This much WAL per second may be written, by everybody.
    max_wal_rate: int | None = None
    #: This many other sessions may be active.
    max_active_sessions: int | None = None
    #: A transaction that holds back the horizon for longer slows the work; None: it is only named.
    max_horizon: timedelta | None = None
    #: After each batch, this many times its duration is slept. Zero: as courtesy says.
    nice_ratio: float = 0.0
    #: The copy works in these windows only; empty: always.
    schedule: tuple[WeeklyWindow, ...] = ()
    #: The copy waits while this query returns a value over zero, or true.
    query: str | None = None
    #: The copy waits while this URL answers with another status than 200.
    http: str | None = None
    #: Throttles that cannot be read do not stop the work when they are named here.
    optional: frozenset[str] = field(default_factory=frozenset)
    #: Throttles that are not asked at all.
    off: frozenset[str] = field(default_factory=frozenset)
    #: After this long one batch is written all the same, so that a signal that is stuck cannot stop the work
    #: for ever. Zero: it can.
    max_wait: timedelta = timedelta(seconds=60)
