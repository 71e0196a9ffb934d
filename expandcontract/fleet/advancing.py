"""One target of a run: begin the change there, or go on with it, until the goal."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.engine.verbs import run
from expandcontract.engine.verbs.backfill import BackfillOptions
from expandcontract.engine.verbs.start import Consent, require_same
from expandcontract.fleet.index_file import Index
from expandcontract.fleet.outcome import Outcome
from expandcontract.fleet.planning import COMPILED, seen
from expandcontract.fleet.target import Target
from expandcontract.model.change import Change
from expandcontract.model.phases import Stage
from expandcontract.model.situation import Situation


class Goal(StrEnum):
    """How far a run goes on each target."""

    READY = "ready"
    PROOF = "proof"
    CONTRACT = "contract"


@dataclass(frozen=True)
class Errand:
    """What is to be done on every target: the `change` by the name that it has everywhere, how far, how.

    `index` has the plans that somebody has seen; without it each plan is taken as it compiles.
    `acknowledged`, `once`, `check_rows` are as for `ec start`.
    """

    change: Change
    goal: Goal
    options: BackfillOptions
    index: Index | None = None
    acknowledged: Collection[str] = ()
    once: bool = False
    check_rows: bool = False

    def on(self, target: Target) -> Change:
        """Return the change as the ledger of the target knows it."""
        return replace(self.change, name=target.key(self.change.name))

    @property
    def consent(self) -> Consent:
        """Return what was agreed to."""
        return Consent(
            acknowledged=self.acknowledged,
            once=self.once,
            check_rows=self.check_rows,
            again=f"ec fleet run {self.change.name}",
        )


async def advance(context: Context, target: Target, errand: Errand) -> Outcome[Situation]:
    """Bring the target to the goal. What is there already is left as it is, whoever did it."""
    change = errand.on(target)
    known = next(iter(await situations.load(context, [change.name])), None)
    if known is not None:
        require_same(change, known)
        if reached(known, errand.goal):
            return Outcome(target, known, passed="there already")
    consent = errand.consent
    if errand.index is not None and (known is None or known.stage in COMPILED):
        consent = replace(consent, reviewed=await seen(context, target, errand.change, errand.index))
    options = replace(errand.options, verify=errand.goal != Goal.READY)
    until_contract = errand.goal == Goal.CONTRACT
    done = await run.run(context, change, consent, options, until_contract=until_contract)
    return Outcome(target, done)


def reached(situation: Situation, goal: Goal) -> bool:
    """Pure. Return whether nothing is left to be done for the goal."""
    if situation.stage in (Stage.HIDDEN, Stage.PURGED, Stage.FINISHED):
        return not situation.damage
    if goal == Goal.CONTRACT or not situation.ready:
        return False
    return goal == Goal.READY or _proven(situation)


def _proven(situation: Situation) -> bool:
    """Whether the rows were compared and are in sync, as far as there is something to compare."""
    if not situation.plan.compares:
        return True
    proof = situation.proof
    return proof is not None and not (proof.mismatches or proof.spoiled_at or proof.differences)


def reached_at(situation: Situation, goal: Goal) -> datetime | None:
    """Pure. Return since when it is there; from then on a wave soaks."""
    if goal == Goal.CONTRACT and situation.hidden_at is not None:
        return situation.hidden_at
    if goal != Goal.READY and situation.proof is not None:
        return situation.proof.finished_at
    return situation.ready_at
