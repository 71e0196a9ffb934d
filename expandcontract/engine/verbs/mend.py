"""`ec doctor --repair`: put back what can be put back, change by change."""

from sqlalchemy.exc import DBAPIError

from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.engine.health import Finding, damage
from expandcontract.engine.leased_work import leased
from expandcontract.engine.repair import restore
from expandcontract.engine.verbs import backfill
from expandcontract.model.errors import EcError, Interrupted
from expandcontract.model.phases import Phase, Stage, State, Status
from expandcontract.model.situation import Situation
from expandcontract.postgres.sqlstate import translate


async def mend(context: Context) -> tuple[Finding, ...]:
    """Repair every open change that is damaged; return what became of each. What fails is a finding.

    A trigger or function is put back as it was made. From ready on, rows are then filled anew and compared,
    since the proof is spoiled, and what the new side lost is built again. Before ready the next backfill does
    that; after contract the trigger alone can be put back.
    """
    every = await situations.load(context)
    damaged = [each for each in every if each.state in (State.ACTIVE, State.HIDDEN) and damage(each)]
    return tuple([await _mended(context, each) for each in damaged])


async def _mended(context: Context, situation: Situation) -> Finding:
    name = situation.name
    try:
        await _mend(context, situation)
        left = damage(await situations.one(context, name))
    except Interrupted:
        raise
    except (EcError, DBAPIError) as error:
        known = translate(error)
        return Finding(name, well=False, sentence=f"{known.message} {known.why}".strip(), next=known.next)
    if left:
        return Finding(name, well=False, sentence=" ".join(left))
    return Finding(name, well=True, sentence=f"Repaired. It was: {' '.join(damage(situation))}")


async def _mend(context: Context, situation: Situation) -> None:
    if situation.stage == Stage.READY:
        await backfill.backfill(context, situation.name)
        return
    if situation.phases[Phase.DUAL_WRITE].status == Status.DONE:
        async with leased(context, situation, "doctor") as work:
            await restore(work)
