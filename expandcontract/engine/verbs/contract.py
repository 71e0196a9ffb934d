"""`ec contract`: ask the gates, then hide the old side."""

from collections.abc import Iterable
from dataclasses import replace

from expandcontract import gates
from expandcontract.engine import (
    broken_rules,
    front,
    gatekeeper,
    hooks,
    kept_on_rollback,
    orphans,
    run_on,
    standing_check,
    taking_back,
)
from expandcontract.engine import situation as situations
from expandcontract.engine.allowed_verbs import applies
from expandcontract.engine.context import Context
from expandcontract.engine.diary import refusals
from expandcontract.engine.leased_work import Refusal, Work, leased
from expandcontract.engine.runner import run_phase
from expandcontract.engine.verbs import status, undo
from expandcontract.gates import old_writers
from expandcontract.model.errors import EcError, GateShut
from expandcontract.model.hooks import Turn
from expandcontract.model.phases import Phase, Section, Verb
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict
from expandcontract.postgres.message import Query


async def contract(context: Context, name: str) -> Situation:
    """Hide the old side of a proven change; return the change as it is then. Nothing is dropped.

    Raises GateShut naming each gate that is shut, Mismatches naming the rows that a rule of the new side
    refuses, GuardRefused from the database itself, HookRefused, WrongState, LeaseHeld, LockBudgetSpent.
    """
    situation = await undo.finish(context, await situations.one(context, name))
    situation = await status.looked(context, situation)
    async with refusals(context, situation, "contract"):
        if not applies(context, Verb.CONTRACT, situation):
            await hooks.end(context, name, Turn.CONTRACT)
            return situation
        gatekeeper.require_open(situation, gates.judge_all(situation))
        await hooks.begin(context, situation, Turn.CONTRACT)
    noted = await _noted(context, situation)
    async with leased(context, situation, "contract") as work:
        orphans.require_table(work.situation)
        front.require(work.situation)
        if applies(context, Verb.CONTRACT, work.situation):
            verdicts = gates.judge_all(work.situation)
            gatekeeper.require_open(work.situation, verdicts)
            await gatekeeper.keep(context, work.situation, verdicts)
            await standing_check.take_down(work)
            await kept_on_rollback.stop(work)
            await run_on.uncounted(work)
            refusals_ = _late_writers(context, work.situation, verdicts, noted)
            await _run(replace(work, refusals=refusals_))
    await hooks.end(context, name, Turn.CONTRACT)
    return await situations.one(context, name)


async def _run(work: Work) -> None:
    """Run the phase to its end. What it prepared, and may refuse a write, is given up where that does not
    come about: writes are then as free as before.
    """
    try:
        await run_phase(work, Phase.CONTRACT)
    except EcError as error:
        await taking_back.take_back(work, Section.CONTRACT)
        told = await broken_rules.told(work, error)
        if told is error:
            raise
        raise told from error


_NOTES = """
SELECT pg_catalog.count(*) FROM {table} n
WHERE n.change_id OPERATOR(pg_catalog.=) $1 AND n.side OPERATOR(pg_catalog.=) 'old'
""".strip()


async def _noted(context: Context, situation: Situation) -> int:
    """Return how often somebody was noted who wrote the old side."""
    query = _NOTES.format(table=context.tables.qualified("old_use"))
    async with context.database.transaction() as conn:
        return int((await conn.exec_driver_sql(query, (situation.change_id,))).scalar_one())


def _late_writers(
    context: Context, situation: Situation, verdicts: Iterable[Verdict], noted: int
) -> tuple[Refusal, ...]:
    """Return what refuses to hide the old side, under the lock, when somebody wrote it since the gates were
    asked: to build a unique index takes long, and a transaction that was open shows its writes when it ends.
    Whoever acknowledged the gate, or asks for no quiet time, knows of old code.
    """
    asked = any(each.gate == old_writers.NAME and not each.waived_by for each in verdicts)
    if not asked or not situation.policy.quiet_for or situation.policy.fresh:
        return ()
    query = f"({_NOTES.format(table=context.tables.qualified('old_use'))}) OPERATOR(pg_catalog.>) $2"
    shut = GateShut(
        f"{situation.name} cannot be contracted: {old_writers.NAME}.",
        why=f"{situation.plan.old_side} was written while contract was at work.",
        state="Both sides stay in sync and in use." if situation.plan.pair else "Nothing was contracted.",
        next=gates.waiting(situation),
    )
    return (Refusal(Query(query, (situation.change_id, noted)), shut),)
