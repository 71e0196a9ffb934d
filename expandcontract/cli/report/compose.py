"""The sections of a report, in the order in which an auditor asks. Pure: everything comes from the ledger."""

from collections.abc import Mapping
from datetime import datetime
from itertools import groupby

from expandcontract.cli.report import cost, evidence
from expandcontract.cli.report.document import (
    Block,
    FactList,
    Fold,
    Heading,
    Items,
    Paragraph,
    ReportSection,
    Table,
)
from expandcontract.cli.views.format import count, moment, percent, seconds, span
from expandcontract.cli.views.story import told
from expandcontract.ledger.history import History, PhaseRun, RoundRun
from expandcontract.ledger.reader import LogEntry
from expandcontract.model.errors import GateShut, every_error
from expandcontract.model.phases import Section as Steps
from expandcontract.model.phases import State, Status
from expandcontract.model.step import Purpose

#: The events that tell the story; the others are told by a section of their own, or by `ec log`.
_STORY = frozenset(
    {"acknowledged", "begun again", "created", "not locked", "refused", "replanned", "state", "stopped"}
    | {"taken over", "tuned", "canary begun", "canary passed", "canary failed", "hook refused", "hook failed"}
    | {"restored"}
)


def compose(history: History, files: Mapping[str, str]) -> tuple[ReportSection, ...]:
    """Return the sections; `files` is the plan's SQL by the name of its list of steps."""
    return (
        ReportSection(title="In short", blocks=(_in_short(history),)),
        ReportSection(title="Phases", blocks=_phases(history)),
        ReportSection(title="Rows", blocks=_rows(history)),
        ReportSection(title="Proof", blocks=evidence.proof(history)),
        ReportSection(title="Gates", blocks=evidence.gates(history)),
        ReportSection(title="What it cost others", blocks=cost.cost(history)),
        ReportSection(title="What happened", blocks=_story(history)),
        ReportSection(title="Plan", blocks=_plan(history, files)),
    )


def _in_short(history: History) -> FactList:
    plan = history.plan
    rows = [
        ("change", f"{history.kind} of {plan.table}: {_sides(history)}"),
        ("state", _state(history)),
        ("started by", f"{history.created_by} on {history.created_from}, {moment(history.created_at)}"),
        ("plan", f"fingerprint {plan.fingerprint}, attempt {history.attempt}"),
        ("rows", _copied(history)),
        ("proof", evidence.proven(history)),
        ("longest lock", cost.longest(history)),
        ("versions", ", ".join(_versions(history))),
        ("written", moment(history.now)),
    ]  # fmt: skip
    return FactList(rows=tuple(rows))


def _sides(history: History) -> str:
    pair = history.plan.pair
    if pair is None:
        return history.plan.about
    old = " and ".join(f"{each.column} ({each.type})" for each in pair.olds)
    new = " and ".join(f"{each.at(State.HIDDEN)} ({each.type})" for each in pair.news)
    return f"{old} to {new}"


def _state(history: History) -> str:
    match history.state:
        case State.FINISHED:
            return f"finished: {history.plan.words.ready}"
        case State.HIDDEN:
            contracted = history.plan.words.contracted
            return f"contracted: {contracted} since {_when(history.hidden_at)}; ec undo brings it back"
        case _ if history.plan.pair is None:
            return _without_sides(history)
        case State.PURGED:
            return f"purged {_when(history.purged_at)}: the old side is gone"
        case State.ROLLED_BACK:
            return "rolled back: the new side is gone, the table is as it was"
        case State.ACTIVE:
            undone = f"; contract was undone {count(history.cycle, 'time')}" if history.cycle else ""
            return f"open: both sides are in use{undone}"


def _without_sides(history: History) -> str:
    words = history.plan.words
    match history.state:
        case State.PURGED:
            end = f": {words.destroys} is gone" if words.destroys else ""
            return f"purged {_when(history.purged_at)}{end}"
        case State.ROLLED_BACK:
            return "rolled back: the table is as it was"
        case _:
            undone = f"; contract was undone {count(history.cycle, 'time')}" if history.cycle else ""
            return f"open: {words.ready}{undone}"


def _when(at: datetime | None) -> str:
    return "an unknown time" if at is None else moment(at)


def _versions(history: History) -> list[str]:
    """Return every version that worked on it, of this program and of the server."""
    began = [event.data for event in history.events_of("began")]
    programs = [history.program_version, *(str(data["program"]) for data in began)]
    servers = [_server(history.plan.server_version), *(str(data["server"]) for data in began)]
    return [
        *(f"ec {version}" for version in dict.fromkeys(filter(None, programs))),
        *(f"PostgreSQL {version}" for version in dict.fromkeys(filter(None, servers))),
    ]


def _server(number: int) -> str:
    return f"{number // 10_000}.{number % 10_000}" if number else ""


def _copied(history: History) -> str:
    copies = [r for r in history.rounds if r.purpose == Purpose.COPY and r.attempt == history.attempt]
    if not copies:
        return "none were copied"
    rows = sum(r.rows for r in copies)
    took = sum(r.seconds for r in copies)
    hot = sum((r.hot_ratio or 0.0) * r.rows for r in copies)
    parts = [f"{count(rows, 'row')} written"]
    parts += [f"in {seconds(took)}, {count(rows / took)} a second"] if rows and took else []
    parts += [f"{percent(hot / rows)} of them heap-only (HOT)"] if rows else []
    return ", ".join(parts)


def _phases(history: History) -> tuple[Block, ...]:
    ran = [run for run in history.phases if run.started_at is not None]
    if not ran:
        return (Paragraph(text="No phase was begun."),)
    several = history.attempt > 1
    rows = tuple(
        (
            *((str(run.attempt),) if several else ()),
            run.phase.value,
            run.status.value,
            moment(run.started_at) if run.started_at else "",
            _took(run),
            _who(history, run.attempt, run.phase.value),
        )
        for run in ran
    )
    head = (*(("attempt",) if several else ()), "phase", "status", "began", "took", "by")
    note = "A phase that ran more than once, for a repair or another proof, is told as it ran last."
    return Table(head=head, rows=rows), Paragraph(text=note)


def _took(run: PhaseRun) -> str:
    """Return how long it took to be done; of what was undone the ledger knows when that was."""
    if run.status != Status.DONE or run.started_at is None or run.finished_at is None:
        return ""
    return span(run.finished_at - run.started_at)


def _who(history: History, attempt: int, phase: str) -> str:
    running = (
        event.by
        for event in history.events_of("phase")
        if (event.data.get("phase"), event.data.get("attempt")) == (phase, attempt)
        and event.data.get("status") == Status.RUNNING
    )
    return ", ".join(dict.fromkeys(running))


_DOES = {
    Purpose.COPY: "written",
    Purpose.COMPARE: "compared",
    Purpose.KEEP: "kept in the ledger before the rollback",
}


def _rows(history: History) -> tuple[Block, ...]:
    blocks: list[Block] = []
    if history.rounds:
        head = ("attempt", "what", "rows", "blocks", "from first to last", "rows a second", "HOT")
        blocks.append(Table(head=head, rows=tuple(map(_round, history.rounds))))
    else:
        blocks.append(Paragraph(text="No rows were read or written."))
    blocks += cost.throttled(history)
    if history.kept:
        rows = tuple(
            (one.kind, count(one.times), moment(one.first), moment(one.last)) for one in history.kept
        )
        blocks += [
            Heading(text="Values that the ledger keeps"),
            Table(head=("why", "values", "first", "last"), rows=rows),
        ]
    return tuple(blocks)


def _round(run: RoundRun) -> tuple[str, ...]:
    done = count(run.blocks_done) if run.blocks_done == run.blocks_total else (
        f"{count(run.blocks_done)} of {count(run.blocks_total)}"
    )  # fmt: skip
    copied = run.purpose == Purpose.COPY
    return (
        str(run.attempt),
        f"{_DOES[run.purpose]}, round {run.round}",
        count(run.rows),
        done,
        seconds(run.seconds),
        count(run.rows / run.seconds) if run.seconds else "",
        percent(run.hot_ratio) if copied and run.hot_ratio is not None else "",
    )


def _story(history: History) -> tuple[Block, ...]:
    entries = sorted([*history.events, *evidence.story(history)], key=lambda entry: entry.at)
    lines = [(entry, _told(entry)) for entry in entries if entry.kind in _STORY | evidence.STORY]
    rows = []
    for (kind, who, text), same in groupby(lines, lambda line: (line[0].kind, line[0].by, line[1])):
        times = [entry.at for entry, _ in same]
        again = f" ({count(len(times))} times, until {moment(times[-1])})" if len(times) > 1 else ""
        rows.append((moment(times[0]), who, kind, text + again))
    return (Table(head=("when", "who", "what", "which"), rows=tuple(rows)),)


def _told(entry: LogEntry) -> str:
    """Return the entry in words; of a failure its code alone, as what was said of it may hold values."""
    code = str(entry.data.get("code"))
    if entry.kind not in ("refused", "stopped") or code == GateShut.code:
        return told(entry.kind, entry.data)
    meaning = (every_error()[code].__doc__ or "").split(". ")[0] if code in every_error() else ""
    return f"ec {entry.data['verb']}: {code} {' '.join(meaning.split())}".rstrip()


def _plan(history: History, files: Mapping[str, str]) -> tuple[Block, ...]:
    note = f"Every step that there is, and what it runs; {_ran(history)}"
    blocks: list[Block] = [Paragraph(text=note)]
    for section in Steps:
        steps = history.plan.steps(section)
        if steps:
            blocks += [
                Heading(text=section.value),
                Items(items=tuple(step.sentence for step in steps)),
                Fold(title=f"SQL of {section.value}", sql=files.get(section.value, "").strip()),
            ]
    return tuple(blocks)


def _ran(history: History) -> str:
    done = [step for step in history.steps if step.status == "done"]
    again = sum(step.attempts > 1 for step in done)
    more = f", {count(again)} of them more than once" if again else ""
    return f"{count(len(done), 'step')} of them ran to the end{more}."
