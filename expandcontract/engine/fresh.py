"""The life of a change on tables that have no row: the very plan in the caller's one transaction.

Nobody reads or writes them, as they are locked, and nothing takes time. So nothing is built concurrently,
nothing is copied or compared, no gate waits for anybody, and what contract hides is dropped with it. What the
ledger keeps is what the verbs would have written; they go on from there once there are rows.

Whoever calls this holds the connection: `postgres.borrowed`. What it answers with `Occupied` goes the
ordinary way.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract import gates
from expandcontract.engine import empty_tables, gatekeeper, owned_views, planner, transactional
from expandcontract.engine import situation as situations
from expandcontract.engine.allowed_verbs import applies, require_undamaged
from expandcontract.engine.context import Context
from expandcontract.engine.empty_tables import Occupied
from expandcontract.engine.leased_work import Refusal
from expandcontract.engine.transactional import Ending
from expandcontract.engine.verbs import start
from expandcontract.ledger import change as change_writer
from expandcontract.ledger import event, migrate, no_rows, purged, reader
from expandcontract.model.change import Change
from expandcontract.model.durations import milliseconds
from expandcontract.model.live import Live
from expandcontract.model.phases import (
    Nothing,
    Phase,
    Refuse,
    Run,
    Section,
    Stage,
    State,
    Status,
    Verb,
    answer,
)
from expandcontract.model.plan import Plan
from expandcontract.model.records import PhaseRecord
from expandcontract.model.situation import Situation
from expandcontract.model.step import Concurrent, Occasion, Purpose, Step, Sweep, Transactional, ViewLock
from expandcontract.postgres import borrowed, owner_rights
from expandcontract.postgres.message import Query, filled, marked, send
from expandcontract.postgres.owner_rights import LEAVING_PATH, OWN, OwnerRights
from expandcontract.postgres.sqlstate import UNDEFINED, is_lock_failure, is_retryable, sqlstate, translate

BEFORE_CONTRACT = (Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL, Phase.VERIFY)
#: In which states a change is that a verb does something to.
_FROM: Mapping[Verb, tuple[State, ...]] = {
    Verb.CONTRACT: (State.ACTIVE,),
    Verb.ROLLBACK: (State.ACTIVE, State.FINISHED),
    Verb.UNDO: (State.HIDDEN,),
}


@dataclass(frozen=True)
class Held:
    """A change whose tables are locked and empty, and with whose rights they are worked on."""

    context: Context
    situation: Situation
    rights: OwnerRights
    refusals: tuple[Refusal, ...] = ()

    @property
    def plan(self) -> Plan:
        return self.situation.plan


#: What the ordinary way does, or says better: statements commit one by one, something is built on what goes,
#: a privilege is missing.
_ORDINARY = frozenset({"25P01", "2BP01", "42501"})


async def looking(
    conn: AsyncConnection, context: Context, look: Callable[[], Awaitable[bool]], path: str = ""
) -> bool:
    """Return what `look` says, which only looks, on a connection that is somebody else's, in his transaction:
    nothing stays of it, and no lock. False where the server does not let it. `path` is as for `at_once`.
    """
    try:
        timeout = milliseconds(context.policy.lock_timeout)
        async with borrowed.ours(conn, lock_timeout_ms=timeout, path=path, kept=False):
            return await look()
    except (Occupied, DBAPIError):
        return False


async def at_once(
    conn: AsyncConnection, context: Context, work: Callable[[], Awaitable[None]], path: str = ""
) -> bool:
    """Do one of the following on a connection that is somebody else's, in his transaction; return whether it
    was done. Otherwise nothing was, and it goes the ordinary way. `path` is the search_path that names mean
    on that connection, where it is another than the role's.
    """
    timeout = milliseconds(context.policy.lock_timeout)
    try:
        async with borrowed.ours(conn, lock_timeout_ms=timeout, path=path):
            await work()
    except Occupied:
        return False
    except DBAPIError as error:
        if _is_ordinary(error):
            return False
        raise translate(error) from error
    return True


async def begin(conn: AsyncConnection, context: Context, change: Change, consent: start.Consent) -> None:
    """Bring a change to ready, or to its end where it has nothing to contract; once.

    Raises Occupied, with nothing done; and what `start` raises.
    """
    found = await _known(conn, context, change.name)
    known = found[0] if found else None
    if known is not None:
        start.require_same(change, known)
        if known.stage == Stage.BEFORE_READY:
            raise Occupied
        if not applies(context, Verb.START, known):
            require_undamaged(known)
            return
    # First, as whoever is to go the ordinary way must have written nothing.
    own = await _lock_own(conn, change)
    if found is None:
        await migrate.migrate_on(conn, context.tables)
    plan = await _compiled(conn, context, change, own)
    number = await start.enter(conn, context, plan, known, consent)
    if known is None:
        work = await _entered(conn, context, plan, number)
    else:
        work = await _at_work(conn, context, change.name)
    await _run(conn, _to_ready(work))


async def _entered(conn: AsyncConnection, context: Context, plan: Plan, number: int) -> Held:
    """Return a change that was entered a moment ago: of it the ledger has nothing else yet."""
    situation = Situation(
        change_id=number,
        name=plan.change.name,
        kind=plan.change.kind,
        attempt=1,
        cycle=0,
        state=State.ACTIVE,
        started=False,
        plan=plan,
        phases={phase: PhaseRecord(phase, Status.PENDING) for phase in Phase},
        live=Live(table_exists=not plan.makes_table),
        policy=context.policy,
        now=datetime.now(UTC),
    )
    return Held(context, situation, await _rights(conn, situation))


async def contract(conn: AsyncConnection, context: Context, name: str, held: Held | None = None) -> None:
    """Contract a change that is ready, and purge it. Does nothing where it is contracted. `held` is what
    `contractable` returned in the same transaction, in which nothing was done since.

    Raises Occupied, with nothing done, also where somebody wrote the old side since start; GateShut for a
    gate that is more than a wait for somebody.
    """
    work = held or await contractable(conn, context, name)
    if work is None:
        return
    if not _is_proven(work.situation):
        await _run(conn, _phase(work, Phase.VERIFY))
        work = await _at_work(conn, context, name)
    verdicts = [each for each in gates.judge_all(work.situation) if each.hard]
    gatekeeper.require_open(work.situation, verdicts)
    said = [asdict(verdict) | {"next": ""} for verdict in verdicts]
    told = event.noting(
        context.tables,
        "gates open",
        context.who,
        change_id=work.situation.change_id,
        data={"gates": said, "no rows": True},
    )
    number = work.situation.change_id
    await _run(
        conn,
        [
            told,
            *_phase(work, Phase.CONTRACT),
            purged.before(context.tables, number),
            *_section(work, Section.PURGE),
            purged.after(context.tables, number),
        ],
    )


async def undo(conn: AsyncConnection, context: Context, name: str) -> None:
    """Bring the old side back, also one that `contract` purged. Raises Occupied, with nothing done."""
    situation = await _one(conn, context, name)
    if situation is not None and situation.stage == Stage.PURGED:
        await _rebuild(conn, context, situation)
    work = await _found(conn, context, name, Verb.UNDO)
    if work is not None:
        await _run(conn, _section(work, Section.UNDO, Ending(Phase.CONTRACT, undone=True)))


async def _rebuild(conn: AsyncConnection, context: Context, situation: Situation) -> None:
    """Make again what was purged, so that the change is hidden as before."""
    await empty_tables.lock(conn, [situation.table.sql, *_locked(situation.plan)])
    made = await purged.statements(conn, context.tables, situation)
    if made is None:
        raise Occupied
    tables, number, table = context.tables, situation.change_id, situation.plan.table_in(State.HIDDEN)
    await _run(conn, [*made, purged.rebuilt(tables, number, table, context.who)])
    if situation.plan.trigger:
        # Triggers and functions are other ones than those that contract left.
        *_, step = situation.plan.steps(Section.CONTRACT)
        kept = change_writer.noting_sync(
            tables, number, situation.attempt, context.who, step=step.id, hides=True
        )
        await _run(conn, [kept])


async def rollback(conn: AsyncConnection, context: Context, name: str) -> None:
    """Take a change back that is not contracted. Raises Occupied, with nothing done."""
    work = await _found(conn, context, name, Verb.ROLLBACK)
    if work is not None:
        keeping = frozenset(step.id for step in work.plan.steps(Section.ROLLBACK) if step.keeps)
        await _run(conn, _section(work, Section.ROLLBACK, leave_out=keeping))


async def _known(conn: AsyncConnection, context: Context, name: str) -> tuple[Situation, ...] | None:
    """Return the change, where the ledger has it; None where there is none of this program yet."""
    found = await situations.load_if_current(conn, context, [name])
    for each in found or ():
        _require_free(each)
    return found


async def _one(conn: AsyncConnection, context: Context, name: str) -> Situation | None:
    return next(iter(await _known(conn, context, name) or ()), None)


def _require_free(situation: Situation) -> None:
    if any(each.alive for each in situation.holders) or situation.live.is_copy:
        raise Occupied


async def _found(conn: AsyncConnection, context: Context, name: str, verb: Verb) -> Held | None:
    """Return the change to do something to; None where that is done. Its tables are locked before anything
    of it is judged, which then is judged once.
    """
    planned = await reader.planned(conn, context.tables, name)
    if planned is None:
        raise Occupied
    state, plan = planned
    locked = {plan.table_in(state).sql, *_locked(plan)} if state in _FROM[verb] else set()
    await empty_tables.lock(conn, sorted(locked))
    situation = await _now(conn, context, name)
    _require_free(situation)
    if situation.stage == Stage.BEFORE_READY:
        raise Occupied
    match answer(verb, situation.stage):
        case Refuse():
            raise Occupied
        case Nothing():
            return None
        case Run():
            pass
    if situation.damage or situation.live.sync_faults or situation.table.sql not in locked:
        raise Occupied
    return Held(context, situation, await _rights(conn, situation))


async def contractable(conn: AsyncConnection, context: Context, name: str) -> Held | None:
    """Return the change to contract, whose tables are locked from here on; None where it is contracted.

    Raises Occupied where `contract` would.
    """
    work = await _found(conn, context, name, Verb.CONTRACT)
    if work is None:
        return None
    begun = work.situation.phases[Phase.CONTRACT].status
    if work.situation.old_writers or begun not in (Status.PENDING, Status.UNDONE):
        raise Occupied
    # A queue is empty now and then. Who put its rows there is not gone.
    asked = not (work.plan.makes_table or context.policy.fresh)
    if asked and await empty_tables.are_written(conn, [work.situation.table.sql]):
        raise Occupied
    return work


async def _at_work(conn: AsyncConnection, context: Context, name: str) -> Held:
    situation = await _now(conn, context, name)
    return Held(context, situation, await _rights(conn, situation))


async def _now(conn: AsyncConnection, context: Context, name: str) -> Situation:
    found = await situations.load_if_current(conn, context, [name])
    if not found:
        raise Occupied
    return found[0]


async def _rights(conn: AsyncConnection, situation: Situation) -> OwnerRights:
    return OWN if situation.to_come else await owner_rights.of(conn, situation.table.sql)


async def _lock_own(conn: AsyncConnection, change: Change) -> bool:
    """Lock the table that a change is about, by its name; return whether it names one that is there."""
    target = planner.target(change)
    if planner.makes_table(change) or not target.table:
        return False
    try:
        await empty_tables.lock(conn, [str(replace(target, column="", index=""))], by_own_path=True)
    except DBAPIError as error:
        if sqlstate(error) in UNDEFINED:
            raise Occupied from error  # the ordinary way says so
        raise
    return True


async def _compiled(conn: AsyncConnection, context: Context, change: Change, own: bool) -> Plan:  # noqa: FBT001
    """Return the plan, made under the lock of its table where that was named. It is tried by being run."""
    plan = await owned_views.compile_plan(conn, context, change, tried=False)
    others = dict.fromkeys([*([] if plan.makes_table or own else [plan.table.sql]), *_locked(plan)])
    if set(others) - {plan.table.sql} or not own:
        await empty_tables.lock(conn, others)
    return plan


def _locked(plan: Plan) -> Iterator[str]:
    """Yield all tables that the plan ever locks."""
    for steps in plan.sections.values():
        for step in steps:
            yield from (lock.relation for lock in step.locks if not isinstance(lock, ViewLock))


def _is_proven(situation: Situation) -> bool:
    """Whether what is compared before contract was compared, or nothing is."""
    proof = situation.proof
    if not situation.plan.compares:
        return situation.phases[Phase.VERIFY].status == Status.DONE
    return proof is not None and not (proof.differences or proof.spoiled_at or proof.mismatches)


def _to_ready(work: Held) -> Iterator[Query | str]:
    for phase in BEFORE_CONTRACT:
        yield from _phase(work, phase)
    if not work.plan.contracts:
        for step in work.plan.upon(Occasion.FINISHED):
            yield from _step(work, Section.REPAIR, step)
        yield change_writer.becoming(
            work.context.tables, work.situation.change_id, State.FINISHED, work.context.who
        )


def _phase(work: Held, phase: Phase) -> Iterator[Query | str]:
    yield transactional.moving(work, phase, Status.RUNNING)
    yield from _section(work, Section(phase.value), Ending(phase))
    yield transactional.moving(work, phase, Status.DONE)


def _section(
    work: Held, section: Section, ending: Ending | None = None, *, leave_out: frozenset[str] = frozenset()
) -> Iterator[Query | str]:
    for step in work.plan.steps(section):
        if step.id not in leave_out:
            yield from _step(work, section, step, ending if step.becomes is not None else None)


def _step(work: Held, section: Section, step: Step, ending: Ending | None = None) -> Iterator[Query | str]:
    """Yield what a step does where there is no row, and what the ledger keeps of it."""
    tables, situation, who = work.context.tables, work.situation, work.context.who
    yield from transactional.moves_before(work, step)
    match step.action:
        case Transactional() as action:
            yield from _acting(work, action)
        case Concurrent() as action:
            yield action.plain
        case Sweep(purpose=Purpose.COPY):
            yield no_rows.copied(tables, situation, who)
        case Sweep(purpose=Purpose.COMPARE):
            yield from no_rows.compared(tables, situation, who)
        case Sweep():
            pass
    yield from transactional.kept_after(work, section, step, 0.0, ending)


def _acting(work: Held, action: Transactional) -> Sequence[str]:
    rights = work.rights
    body = rights.acting(action.statements)
    return (rights.taking_path, *body, LEAVING_PATH) if action.validates else body


async def _run(conn: AsyncConnection, statements: Iterable[Query | str]) -> None:
    """Send all of it as one message. Raises an error of ours for what the server refuses."""
    sent = [filled(each) if isinstance(each, Query) else each for each in statements]
    try:
        await send(conn, *map(marked, sent))
    except DBAPIError as error:
        raise error if _is_ordinary(error) else translate(error) from error


def _is_ordinary(error: DBAPIError) -> bool:
    """Whether what the server refused here goes the ordinary way."""
    return is_lock_failure(error) or is_retryable(error) or sqlstate(error) in _ORDINARY
