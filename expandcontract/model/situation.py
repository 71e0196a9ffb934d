"""What the ledger, the catalog and the readings say of a change now. Loaded in a constant number of queries;
gates, status, wait and contract judge it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from expandcontract.model.phases import Phase, Stage, State, Status
from expandcontract.model.plan import Plan
from expandcontract.model.policy import Policy


@dataclass(frozen=True)
class PhaseRecord:
    """One phase of the current attempt, as the ledger has it."""

    phase: Phase
    status: Status
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True)
class SweepRecord:
    """The chunks of one purpose, summed: the last round that was laid.

    `seconds` is the time from the first lease to the last batch. `mismatches` and `hot_rows` are sums as
    well.
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

    @property
    def finished(self) -> bool:
        return self.chunks_open == 0


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
class OldWriter:
    """Somebody who wrote the old side."""

    application_name: str
    role: str
    address: str | None
    first_seen: datetime
    last_seen: datetime
    times: int


@dataclass(frozen=True)
class Waiver:
    """A soft gate that somebody opened, and what was known then."""

    gate: str
    who: str
    why: str
    at: datetime
    known: str


@dataclass(frozen=True)
class Wish:
    """The wished state that every worker reads between batches."""

    paused: bool = False
    paused_by: str | None = None
    batch: int | None = None
    max_rate: float | None = None
    workers: int | None = None
    max_lag_seconds: float | None = None


@dataclass(frozen=True)
class Holder:
    """Who holds a lease on the change."""

    verb: str
    host: str
    pid: int
    who: str
    until: datetime
    alive: bool

    def __str__(self) -> str:
        return f"ec {self.verb} of {self.who} on {self.host} (pid {self.pid})"


@dataclass(frozen=True)
class Dependent:
    """Something in the database that names the old column.

    `blocks_hide`: it names the column in text and would fail once the name is gone. Otherwise PostgreSQL
    carries it along until purge.
    """

    kind: str
    name: str
    blocks_hide: bool


@dataclass(frozen=True)
class Leaf:
    """A relation with storage below the table, and whether our trigger on it stands and fires as it must."""

    oid: int
    name: str
    trigger_intact: bool
    swept: bool


@dataclass(frozen=True)
class Live:
    """What the catalog and the statistics say now."""

    table_exists: bool
    #: Sentences on what is wrong with trigger, functions or columns; empty when sync is intact.
    sync_faults: tuple[str, ...] = ()
    #: Columns that the change needs and that are not there under their names.
    missing_columns: tuple[str, ...] = ()
    leaves: tuple[Leaf, ...] = ()
    dependents: tuple[Dependent, ...] = ()
    #: What the old column got after the plan was made: constraints, indexes, a default. None of it is on the
    #: new side.
    uncarried: tuple[str, ...] = ()
    #: Row writes to the table ever, by anybody, as the statistics count them; None when not known.
    writes: int | None = None
    #: Row writes to the table since ready, by anybody, as pg_stat_user_tables counts them; None when not
    #: known.
    writes_since_ready: int | None = None
    #: Writes that came through the new side since ready, as the sync trigger saw them.
    new_side_writes: int = 0
    is_copy: bool = False


@dataclass(frozen=True)
class Situation:
    """Everything that a gate may look at."""

    change_id: int
    name: str
    kind: str
    attempt: int
    cycle: int
    state: State
    started: bool
    plan: Plan
    phases: Mapping[Phase, PhaseRecord]
    live: Live
    policy: Policy
    now: datetime
    copy: SweepRecord | None = None
    compare: SweepRecord | None = None
    proof: Proof | None = None
    old_writers: tuple[OldWriter, ...] = ()
    conflicts: int = 0
    waivers: tuple[Waiver, ...] = ()
    wish: Wish = Wish()
    holders: tuple[Holder, ...] = ()
    #: `section.step` of what the journal has as done; of contract, undo and purge in the present cycle.
    steps_done: frozenset[str] = frozenset()
    #: OIDs of the leaves over which the last round of copying was laid.
    covered: frozenset[int] = frozenset()
    hidden_at: datetime | None = None
    #: OID of the table.
    relation: int = 0
    #: Row writes to the table until it was ready, by anybody, as the statistics counted them.
    writes_at_ready: int | None = None

    @property
    def ready(self) -> bool:
        """Whether new code may be deployed: every row in sync, and the new side has its indexes and
        constraints.
        """
        return self.state == State.ACTIVE and self.phases[Phase.BACKFILL].status == Status.DONE

    @property
    def ready_at(self) -> datetime | None:
        record = self.phases[Phase.BACKFILL]
        return record.finished_at if record.status == Status.DONE else None

    @property
    def stage(self) -> Stage:
        """The column of the table of verbs and states."""
        match self.state:
            case State.HIDDEN:
                return Stage.HIDDEN
            case State.PURGED:
                return Stage.PURGED
            case State.ROLLED_BACK:
                return Stage.ROLLED_BACK
            case State.ACTIVE:
                if not self.started:
                    return Stage.NOT_STARTED
                return Stage.READY if self.ready else Stage.BEFORE_READY

    @property
    def phase(self) -> Phase:
        """The first phase that is not done, or contract."""
        return next((p for p in Phase if self.phases[p].status != Status.DONE), Phase.CONTRACT)

    def waiver(self, gate: str) -> Waiver | None:
        """Return the newest waiver of `gate`."""
        return next(
            (w for w in sorted(self.waivers, key=lambda w: w.at, reverse=True) if w.gate == gate), None
        )

    def since(self, moment: datetime) -> timedelta:
        return self.now - moment


@dataclass(frozen=True)
class Verdict:
    """What a gate says: open or shut, the reason in words, and one line to copy."""

    gate: str
    hard: bool
    open: bool
    reason: str
    next: str = ""
    waived_by: str | None = None
