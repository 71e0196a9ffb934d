"""Contract where only a program outside of the database fills rows.

Old code may have left one unfilled since the proof, or may do so at any moment: PostgreSQL itself proves that
there is none, and refuses more of them until the old side is hidden.
"""

import asyncio
import time
from dataclasses import replace

from sqlalchemy.exc import DBAPIError

from expandcontract.engine import taking_back
from expandcontract.engine.leased_work import Work
from expandcontract.engine.runner import begin_phase, fail_phase, record, run_phase, run_section, run_step
from expandcontract.ledger import proof
from expandcontract.model.errors import EcError, Mismatches, StepFailed
from expandcontract.model.events import StepDone, StepStarted
from expandcontract.model.phases import Phase, Section
from expandcontract.model.plan import Transactional
from expandcontract.postgres.sqlstate import CHECK_VIOLATION, sqlstate
from expandcontract.steps.carry.filled import ALLOW, PROVE, REQUIRE, constraint_name


async def contract(work: Work) -> None:
    """Run phase contract to its end. Raises Mismatches when a row is not filled, and what `run_phase` raises;
    writes are then as free as before: what was built for it and may fail one of them is given up.
    """
    try:
        await _contract(work)
    except EcError:
        await taking_back.take_back(work, Section.CONTRACT)
        raise


async def _contract(work: Work) -> None:
    if not work.plan.computed_outside:
        await run_phase(work, Phase.CONTRACT)
        return
    await _all_but_hide(work)
    await run_step(work, Section.REPAIR, work.plan.step(Section.REPAIR, REQUIRE))
    try:
        await _prove(work)
        await run_phase(work, Phase.CONTRACT)
    except EcError:
        await _allow(work)
        raise


async def reopen(work: Work) -> None:
    """Let writes leave rows unfilled, where a contract that died had them refused."""
    query = (
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint "
        "WHERE conrelid = $1::pg_catalog.oid AND conname = $2)"
    )
    async with work.context.database.transaction() as conn:
        values = (work.situation.relation, constraint_name(work.plan.sides.new.column))
        shut = (await conn.exec_driver_sql(query, values)).scalar_one()
    if shut:
        await _allow(work)


async def _allow(work: Work) -> None:
    # Also when somebody wants an end: old code must not be left refused.
    calm = replace(work, context=replace(work.context, stop=asyncio.Event()))
    await run_step(calm, Section.REPAIR, work.plan.step(Section.REPAIR, ALLOW))


async def _all_but_hide(work: Work) -> None:
    """What takes long comes before anybody is refused."""
    hide = frozenset(step.id for step in work.plan.steps(Section.CONTRACT) if step.becomes is not None)
    await begin_phase(work, Phase.CONTRACT)
    try:
        await run_section(work, Section.CONTRACT, leave_out=hide)
    except StepFailed as error:
        await fail_phase(work, Phase.CONTRACT, error)
        raise


async def _prove(work: Work) -> None:
    """Scan for a row that is not filled, while reads and writes go on. Raises Mismatches."""
    step, context = work.plan.step(Section.REPAIR, PROVE), work.context
    assert isinstance(step.action, Transactional)  # noqa: S101 - filled.repairs made it
    began = time.monotonic()
    context.listen(StepStarted(work.name, Section.REPAIR, step.id, step.sentence))
    try:
        async with context.database.transaction(patient=True) as conn:
            await work.check(conn)
            for statement in step.action.statements:
                await conn.exec_driver_sql(statement)
            await record(work, conn, Section.REPAIR, step, time.monotonic() - began)
    except DBAPIError as error:
        if sqlstate(error) != CHECK_VIOLATION:
            raise
        raise await _unfilled(work) from error
    context.listen(StepDone(work.name, Section.REPAIR, step.id, time.monotonic() - began))


async def _unfilled(work: Work) -> Mismatches:
    """Spoil the proof, which is not true any more, and keep that contract failed."""
    why = "a row was left unfilled after it was made"
    async with work.context.database.transaction() as conn:
        await work.check(conn)
        await proof.spoil(conn, work.context.tables, work.situation.change_id, why)
    new = work.plan.sides.new.column
    error = Mismatches(
        f"{work.plan.table} has rows without {new}, which were written since they were verified.",
        why="Old code wrote them: nothing in the database can make the new value.",
        state="The old side was not hidden; both sides stay in use.",
        next=f"ec backfill {work.name}",
    )
    await fail_phase(work, Phase.CONTRACT, error)
    return error
