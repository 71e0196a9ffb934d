"""What the ledger, the catalog and the readings say of a change now. Loaded in a constant number of queries;
gates, status, wait and contract judge it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from expandcontract.model.activity import Activity
from expandcontract.model.names import RelationName, quote
from expandcontract.model.phases import Phase, Section, Stage, State, Status
from expandcontract.model.plan import Plan
from expandcontract.model.policy import Policy

#: Steps that the journal has, beside those of the plan, of a contract with a canary.
CANARY_BEGUN, CANARY_PASSED = "canary_begun", "canary_passed"
#: New code may run from ready on.
DEPLOYABLE = frozenset({Stage.READY, Stage.HIDDEN, Stage.PURGED, Stage.FINISHED})
#: While a larger share of the blocks is left, rows per block so far say nothing.
SETTLED_SHARE = 0.9


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
class Holder:
    """Who holds a lease on the change."""

    verb: str
    host: str
    pid: int
    who: str
    until: datetime
    alive: bool
    acquired_at: datetime | None = None

    def __str__(self) -> str:
        return f"ec {self.verb} of {self.who} on {self.host} (pid {self.pid})"


@dataclass(frozen=True)
class NewestStep:
    """The row of the journal that was written last; `status` is started, done or failed."""

    section: str
    step: str
    status: str
    since: datetime


@dataclass(frozen=True)
class Dependent:
    """Something in the database that names the old column.

    `blocks_hide`: it names the column in text and would fail once the name is gone. Otherwise PostgreSQL
    carries it along until purge. `mentions`: all that is known is that its text has the name, and that of the
    table, in it; it may mean another column. `text` is a digest of that text.
    """

    kind: str
    name: str
    blocks_hide: bool
    mentions: bool = False
    text: str = field(default="", compare=False)


@dataclass(frozen=True)
class Leaf:
    """A relation with storage below the table, and whether our trigger on it stands and fires as it must."""

    oid: int
    name: str
    trigger_intact: bool
    swept: bool


@dataclass(frozen=True)
class Lost:
    """Something that the new side had when it was ready, and has no more.

    `kind` is `index`, `constraint`, `not null` or `default`; the last two have no name.
    """

    kind: str
    name: str

    def sentence(self, plan: Plan) -> str:
        """Say what is gone."""
        if self.name:
            return f"The {self.kind} {quote(self.name)} of {plan.table} is gone."
        what = "NOT NULL" if self.kind == "not null" else "its default"
        return f"Column {quote(plan.sides.new.column)} of {plan.table} has lost {what}."


@dataclass(frozen=True)
class Live:
    """What the catalog and the statistics say now."""

    table_exists: bool
    #: Sentences on what is wrong with trigger, functions or columns; empty when sync is intact.
    sync_faults: tuple[str, ...] = ()
    #: Columns that the change needs and that are not there under their names.
    missing_columns: tuple[str, ...] = ()
    #: Sentences on columns of another type than the change was planned for; `sync_faults` has them as well.
    retyped: tuple[str, ...] = ()
    leaves: tuple[Leaf, ...] = ()
    dependents: tuple[Dependent, ...] = ()
    #: What the old column got after the plan was made: constraints, indexes, a default. None of it is on the
    #: new side.
    uncarried: tuple[str, ...] = ()
    #: What the old column had when the plan was made, and somebody dropped since. The new side has it still.
    went: tuple[str, ...] = ()
    #: What the new side had when it was ready, and somebody dropped since.
    lost: tuple[Lost, ...] = ()
    #: Rows of all leaves, as the last ANALYZE or VACUUM estimated them; None where one was never looked at.
    rows: int | None = None
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
    newest_step: NewestStep | None = None
    #: What goes on in the server; only `ec status` looks.
    activity: Activity | None = None
    #: None when nobody has looked yet.
    watch: ReaderWatch | None = None
    #: When the first write came through the new side after ready, as the sync trigger noted it.
    new_code_at: datetime | None = None
    #: Since when, without a gap, the sync trigger notes who writes the old side; None before it stands.
    noting_since: datetime | None = None
    #: Sessions that may use the table, not ours; the oldest first.
    sessions: tuple[OldSession, ...] = ()
    standbys: tuple[Standby, ...] = ()
    #: Where the WAL was when somebody first saw the change ready, in bytes.
    ready_wal: int | None = None
    instances: tuple[Instance, ...] = ()

    @property
    def table(self) -> RelationName:
        """What the table is called now, as far as the change knows."""
        steps = self.plan.steps(Section.EXPAND)
        expanded = all(f"{Section.EXPAND}.{step.id}" in self.steps_done for step in steps)
        return self.plan.table_in(self.state, expanded=expanded)

    def left_alone(self, record: SweepRecord | None) -> datetime | None:
        """Return since when nobody works on what is not finished; None while somebody does."""
        if record is None or record.finished or record.running or any(h.alive for h in self.holders):
            return None
        return record.active_at

    @property
    def filled(self) -> bool:
        """Whether the ledger remembers that the phase backfill is over, whatever the plan does after it."""
        return self.state == State.ACTIVE and self.phases[Phase.BACKFILL].status == Status.DONE

    @property
    def settled(self) -> bool:
        """Whether the ledger remembers that every row was filled, and that the new side got its indexes."""
        last = Phase.BACKFILL if self.plan.pair or self.plan.steps(Section.VERIFY) else Phase.VERIFY
        return self.state == State.ACTIVE and self.phases[last].status == Status.DONE

    @property
    def ready(self) -> bool:
        """Whether new code may be deployed: every row in sync, and the new side has its indexes. Looked at,
        not remembered.
        """
        return self.settled and not self.damage

    @property
    def damage(self) -> tuple[str, ...]:
        """What somebody did since, in sentences, so that new code would not find what it needs.

        Until contract that is a complete new side that is kept in sync; after it, the new side alone.
        """
        live, plan = self.live, self.plan
        if self.state == State.ACTIVE:
            if self.phases[Phase.DUAL_WRITE].status != Status.DONE:
                return () if live.table_exists else live.sync_faults
            lost = (each.sentence(plan) for each in live.lost)
            swept = self.settled and plan.pair is not None
            left_out = (f"{leaf.name} was never copied." for leaf in live.leaves if swept and not leaf.swept)
            return (*live.sync_faults, *lost, *left_out)
        if self.state in (State.ROLLED_BACK, State.FINISHED):
            return ()
        if not live.table_exists and not (plan.pair is None and self.state == State.PURGED):
            return (f"The table {self.table} is gone.",)
        if plan.pair is None:
            return ()
        final = plan.final_column
        gone = f"Column {quote(final)} of {plan.table} is missing, dropped or renamed."
        return (gone,) if final in live.missing_columns else ()

    @property
    def deployable(self) -> bool:
        """Whether code that uses the new side may run: from ready on, contract and purge included."""
        return self.stage in DEPLOYABLE and not self.damage

    @property
    def ready_at(self) -> datetime | None:
        record = self.phases[Phase.BACKFILL]
        return record.finished_at if record.status == Status.DONE else None

    @property
    def canary_open(self) -> bool:
        """Whether contract was begun with a canary that has not ended, well or in an undo."""
        steps = (CANARY_BEGUN, CANARY_PASSED)
        begun, passed = (f"{Phase.CONTRACT}.{step}" in self.steps_done for step in steps)
        return self.state == State.HIDDEN and begun and not passed

    @property
    def stage(self) -> Stage:
        """The column of the table of verbs and states."""
        match self.state:
            case State.HIDDEN:
                return Stage.HIDDEN
            case State.PURGED:
                return Stage.PURGED
            case State.FINISHED:
                return Stage.FINISHED
            case State.ROLLED_BACK:
                return Stage.ROLLED_BACK
            case State.ACTIVE:
                if not self.started:
                    return Stage.NOT_STARTED
                # What has nothing to contract is not at its end before it is finished.
                return Stage.READY if self.settled and self.plan.contracts else Stage.BEFORE_READY

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
    """What a gate says: open or shut, the reason in words, and one line to copy.

    `blind`: the gate could not look, so that what it did not see may be there all the same. `waits`: one that
    is shut opens by itself, with time or as the deploy goes on.
    """

    gate: str
    hard: bool
    open: bool
    reason: str
    next: str = ""
    waived_by: str | None = None
    blind: bool = False
    waits: bool = False
