"""An event as a sentence, as fields and by name: the same words on a terminal and off it. Pure."""

from collections.abc import Sequence
from typing import assert_never

from expandcontract.cli.views.format import build_phase, count, held, percent, seconds
from expandcontract.model.events import (
    Blocker,
    Build,
    Event,
    LockHeld,
    LockTried,
    Notice,
    PhaseDone,
    PhaseStarted,
    Progress,
    StepDone,
    StepRunning,
    StepStarted,
    TookOver,
    WaitingForSnapshots,
)


def sentence(event: Event) -> str:  # noqa: C901, PLR0911 - one for each event
    """Return what the event says to people."""
    match event:
        case PhaseStarted(phase=phase):
            return f"{phase.value}: started"
        case PhaseDone(phase=phase, seconds=took):
            return f"{phase.value}: done in {seconds(took)}"
        case StepStarted(section=section, sentence=words):
            return f"{section.value}: {words}"
        case StepDone(section=section, step=step, seconds=took, sentence=words):
            return f"{section.value}: {words or step}: done in {seconds(took)}"
        case LockTried():
            return _lock(event)
        case LockHeld():
            return _held(event)
        case WaitingForSnapshots(step=step, blockers=blockers, sentence=words):
            return f"{words or step}: waits for older transactions: {_who(blockers)}"
        case Progress():
            return _progress(event)
        case StepRunning():
            return _running(event)
        case TookOver(holder=holder):
            return f"took over from {holder}, which is gone"
        case Notice(text=text):
            return text
        case other:
            assert_never(other)


#: The name of each event for programs: it stays when the sentence is written better.
_NAMES: dict[type[Event], str] = {
    PhaseStarted: "phase_started",
    PhaseDone: "phase_done",
    StepStarted: "step_started",
    StepDone: "step_done",
    StepRunning: "step_running",
    LockTried: "lock_tried",
    LockHeld: "lock_held",
    WaitingForSnapshots: "waiting_for_snapshots",
    Progress: "progress",
    TookOver: "took_over",
    Notice: "notice",
}


def name(event: Event) -> str:
    """Return the stable name of the event."""
    return _NAMES[type(event)]


def fields(event: Event) -> dict[str, object]:
    """Return what the event has beside its sentence, always under the same names; None: it is not known."""
    if isinstance(event, Progress):
        return _progress_fields(event)
    values = {field: value for field, value in vars(event).items() if field not in ("sentence", "text")}
    if "attempt" in values:  # for a lock; the attempt of the change is told by the record
        values["tries"] = values.pop("attempt")
    build = values.pop("build", None)
    return values | (_build_fields(build) if build is not None else {})


def _progress_fields(progress: Progress) -> dict[str, object]:
    return {
        "change": progress.change,
        "stage": progress.stage,
        "rows": progress.rows,
        "percent": round(progress.percent, 1),
        "rows_per_second": round(progress.rows_per_second),
        "batch": progress.batch,
        "hot_ratio": None if progress.hot_ratio is None else round(progress.hot_ratio, 2),
        "throttled_by": progress.throttled_by,
        "eta_seconds": None if progress.eta_seconds is None else round(progress.eta_seconds),
    }


def _build_fields(build: Build) -> dict[str, object]:
    waits_for = None if build.waits_for is None else str(build.waits_for)
    counted = {"index": build.index, "build_phase": build.phase, "done": build.done, "total": build.total}
    return counted | {"unit": build.unit, "waits_for": waits_for}


def detail(event: Event) -> bool:
    """Say whether the event is worth a line only to those who asked for detail."""
    return isinstance(event, StepDone | LockHeld)


def _lock(event: LockTried) -> str:
    relations = ", ".join(event.relations)
    held = f", held by {_who(event.blockers)}" if event.blockers else ""
    again = f"again in {seconds(event.pause_seconds)}"
    return f"try {event.attempt} for {event.mode} on {relations} failed{held}; {again}"


def _held(event: LockHeld) -> str:
    tries = "first try" if event.attempt == 1 else f"try {event.attempt}"
    took = f"{event.held_seconds * 1000:,.0f} ms"
    return f"{event.mode} on {', '.join(event.relations)} held for {took}, had at the {tries}"


def _who(blockers: Sequence[Blocker]) -> str:
    return "; ".join(map(str, blockers)) or "unknown"


def _running(event: StepRunning) -> str:
    text = f"{event.section.value}: {event.sentence}, for {seconds(event.seconds)}"
    if event.build is None:
        return text
    build = event.build
    waits_for = str(build.waits_for) if build.waits_for else None
    return f"{text}: {build_phase(build.phase, build.done, build.total, build.unit, waits_for)}"


def _progress(progress: Progress) -> str:
    parts = [f"{progress.stage} {int(progress.percent)} %", count(progress.rows, "row")]
    parts += [f"{count(progress.rows_per_second)} rows/s"]
    parts += [f"batch {count(progress.batch)}"] if progress.batch else []
    parts += [f"HOT {percent(progress.hot_ratio)}"] if progress.hot_ratio is not None else []
    parts += [f"eta {seconds(progress.eta_seconds)}"] if progress.eta_seconds is not None else []
    parts += [held(progress.throttled_by)] if progress.throttled_by else []
    return ", ".join(parts)
