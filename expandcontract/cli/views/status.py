"""`ec.status/1`: where every change is, and what operators ask first."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from expandcontract.cli.views import next_steps
from expandcontract.cli.views.format import build_phase, count, seconds, table
from expandcontract.cli.views.gates import GateView
from expandcontract.cli.views.phases import PhasesView, PhaseView, phases_of
from expandcontract.cli.views.view import Part, View
from expandcontract.engine import state_words, under_way
from expandcontract.engine.state_words import Blocked, BlockKind, StateWord
from expandcontract.model.events import StepRunning
from expandcontract.model.phases import Phase, Section, State, Status
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict

#: This much of what is in the way stands in a line among others.
MOST_CHARACTERS = 72
#: What a caller gives to judge the gates of a situation.
Judge = Callable[[Situation], Sequence[Verdict]]


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


class AnswerView(Part):
    """Yes or no, and why."""

    yes: bool
    why: str

    def __str__(self) -> str:
        return f"{'yes' if self.yes else 'no'}: {self.why}"


class BlockedView(Part):
    """What a change waits for. `since` is null where that is not known."""

    kind: BlockKind
    since: datetime | None
    detail: str

    @classmethod
    def of(cls, blocked: Blocked) -> Self:
        """Read what the engine says."""
        return cls(kind=blocked.kind, since=blocked.since, detail=blocked.detail)


class AskedView(Part):
    """A pause, a resume or a tune that was asked for last, and who of those at work keeps to it already."""

    at: datetime
    by: str | None
    taken_up_by: tuple[str, ...]
    pending: tuple[str, ...]

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """Read a situation; None where nothing was ever asked."""
        wish = situation.wish
        if wish.asked_at is None:
            return None
        heard = [(each, wish.is_heard_by(each)) for each in situation.holders if each.alive]
        return cls(
            at=wish.asked_at,
            by=wish.asked_by,
            taken_up_by=tuple(str(holder) for holder, is_heard in heard if is_heard),
            pending=tuple(str(holder) for holder, is_heard in heard if is_heard is False),
        )

    def __str__(self) -> str:
        taken, every = len(self.taken_up_by), len(self.taken_up_by) + len(self.pending)
        processes = count(every, "process", "processes")
        return f"by {self.by or 'somebody'}, pending: taken up by {taken} of {processes}"


class ChangeView(Part):
    """One change. `word` is where it is, and `blocked` what it waits for: null where it goes on by itself, or
    is over. `last_progress_at` is when a batch or a step was done last.
    """

    name: str
    kind: str
    table: str
    word: StateWord
    blocked: BlockedView | None
    last_progress_at: datetime | None
    worker_alive: bool
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
    asked: AskedView | None
    running: tuple[str, ...]

    @classmethod
    def of(cls, situation: Situation, verdicts: Sequence[Verdict]) -> Self:
        """Read a situation and the verdicts of its gates, which mean something before contract alone."""
        plan, told = situation.plan, state_words.told(situation, verdicts)
        return cls(
            name=situation.name,
            kind=situation.kind,
            table=plan.table.sql,
            word=told.word,
            blocked=None if told.blocked is None else BlockedView.of(told.blocked),
            last_progress_at=told.last_progress_at,
            worker_alive=told.worker_alive,
            phase=situation.phase,
            state=situation.state,
            ready=situation.ready,
            old_columns=plan.old_columns,
            new_columns=plan.new_columns,
            about=plan.about,
            phases=phases_of(situation),
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
            asked=AskedView.of(situation),
            running=tuple(str(holder) for holder in situation.holders if holder.alive),
        )

    @property
    def pending(self) -> bool:
        """Whether somebody still has something to do here."""
        return self.state in (State.ACTIVE, State.HIDDEN)

    def row(self) -> tuple[str, str, str]:
        """Return what stands in a line among others: name, where it is, how far, or what is in the way."""
        way = self._pace() or self.waiting_for or (f"next: {self.next}" if self.next else "")
        way = way if len(way) <= MOST_CHARACTERS else f"{way[:MOST_CHARACTERS]}..."
        return self.name, self.word, way

    def _pace(self) -> str:
        """Return how far the phase is in which somebody goes on."""
        if self.word not in (StateWord.RUNNING, StateWord.HELD_BACK):
            return ""
        running = next((each for each in self._phases() if each[1].status == Status.RUNNING), None)
        return "" if running is None else f"{running[0]} {running[1].tells()}".rstrip()

    def _phases(self) -> list[tuple[Phase, PhaseView]]:
        return [
            (Phase.EXPAND, self.phases.expand),
            (Phase.DUAL_WRITE, self.phases.dual_write),
            (Phase.BACKFILL, self.phases.backfill),
            (Phase.VERIFY, self.phases.verify),
            (Phase.CONTRACT, self.phases.contract),
        ]

    def lines(self) -> list[str]:
        """Return the answers first, then the phases."""
        head = f"{self.name}  {self.kind}  {self.table}: {self.about}"
        first = [
            ("state", self.word),
            ("deploy the new code?", str(self.deploy)),
            ("contract?", str(self.contract)),
            ("in the way", self.waiting_for or "nothing"),
            ("next", self.next or "nothing to do"),
        ]
        first += [("way back", self.way_back)] if self.way_back else []
        first += [("running", holder) for holder in self.running]
        first += [("asked", str(self.asked))] if self.asked and self.asked.pending else []
        first += [("step", str(self.step))] if self.step else []
        first += [("spoils HOT", why) for why in self.phases.backfill.hot_spoiled_by]
        rows = [(phase.value, view.status.value, view.tells()) for phase, view in self._phases()]
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
