"""Who uses a table: writers and readers of the old side, sessions, standbys, copies of the application."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True)
class OldWriter:
    """Somebody who wrote the old side."""

    application_name: str
    role: str
    address: str | None
    first_seen: datetime
    last_seen: datetime
    times: int


@dataclass(frozen=True)
class OldReader:
    """A statement of one role that uses the old side, as pg_stat_statements counts it.

    `times` are its calls since somebody looked first. The last of them was between `seen_after` and
    `last_seen`, two looks. `by_name`: the server could not be asked, so that the words of its text decided.
    `through` is the view over the old side that it names. `query` is empty where queries are confidential.
    """

    role: str
    query_id: int
    query: str
    times: int
    first_seen: datetime
    seen_after: datetime
    last_seen: datetime
    by_name: bool = False
    through: str | None = None


class Source(StrEnum):
    """What pg_stat_statements could tell at the last look."""

    READ = "read"
    #: The extension is not installed in this database.
    ABSENT = "absent"
    #: The server was started without its library.
    UNLOADED = "unloaded"
    #: The extension's objects are older than what is read here.
    OUTDATED = "outdated"
    #: The role may not see the statements of others.
    HIDDEN = "hidden"
    #: The server's or the database's settings keep it from counting anything.
    UNCOUNTED = "uncounted"


@dataclass(frozen=True)
class ReaderWatch:
    """What looking at pg_stat_statements showed until `at`, the last look.

    It was watched without a gap from `since` on: the first look, or a reset of the statistics. `evicted`
    counts how often statements that ran seldom were dropped since then for want of room.
    """

    source: Source
    at: datetime
    since: datetime
    was_reset: bool = False
    evicted: int = 0
    readers: tuple[OldReader, ...] = ()


@dataclass(frozen=True)
class TableScans:
    """When a table was read last, as its own counters have it, and `since` when they count. `counted`: the
    server keeps these moments at all.
    """

    counted: bool
    last: datetime | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class OldSession:
    """A session that may use the table. `since` is when it began; None where the role may not see that."""

    pid: int
    application_name: str
    role: str
    address: str | None
    since: datetime | None


@dataclass(frozen=True)
class Standby:
    """A standby and how far it has replayed, in bytes of WAL; None where that is not known.

    `connected` is False for one that is known by its slot alone, `visible` for one of which the role may not
    see more than that it is there.
    """

    name: str
    replayed: int | None
    connected: bool = True
    visible: bool = True


@dataclass(frozen=True)
class Instance:
    """A copy of the application that says by heartbeats that it runs, or did so within the last day.

    `first_seen` is when it was first heard; `silent`: it missed three heartbeats. `uses_table` is whether its
    role may read or write the table: any role may send a heartbeat in any name.
    """

    application: str
    name: str
    version: str
    role: str
    address: str | None
    last_seen: datetime
    first_seen: datetime
    silent: bool = False
    uses_table: bool = True
