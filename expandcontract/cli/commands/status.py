"""`ec status [CHANGE]`."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli import options
from expandcontract.cli.build import single
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expandcontract.cli.views.status import StatusView
    from expandcontract.engine.context import Context
    from expandcontract.engine.state_words import StateWord
    from expandcontract.model.phases import Phase
    from expandcontract.model.situation import Situation

Watch = Annotated[
    bool, typer.Option("--watch", help="Refresh every second until the phase that is under way ends.")
]
All = Annotated[bool, typer.Option("--all", help="Those as well that are purged or rolled back.")]
InState = Annotated[
    str | None,
    typer.Option("--state", metavar="WORD", help='Those that are there: "held back", failed, "hidden".'),
]
EVERY_SECONDS = 1.0
#: A process that dies leaves its phase running: who looks on does not wait for ever. Between two phases
#: nobody may be at work for a moment.
LONELY_LOOKS = 3
PENDING = 3


async def status(
    session: Session,
    *,
    change: options.Change = None,
    every: All = False,
    state: InState = None,
    watch: Watch = False,
    check: options.Check = False,
) -> int:
    """Say where changes are. Programs get all of them."""
    wanted = _Wanted(change, every=every or session.output.json, state=_state(state))
    try:
        async with session.context() as context:
            view = await (_watch if watch else _once)(session, context, wanted)
    except asyncio.CancelledError:
        if watch and session.interruption.received is not None:
            return session.interruption.exit_code  # who looked on has seen enough: that is no error
        raise
    return PENDING if check and view.pending else 0


@dataclass(frozen=True)
class _Wanted:
    """Which changes are asked for: one by name, or those that are open, or every one."""

    name: str | None
    every: bool
    state: "StateWord | None" = None


async def _once(session: Session, context: "Context", wanted: _Wanted) -> "StatusView":
    found, finished = await _look(context, wanted)
    view = _view(found)
    if wanted.state is not None and not found and not session.output.json:
        session.output.write(f"No change is {wanted.state}.")
        return view
    if finished and not found:
        session.output.write(f"No change is open; {finished:,} ended before: ec status --all.")
    else:
        session.show(view)
    return view


async def _watch(session: Session, context: "Context", wanted: _Wanted) -> "StatusView":
    """Show what others do until each phase that was seen running has ended, or nobody is at work on it any
    more; at once where nobody works. What is shown last is what is then.
    """
    from expandcontract.cli.talk.onlooker import onlooker

    seen: dict[str, Phase] = {}
    lonely = 0
    with onlooker(session.output) as show:
        while True:
            found, _ = await _look(context, wanted)
            view = _view(found)
            show(found, view)
            lonely = 0 if any(holder.alive for each in found for holder in each.holders) else lonely + 1
            if not _goes_on(found, seen) or lonely >= LONELY_LOOKS:
                return view
            await asyncio.sleep(EVERY_SECONDS)


def _goes_on(found: "Sequence[Situation]", seen: "dict[str, Phase]") -> bool:
    """Return whether a phase that was seen running still is; note those that are."""
    from expandcontract.model.phases import Phase, Status

    running = {
        each.name: [phase for phase in Phase if each.phases[phase].status == Status.RUNNING] for each in found
    }
    for name, phases in running.items():
        if phases:
            seen.setdefault(name, phases[0])
    if seen:
        return any(phase in running.get(name, ()) for name, phase in seen.items())
    return any(holder.alive for each in found for holder in each.holders)


async def _look(context: "Context", wanted: _Wanted) -> "tuple[Sequence[Situation], int]":
    """Return the changes that are wanted, and how many others there are."""
    from expandcontract import gates
    from expandcontract.engine.state_words import OVER, told
    from expandcontract.engine.verbs import status as verb
    from expandcontract.model.phases import State

    if wanted.name is not None:
        return await verb.beside(context, [await verb.one(context, wanted.name)]), 0
    every = await verb.load(context)
    wide = wanted.every or wanted.state in OVER
    found = [each for each in every if wide or each.state in (State.ACTIVE, State.HIDDEN)]
    seen = await verb.beside(context, found)
    if wanted.state is not None:
        return [each for each in seen if told(each, gates.judge_all(each)).word == wanted.state], 0
    return seen, len(every) - len(found)


def _state(text: str | None) -> "StateWord | None":
    """Read a word of --state. Raises UsageError."""
    from expandcontract.engine.state_words import StateWord

    if text is None:
        return None
    for word in StateWord:
        if word == text.strip().lower().replace("-", " "):
            return word
    raise UsageError(f"--state {text} is not valid.", why=f"Write one of {', '.join(StateWord)}.")


def _view(found: "Sequence[Situation]") -> "StatusView":
    from expandcontract import gates
    from expandcontract.cli.views.status import StatusView

    return StatusView.of(found, gates.judge_all)


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(name, summary, command(status, checkpoints=False))
