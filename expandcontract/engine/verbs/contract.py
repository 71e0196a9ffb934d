"""`ec contract`: ask the gates, then hide the old side."""

from expandcontract import gates
from expandcontract.engine import (
    gatekeeper,
    hooks,
    kept_on_rollback,
    orphans,
    standing_check,
    transform_contract,
)
from expandcontract.engine import situation as situations
from expandcontract.engine.allowed_verbs import applies
from expandcontract.engine.context import Context
from expandcontract.engine.diary import refusals
from expandcontract.engine.leased_work import leased
from expandcontract.engine.verbs import status, undo
from expandcontract.model.hooks import Turn
from expandcontract.model.phases import Verb
from expandcontract.model.situation import Situation


async def contract(context: Context, name: str) -> Situation:
    """Hide the old side of a proven change; return the change as it is then. Nothing is dropped.

    Raises GateShut naming each gate that is shut, GuardRefused from the database itself, HookRefused,
    WrongState, LeaseHeld, LockBudgetSpent.
    """
    situation = await undo.finish(context, await situations.one(context, name))
    situation = await status.looked(context, situation)
    async with refusals(context, situation, "contract"):
        if not applies(context, Verb.CONTRACT, situation):
            await hooks.end(context, name, Turn.CONTRACT)
            return situation
        gatekeeper.require_open(situation, gates.judge_all(situation))
        await hooks.begin(context, situation, Turn.CONTRACT)
    async with leased(context, situation, "contract") as work:
        orphans.require_table(work.situation)
        if applies(context, Verb.CONTRACT, work.situation):
            verdicts = gates.judge_all(work.situation)
            gatekeeper.require_open(work.situation, verdicts)
            await gatekeeper.keep(context, work.situation, verdicts)
            await standing_check.take_down(work)
            await kept_on_rollback.stop(work)
            await transform_contract.contract(work)
    await hooks.end(context, name, Turn.CONTRACT)
    return await situations.one(context, name)
