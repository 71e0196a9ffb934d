"""Steps that commit together with their row in the journal.

All that takes a lock that somebody may wait for, all that is done under it, what the ledger keeps of it, and
the COMMIT are one message. What has to be judged under that lock the server judges: statements that raise.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine import departed, front, gatekeeper, other_tables
from expandcontract.engine.context import Context
from expandcontract.engine.leased_work import Refusal, Work
from expandcontract.ledger import change as change_writer
from expandcontract.ledger import phase as phase_writer
from expandcontract.ledger import step as journal
from expandcontract.model import killpoints
from expandcontract.model.phases import Phase, Section, State, Status
from expandcontract.model.plan import Plan
from expandcontract.model.situation import Situation
from expandcontract.model.step import Step, Transactional, Upkeep
from expandcontract.postgres.locks import run_locked
from expandcontract.postgres.message import Query, inlined
from expandcontract.postgres.owner_rights import LEAVING_PATH
from expandcontract.postgres.sqlstate import UNDEFINED_TABLE, server_message, sqlstate
from expandcontract.postgres.standby import wait_until_unused


class Moved(Protocol):
    """A change that is moved by its steps, whoever holds it."""

    @property
    def context(self) -> Context:
        """Whose ledger it is in, and who moves it."""

    @property
    def situation(self) -> Situation:
        """What is known of it."""

    @property
    def plan(self) -> Plan:
        """Its plan."""

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """What is judged when it is moved."""


@dataclass(frozen=True)
class Ending:
    """What the step that moves the change to another state writes with it: the phase that is then done, or
    undone.
    """

    phase: Phase
    undone: bool = False


async def run(work: Work, section: Section, step: Step, action: Transactional, ending: Ending | None) -> None:
    """Run a step and journal it, once. Raises DBAPIError, or what stopped it before anything was done."""
    context = work.context
    began = time.monotonic()
    action = await _present(work, step, action)
    of_others = other_tables.refusals(work, action)

    async def prepare(conn: AsyncConnection) -> Sequence[str]:
        rights = await work.check_table(conn)
        await rights.open(conn)
        if step.becomes == State.HIDDEN:
            await work.recheck(conn)
        if step.becomes is not None or ending is not None:
            await change_writer.hold(conn, context.tables, work.situation.change_id)
        others = [_refusing(work, refusal) for refusal in of_others]
        before = inlined(conn, *others, *moves_before(work, step))
        after = inlined(conn, *kept_after(work, section, step, time.monotonic() - began, ending))
        killpoints.reach(f"{work.key(section, step.id)}.begun")
        body = rights.acting(action.statements)
        if action.validates:
            # Rows are validated as the application's writes are judged.
            body = (rights.taking_path, *body, LEAVING_PATH)
        return (*before, *body, *after)

    if context.standby is not None and not action.patient:
        await wait_until_unused(context.standby, action.locks, context.policy, context.listen, context.stop)
    try:
        await run_locked(
            context.database,
            action.locks,
            context.policy,
            context.listen,
            prepare,
            patient=action.patient,
            stop=context.stop,
        )
    except DBAPIError as error:
        for refusal in (*of_others, *work.refusals):
            if _is(refusal, error):
                raise refusal.error from error
        if sqlstate(error) == UNDEFINED_TABLE:
            # Before it has its locks a step knows its table by name alone.
            async with context.database.transaction() as conn:
                await gatekeeper.require_table(conn, work.situation)
                await other_tables.require(conn, work)
        raise


async def _present(work: Work, step: Step, action: Transactional) -> Transactional:
    """Return the action without what is not there, or not there yet."""
    action = front.present(work.situation, departed.without(step, action, await departed.of(work)))
    if not work.situation.to_come:
        return action
    own = work.plan.table.sql
    return replace(action, locks=tuple(lock for lock in action.locks if lock.relation != own))


def moves_before(work: Moved, step: Step) -> list[Query]:
    """What comes before the step's own statements: the guard compares what the proof is bound to with what is
    there now.
    """
    if step.becomes is None:
        return []
    context, situation = work.context, work.situation
    moves: list[Query] = [_refusing(work, refusal) for refusal in work.refusals]
    if step.becomes == State.ROLLED_BACK:
        moves += [moving(work, phase, Status.UNDONE) for phase in reversed(Phase)]
    moves.append(change_writer.becoming(context.tables, situation.change_id, step.becomes, context.who))
    return moves


def kept_after(
    work: Moved, section: Section, step: Step, seconds: float, ending: Ending | None
) -> list[Query]:
    """What the ledger keeps of the step."""
    context, situation = work.context, work.situation
    kept: list[Query] = []
    # Of what keeps nothing up there is no picture to keep.
    if step.makes in (Upkeep.SYNC, Upkeep.HIDDEN) and work.plan.trigger:
        kept.append(
            change_writer.noting_sync(
                context.tables,
                situation.change_id,
                situation.attempt,
                context.who,
                step=step.id,
                hides=step.becomes == State.HIDDEN,
            )
        )
    if work.situation.to_come and section == Section.EXPAND:
        kept.append(change_writer.noting_table(context.tables, situation.change_id))
    kept.append(journal.ending(context.tables, journal.entry(situation, section, step), seconds))
    if ending is not None:
        kept.append(moving(work, ending.phase, Status.UNDONE if ending.undone else Status.DONE))
    return kept


def moving(work: Moved, phase: Phase, status: Status) -> Query:
    """Return the statement that moves a phase."""
    context = work.context
    return phase_writer.moving(context.tables, work.situation.change_id, phase, context.who, status=status)


def _refusing(work: Moved, refusal: Refusal) -> Query:
    condition, error = refusal.condition, refusal.error
    message, code = len(condition.values) + 1, len(condition.values) + 2
    call = f"{work.context.tables.qualified('refuse')}(${message}, ${code})"
    return Query(f"SELECT {call} WHERE {condition.sql}", (*condition.values, error.message, error.code))


def _is(refusal: Refusal, error: DBAPIError) -> bool:
    return sqlstate(error) == refusal.error.code and server_message(error)[0] == refusal.error.message
