"""The lock ladder beside readers, writers, vacuums and other sessions that hold what we want."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.errors import ConnectionLost, Interrupted, LockBudgetSpent
from expandcontract.model.events import Event, LockHeld, LockTried, ignore
from expandcontract.model.policy import Policy
from expandcontract.model.step import Lock, LockMode
from expandcontract.postgres.blockers import blockers_of, older_snapshots
from expandcontract.postgres.connect import Database
from expandcontract.postgres.locks import run_locked
from expandcontract.postgres.query import rows, value
from expandcontract.postgres.sqlstate import translate
from tests.acceptance.probe import TRIES
from tests.chaos.proxy import proxied
from tests.waiting import until

pytestmark = pytest.mark.in_turn(2)

EXCLUSIVE = LockMode.ACCESS_EXCLUSIVE
_SOMEBODY_WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'public.t'::regclass)"
POLICY = Policy()
#: One try, five times as long as others: whoever else is at work here, there is time to look who blocks it.
LONG = replace(POLICY, lock_timeout=timedelta(milliseconds=500), lock_budget=timedelta(seconds=2))
#: The promise of the design: lock_timeout, and 100 ms for everything else.
PROMISE_SECONDS = POLICY.lock_timeout.total_seconds() + 0.1
#: How far away a server is, in each direction.
FAR_SECONDS = 0.02
#: Who was not answered for this long had to queue.
QUEUED_SECONDS = 0.03

Session = Callable[[], Awaitable["asyncpg.Connection[asyncpg.Record]"]]


@pytest.fixture
async def db(database: str) -> AsyncIterator[Database]:
    """Give the database under test."""
    opened = Database(database)
    yield opened
    await opened.close()


@pytest.fixture
async def session(database: str) -> AsyncIterator[Session]:
    """Give a maker of sessions of somebody else."""
    async with contextlib.AsyncExitStack() as stack:

        async def connect() -> "asyncpg.Connection[asyncpg.Record]":
            made = await asyncpg.connect(database, server_settings={"application_name": "app"})
            stack.push_async_callback(made.close)
            return made

        yield connect


async def create(session: Session, *statements: str) -> None:
    """Run statements as somebody else."""
    other = await session()
    for statement in statements:
        await other.execute(statement)


def sends(*statements: str) -> Callable[[AsyncConnection], Awaitable[Sequence[str]]]:
    """Return what prepares these statements, whatever it sees."""

    async def prepare(_conn: AsyncConnection) -> Sequence[str]:
        return statements

    return prepare


#: Only wants the locks.
nothing = sends()


def locks(*relations: str, mode: LockMode = EXCLUSIVE) -> tuple[Lock, ...]:
    """Return locks of one mode."""
    return tuple(Lock(relation, mode) for relation in relations)


async def reading(session: Session, table: str, waits: list[float], stop: asyncio.Event) -> None:
    """Read the table again and again, and note how long each statement took."""
    reader = await session()
    while not stop.is_set():
        began = time.perf_counter()
        await reader.fetchval(f"SELECT count(*) FROM {table}")
        waits.append(time.perf_counter() - began)
        await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def readers(session: Session, *tables: str) -> AsyncIterator[list[float]]:
    """Read each table all the while; give the list of how long each statement took."""
    waits: list[float] = []
    stop = asyncio.Event()
    tasks = [asyncio.create_task(reading(session, table, waits, stop)) for table in tables]
    try:
        yield waits
    finally:
        stop.set()
        await asyncio.gather(*tasks)


def usual(waits: list[float]) -> float:
    """Return the median wait of those that had to queue, of which there must be some.

    Each try to lock makes readers wait, so this exceeds the promise where it is not kept. The longest does so
    as well where the machine served nobody for a moment.
    """
    queued = [wait for wait in waits if wait > QUEUED_SECONDS]
    assert queued
    return statistics.median(queued)


async def test_others_read_on_while_somebody_holds_the_table(db: Database, session: Session) -> None:
    """A transaction holds ACCESS SHARE for 5 s: others that queue behind us wait no longer than promised."""
    await create(session, "CREATE TABLE public.t (a int)")
    holder = await session()
    events: list[Event] = []
    async with readers(session, "public.t", "public.t") as waits:
        await holder.execute("BEGIN")
        await holder.execute("SELECT FROM public.t")

        async def hold() -> None:
            await holder.fetchval("SELECT pg_sleep(5)")
            await holder.execute("COMMIT")

        began = time.monotonic()
        holding = asyncio.create_task(hold())
        await run_locked(db, locks("public.t"), POLICY, events.append, nothing)
        taken = time.monotonic() - began
        await holding
    tries = [event for event in events if isinstance(event, LockTried)]
    assert taken > 5
    assert len(tries) >= 2
    assert sum(wait > QUEUED_SECONDS for wait in waits) >= 2
    assert usual(waits) < PROMISE_SECONDS
    # On a loaded machine a try may be over before the look at who blocks it is.
    named = {
        (first.pid, first.application_name, first.state) for try_ in tries for first in try_.blockers[:1]
    }
    assert named == {(holder.get_server_pid(), "app", "active")}
    for event in tries:
        assert event.pause_seconds >= 10 * POLICY.lock_timeout.total_seconds()
        assert event.felt_seconds > QUEUED_SECONDS


async def test_how_long_a_lock_was_held_is_told(db: Database, session: Session) -> None:
    """What the last event says of the lock's time is no less than what a reader waited for."""
    await create(session, "CREATE TABLE public.t (a int)")
    events: list[Event] = []

    unsaid: list[float] = []
    while len(unsaid) < TRIES and not (unsaid and min(unsaid) < 0.4):  # the machine may serve nobody at times
        async with readers(session, "public.t") as waits:
            await run_locked(db, locks("public.t"), POLICY, events.append, sends("SELECT pg_sleep(0.5)"))
        held = next(event for event in reversed(events) if isinstance(event, LockHeld))
        assert (held.relations, held.mode, held.attempt) == (("public.t",), EXCLUSIVE, 1)
        assert 0.5 < held.held_seconds <= held.felt_seconds
        unsaid.append(max(waits) - held.felt_seconds)
    assert min(unsaid) < 0.4


async def test_a_server_far_away_holds_the_lock_no_longer(database: str, session: Session) -> None:
    """20 ms each way, ten statements: what is done under the lock costs no round trip."""
    await create(session, "CREATE TABLE public.t (a int)")
    events: list[Event] = []
    felt: list[float] = []
    async with proxied(database, delay_seconds=FAR_SECONDS) as (_, url):
        far = Database(url)
        while len(felt) < TRIES and not (felt and min(felt) < PROMISE_SECONDS):
            columns = (f"c{len(felt)}{number}" for number in range(10))
            statements = [f"ALTER TABLE public.t ADD COLUMN {column} int" for column in columns]
            async with readers(session, "public.t") as waits:
                await run_locked(far, locks("public.t"), POLICY, events.append, sends(*statements))
            held = next(event for event in reversed(events) if isinstance(event, LockHeld))
            assert 0 < held.held_seconds <= held.felt_seconds
            felt.append(held.felt_seconds)
            assert len(waits) > 0
        await far.close()
    assert min(felt) < PROMISE_SECONDS


async def test_whoever_hears_no_answer_holds_no_lock(database: str, session: Session) -> None:
    """The connection breaks when the message is on its way: it was carried out as a whole, and let go."""
    await create(session, "CREATE TABLE public.t (a int)")
    async with proxied(database, lose=1, containing=b"ACCESS EXCLUSIVE") as (proxy, url):
        far = Database(url)
        with pytest.raises(DBAPIError) as lost:
            await run_locked(
                far, locks("public.t"), POLICY, ignore, sends("INSERT INTO public.t VALUES (1)", "SELECT 1")
            )
        await far.close()
    assert proxy.lost
    assert isinstance(translate(lost.value), ConnectionLost)
    other = await session()
    assert await other.fetchval("SELECT a FROM public.t") == 1


async def test_what_is_prepared_stops_no_reader_or_writer(db: Database, session: Session) -> None:
    """While it is asked what has to be known, others read and write; they wait for the message alone."""
    await create(session, "CREATE TABLE public.t (a int)")
    other = await session()

    async def prepare(_conn: AsyncConnection) -> Sequence[str]:
        await other.execute("INSERT INTO public.t VALUES (1)")
        return ("UPDATE public.t SET a = a + 1",)

    await run_locked(db, locks("public.t"), POLICY, ignore, prepare)
    assert await other.fetchval("SELECT a FROM public.t") == 2


async def test_ten_partitions_are_locked_under_one_timeout(db: Database, session: Session) -> None:
    """Partitions come free one by one: lock_timeout counts for each, and still nobody waits longer."""
    partitions = [f"public.p{i}" for i in range(10)]
    await create(
        session,
        "CREATE TABLE public.p (a int) PARTITION BY LIST (a)",
        *(
            f"CREATE TABLE {name} PARTITION OF public.p FOR VALUES IN ({i})"
            for i, name in enumerate(partitions)
        ),
    )
    holders = [await session() for _ in partitions]
    for holder, partition in zip(holders, partitions, strict=True):
        await holder.execute("BEGIN")
        await holder.execute(f"LOCK TABLE {partition} IN ACCESS SHARE MODE")

    async def let_go() -> None:
        """Release one partition each 80 ms: for a lock_timeout alone, each wait would be short enough."""
        asking = await session()
        await until(lambda: asking.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))
        for holder in holders:
            await holder.fetchval("SELECT pg_sleep(0.08)")
            await holder.execute("COMMIT")

    async with readers(session, *partitions) as waits:
        events: list[Event] = []
        letting_go = asyncio.create_task(let_go())
        await run_locked(db, locks("public.p"), POLICY, events.append, nothing)
        await letting_go
    assert events
    assert usual(waits) < PROMISE_SECONDS


async def test_what_an_autovacuum_holds_is_waited_for(db: Database, session: Session) -> None:
    """SHARE UPDATE EXCLUSIVE is waited for on the first rung, where others read on."""
    await create(session, "CREATE TABLE public.t (a int)")
    vacuum = await session()
    await vacuum.execute("BEGIN")
    await vacuum.execute("LOCK TABLE public.t IN SHARE UPDATE EXCLUSIVE MODE")

    async with readers(session, "public.t") as waits:
        events: list[Event] = []
        locking = asyncio.create_task(run_locked(db, locks("public.t"), POLICY, events.append, nothing))
        await until(lambda: vacuum.fetchval(_SOMEBODY_WAITS), locking)
        before = len(waits)
        await until(lambda: len(waits) >= before + 10, locking)
        assert not locking.done()
        await vacuum.execute("COMMIT")
        await locking
    assert not [event for event in events if isinstance(event, LockTried)]


async def test_the_budget_ends_and_the_blockers_are_named(db: Database, session: Session) -> None:
    """A lock that is never released: LockBudgetSpent with exit code 5, who holds it, and nothing done."""
    await create(session, "CREATE TABLE public.t (a int)")
    holder = await session()
    await holder.execute("BEGIN")
    await holder.execute("SELECT a FROM public.t")
    with pytest.raises(LockBudgetSpent) as spent:
        await run_locked(db, locks("public.t"), LONG, ignore, sends("CREATE TABLE public.ran ()"))
    assert spent.value.exit_code == 5
    assert f"pid {holder.get_server_pid()}" in spent.value.why
    assert "SELECT a FROM public.t" in spent.value.why
    assert await holder.fetchval("SELECT to_regclass('public.ran')") is None


async def test_queries_stay_out_of_messages_when_confidential(db: Database, session: Session) -> None:
    """With policy.confidential a blocker has its pid, application and state, but not its query."""
    await create(session, "CREATE TABLE public.t (a int)")
    holder = await session()
    await holder.execute("BEGIN")
    await holder.execute("SELECT a AS secret FROM public.t")
    policy = replace(LONG, confidential=True)
    with pytest.raises(LockBudgetSpent) as spent:
        await run_locked(db, locks("public.t"), policy, ignore, nothing)
    assert f"pid {holder.get_server_pid()}" in spent.value.why
    assert "secret" not in spent.value.why


async def test_a_prepared_transaction_is_named(db: Database, session: Session) -> None:
    """A prepared transaction has no process and is named by its gid."""
    await create(
        session,
        "CREATE TABLE public.t (a int)",
        "BEGIN",
        "INSERT INTO public.t VALUES (1)",
        "PREPARE TRANSACTION 'left over'",
    )
    with pytest.raises(LockBudgetSpent, match=r"public\.t") as spent:
        await run_locked(db, locks("public.t"), LONG, ignore, nothing)
    await create(session, "ROLLBACK PREPARED 'left over'")
    assert "prepared transaction 'left over'" in spent.value.why


async def test_a_failed_body_is_rolled_back_and_tried_again(db: Database, session: Session) -> None:
    """A lock that the body itself meets is retried as well, and what the failed try did is gone."""
    await create(session, "CREATE TABLE public.t (a int)", "CREATE TABLE public.other (a int)")
    holder = await session()
    await holder.execute("BEGIN")
    await holder.execute("LOCK TABLE public.other")
    tries = 0

    async def prepare(_conn: AsyncConnection) -> Sequence[str]:
        nonlocal tries
        tries += 1
        return "INSERT INTO public.t VALUES (1)", "SELECT FROM public.other"

    def release(event: Event) -> None:
        if isinstance(event, LockTried):
            assert {first.pid for first in event.blockers[:1]} <= {holder.get_server_pid()}
            releasing.append(asyncio.create_task(holder.execute("COMMIT")))

    releasing: list[asyncio.Task[str]] = []
    await run_locked(db, locks("public.t"), POLICY, release, prepare)
    assert tries == 2
    await asyncio.gather(*releasing)
    async with db.transaction() as conn:
        assert await value(conn, "SELECT count(*) FROM public.t") == 1


async def test_other_errors_are_not_tried_again(db: Database) -> None:
    """An error that trying again does not mend comes through at once."""
    events: list[Event] = []

    with pytest.raises(DBAPIError, match="division by zero"):
        await run_locked(db, (), POLICY, events.append, sends("SELECT 1/0"))
    assert events == []


async def test_a_deadlock_takes_nobody_of_the_application(db: Database, session: Session) -> None:
    """Tables locked in the opposite order to the application's: we give way before any deadlock_timeout."""
    await create(session, "CREATE TABLE public.a (x int)", "CREATE TABLE public.b (x int)")
    stop = asyncio.Event()
    committed = 0

    async def application() -> None:
        nonlocal committed
        app = await session()
        while not stop.is_set():
            async with app.transaction():
                await app.execute("INSERT INTO public.b VALUES (1)")
                await app.fetchval("SELECT pg_sleep(0.02)")
                await app.execute("INSERT INTO public.a VALUES (1)")
            committed += 1

    apps = [asyncio.create_task(application()) for _ in range(3)]

    async def worked_on() -> None:
        before = committed
        await until(lambda: committed >= before + 10, *apps)

    await worked_on()
    events: list[Event] = []
    short = replace(POLICY, lock_budget=timedelta(seconds=4))
    while not any(isinstance(event, LockTried) for event in events):
        with contextlib.suppress(LockBudgetSpent):
            await run_locked(
                db, locks("public.a", "public.b"), short, events.append, nothing, jitter=lambda: 0.0
            )
    # In the application's own order there is nothing to give way to.
    await run_locked(db, locks("public.b", "public.a"), POLICY, ignore, nothing)
    await worked_on()
    stop.set()
    await asyncio.gather(*apps)


async def test_stop_ends_a_pause_at_once(db: Database, session: Session) -> None:
    """A signal during a pause of minutes raises Interrupted without waiting for its end."""
    await create(session, "CREATE TABLE public.t (a int)")
    holder = await session()
    await holder.execute("BEGIN")
    await holder.execute("SELECT FROM public.t")
    stop = asyncio.Event()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        await run_locked(
            db, locks("public.t"), POLICY, lambda _event: stop.set(), nothing, stop=stop, jitter=lambda: 100.0
        )
    assert time.monotonic() - began < 30


async def test_the_body_runs_under_short_timeouts(db: Database, session: Session) -> None:
    """What runs while the lock is held waits for no other lock above lock_timeout, and is itself short."""
    await create(session, "CREATE TABLE public.t (lock_timeout text, statement_timeout text)")
    insert = """INSERT INTO public.t VALUES (
        current_setting('lock_timeout'), current_setting('statement_timeout'))"""
    await run_locked(db, locks("public.t"), POLICY, ignore, sends(insert))
    async with db.transaction() as conn:
        assert await rows(conn, "SELECT * FROM public.t") == [("100ms", "1s")]


async def test_older_snapshots_are_named(db: Database, session: Session) -> None:
    """CREATE INDEX CONCURRENTLY waits for a transaction that never touched the table, and names it."""
    await create(session, "CREATE TABLE public.t (a int)")
    old, builder = await session(), await session()
    await old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    await old.execute("SELECT 1")
    building = asyncio.create_task(builder.execute("CREATE INDEX CONCURRENTLY i ON public.t (a)"))
    pid = builder.get_server_pid()

    async def named(ask: Callable[..., Awaitable[Sequence[object]]]) -> bool:
        async with db.transaction() as conn:
            return [getattr(b, "pid", None) for b in await ask(conn, pid)] == [old.get_server_pid()]

    await until(lambda: named(blockers_of))
    assert await named(older_snapshots)
    await old.execute("COMMIT")
    await building
