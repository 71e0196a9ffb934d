"""`ec contract`: ask the gates, then hide the old side."""

from expandcontract import gates
from expandcontract.engine import gatekeeper
from expandcontract.engine import situation as situations
from expandcontract.engine.answers import applies
from expandcontract.engine.context import Context
from expandcontract.engine.runner import run_phase
from expandcontract.engine.verbs import undo
from expandcontract.engine.work import leased
from expandcontract.model.phases import Phase, Verb
from expandcontract.model.situation import Situation


async def contract(context: Context, name: str) -> Situation:
    """Hide the old side of a proven change; return the change as it is then. Nothing is dropped.

    Raises GateShut naming each gate that is shut, GuardRefused from the database itself, WrongState,
    LeaseHeld, LockBudgetSpent.
    """
    await undo.finish(context, name)
    situation = await situations.one(context, name)
    if not applies(context, Verb.CONTRACT, situation):
        return situation
    gatekeeper.require_open(situation, gates.judge_all(situation))
    async with leased(context, situation, "contract") as work:
        # Whoever had the lease before may have changed everything.
        now = await situations.one(context, name)
        if applies(context, Verb.CONTRACT, now):
            gatekeeper.require_open(now, gates.judge_all(now))
            await run_phase(work, Phase.CONTRACT)
    return await situations.one(context, name)
