"""The verbs of one database on each target of a selection, without waves."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias
from urllib.parse import quote

import typer
from typer.core import TyperCommand

from expandcontract.cli import parse
from expandcontract.cli.build import single
from expandcontract.cli.command import command
from expandcontract.cli.commands.ack import Reason as AckReason
from expandcontract.cli.commands.pause import For, Reason
from expandcontract.cli.commands.purge import Now
from expandcontract.cli.commands.report import Html
from expandcontract.cli.commands.tune import read as read_wishes
from expandcontract.cli.commands.undo import AcceptLoss
from expandcontract.cli.commands.wait import GOALS, Goal, Timeout
from expandcontract.cli.fleet import choices
from expandcontract.cli.session import Session
from expandcontract.model.errors import NotConfirmed, UnknownChange, UsageError

if TYPE_CHECKING:
    from datetime import timedelta

    from expandcontract.cli.fleet.opened import Fleet
    from expandcontract.engine.context import Context
    from expandcontract.fleet.outcome import Outcome
    from expandcontract.fleet.target import Target
    from expandcontract.model.situation import Situation

#: What is done on a target: the context and what its ledger calls the change.
Act: TypeAlias = Callable[["Context", str], Awaitable["Situation"]]
#: So many targets are asked at once.
AT_ONCE = 16
Gate = Annotated[str, typer.Argument(metavar="GATE", help="The gate.")]
Wishes = Annotated[
    list[str], typer.Argument(metavar="KEY=VALUE...", help="batch=500, max-rate=20k, workers=2, max-lag=5s.")
]
Folder = Annotated[
    Path | None,
    typer.Option("--output", metavar="FOLDER", help="Where to. [CHANGE-reports]", show_default=False),
]


async def init(
    session: Session,
    *,
    wave: choices.Wave = None,
    target: choices.Targets = None,
    match: choices.Matching = None,
) -> int:
    """Create the ledgers."""
    from expandcontract.cli.fleet.opened import Selection, read
    from expandcontract.engine.verbs import init as verb
    from expandcontract.fleet.outcome import Outcome

    fleet = await read(session, Selection.of(wave, target, match))

    async def act(context: "Context", target: "Target") -> "Outcome[Situation]":
        made = await verb.init(context)
        return Outcome(target, passed="" if made else "its ledger is up to date")

    # The schemas of one database share a ledger, and one of them makes it.
    return await _each(session, fleet, None, act)


async def pause(
    session: Session,
    *,
    change: choices.Change,
    reason: Reason = None,
    lasting: For = None,
    wave: choices.Wave = None,
    target: choices.Targets = None,
    match: choices.Matching = None,
) -> int:
    """Tell every worker of every target."""
    from expandcontract.cli.fleet.opened import Selection, read
    from expandcontract.engine.verbs import control

    duration = parse.duration("--for", lasting)
    fleet = await read(session, Selection.of(wave, target, match))
    return await _begun(session, fleet, change, partial(control.pause, why=reason, lasting=duration))


async def resume(
    session: Session,
    *,
    change: choices.Change,
    wave: choices.Wave = None,
    target: choices.Targets = None,
    match: choices.Matching = None,
) -> int:
    """Let the workers of every target go on."""
    from expandcontract.cli.fleet.opened import Selection, read
    from expandcontract.engine.verbs import control

    return await _begun(
        session, await read(session, Selection.of(wave, target, match)), change, control.resume
    )


async def tune(
    session: Session,
    *,
    change: choices.Change,
    words: Wishes,
    wave: choices.Wave = None,
    target: choices.Targets = None,
    match: choices.Matching = None,
) -> int:
    """Change the pace on every target."""
    from expandcontract.cli.fleet.opened import Selection, read
    from expandcontract.engine.verbs import control

    named, wishes = read_wishes(words)
    if named is not None:
        raise UsageError(
            f"{named!r} is not KEY=VALUE.", next=f"ec fleet tune {change} batch=500 max-rate=20k"
        )
    fleet = await read(session, Selection.of(wave, target, match))
    return await _begun(session, fleet, change, partial(control.tune, wishes=wishes))


async def ack(
    session: Session,
    *,
    change: choices.Change,
    gate: Gate,
    reason: AckReason = "",
    wave: choices.Wave = None,
    target: choices.Targets = None,
    match: choices.Matching = None,
) -> int:
    """Open a soft gate where it is shut."""
    from expandcontract import gates
    from expandcontract.cli.fleet.opened import Selection, read
    from expandcontract.engine.verbs import control, status
    from expandcontract.fleet.outcome import Outcome

    if not reason.strip():
        raise UsageError(
            f"Opening {gate} needs a reason.",
            next=f'ec fleet ack {change} {gate} --reason "why this is right"',
        )
    fleet = await read(session, Selection.of(wave, target, match))

    async def act(context: "Context", target: "Target") -> "Outcome[Situation]":
        known = await status.one(context, target.key(change))
        verdict = next((each for each in gates.judge_all(known) if each.gate == gate), None)
        if verdict is not None and verdict.open:
            return Outcome(target, known, passed=f"{gate} is open")
        return Outcome(target, await control.ack(context, target.key(change), gate, reason))

    return await _each(session, fleet, change, act)


async def wait(
    session: Session,
    *,
    change: choices.Change,
    goal: Goal = "ready",
    timeout: Timeout = None,  # noqa: ASYNC109 - the server is asked again and again, within this time
    wave: choices.Wave = None,
    target: choices.Targets = None,
    match: choices.Matching = None,
) -> int:
    """Wait until every target is where a deploy needs it."""
    import time

    from expandcontract.cli.fleet.opened import Selection, read
    from expandcontract.engine.verbs import wait as verb
    from expandcontract.fleet.outcome import Outcome

    if goal not in GOALS:
        raise UsageError(f"--for {goal} is no goal.", why=f"The goals are {', '.join(GOALS)}.")
    limit = parse.duration("--timeout", timeout)
    began = time.monotonic()
    fleet = await read(session, Selection.of(wave, target, match))

    async def act(context: "Context", target: "Target") -> "Outcome[Situation]":
        left = _left(limit, time.monotonic() - began)
        return Outcome(target, await verb.wait(context, target.key(change), goal, left))

    return await _each(session, fleet, change, act)


def _left(limit: "timedelta | None", seconds: float) -> "timedelta | None":
    """Return what is left of a time that all targets have together."""
    from datetime import timedelta

    return None if limit is None else max(limit - timedelta(seconds=seconds), timedelta(0))


async def undo(
    session: Session,
    *,
    change: choices.Change,
    accept_loss: AcceptLoss = False,
    confirm: choices.ConfirmMany = None,
    wave: choices.Wave = None,
    target: choices.Targets = None,
    match: choices.Matching = None,
) -> int:
    """Bring hidden old sides back."""
    from expandcontract.cli.fleet.opened import Selection, read
    from expandcontract.engine.verbs import undo as verb

    fleet = await read(session, Selection.of(wave, target, match))
    if accept_loss:
        await _confirmed(session, fleet, change, confirm, f"ec fleet undo {change} --accept-loss")
    return await _begun(session, fleet, change, partial(verb.undo, accept_loss=accept_loss))


async def purge(
    session: Session,
    *,
    change: choices.Change,
    now: Now = False,
    confirm: choices.ConfirmMany = None,
    wave: choices.Wave = None,
    target: choices.Targets = None,
    match: choices.Matching = None,
) -> int:
    """Drop hidden old sides for good."""
    from expandcontract.cli.fleet.opened import Selection, read
    from expandcontract.engine.verbs import purge as verb

    fleet = await read(session, Selection.of(wave, target, match))
    again = f"ec fleet purge {change}{' --now' if now else ''}"
    await _confirmed(session, fleet, change, confirm, again)

    async def act(context: "Context", name: str) -> "Situation":
        return await verb.purge(context, name, yes=True, now=now, confirm=name if now else None)

    return await _begun(session, fleet, change, act)


async def report(
    session: Session,
    *,
    change: choices.Change,
    html: Html = False,
    output: Folder = None,
    wave: choices.Wave = None,
    target: choices.Targets = None,
    match: choices.Matching = None,
) -> int:
    """Write the record of each target into a folder."""
    from expandcontract.cli.fleet.opened import Selection, read
    from expandcontract.cli.views.report import ReportView
    from expandcontract.engine import situation as situations
    from expandcontract.engine.verbs import report as verb

    fleet = await read(session, Selection.of(wave, target, match))
    folder = output or Path(f"{change}-reports")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror}.") from error
    ending = "html" if html else "json" if session.output.json else "md"
    paths = {target.name: folder / f"{quote(target.name, safe=' ')}.{ending}" for target in fleet.targets}

    async def act(context: "Context", target: "Target") -> "Outcome[Situation]":
        from expandcontract.fleet.outcome import Outcome

        view = ReportView.of(*await verb.read(context, target.key(change)))
        text = view.html() if html else view.json_text() if session.output.json else view.text()
        paths[target.name].write_text(text, encoding="utf-8")
        return Outcome(target, await situations.one(context, target.key(change)))

    code = await _each(session, fleet, change, act)
    session.output.say(f"Written to {folder}.")
    return code


async def _confirmed(session: Session, fleet: "Fleet", change: str, confirm: str | None, again: str) -> None:
    """Raise NotConfirmed unless somebody said on how many targets, and it is so many."""
    from expandcontract.engine import situation as situations
    from expandcontract.fleet.outcome import Outcome
    from expandcontract.fleet.running import Limits, on_each
    from expandcontract.model.phases import State

    given = parse.count("--confirm", confirm)

    async def act(target: "Target") -> "Outcome[bool]":
        async with fleet.open(target) as context:
            found = await situations.load(context, [target.key(change)])
            return Outcome(target, any(each.state == State.HIDDEN for each in found))

    found = await on_each(fleet.targets, act, Limits(AT_ONCE), session.interruption.stop)
    hidden = sum(bool(each.answer) for each in found)
    if hidden and given != hidden:
        away = sum(each.error is not None for each in found)
        raise NotConfirmed(
            f"{change} is contracted on {hidden} of these {len(found)} targets.",
            why="What this does cannot be taken back." + (f" {away} did not answer." if away else ""),
            next=f"{again} --confirm {hidden}",
        )


async def _begun(session: Session, fleet: "Fleet", change: str, act: Act) -> int:
    """Do it on each target that knows the change; the others are passed."""
    from expandcontract.fleet.outcome import Outcome

    async def one(context: "Context", target: "Target") -> "Outcome[Situation]":
        try:
            return Outcome(target, await act(context, target.key(change)))
        except UnknownChange:
            return Outcome(target, passed="not started")

    return await _each(session, fleet, change, one)


async def _each(
    session: Session,
    fleet: "Fleet",
    change: str | None,
    act: Callable[["Context", "Target"], Awaitable["Outcome[Situation]"]],
) -> int:
    """Do it on each target, and show what became of them; return the exit code."""
    from expandcontract.cli.fleet.rolled import shown, tell
    from expandcontract.cli.views.fleet_run import FleetRunView
    from expandcontract.fleet.running import Limits, on_each

    async def one(target: "Target") -> "Outcome[Situation]":
        async with fleet.open(target) as context:
            return await act(context, target)

    def told(outcome: "Outcome[Situation]") -> None:
        if outcome.error is not None or session.verbose:
            tell(session, outcome)

    found = await on_each(fleet.targets, one, Limits(AT_ONCE), session.interruption.stop, told)
    waves = {target.name: each.wave.name for each in fleet.rounds for target in each.targets}
    return shown(session, FleetRunView.of(change, waves, found))


_VERBS: Mapping[str, tuple[Callable[..., Awaitable[int]], str]] = {
    "init": (init, "Run again it changes nothing that is there."),
    "pause": (pause, "A target that begins later is not paused: stop ec fleet run first."),
    "resume": (resume, ""),
    "tune": (tune, ""),
    "ack": (ack, "On each target it covers what was known there when it was given."),
    "wait": (wait, "For deploy pipelines; only reads."),
    "undo": (undo, "With --accept-loss it wants --confirm N, on how many targets."),
    "purge": (purge, "There is no way back: it wants --confirm N, on how many targets."),
    "report": (report, "A file for each target, from its ledger alone."),
}
_READING = ("pause", "resume", "tune", "ack", "wait", "report")


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    verb, details = _VERBS[name]
    return single(name, summary, command(verb, checkpoints=name not in _READING), details)
