"""From what was written to a Change: a kind with its fields, or the name of a plan or of a change."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from expandcontract.changes import registry
from expandcontract.cli.kinds import Asked, ChangeAsked, KindAsked, neither, words
from expandcontract.engine import plan_files
from expandcontract.engine.verbs import plan, status
from expandcontract.model.change import Change
from expandcontract.model.errors import AmbiguousChange, LedgerMissing
from expandcontract.model.phases import Stage, State
from expandcontract.model.situation import Situation

if TYPE_CHECKING:
    from expandcontract.engine.context import Context


@dataclass(frozen=True)
class PlanTarget:
    """A change, with its place in the ledger and its folder in phases/, where it has them."""

    change: Change
    situation: Situation | None = None
    reviewed: plan_files.Reviewed | None = None

    @property
    def started(self) -> bool:
        """Whether the ledger has the plan that runs; otherwise it is compiled anew."""
        compiled = (Stage.NOT_STARTED, Stage.ROLLED_BACK)
        return self.situation is not None and self.situation.stage not in compiled


async def wanted(context: "Context", asked: Asked, phases: Path) -> PlanTarget | None:
    """Return what was asked for; None when nothing was and no change is active."""
    try:
        situations = await status.load(context)
    except LedgerMissing:  # a plan can be made before `ec init`
        situations = ()
    change = asked_for(asked, phases, situations)
    if change is None:
        return None
    situation = next((found for found in situations if found.name == change.name), None)
    kept = plan_files.find(phases, change.name) if plan_files.has(phases, change.name) else None
    return PlanTarget(change, situation, kept)


def asked_for(asked: Asked, phases: Path, situations: Sequence[Situation]) -> Change | None:
    """Return what was asked for among the known changes; None when nothing was and none is active."""
    match asked:
        case KindAsked():
            return of_kind(asked, phases, situations)
        case ChangeAsked(name=str() as name):
            return of_name(name, phases, situations)
        case ChangeAsked():
            return _only_active(situations)


async def keep_folder(context: "Context", found: PlanTarget, phases: Path) -> None:
    """Write the folder of a change that has none yet, but only where there is a phases/ to write it to."""
    if found.situation is None and found.reviewed is None and phases.is_dir():  # noqa: ASYNC240 - one stat
        await plan.make(context, found.change, folder=phases)


def command(verb: str, found: PlanTarget, phases: Path) -> str:
    """Return the command that a verb is run by again: with the change's name where it can be found by it."""
    change = found.change
    if found.situation is not None or plan_files.has(phases, change.name):
        return f"ec {verb} {change.name}"
    spec = registry.load(change.kind).spec
    return shlex.join(["ec", verb, change.kind, *words(spec, change.spec)])


def of_kind(asked: KindAsked, phases: Path, situations: Sequence[Situation]) -> Change:
    """Return the unfinished change or plan with this very spec, or a new change with the next number."""
    spec = asked.spec.model_dump(mode="json", exclude_defaults=True)
    for known in _unfinished(phases, situations):
        if known.kind == asked.kind and dict(known.spec) == spec:
            return known
    names = [*plan_files.names(phases), *(situation.name for situation in situations)]
    return Change(plan_files.next_name(registry.load(asked.kind).slug(asked.spec), names), asked.kind, spec)


def of_name(name: str, phases: Path, situations: Sequence[Situation]) -> Change:
    """Return the plan or the change of that name. Raises UsageError with the nearest kind or change."""
    if plan_files.has(phases, name):
        return plan_files.find(phases, name).change
    for situation in situations:
        if situation.name == name:
            return situation.plan.change
    raise neither(name, [*plan_files.names(phases), *(situation.name for situation in situations)])


def _unfinished(phases: Path, situations: Sequence[Situation]) -> Iterator[Change]:
    """Return open changes, then what was rolled back and may start again, then what was never started."""
    order = (State.ACTIVE, State.HIDDEN, State.ROLLED_BACK)
    for state in order:
        yield from (found.plan.change for found in reversed(situations) if found.state == state)
    known = {found.name for found in situations}
    yield from (
        plan_files.find(phases, name).change for name in plan_files.names(phases) if name not in known
    )


def _only_active(situations: Sequence[Situation]) -> Change | None:
    active = [found.plan.change for found in situations if found.state == State.ACTIVE]
    if len(active) > 1:
        names = ", ".join(change.name for change in active)
        raise AmbiguousChange(
            f"{len(active)} changes are active: {names}.", next=f"ec status {active[0].name}"
        )
    return active[0] if active else None
