"""What is being done to a change just now, as the ledger and the server tell it to any host. Pure.

The same events that the process itself emits: whoever watches from elsewhere sees the same words.
"""

from datetime import datetime

from expandcontract.model.events import Build, Progress, StepRunning
from expandcontract.model.phases import Phase, Section, State, Status
from expandcontract.model.records import SweepRecord
from expandcontract.model.situation import Situation, journaled
from expandcontract.model.step import Concurrent, Purpose, Step, Sweep


def sweep(situation: Situation) -> Progress | None:
    """Return how far the copy or the comparison is that is under way; None when neither is."""
    backfill, verify = situation.phases[Phase.BACKFILL], situation.phases[Phase.VERIFY]
    if backfill.status == Status.RUNNING and situation.copy is not None and not situation.copy.finished:
        return _progress(situation.name, Purpose.COPY, situation.copy)
    compare = situation.compare
    if verify.status == Status.RUNNING and compare is not None and not compare.finished:
        return _progress(situation.name, Purpose.COMPARE, compare)
    return None


def step(situation: Situation) -> StepRunning | None:
    """Return the step that somebody has under way, other than a sweep; None when nobody has."""
    newest, holders = situation.newest_step, [holder for holder in situation.holders if holder.alive]
    builds = situation.activity.builds if situation.activity else ()
    if newest is None or not (holders or builds):
        return None
    if newest.status == "started":
        section, since = Section(newest.section), newest.since
        found = _step(situation, section, newest.step)
    elif (at_work := _section(situation)) and holders:
        section, found = at_work, _ahead(situation, at_work)
        since = max([newest.since, *(holder.acquired_at for holder in holders if holder.acquired_at)])
    else:
        return None
    return None if found is None else _running(situation, section, found, since, builds)


def place_in_section(situation: Situation, running: StepRunning) -> tuple[int, int]:
    """Return which of how many steps of its section it is, sweeps left out."""
    steps = [each.id for each in _steps(situation, running.section)]
    return steps.index(running.step) + 1, len(steps)


def _progress(change: str, purpose: Purpose, record: SweepRecord) -> Progress:
    return Progress(
        change=change,
        stage=purpose.value,
        rows=record.rows,
        blocks_done=record.blocks_done,
        blocks_total=record.blocks_total,
        rows_per_second=record.rows_per_second,
        batch=record.batch or 0,
        hot_ratio=record.hot_ratio if purpose == Purpose.COPY else None,
        throttled_by=record.throttled_by,
        eta_seconds=record.eta_seconds,
    )


def _section(situation: Situation) -> Section | None:
    """Return the section that is under way: what start does, settling after the copy, contract until it
    hides.
    """
    if situation.state != State.ACTIVE:
        return None
    for phase in (Phase.EXPAND, Phase.DUAL_WRITE, Phase.CONTRACT):
        if situation.phases[phase].status == Status.RUNNING:
            return Section(phase.value)
    running = situation.phases[Phase.BACKFILL].status == Status.RUNNING
    return Section.BACKFILL if running and situation.copied else None


def _ahead(situation: Situation, section: Section) -> Step | None:
    """Return the next step: a transactional one is in the journal only once it is done."""
    steps = _steps(situation, section)
    return next((each for each in steps if journaled(section, each) not in situation.steps_done), None)


def _steps(situation: Situation, section: Section) -> list[Step]:
    return [each for each in situation.plan.steps(section) if not isinstance(each.action, Sweep)]


def _step(situation: Situation, section: Section, name: str) -> Step | None:
    return next((each for each in _steps(situation, section) if each.id == name), None)


def _running(
    situation: Situation, section: Section, found: Step, since: datetime, builds: tuple[Build, ...]
) -> StepRunning:
    seconds = max(0.0, (situation.now - since).total_seconds())
    statement = found.action.statement if isinstance(found.action, Concurrent) else ""
    build = next((each for each in builds if each.index and each.index in statement), None)
    return StepRunning(situation.name, section, found.id, found.sentence, seconds, build)
