"""`ec contract --canary`: hide the old side, watch the application, and undo by itself when it fails.

No lock and no lease is held while it watches. The ledger keeps that a canary began and what was measured
before: a process that dies leaves the old side hidden, and the same command watches again.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from datetime import timedelta

from sqlalchemy import insert, select

from expandcontract import gates
from expandcontract.engine import hooks
from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.engine.hook_call import call
from expandcontract.engine.verbs import contract, undo
from expandcontract.ledger import event
from expandcontract.ledger import step as journal
from expandcontract.model import canary, killpoints
from expandcontract.model.canary import Baseline, Sample
from expandcontract.model.durations import spell
from expandcontract.model.errors import CanaryFailed, EcError, Interrupted, WrongState
from expandcontract.model.hooks import CANARY
from expandcontract.model.phases import Section, Stage, State
from expandcontract.model.situation import CANARY_BEGUN, CANARY_PASSED, Situation
from expandcontract.model.step import Step, Transactional
from expandcontract.postgres.query import rows

BEGUN, PASSED, FAILED = "canary begun", "canary passed", "canary failed"
#: The baseline takes a part of the canary's time, and no longer than a minute.
_BASELINE_PART, _LONGEST_BASELINE_SECONDS = 0.2, 60.0
_LOOK_SECONDS, _HOOK_SECONDS, _TELL_SECONDS = 1.0, 10.0, 60.0

#: Counters are read once in a transaction, and sessions hand theirs in up to some seconds late.
_SAMPLE = """
SELECT pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())::pg_catalog.float8, d.xact_rollback,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a
        WHERE a.datid = d.datid AND a.backend_type = 'client backend'
          AND pg_catalog.split_part(a.application_name, ' ', 1) <> $1)
FROM pg_catalog.pg_stat_database d WHERE d.datname = pg_catalog.current_database()
"""


async def contract_watched(context: Context, name: str, duration: timedelta) -> Situation:
    """Contract as `contract` does, then watch for `duration`; return the change when nothing got worse.

    Raises:
        CanaryFailed: contract was undone, or would have been but for what undo would lose.
        Interrupted: somebody wants an end; the old side is hidden, and the canary has not ended.
        WrongState: somebody undid the contract meanwhile.
        whatever `contract` raises.
    """
    situation = await undo.finish(context, await situations.one(context, name))
    if situation.stage == Stage.READY and all(verdict.open for verdict in gates.judge_all(situation)):
        before = await _measured(context, situation, duration)
        await _begin(context, situation, before, duration)
        situation = await contract.contract(context, name)
    elif situation.canary_open:
        before = await _kept(context, situation)
        context.notice(name, f"The canary goes on: {spell(duration)} from now.")
    else:
        return await contract.contract(context, name)
    await _watch(context, situation, before, duration)
    return await situations.one(context, name)


async def _measured(context: Context, situation: Situation, duration: timedelta) -> Baseline:
    seconds = min(duration.total_seconds() * _BASELINE_PART, _LONGEST_BASELINE_SECONDS)
    context.notice(
        situation.name, f"canary: measuring for {seconds:.0f} s how often transactions are rolled back"
    )
    first, _ = await _look(context)
    await _pause(context, seconds)
    context.check_stop(situation.name)
    last, sessions = await _look(context)
    before = canary.baseline(first, last, sessions)
    context.notice(
        situation.name,
        f"canary: {before}; contract is undone when more than {before.floor} transactions, and more than "
        f"{canary.FACTOR:g} times as many as before, are rolled back",
    )
    return before


async def _look(context: Context) -> tuple[Sample, int]:
    async with context.database.transaction() as conn:
        ((at, rollbacks, sessions),) = await rows(conn, _SAMPLE, context.database.application_name)
    return Sample(at, rollbacks), sessions


async def _pause(context: Context, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(context.stop.wait(), seconds)


async def _begin(context: Context, situation: Situation, before: Baseline, duration: timedelta) -> None:
    data = {**asdict(before), "cycle": situation.cycle, "seconds": duration.total_seconds()}
    row = {"change_id": situation.change_id, "cycle": situation.cycle, **asdict(before)}
    async with context.database.transaction() as conn:
        await conn.execute(insert(context.tables.canary).values(row))
    await _record(context, situation, CANARY_BEGUN, BEGUN, data)
    killpoints.reach("canary.begun")


async def _record(
    context: Context, situation: Situation, step: str, kind: str, data: dict[str, float | str]
) -> None:
    """Keep an event, and once in each cycle a step of the journal: `status` sees it there."""
    sentence = f"canary: {step.replace('_', ' ')}"
    entry = journal.entry(situation, Section.CONTRACT, Step(step, "=", sentence, Transactional((), ())))
    async with context.database.transaction() as conn:
        if f"{Section.CONTRACT}.{step}" not in situation.steps_done:
            await journal.done(conn, context.tables, entry, 0.0)
        await event.write(conn, context.tables, kind, context.who, change_id=situation.change_id, data=data)


async def _kept(context: Context, situation: Situation) -> Baseline:
    """Return what was measured before this contract."""
    c = context.tables.canary.c
    last = select(c.rate, c.sessions).where(c.change_id == situation.change_id).order_by(c.id.desc()).limit(1)
    async with context.database.transaction() as conn:
        return Baseline(*(await conn.execute(last)).one())


async def _watch(context: Context, situation: Situation, before: Baseline, duration: timedelta) -> None:
    """Look until the time is over. Raises CanaryFailed after it undid the contract."""
    killpoints.reach("canary.watching")
    if why := await _wrong(context, situation, before, duration):
        await _undo(context, situation, why)
    now = await situations.one(context, situation.name)
    await _record(context, now, CANARY_PASSED, PASSED, {"seconds": duration.total_seconds()})


async def _wrong(context: Context, situation: Situation, before: Baseline, duration: timedelta) -> str | None:
    """Return what got worse as soon as it does; None when the time is over."""
    length = duration.total_seconds()
    began = told = time.monotonic()
    samples: tuple[Sample, ...] = ()
    async with _asking(context, situation, min(_HOOK_SECONDS, length / 5)) as complaint:
        while True:
            sample, _ = await _look(context)
            samples = canary.followed(samples, sample)
            await _require_hidden(context, situation)
            if why := canary.alarm(before, samples) or complaint():
                return why
            now = time.monotonic()
            if now - began >= length:
                return None
            if now - told >= _TELL_SECONDS:
                told = now
                rolled = sample.rollbacks - samples[0].rollbacks
                context.notice(
                    situation.name,
                    f"canary: {now - began:.0f} of {length:.0f} s, {rolled} rolled back ({before})",
                )
            _check_stop(context, situation, duration)
            await _pause(context, min(_LOOK_SECONDS, began + length - now))


@contextlib.asynccontextmanager
async def _asking(
    context: Context, situation: Situation, every_seconds: float
) -> AsyncIterator[Callable[[], str | None]]:
    """Ask the canary hook again and again beside the body; give what tells of its first complaint."""
    complaints: list[str] = []
    target = context.hooks.calls.get(CANARY)
    facts = hooks.facts(context, situation.plan, situation.state.value)

    async def ask() -> None:
        while target is not None:
            if why := await call(context.hooks, CANARY, facts):
                complaints.append(f"the canary hook failed: {why}")
                return
            await asyncio.sleep(every_seconds)

    asking = asyncio.create_task(ask())
    try:
        yield lambda: complaints[0] if complaints else None
    finally:
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking


async def _require_hidden(context: Context, situation: Situation) -> None:
    c = context.tables.change.c
    async with context.database.transaction() as conn:
        query = select(c.state, c.cycle).where(c.id == situation.change_id)
        state, cycle = (await conn.execute(query)).one()
    if (state, cycle) != (State.HIDDEN, situation.cycle):
        raise WrongState(
            f"{situation.name} is {state} by now: its canary has nothing to watch any more.",
            why="Somebody else moved it.",
            state=f"The change is {state}.",
            next=f"ec log {situation.name}",
        )


def _check_stop(context: Context, situation: Situation, duration: timedelta) -> None:
    if context.stop.is_set():
        raise Interrupted(
            f"The canary of {situation.name} was stopped on request.",
            why="What would have come is not known.",
            state="The old side is hidden; the canary has not ended.",
            next=f"ec contract {situation.name} --canary {spell(duration)}, or: ec undo {situation.name}",
        )


async def _undo(context: Context, situation: Situation, why: str) -> None:
    """Bring the old side back. Raises CanaryFailed, also where it cannot come back as things are."""
    name = situation.name
    async with context.database.transaction() as conn:
        data = {"why": why}
        await event.write(conn, context.tables, FAILED, context.who, change_id=situation.change_id, data=data)
    context.notice(name, f"canary: {why}; undoing contract")
    killpoints.reach("canary.failed")
    try:
        await undo.undo(context, name)
    except EcError as error:
        raise CanaryFailed(
            f"After contract of {name} {why}; it could not be undone: {error.message}",
            why=error.why,
            state=error.state,
            next=error.next or f"ec undo {name}",
        ) from error
    raise CanaryFailed(
        f"After contract of {name} {why}.",
        why="Errors that name the old column in the application's log tell who still uses it.",
        state="Contract was undone: the old side is back, and both sides are in use.",
        next=f"ec gates {name}",
    )
