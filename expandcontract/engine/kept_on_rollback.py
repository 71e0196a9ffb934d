"""What a rollback keeps, and that it is just what it removes.

Once the triggers stand, every write that leaves a value which only the new side holds keeps it by itself;
a sweep keeps those that were there. Both are looked at once more under the lock of the removal: where the
triggers did not stand all the time, or where a server that failed over has lost what was kept, all is kept
anew.
"""

from dataclasses import dataclass, replace

from sqlalchemy import insert

from expandcontract.engine import sweep_rounds, taking_back
from expandcontract.engine.leased_work import Refusal, Work
from expandcontract.engine.runner import finished, run_section, run_step
from expandcontract.model.errors import Blocked, EcError, GuardRefused
from expandcontract.model.names import keeping_triggers
from expandcontract.model.phases import Section
from expandcontract.model.step import Occasion, Purpose, Sweep, Upkeep
from expandcontract.postgres.message import Query
from expandcontract.steps import keep_on_rollback as steps

#: The kind of the event that keeps which triggers stood when a round was laid; the function `kept` reads it.
#: How often all is kept anew because its triggers are changed under it.
MOST_TRIES = 5


@dataclass(frozen=True)
class KeepProgress:
    """How far keeping is: the last round (0 without any), whether the triggers stood all the time since then,
    and whether all of its rows were looked at.
    """

    round: int
    stood: bool
    swept: bool

    @property
    def complete(self) -> bool:
        """Whether the new side can be removed."""
        return self.stood and self.swept


def completed(work: Work) -> Work:
    """Return the work with a rollback that keeps all that it removes, whichever program made its plan."""
    if work.plan.pair is None:
        return work
    plan = steps.completed(work.plan, work.context.tables.schema)
    return replace(work, situation=replace(work.situation, plan=plan))


async def keep_and_remove(work: Work) -> None:
    """Keep what only the new side holds, and remove it in one short transaction.

    Raises Blocked when somebody alters the triggers again and again, and what `run_section` raises.
    """
    lost = _lost(work)
    for _ in range(MOST_TRIES):
        await _keep(work)
        try:
            return await _run_removal(replace(work, refusals=(lost,)))
        except EcError as error:
            if error is not lost.error:
                raise
            work.context.notice(work.name, f"{error.message} It is kept once more.")
    raise Blocked(
        f"{work.name} could not be rolled back: what keeps its new values is altered all the time.",
        why="Something else disables or drops triggers of the table.",
        state="Nothing was removed.",
        next=f"ec rollback {work.name}",
    )


async def remove(work: Work) -> None:
    """Remove the new side, and keep nothing. A rule that rows break by now is taken back."""
    try:
        await _run_removal(work)
    except EcError:
        await taking_back.take_back(work, Section.ROLLBACK)
        raise


async def stop(work: Work) -> None:
    """Take the triggers of a rollback that was given up from the table, where they are."""
    query = """SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger
        WHERE tgrelid = $1::pg_catalog.oid AND tgname = ANY ($2::pg_catalog.text[]))"""
    values = (work.situation.relation, list(keeping_triggers(work.plan.trigger)))
    async with work.context.database.transaction() as conn:
        there = (await conn.exec_driver_sql(query, values)).scalar_one()
    if there:
        for step in completed(work).plan.upon(Occasion.GIVEN_UP):
            await run_step(work, Section.REPAIR, step)


async def sweep(work: Work, action: Sweep) -> None:
    """Keep what is there: go on with the last round where it still counts, or begin another."""
    found = await _found(work)
    round_ = found.round if found.stood else await _bound(work, found.round + 1)
    await sweep_rounds.walk_round(work, action, round_, sweep_rounds.SweepPace())


async def _run_removal(work: Work) -> None:
    keeping = frozenset(step.id for step in work.plan.steps(Section.ROLLBACK) if step.keeps)
    await run_section(work, Section.ROLLBACK, leave_out=keeping)


async def _keep(work: Work) -> None:
    found = await _found(work)
    section, keep, _ = work.plan.sweep(Purpose.KEEP)
    # A process that died after the last row was looked at has not journaled that it was.
    if found.complete and keep.id in await finished(work, section):
        return
    for step in work.plan.steps(section) if not found.stood else ():
        if step.makes == Upkeep.KEEPING:
            await run_step(work, section, step)
    await run_step(work, section, keep)


async def _found(work: Work) -> KeepProgress:
    query = f"SELECT * FROM {work.context.tables.qualified('kept')}($1)"
    async with work.context.database.transaction() as conn:
        row = (await conn.exec_driver_sql(query, (work.situation.change_id,))).one()
    return KeepProgress(row.round, row.stood, row.swept)


def _lost(work: Work) -> Refusal:
    """What the server refuses under the lock of the removal."""
    query = (
        f"NOT EXISTS (SELECT FROM {work.context.tables.qualified('kept')}($1) k WHERE k.stood AND k.swept)"
    )
    sentence = (
        f"What would be removed of {work.name} is not what was kept: its triggers did not stand all the time."
    )
    return Refusal(Query(query, (work.situation.change_id,)), GuardRefused(sentence))


async def _bound(work: Work, round_: int) -> int:
    """Keep how the triggers stand before the first row is looked at; return the round."""
    context, situation = work.context, work.situation
    names = list(keeping_triggers(work.plan.trigger))
    query = f"SELECT {context.tables.qualified('keeping')}($1, pg_catalog.to_jsonb($2::pg_catalog.text[]))"
    async with work.transaction() as conn:
        standing = (await conn.exec_driver_sql(query, (situation.change_id, names))).scalar_one()
        row = {
            "change_id": situation.change_id,
            "attempt": situation.attempt,
            "purpose": Purpose.KEEP.value,
            "round": round_,
            "who": context.who,
            "triggers": names,
            "standing": standing,
        }
        await conn.execute(insert(context.tables.laid).values(row))
    return round_
