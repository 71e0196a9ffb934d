"""What the ledger, the catalog and the readings say of a change now. Loaded in a constant number of queries;
gates, status, wait and contract judge it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from expandcontract.model.activity import Activity
from expandcontract.model.live import Live
from expandcontract.model.names import RelationName, quote
from expandcontract.model.phases import Phase, Section, Stage, State, Status
from expandcontract.model.plan import Plan
from expandcontract.model.policy import Policy
from expandcontract.model.records import (
    Holder,
    Judged,
    NewestStep,
    PhaseRecord,
    Proof,
    SweepRecord,
    Waiver,
    Wish,
)
from expandcontract.model.step import Purpose, Step
from expandcontract.model.users import Instance, OldSession, OldWriter, ReaderWatch, Standby, TableScans

#: Steps that the journal has, beside those of the plan, of a contract with a canary.
CANARY_BEGUN, CANARY_PASSED = "canary_begun", "canary_passed"
#: New code may run from ready on.
DEPLOYABLE = frozenset({Stage.READY, Stage.HIDDEN, Stage.PURGED, Stage.FINISHED})


def journaled(section: Section, step: Step) -> str:
    """Return what a step is called among those that are done."""
    return f"{section}.{step.id}"


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
    wish: Wish = field(default_factory=Wish)
    holders: tuple[Holder, ...] = ()
    #: `section.step` of what the journal has as done; of contract, undo and purge in the present cycle.
    steps_done: frozenset[str] = frozenset()
    #: OIDs of the leaves over which the last round of copying was laid.
    covered: frozenset[int] = frozenset()
    hidden_at: datetime | None = None
    #: OID of the table, and those of the other tables that the change works on.
    relation: int = 0
    others: tuple[int, ...] = ()
    newest_step: NewestStep | None = None
    #: None when nobody asked the gates since, or undone was what had been hidden.
    judged: Judged | None = None
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
    #: When the table was read last; only where the table itself goes, and until then.
    scans: TableScans | None = None

    @property
    def table(self) -> RelationName:
        """What the table is called now, as far as the change knows."""
        expanded = all(self._is_done(Section.EXPAND, step) for step in self.plan.steps(Section.EXPAND))
        return self.plan.table_in(self.state, expanded=expanded)

    @property
    def to_come(self) -> bool:
        """Whether the table is not there yet: the first thing that the change does is to make it."""
        return self.plan.makes_table and self.state == State.ACTIVE and not self.begun(Section.EXPAND)

    def begun(self, section: Section) -> bool:
        """Return whether any step of a section is done."""
        return any(self._is_done(section, step) for step in self.plan.steps(section))

    @property
    def copied(self) -> bool:
        """Whether a sweep was to write rows, and every one was looked at."""
        if not self.plan.copies:
            return False
        section, step, _ = self.plan.sweep(Purpose.COPY)
        return self._is_done(section, step)

    def _is_done(self, section: Section, step: Step) -> bool:
        return journaled(section, step) in self.steps_done

    def left_alone(self, record: SweepRecord | None) -> datetime | None:
        """Return since when nobody works on what is not finished; None while somebody does. The chunks of the
        dead are leased for a while yet.
        """
        if record is None or record.finished or any(h.alive for h in self.holders):
            return None
        return record.active_at

    @property
    def backfilled(self) -> bool:
        """Whether the ledger remembers that the phase backfill is over, and contract has not come about."""
        return self.state == State.ACTIVE and self.phases[Phase.BACKFILL].status == Status.DONE

    @property
    def was_ready(self) -> bool:
        """Whether the ledger remembers the change ready, and contract has not come about.

        What there is to be compared is compared after that. Where there is nothing, the phases are gone
        through to the last one before contract, so that contract is all that is left.
        """
        last = Phase.BACKFILL if self.plan.pair or self.plan.steps(Section.VERIFY) else Phase.VERIFY
        return self.state == State.ACTIVE and self.phases[last].status == Status.DONE

    @property
    def ready(self) -> bool:
        """Whether new code may be deployed: what it needs is there. Looked at, not remembered."""
        return self.was_ready and not self.damage

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
            swept = self.backfilled and plan.pair is not None
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
                return Stage.READY if self.was_ready and self.plan.contracts else Stage.BEFORE_READY

    @property
    def phase(self) -> Phase:
        """The first phase that is not done, or contract."""
        return next((p for p in Phase if self.phases[p].status != Status.DONE), Phase.CONTRACT)

    def waiver(self, gate: str, counts: Callable[[Waiver], bool] = lambda _: True) -> Waiver | None:
        """Return the newest waiver of `gate` that counts."""
        newest = sorted(self.waivers, key=lambda w: w.at, reverse=True)
        return next((w for w in newest if w.gate == gate and counts(w)), None)

    def since(self, moment: datetime) -> timedelta:
        return self.now - moment
