"""The life of a change on tables that have no row: the very plan in the caller's one transaction.

Nobody reads or writes them, as they are locked, and nothing takes time. So nothing is built concurrently,
nothing is copied or compared, no gate waits for anybody, and what contract hides is dropped with it. What the
ledger keeps is what the verbs would have written; they go on from there once there are rows.

Whoever calls this holds the connection: `postgres.borrowed`. What it answers with `Occupied` goes the
ordinary way.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract import gates
from expandcontract.engine import gatekeeper, owned_views, planner, transactional
from expandcontract.engine import situation as situations
from expandcontract.engine.allowed_verbs import applies, require_undamaged
from expandcontract.engine.context import Context
from expandcontract.engine.leased_work import Refusal
from expandcontract.engine.transactional import Ending
from expandcontract.engine.verbs import start
from expandcontract.ledger import change as change_writer
from expandcontract.ledger import event, migrate, no_rows, purged
from expandcontract.model.change import Change
from expandcontract.model.durations import milliseconds
from expandcontract.model.errors import NoSuchObject
from expandcontract.model.names import Target, do
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
from expandcontract.model.situation import Situation
from expandcontract.model.step import Concurrent, Occasion, Purpose, Step, Sweep, Transactional, ViewLock
from expandcontract.postgres import borrowed, owner_rights
from expandcontract.postgres.catalog import relation
from expandcontract.postgres.message import Query, filled, marked, send
from expandcontract.postgres.owner_rights import LEAVING_PATH, OWN, OwnerRights
from expandcontract.postgres.query import constant_of, rows, value
from expandcontract.postgres.settings import own_path
from expandcontract.postgres.sqlstate import UNDEFINED, is_lock_failure, is_retryable, sqlstate, translate

BEFORE_CONTRACT = (Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL, Phase.VERIFY)


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


#: A table by its OID: its name as SQL, and what kind of relation it is.
_NAMED = """
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.relkind::pg_catalog.text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1
"""

#: What the ordinary way does, or says better: statements commit one by one, something is built on what goes,
#: a privilege is missing.
_ORDINARY = frozenset({"25P01", "2BP01", "42501"})

#: Whether a table was ever written to, or one of its partitions: it is empty now, and may be in use.
_USED = """
SELECT COALESCE(pg_catalog.bool_or(
    pg_catalog.pg_relation_size(oid) > 0 OR pg_catalog.pg_stat_get_tuples_inserted(oid) > 0), false)
FROM (SELECT pg_catalog.to_regclass($1)::pg_catalog.oid
      UNION SELECT relid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1))) AS tables (oid)
"""


class Occupied(Exception):
    """What is to be changed is not empty, not to be had at once, or somebody is at work on it."""


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
    known = await _known(conn, context, change.name)
    if known is not None:
        start.require_same(change, known)
        if known.stage == Stage.BEFORE_READY:
            raise Occupied
        if not applies(context, Verb.START, known):
            require_undamaged(known)
            return
    # First, as whoever is to go the ordinary way must have written nothing.
    own = await _lock_own(conn, change)
    if known is None and not await migrate.is_current(conn, context.tables):
        await migrate.migrate_on(conn, context.tables)
    plan = await _compiled(conn, context, change, own)
    await start.enter(conn, context, plan, known, consent)
    work = await _at_work(conn, context, change.name)
    await _run(conn, _to_ready(work))


async def contract(conn: AsyncConnection, context: Context, name: str) -> None:
    """Contract a change that is ready, and purge it. Does nothing where it is contracted.

    Raises Occupied, with nothing done, also where somebody wrote the old side since start; GateShut for a
    gate that is more than a wait for somebody.
    """
    work = await _contractable(conn, context, name)
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


async def require_empty(conn: AsyncConnection, context: Context, name: str) -> None:
    """Raise Occupied unless `contract` has nothing to do, or would do it."""
    await _contractable(conn, context, name)


async def is_used(conn: AsyncConnection, target: Target) -> bool:
    """Return whether a table is there and has or had a row, or cannot be looked at now."""
    try:
        oid = await relation.find(conn, target)
        ((table, kind),) = await rows(conn, _NAMED, oid)
        return kind not in ("r", "p") or bool(await value(conn, _USED, table))
    except NoSuchObject:
        return False
    except DBAPIError:
        return True


async def undo(conn: AsyncConnection, context: Context, name: str) -> None:
    """Bring the old side back, also one that `contract` purged. Raises Occupied, with nothing done."""
    situation = await _known(conn, context, name)
    if situation is not None and situation.stage == Stage.PURGED:
        await _rebuild(conn, context, situation)
    work = await _found(conn, context, name, Verb.UNDO)
    if work is not None:
        await _run(conn, _section(work, Section.UNDO, Ending(Phase.CONTRACT, undone=True)))


async def _rebuild(conn: AsyncConnection, context: Context, situation: Situation) -> None:
    """Make again what was purged, so that the change is hidden as before."""
    await _lock(conn, [situation.table.sql, *_locked(situation.plan)])
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


async def _known(conn: AsyncConnection, context: Context, name: str) -> Situation | None:
    """Return the change; None where the ledger does not have it, or there is none of this program yet."""
    if not await migrate.is_current(conn, context.tables):
        return None
    found = next(iter(await situations.load_on(conn, context, [name])), None)
    if found is not None and (any(each.alive for each in found.holders) or found.live.is_copy):
        raise Occupied
    return found


async def _found(conn: AsyncConnection, context: Context, name: str, verb: Verb) -> Held | None:
    """Return the change to do something to; None where that is done."""
    situation = await _known(conn, context, name)
    if situation is None or situation.stage == Stage.BEFORE_READY:
        raise Occupied
    match answer(verb, situation.stage):
        case Refuse():
            raise Occupied
        case Nothing():
            return None
        case Run():
            pass
    if situation.damage or situation.live.sync_faults:
        raise Occupied
    await _lock(conn, [situation.table.sql, *_locked(situation.plan)])
    return await _at_work(conn, context, name)


async def _contractable(conn: AsyncConnection, context: Context, name: str) -> Held | None:
    """Return the change to contract; None where it is contracted."""
    work = await _found(conn, context, name, Verb.CONTRACT)
    if work is None:
        return None
    begun = work.situation.phases[Phase.CONTRACT].status
    if work.situation.old_writers or begun not in (Status.PENDING, Status.UNDONE):
        raise Occupied
    # A queue is empty now and then. Who put its rows there is not gone.
    asked = not (work.plan.makes_table or context.policy.fresh)
    if asked and await value(conn, _USED, work.situation.table.sql):
        raise Occupied
    return work


async def _at_work(conn: AsyncConnection, context: Context, name: str) -> Held:
    (situation,) = await situations.load_on(conn, context, [name])
    there = not situation.to_come
    return Held(context, situation, await owner_rights.of(conn, situation.table.sql) if there else OWN)


async def _lock_own(conn: AsyncConnection, change: Change) -> bool:
    """Lock the table that a change is about, by its name; return whether it names one that is there."""
    target = planner.target(change)
    if planner.makes_table(change) or not target.table:
        return False
    try:
        await _lock(conn, [str(replace(target, column="", index=""))], by_own_path=True)
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
        await _lock(conn, others)
    return plan


def _locked(plan: Plan) -> Iterator[str]:
    """Yield all tables that the plan ever locks."""
    for steps in plan.sections.values():
        for step in steps:
            yield from (lock.relation for lock in step.locks if not isinstance(lock, ViewLock))


#: What is not empty; nobody else raises it.
_NOT_EMPTY = "EC001"
_LOCK = """
DECLARE
    one pg_catalog.text;
    has_rows pg_catalog.bool;
BEGIN
    IF pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.<>) 'read committed' THEN
        RAISE EXCEPTION USING MESSAGE = 'another isolation level', ERRCODE = '{code}';
    END IF;
    FOREACH one IN ARRAY {names}::pg_catalog.text[] LOOP
        IF EXISTS (SELECT FROM pg_catalog.pg_class c
                   WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(one)::pg_catalog.oid
                     AND c.relkind OPERATOR(pg_catalog.=) ANY ('{{r,p}}'::pg_catalog."char"[])) THEN
            -- Once without the lock, which would write where the table has rows.
            FOR place IN 1 .. 2 LOOP
                EXECUTE pg_catalog.concat('SELECT EXISTS (SELECT FROM ', one, ')') INTO has_rows;
                IF has_rows THEN
                    RAISE EXCEPTION USING MESSAGE = pg_catalog.concat(one, ' has rows'), ERRCODE = '{code}';
                END IF;
                IF place OPERATOR(pg_catalog.=) 1 THEN
                    EXECUTE pg_catalog.concat('LOCK TABLE ', one, ' IN ACCESS EXCLUSIVE MODE NOWAIT');
                END IF;
            END LOOP;
        END IF;
    END LOOP;
END
"""


async def _lock(conn: AsyncConnection, names: Iterable[str], *, by_own_path: bool = False) -> None:
    """Lock those of the tables that are there against everybody, at once or not at all, and raise Occupied
    where one has a row. Names without a schema are meant as the application's are.
    """
    block = do(_LOCK.format(code=_NOT_EMPTY, names=constant_of(list(dict.fromkeys(names)))))
    try:
        await send(conn, *((own_path(), block, LEAVING_PATH) if by_own_path else (block,)))
    except DBAPIError as error:
        if sqlstate(error) == _NOT_EMPTY:
            raise Occupied from error
        raise


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
