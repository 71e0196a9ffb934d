"""`ec.status/1`: where every change is, and what operators ask first."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from expandcontract.cli.views import next_steps
from expandcontract.cli.views.format import (
    alone,
    build_phase,
    count,
    held,
    moment,
    percent,
    rate,
    seconds,
    table,
)
from expandcontract.cli.views.gates import GateView
from expandcontract.cli.views.view import Part, View
from expandcontract.engine import under_way
from expandcontract.engine.hot_updates import spoilers
from expandcontract.model.events import StepRunning
from expandcontract.model.phases import Phase, Section, State, Status
from expandcontract.model.records import PhaseRecord, Proof
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict

#: This much of what is in the way stands in a line among others.
MOST_CHARACTERS = 72
#: What a caller gives to judge the gates of a situation.
Judge = Callable[[Situation], Sequence[Verdict]]


class PhaseView(Part):
    """One phase of the current attempt."""

    status: Status
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None

    def tells(self) -> str:
        """Return the line of the text."""
        return self.error or ""


class BackfillView(PhaseView):
    """The copy of the rows and the settling of the new side. `stage` is null when neither runs.

    `rows_per_second` is the present rate while somebody copies, and then that of the whole copy.
    `hot_spoiled_by` says why a low `hot_ratio` is low. `eta_seconds` is null while nobody knows. Where nobody
    works on it, rate, estimate and throttle are null, and `idle_since` is when somebody was last heard.
    `rows_skipped` are those for which a transform made no value. All of it is of the last `round` of copying.
    """

    stage: Literal["copy", "settle"] | None
    rows_written: int
    blocks_done: int
    blocks_total: int
    rows_per_second: float | None
    copy_seconds: float
    batch: int | None
    hot_ratio: float | None
    hot_spoiled_by: tuple[str, ...]
    eta_seconds: float | None
    throttled_by: str | None
    idle_since: datetime | None
    rows_skipped: int
    round: int | None

    def tells(self) -> str:
        """Return the line of the text."""
        if self.error:
            return self.error
        if self.round is None and self.status == Status.DONE:
            return ""  # it builds, and copies no row
        parts = [f"{self._which_round()}{count(self.rows_written, 'row')}"]
        if self.copy_seconds:
            parts = [f"{parts[0]} in {seconds(self.copy_seconds)}", *rate(self.rows_per_second)]
        if self.stage == "copy":
            done = percent(self.blocks_done / max(self.blocks_total, 1))
            parts.append(f"{done} of {count(self.blocks_total, 'block')}")
        parts += [f"batch {count(self.batch)}"] if self.batch and self.stage == "copy" else []
        parts += [f"HOT {percent(self.hot_ratio)}"] if self.hot_ratio is not None else []
        parts += [f"eta {seconds(self.eta_seconds)}"] if self.eta_seconds is not None else []
        parts += [f"{count(self.rows_skipped, 'row')} left out (ec log)"] if self.rows_skipped else []
        parts += [held(self.throttled_by)] if self.throttled_by else []
        parts += alone(self.idle_since)
        return ", ".join(parts) if self.status != Status.PENDING else ""

    def _which_round(self) -> str:
        return f"round {self.round}: " if self.round and self.round > 1 else ""


class VerifyView(PhaseView):
    """The comparison that runs, otherwise the newest. `proof_valid_until` is null when no proof counts now;
    `spoiled` says why.
    """

    rows_compared: int
    mismatches: int
    blocks_done: int
    blocks_total: int
    rows_per_second: float | None
    eta_seconds: float | None
    throttled_by: str | None
    idle_since: datetime | None
    proof_valid_until: datetime | None
    spoiled: str | None

    def tells(self) -> str:
        """Return the line of the text."""
        if self.error:
            return self.error
        if self.status == Status.PENDING and not self.rows_compared:
            return ""
        if self.status == Status.DONE and not (self.rows_compared or self.proof_valid_until or self.spoiled):
            return ""  # there is nothing to compare
        compared = (
            f"{count(self.rows_compared, 'row')} compared, {count(self.mismatches, 'mismatch', 'mismatches')}"
        )
        if self.status == Status.RUNNING:
            return ", ".join([compared, *self._pace()])
        if self.spoiled:
            return f"{compared}; the proof no longer counts: {self.spoiled}"
        until = self.proof_valid_until
        return f"{compared}, proof valid until {moment(until)}" if until else compared

    def _pace(self) -> list[str]:
        done = percent(self.blocks_done / max(self.blocks_total, 1))
        parts = [*rate(self.rows_per_second), f"{done} of {count(self.blocks_total, 'block')}"]
        parts += [f"eta {seconds(self.eta_seconds)}"] if self.eta_seconds is not None else []
        return parts + ([held(self.throttled_by)] if self.throttled_by else []) + alone(self.idle_since)


class BuildView(Part):
    """An index that the server builds: `done` of `total` counts the `unit` of the present `phase` alone."""

    index: str
    phase: str
    done: int
    total: int
    unit: str
    waits_for: str | None

    def __str__(self) -> str:
        return build_phase(self.phase, self.done, self.total, self.unit, self.waits_for)


class RunningStepView(Part):
    """The step that is under way, other than a copy or comparison: number `place` of `steps` in `section`."""

    section: Section
    step: str
    sentence: str
    place: int
    steps: int
    seconds: float
    build: BuildView | None

    @classmethod
    def of(cls, situation: Situation, running: StepRunning) -> Self:
        """Read an event that was told by the ledger."""
        place, steps = under_way.place_in_section(situation, running)
        build = running.build
        return cls(
            section=running.section,
            step=running.step,
            sentence=running.sentence,
            place=place,
            steps=steps,
            seconds=running.seconds,
            build=build
            and BuildView(
                index=build.index,
                phase=build.phase,
                done=build.done,
                total=build.total,
                unit=build.unit,
                waits_for=str(build.waits_for) if build.waits_for else None,
            ),
        )

    def __str__(self) -> str:
        text = f"{self.section} {self.place} of {self.steps}: {self.sentence}, for {seconds(self.seconds)}"
        return f"{text}: {self.build}" if self.build else text


class PhasesView(Part):
    """The five phases, in order."""

    expand: PhaseView
    dual_write: PhaseView
    backfill: BackfillView
    verify: VerifyView
    contract: PhaseView


class AnswerView(Part):
    """Yes or no, and why."""

    yes: bool
    why: str

    def __str__(self) -> str:
        return f"{'yes' if self.yes else 'no'}: {self.why}"


class ChangeView(Part):
    """One change."""

    name: str
    kind: str
    table: str
    phase: Phase
    state: State
    ready: bool
    old_columns: tuple[str, ...]
    new_columns: tuple[str, ...]
    about: str
    phases: PhasesView
    step: RunningStepView | None
    gates: tuple[GateView, ...]
    waiting_for: str | None
    deploy: AnswerView
    contract: AnswerView
    next: str | None
    way_back: str | None
    attempt: int
    conflicts: int
    paused_by: str | None
    paused_at: datetime | None
    paused_until: datetime | None
    paused_why: str | None
    running: tuple[str, ...]

    @classmethod
    def of(cls, situation: Situation, verdicts: Sequence[Verdict]) -> Self:
        """Read a situation and the verdicts of its gates, which mean something before contract alone."""
        plan = situation.plan
        return cls(
            name=situation.name,
            kind=situation.kind,
            table=plan.table.sql,
            phase=situation.phase,
            state=situation.state,
            ready=situation.ready,
            old_columns=plan.old_columns,
            new_columns=plan.new_columns,
            about=plan.about,
            phases=_phases(situation),
            step=RunningStepView.of(situation, running) if (running := under_way.step(situation)) else None,
            gates=tuple(map(GateView.of, verdicts)) if situation.state == State.ACTIVE else (),
            waiting_for=next_steps.waiting_for(situation, verdicts),
            deploy=AnswerView(yes=next_steps.may_deploy(situation), why=next_steps.why_deploy(situation)),
            contract=AnswerView(
                yes=next_steps.may_contract(situation, verdicts),
                why=next_steps.why_contract(situation, verdicts),
            ),
            next=next_steps.next_command(situation, verdicts),
            way_back=next_steps.way_back(situation),
            attempt=situation.attempt,
            conflicts=situation.conflicts,
            paused_by=(situation.wish.paused_by or "somebody") if situation.wish.paused else None,
            paused_at=situation.wish.paused_at if situation.wish.paused else None,
            paused_until=situation.wish.paused_until if situation.wish.paused else None,
            paused_why=situation.wish.paused_why if situation.wish.paused else None,
            running=tuple(str(holder) for holder in situation.holders if holder.alive),
        )

    @property
    def pending(self) -> bool:
        """Whether somebody still has something to do here."""
        return self.state in (State.ACTIVE, State.HIDDEN)

    @property
    def word(self) -> str:
        """Where it is, in a word or two, for a line among others."""
        backfill, verify = self.phases.backfill, self.phases.verify
        if self.state != State.ACTIVE:
            return self.state.value.replace("_", " ")
        if self.paused_by:
            return "paused"
        if self.phases.contract.status != Status.RUNNING and self.contract.yes:
            return "may be contracted"
        if backfill.status == Status.RUNNING and backfill.stage == "copy":
            return f"copy {percent(backfill.blocks_done / max(backfill.blocks_total, 1))}"
        if verify.status == Status.RUNNING:
            return f"verify {percent(verify.blocks_done / max(verify.blocks_total, 1))}"
        return "ready" if self.ready else f"{self.phase} {getattr(self.phases, self.phase).status}"

    def row(self) -> tuple[str, str, str]:
        """Return what stands in a line among others: the name, where it is, what is in the way."""
        way = self.waiting_for or (f"next: {self.next}" if self.next else "")
        return self.name, self.word, way if len(way) <= MOST_CHARACTERS else f"{way[:MOST_CHARACTERS]}..."

    def lines(self) -> list[str]:
        """Return the answers first, then the phases."""
        head = f"{self.name}  {self.kind}  {self.table}: {self.about}"
        first = [
            ("deploy the new code?", str(self.deploy)),
            ("contract?", str(self.contract)),
            ("in the way", self.waiting_for or "nothing"),
            ("next", self.next or "nothing to do"),
        ]
        first += [("way back", self.way_back)] if self.way_back else []
        first += [("running", holder) for holder in self.running]
        first += [("step", str(self.step))] if self.step else []
        first += [("spoils HOT", why) for why in self.phases.backfill.hot_spoiled_by]
        phases: list[tuple[Phase, PhaseView]] = [
            (Phase.EXPAND, self.phases.expand),
            (Phase.DUAL_WRITE, self.phases.dual_write),
            (Phase.BACKFILL, self.phases.backfill),
            (Phase.VERIFY, self.phases.verify),
            (Phase.CONTRACT, self.phases.contract),
        ]
        rows = [(phase.value, view.status.value, view.tells()) for phase, view in phases]
        return [head, *table(first, "  "), "", *table(rows, "    ")]


class StatusView(View):
    """All changes that were asked for."""

    schema_: Literal["ec.status/1"] = Field("ec.status/1", alias="schema")
    changes: tuple[ChangeView, ...]

    @classmethod
    def of(cls, situations: Sequence[Situation], judge: Judge) -> Self:
        """Read situations; `judge` asks their gates."""
        return cls(changes=tuple(ChangeView.of(situation, judge(situation)) for situation in situations))

    @property
    def pending(self) -> bool:
        """Whether a change is active or hidden."""
        return any(change.pending for change in self.changes)

    def text(self) -> str:
        """Return one change as a block, answers first; of several a line each."""
        if not self.changes:
            return "No changes yet. next: ec start KIND ARGS"
        if len(self.changes) == 1:
            return "\n".join(self.changes[0].lines())
        return "\n".join(table([change.row() for change in self.changes]))


def _phases(situation: Situation) -> PhasesView:
    records = situation.phases
    return PhasesView(
        expand=PhaseView(**_base(records[Phase.EXPAND])),
        dual_write=PhaseView(**_base(records[Phase.DUAL_WRITE])),
        backfill=_backfill(records[Phase.BACKFILL], situation),
        verify=_verify(records[Phase.VERIFY], situation),
        contract=PhaseView(**_base(records[Phase.CONTRACT])),
    )


def _base(record: PhaseRecord) -> dict[str, object]:
    return {
        "status": record.status,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "error": record.error,
    }


def _backfill(record: PhaseRecord, situation: Situation) -> BackfillView:
    copy = situation.copy
    running = record.status in (Status.RUNNING, Status.FAILED)
    copying = running and (copy is None or not copy.finished)
    idle = situation.left_alone(copy) if copying else None
    present = copy if copying and idle is None else None
    return BackfillView(
        **_base(record),
        stage=("copy" if copying else "settle") if running else None,
        rows_written=copy.rows if copy else 0,
        blocks_done=copy.blocks_done if copy else 0,
        blocks_total=copy.blocks_total if copy else 0,
        rows_per_second=None if idle else copy.rows_per_second if copy else 0.0,
        copy_seconds=copy.seconds if copy else 0.0,
        batch=present.batch if present else None,
        hot_ratio=copy.hot_ratio if copy else None,
        hot_spoiled_by=spoilers(situation) if copying else (),
        eta_seconds=present.eta_seconds if present else None,
        throttled_by=present.throttled_by if present else None,
        idle_since=idle,
        rows_skipped=copy.mismatches if copy else 0,
        round=copy.round if copy else None,
    )


def _verify(record: PhaseRecord, situation: Situation) -> VerifyView:
    proof, compare = situation.proof, situation.compare
    running = compare if record.status == Status.RUNNING else None
    idle = situation.left_alone(running)
    return VerifyView(
        **_base(record),
        rows_compared=running.rows if running else proof.rows_compared if proof else 0,
        mismatches=running.mismatches if running else proof.mismatches if proof else 0,
        blocks_done=compare.blocks_done if compare else 0,
        blocks_total=compare.blocks_total if compare else 0,
        rows_per_second=None if idle else compare.rows_per_second if compare else 0.0,
        eta_seconds=running.eta_seconds if running and not idle else None,
        throttled_by=running.throttled_by if running and not idle else None,
        idle_since=idle,
        proof_valid_until=_valid_until(proof, situation),
        spoiled=_spoiled(proof) if proof else None,
    )


def _valid_until(proof: Proof | None, situation: Situation) -> datetime | None:
    if proof is None or proof.mismatches or _spoiled(proof):
        return None
    until = proof.finished_at + situation.policy.proof_max_age
    return until if until > situation.now else None


def _spoiled(proof: Proof) -> str | None:
    if proof.spoiled_at is not None:
        return proof.spoiled_why or "it was spoiled"
    return "; ".join(proof.differences) or None
