"""The whole plan, tried on an empty copy of the table when it is compiled.

What PostgreSQL would refuse after the rows were copied, it refuses now.

Every statement of every section runs, in the orders in which verbs run them: back out of each phase,
contract, undo, contract again, purge. The same plan is compiled for the copy, since a plan is a function of
the snapshot. What moves rows has nothing to move, and no row is ever written, so that nothing of the
application's is evaluated.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.errors import PlanFails
from expandcontract.model.names import TEMPORARY
from expandcontract.model.phases import Section, Stage
from expandcontract.model.plan import Plan
from expandcontract.model.step import Concurrent, Occasion, Step, Sweep, Transactional
from expandcontract.postgres import empty_copy
from expandcontract.postgres.empty_copy import EmptyCopy
from expandcontract.postgres.owner_rights import LEAVING_PATH, OWN
from expandcontract.postgres.sqlstate import (
    in_words,
    is_disconnect,
    is_lock_failure,
    is_retryable,
    server_message,
    sqlstate,
)
from expandcontract.steps import standing_constraint


@dataclass(frozen=True)
class RehearsedPart:
    """Statements that are run together; `section` and `step` say which of the plan they are."""

    statements: tuple[str, ...]
    section: str = ""
    step: Step | None = None


_SAVE, _BACK = (
    RehearsedPart(("SAVEPOINT ec_aside",)),
    RehearsedPart(("ROLLBACK TO SAVEPOINT ec_aside", "RELEASE SAVEPOINT ec_aside")),
)


#: What the triggers of a rollback call is the ledger's own, and no part of a plan.
_KEEP_NEW = (
    f"CREATE FUNCTION {TEMPORARY}.keep_new() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
)


async def rehearse(conn: AsyncConnection, copy: EmptyCopy, plan: Plan) -> str:
    """Run everything that `plan`, compiled for the copy, may ever run, in a savepoint that is rolled back.

    Returns why nothing could be tried, or the empty string. Raises PlanFails naming the step that the server
    refuses.
    """
    parts = [RehearsedPart((*copy.statements, _KEEP_NEW)), *script(plan)]
    try:
        async with aside(conn):
            await empty_copy.run(conn, (s for part in parts for s in part.statements))
    except DBAPIError as error:
        _raise_unless_refused(error)
    else:
        return ""
    # Once more, to see which statement it was.
    async with aside(conn):
        for part in parts:
            try:
                await empty_copy.run(conn, part.statements)
            except DBAPIError as error:
                _raise_unless_refused(error)
                if part.step is None:
                    return in_words(error)
                raise _fails(part.section, part.step, error) from error
    return ""


def script(plan: Plan) -> Iterator[RehearsedPart]:
    """Pure. Return everything in order, with the ways out of each place tried aside."""
    rollback = tuple(_section(plan, Section.ROLLBACK))
    yield from _section(plan, Section.EXPAND)
    # Before dual_write there is nothing to keep.
    yield from _aside_parts(part for part in rollback if part.step is not None and not part.step.keeps)
    yield from _section(plan, Section.DUAL_WRITE)
    yield from _aside_parts(rollback)
    yield from _restore(plan, Stage.BEFORE_READY)
    yield from _section(plan, Section.BACKFILL)
    yield from _restore(plan, Stage.READY)
    yield from _standing(plan)
    yield from _aside_parts(_repair(plan.upon(Occasion.FINISHED)))
    yield from _aside_parts(rollback)
    yield from _contract(plan)
    yield from _aside_parts(_section(plan, Section.PURGE))
    yield from _restore(plan, Stage.HIDDEN)
    yield from _section(plan, Section.UNDO)
    yield from _aside_parts(rollback)
    yield from _contract(plan)
    yield from _section(plan, Section.PURGE)


def _contract(plan: Plan) -> Iterator[RehearsedPart]:
    # A rollback that was given up.
    yield from (part for part in _section(plan, Section.ROLLBACK) if part.step and part.step.keeps)
    yield from _repair(plan.upon(Occasion.GIVEN_UP))
    yield from _section(plan, Section.CONTRACT)


def _standing(plan: Plan) -> Iterator[RehearsedPart]:
    if plan.pair is None or plan.computed_outside:
        return
    for step in (*standing_constraint.put_up(plan), standing_constraint.take_down(plan)):
        yield RehearsedPart(_statements(step), "verify", step)


def _section(plan: Plan, section: Section) -> Iterator[RehearsedPart]:
    return (RehearsedPart(_statements(step), section.value, step) for step in plan.steps(section))


def _restore(plan: Plan, stage: Stage) -> Iterator[RehearsedPart]:
    step = plan.restoring(stage)
    return _repair(() if step is None else (step,))


def _repair(steps: Iterable[Step]) -> Iterator[RehearsedPart]:
    return (RehearsedPart(_statements(step), Section.REPAIR.value, step) for step in steps)


def _aside_parts(parts: Iterable[RehearsedPart]) -> tuple[RehearsedPart, ...]:
    return (_SAVE, *parts, _BACK)


def _statements(step: Step) -> tuple[str, ...]:
    match step.action:
        case Transactional(statements=statements, validates=True):
            return (OWN.taking_path, *statements, LEAVING_PATH)
        case Transactional(statements=statements):
            return statements
        case Concurrent(again=True):
            return ()  # what is there already can be built anew
        case Concurrent() as action:
            return (action.plain,)
        case Sweep():
            return ()


@asynccontextmanager
async def aside(conn: AsyncConnection) -> AsyncIterator[None]:
    """Roll back whatever the body did."""
    savepoint = await conn.begin_nested()
    try:
        yield
    finally:
        if savepoint.is_active:
            await savepoint.rollback()


def _raise_unless_refused(error: DBAPIError) -> None:
    """Raise an error again that says nothing of the statement: of the session, the moment or the machine."""
    of_the_machine = (sqlstate(error) or "")[:2] in ("53", "57", "58")
    if is_disconnect(error) or is_lock_failure(error) or is_retryable(error) or of_the_machine:
        raise error


def _fails(section: str, step: Step, error: DBAPIError) -> PlanFails:
    detail = server_message(error)[1]
    return PlanFails(
        f"PostgreSQL would refuse a step of {section}: {step.sentence}.",
        why=f"{in_words(error)} {detail}".strip(),
        state="Nothing was changed: the plan was tried on an empty copy of the table.",
        next="Change what is in the way, or ask for another type, and plan again.",
    )
