"""`ec fleet exec --index I --wave W -- VERB ...`: what an outer engine calls, once for each target."""

import inspect
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from expandcontract.cli.build import single
from expandcontract.cli.command import execute, readable, remember
from expandcontract.cli.kinds import kind_names
from expandcontract.cli.options import SETTING_NAMES, SPEECH, settings
from expandcontract.cli.session import Session
from expandcontract.model.errors import UsageError

if TYPE_CHECKING:
    from expandcontract.cli.fleet.opened import Fleet
    from expandcontract.fleet.index_file import Entry, Index
    from expandcontract.fleet.target import Target

Number = Annotated[
    str | None,
    typer.Option(
        "--index", metavar="I", help="The target's place in its wave, from 0. [required]", show_default=False
    ),
]
Wave = Annotated[
    str | None, typer.Option("--wave", metavar="W", help="The wave; may be left out of a fleet with one.")
]
IndexFile = Annotated[
    Path | None,
    typer.Option(
        "--index-file",
        metavar="FILE",
        help="What ec fleet plan wrote. [phases/CHANGE/fleet.json, else the inventory's order]",
        show_default=False,
    ),
]
#: Verbs that begin a change, by the name that it has everywhere and the plan that was seen.
_BEGINNING = ("start", "run")
#: Verbs of one database that a change does not come first after.
_NAMELESS = ("init", "doctor")
#: Settings that say which database it is.
_DATABASE = ("database_url", "database_url_file", "direct_url", "standby")


async def exec_(
    session: Session,
    *,
    index: Number = None,
    wave: Wave = None,
    index_file: IndexFile = None,
    words: Sequence[str] = (),
    found: list[Any],
) -> None:
    """Find the target, and put it into `found`; what runs there is run when this is over."""
    from expandcontract.cli.fleet.opened import read
    from expandcontract.fleet import index_file as files

    number = _number(index)
    change = _change(words)
    fleet = await read(session)
    if index_file is not None:
        known: Index | None = files.read(index_file)
    else:
        known = None if change is None else files.find(session.phases, change)
    target, entry = files.at(known or files.of_rounds(fleet.rounds), wave, number, fleet.every)
    if words[0] in _BEGINNING and known is not None and change is not None:
        await _require_seen(session, fleet, target, change, known, entry)
    place = {"target": target.name, "index": number, "wave": wave}
    session.output.say(f"{target.name}: ec {' '.join(words)}", "target", place)
    found.append(target)


def _number(text: str | None) -> int:
    if text is None or not text.isdecimal():
        raise UsageError(
            "--index is a whole number from 0.", next="ec fleet exec --index 0 --wave W -- status CHANGE"
        )
    return int(text)


def _change(words: Sequence[str]) -> str | None:
    """Return the change of a command. Raises UsageError where it has none, or a kind in its place."""
    from expandcontract.cli.app import VERBS

    if not words or words[0] not in VERBS or words[0] == "fleet":
        raise UsageError(
            "Write what is to be run on the target behind --.",
            next="ec fleet exec --index 0 --wave W -- run CHANGE",
        )
    if words[0] in _NAMELESS:
        return None
    if len(words) == 1 or words[1].startswith("-") or words[1] in kind_names():
        raise UsageError(
            f"ec {words[0]} on a target of a fleet is of a change, by its name.",
            why="The name comes first; it is the same on every target.",
            next=f"ec fleet exec --index 0 --wave W -- {words[0]} CHANGE",
        )
    return words[1]


async def _require_seen(
    session: Session, fleet: "Fleet", target: "Target", change: str, index: "Index", entry: "Entry"
) -> None:
    """Raise PlanDrifted where the plan that is about to begin is none that ec fleet plan wrote."""
    from expandcontract.engine import plan_files
    from expandcontract.engine import situation as situations
    from expandcontract.fleet import planning

    del entry
    asked = plan_files.find(session.phases, change).change
    async with fleet.open(target) as context:
        known = next(iter(await situations.load(context, [target.key(change)])), None)
        if known is None or known.stage in planning.COMPILED:
            await planning.require_seen(context, target, asked, index)


def _run(ctx: typer.Context, values: Mapping[str, Any]) -> int:
    from expandcontract.cli.entry import run

    written = remember(ctx, values)
    words, found = tuple(ctx.args), list[Any]()
    code = execute(exec_, written, checkpoints=False, extra={"words": words, "found": found})
    if not found:
        return code
    (target,) = found
    _enter(target)
    return run([*_spoken(written), *_on(target, words)])


def _enter(target: "Target") -> None:
    """Let the target be the database of this process. A command line would show its URL to everybody."""
    named = {
        "EC_DATABASE_URL": target.leading(target.url),
        "EC_DIRECT_URL": target.direct_url and target.leading(target.direct_url),
        "EC_STANDBY": target.standby,
        "EC_DATABASE_URL_FILE": None,
    }
    for name, value in named.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _spoken(written: Mapping[str, Any]) -> list[str]:
    """Return how it was said to speak, and the settings, as words before the verb."""
    words = []
    for name in (*(each.name for each in SPEECH), *SETTING_NAMES):
        if name not in written or name in (*_DATABASE, "fleet"):
            continue
        option = f"--{name.replace('_', '-')}"
        words += [option] if written[name] is True else [option, str(written[name])]
    return words


def _on(target: "Target", words: Sequence[str]) -> list[str]:
    """Return the command with the change by the name that it has in the ledger of the target."""
    if words[0] in _NAMELESS:
        return list(words)
    return [words[0], target.key(words[1]), *words[2:]]


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    details = (
        "In an Indexed Job of Kubernetes I is $JOB_COMPLETION_INDEX. "
        "Output and exit code are those of the command. CHANGE comes first after VERB."
    )
    own = list(inspect.signature(exec_, eval_str=False).parameters.values())[1:4]
    annotations = {"index": Number, "wave": Wave, "index_file": IndexFile}
    typed = [p.replace(annotation=annotations[p.name]) for p in own]
    function = readable(_run, [*typed, *SPEECH, *settings(hidden=True)])
    return single(name, summary, function, details, allow_extra_args=True)
