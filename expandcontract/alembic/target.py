"""How far a database can be upgraded now. env.py is run for its connection; nothing is changed."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from expandcontract import gates
from expandcontract.alembic import carrying, checking, meeting, migration_run, script_folder
from expandcontract.alembic.migration_run import KEY, Said, Shut, Step
from expandcontract.alembic.revisions import Operation, Revision
from expandcontract.engine.context import Context
from expandcontract.engine.verbs import status
from expandcontract.gates.soak import NAME as SOAK
from expandcontract.model.durations import parse_duration
from expandcontract.model.errors import LedgerMissing, UnknownChange, UsageError
from expandcontract.model.phases import Phase
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict


@dataclass(frozen=True)
class Target:
    """Where a database is (`current`), what `alembic upgrade` may be told (`target`: one revision, or one for
    each branch), and which revisions are pending until there.

    Where that is not all: the revision that is `waiting`, the `change` that it contracts, why it cannot now,
    the gates that are shut, when the soak is over, and which revisions are `behind` it that code would miss,
    so that a run to the head ends with an error.
    """

    target: tuple[str, ...]
    current: tuple[str, ...]
    heads: tuple[str, ...]
    pending: tuple[str, ...] = ()
    waiting: str | None = None
    change: str | None = None
    why: str = ""
    gates: tuple[Verdict, ...] = ()
    soaked_at: datetime | None = None
    behind: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Waiting:
    """A revision whose contract cannot pass now."""

    revision: Revision
    shut: Shut


@dataclass(frozen=True)
class _Seen:
    """What env.py's connection showed: where the database is, what env.py said of ec, and which changes its
    models hold, with why.
    """

    current: tuple[str, ...]
    said: Said
    held: Mapping[str, str]


def find(config: Config) -> Target:
    """Return how far the database of env.py can be upgraded now.

    Raises CommandError with what is wrong with env.py, the chain or the database, and UsageError.
    """
    script = script_folder.opened(config)
    seen = _looked(config, script)
    current, heads = seen.current, tuple(script.get_heads())
    if not all(_known(script, each) for each in current):
        # An old image: whether it may run, the upgrade itself decides.
        return Target(("heads",), current, heads)
    steps = migration_run.read(_chosen(script, current))
    checking.require_sound(steps, current)
    passing, shut = _passing(steps, seen)
    pending = tuple(each.revision.id for each in passing)
    behind = tuple(each.revision.id for each in steps if each.revision.id not in pending and each.is_missed)
    found = Target(_tips(script, (*current, *pending)), current, heads, pending, behind=behind)
    return found if shut is None else _short(seen.said, shut, found)


def _chosen(script: ScriptDirectory, current: Any) -> list[Any]:  # noqa: ANN401 - Alembic's own
    return list(script._upgrade_revs("heads", current))  # noqa: SLF001 - what `alembic upgrade` calls


def _passing(steps: Sequence[Step], seen: "_Seen") -> tuple[list[Step], "_Waiting | None"]:
    """Return the steps that can be carried out now, and the first that cannot: what waits in one branch keeps
    nothing of another one back, and what lacks nothing but a proof is proven by the run.
    """
    passing, first = list(steps), None
    while any(step.ours for step in passing):
        kept = migration_run.first_held(passing, seen.said, seen.held)
        shut = migration_run.earlier(kept, migration_run.first_shut(passing, seen.said))
        if shut is None:
            break
        waiting = passing[shut.place].revision
        if shut.unproven:
            passing[shut.place] = replace(passing[shut.place], ours=())
            continue
        first = first or _Waiting(waiting, shut)
        upon = [*map(id, migration_run.behind(passing, shut.place)), id(passing[shut.place])]
        passing = [each for each in passing if id(each) not in upon]
    return passing, first


def _looked(config: Config, script: ScriptDirectory) -> _Seen:
    seen = list[tuple[tuple[str, ...], Said | None, Mapping[str, str]]]()

    def look(current: Sequence[str], context: Any) -> list[Any]:  # noqa: ANN401 - Alembic's own
        said: Said | None = context.opts.get(KEY)
        held = {} if said is None else meeting.held(meeting.verdicts(context, said))
        seen.append((tuple(current), said, held))
        return []

    # What env.py prints is no revision. No destination is said: this is no run that moves the version.
    with redirect_stdout(sys.stderr), EnvironmentContext(config, script, fn=look):
        script.run_env()
    if not seen:
        raise UsageError("env.py runs no migrations.", why="It has to call context.run_migrations().")
    current, said, held = seen[0]
    if said is None:
        raise UsageError(
            "env.py does not say **ec.options(connection).",
            why="Contracts would not wait for their gates.",
            next="ec init",
        )
    return _Seen(current, said, held)


def _known(script: ScriptDirectory, revision: str) -> bool:
    try:
        return script.get_revision(revision) is not None
    except CommandError:
        return False


def _tips(script: ScriptDirectory, reached: Sequence[str]) -> tuple[str, ...]:
    """Return those of the revisions that are reached above which none of the others stands."""
    below = {id_ for each in reached for id_ in script_folder.of_script(script.get_revision(each)).below}
    return tuple(dict.fromkeys(each for each in reached if each not in below)) or ("heads",)


def _short(said: Said, waiting: "_Waiting", found: Target) -> Target:
    """Return the target with what is in the way of going further."""
    revision, shut = waiting.revision, waiting.shut
    calls = [call for call in revision.up.ours if call.operation == Operation.CONTRACT]
    soak = next((call.options.get("soak", "1d") for call in calls), "1d")
    told = replace(found, waiting=revision.id, change=shut.change, why=shut.why)
    known = carrying.within(said, lambda context: _situation(context, shut.change))
    if known is None:
        return told
    asked = parse_duration(str(soak))
    situation = replace(known, policy=replace(known.policy, soak=asked))
    unknown = "" if known.phases[Phase.CONTRACT].soak == asked else str(soak)
    verdicts = tuple(_told(each, unknown) for each in gates.judge_all(situation) if not each.open)
    ready_at = situation.ready_at
    opens = None if ready_at is None else ready_at + (situation.policy.soak or timedelta(0))
    return replace(told, gates=verdicts, soaked_at=opens)


def _told(verdict: Verdict, soak: str) -> Verdict:
    """Return a verdict whose line to copy knows of the soak, where no run has told the ledger yet."""
    if verdict.gate != SOAK or not verdict.next or not soak:
        return verdict
    return replace(verdict, next=f"{verdict.next} --soak {soak}")


async def _situation(context: Context, change: str) -> Situation | None:
    try:
        return await status.one(context, change)
    except (UnknownChange, LedgerMissing):
        return None
