"""The lock ladder: strong locks in short tries with long pauses, so that no application waits long.

A lock that we wait for stops everybody who comes after us. So a wait ends after `lock_timeout`, and the
application then has at least ten times as long to itself. The timeout is never lifted, also not for a last
try.

What is asked and judged is asked before, under a lock that stops no reader or writer. The lock that does goes
out in one message with all that is done under it and the COMMIT: for how long it is held is up to the server
alone, however far away this process is, and whether or not it goes on.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TypeAlias, TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.durations import milliseconds, spell
from expandcontract.model.errors import EcError, Interrupted, LockBudgetSpent
from expandcontract.model.events import Blocker, Listener, LockHeld, LockTried
from expandcontract.model.names import do, literal
from expandcontract.model.policy import Policy
from expandcontract.model.step import Lock, LockMode, ViewLock
from expandcontract.postgres.blockers import WRAPAROUND, blockers_of
from expandcontract.postgres.connect import Database, questions
from expandcontract.postgres.message import driver, marked, send
from expandcontract.postgres.query import rows
from expandcontract.postgres.sqlstate import is_lock_failure, is_retryable, server_message

T = TypeVar("T")
#: Asks what must be known, and returns the statements that are then sent.
Prepare: TypeAlias = Callable[[AsyncConnection], Awaitable[Sequence[str]]]

#: How much longer than what the application may have felt of a try the pause after it is, at least.
PAUSE_FACTOR = 10
#: Under the lock a statement may take this long, though what holds the locks should be instant.
_BODY = timedelta(seconds=1)
#: Autovacuum is cancelled by a waiter after deadlock_timeout; then it needs a moment to go. Not so long that
#: somebody who then begins to wait for us finds a deadlock before we have gone.
_GOING = timedelta(seconds=1)
#: A process that is silent for this long in a transaction is stopped, swapped out or cut off: the server ends
#: its session. It stopped no reader or writer, but others who alter or vacuum the table.
_SILENCE = timedelta(seconds=3)
_STRENGTH = {mode: strength for strength, mode in enumerate(LockMode)}

_SESSION = """
SELECT pg_catalog.pg_backend_pid(), pg_catalog.current_setting('deadlock_timeout')::interval
"""
_KNOWN = "expandcontract.session"
#: The server tells how long it has been at work on the message, which began with its arrival.
_TELL = """DO $ec$ BEGIN
    RAISE INFO USING MESSAGE = '{what} ' || extract(epoch FROM clock_timestamp() - statement_timestamp());
END $ec$"""
_LOCKED, _HELD = "ec:locked", "ec:held"


@dataclass
class _Try:
    """What became of one try: whether and when others began to queue behind us, how long that lasted by the
    server's clock, and who was in the way when last seen.
    """

    pid: int | None = None
    #: How much was asked of its session, which may stand still while somebody blocks it.
    asked: Callable[[], int] = lambda: 0
    #: By our clock.
    gentle_since: float | None = None
    sent: float | None = None
    ended: float | None = None
    #: By the server's, from the arrival of the message.
    locked_seconds: float | None = None
    done_seconds: float | None = None
    #: How long the message waits for its lock at most.
    short_seconds: float = 0.0
    blockers: tuple[Blocker, ...] = field(default=())

    def felt_seconds(self) -> float:
        if self.sent is None:
            return 0.0
        if self.done_seconds is not None:
            return self.done_seconds
        elapsed = self._until_end(self.sent)
        return min(elapsed, self.short_seconds) if self.locked_seconds is None else elapsed

    def held_seconds(self) -> float:
        if self.locked_seconds is not None and self.done_seconds is not None:
            return self.done_seconds - self.locked_seconds
        return 0.0 if self.gentle_since is None else self._until_end(self.gentle_since)

    def hear(self, _conn: object, message: asyncpg.PostgresLogMessage) -> None:
        """Take what the server tells meanwhile."""
        what, _, seconds = str(message.message).partition(" ")
        if what == _LOCKED:
            self.locked_seconds = float(seconds)
        elif what == _HELD:
            self.done_seconds = float(seconds)

    def _until_end(self, since: float) -> float:
        return (time.monotonic() if self.ended is None else self.ended) - since


async def run_locked(  # noqa: PLR0913 - the last four are for words, stopping and tests
    database: Database,
    locks: Sequence[Lock],
    policy: Policy,
    listen: Listener,
    prepare: Prepare,
    *,
    patient: bool = False,
    what: str = "what the step needs",
    stop: asyncio.Event | None = None,
    jitter: Callable[[], float] = random.random,
) -> None:
    """Run statements in one transaction that holds `locks`, as often as it takes.

    The locks are taken all at once, in the order given, in the strongest mode among them. Whatever fails for
    a timeout, a deadlock or a serialization failure is rolled back and tried again, so that `prepare` must
    not have effects outside of its transaction. Each failed try emits LockTried with the blockers, the one
    that succeeds LockHeld.

    Args:
        database: where; each try takes a connection of its pool, and another one to look for blockers.
        locks: may be empty, then only the retries and timeouts are had.
        policy: lock_timeout, lock_budget and confidential count.
        listen: gets LockTried and LockHeld.
        prepare: called in the transaction, under SHARE UPDATE EXCLUSIVE where that or a stronger lock is
            wanted, which keeps columns and triggers as they are and stops no reader or writer. It returns the
            statements that go out in one message with the locks and the COMMIT. What it raises ends the
            attempt.
        patient: the statements take their locks by themselves, ones that stop no reader or writer, and take
            their time. There is no budget then, and no LockHeld.
        what: whom messages are about where there are no `locks`.
        stop: when set, no further try or pause begins.
        jitter: a number from 0 to 1 that lengthens a pause by that part.

    Raises:
        LockBudgetSpent: no try within the budget succeeded. Nothing was done.
        Interrupted: `stop` was set. Nothing was done.
    """
    began = time.monotonic()
    name = _named(locks, what)
    attempt = 0
    seen: tuple[Blocker, ...] = ()
    while True:
        _unless_stopped(stop, name)
        attempt += 1
        this = _Try()
        try:
            await _once(database, locks, policy, prepare, this, patient=patient)
        except DBAPIError as error:
            if not (is_lock_failure(error) or is_retryable(error)):
                raise
            failure = error
        else:
            if locks and not patient:
                listen(_held(locks, attempt, this))
            return
        # A try may be over before the look at who blocks it is, on a server with much else to do.
        seen = this.blockers or seen
        pause = _pause(this.felt_seconds(), policy, jitter())
        spent = not patient and time.monotonic() - began + pause > policy.lock_budget.total_seconds()
        listen(_tried(locks, what, attempt, 0.0 if spent else pause, this))
        if spent:
            raise _budget_spent(name, policy, attempt, seen, failure) from failure
        await _happened(stop or asyncio.Event(), pause)


async def read_patiently(
    database: Database,
    what: str,
    policy: Policy,
    listen: Listener,
    read: Callable[[AsyncConnection], Awaitable[T]],
    stop: asyncio.Event | None = None,
) -> T:
    """Return what `read` finds in one transaction, which is begun again while somebody keeps `what` locked.

    Raises:
        LockBudgetSpent: for as long as the lock budget; the message says who.
        Interrupted: `stop` was set.
    """
    found: list[T] = []

    async def prepare(conn: AsyncConnection) -> Sequence[str]:
        found[:] = [await read(conn)]
        return ()

    await run_locked(database, (), policy, listen, prepare, what=what, stop=stop)
    return found[0]


async def _once(
    database: Database,
    locks: Sequence[Lock],
    policy: Policy,
    prepare: Prepare,
    this: _Try,
    *,
    patient: bool,
) -> None:
    """Climb in two rungs.

    SHARE UPDATE EXCLUSIVE stops neither readers nor writers, also while it waits, and autovacuum gives way to
    it after deadlock_timeout. It is worth waiting for: autovacuum never gives way to tries that are shorter.
    The second rung stops others from its first moment on. It is one statement under statement_timeout,
    because lock_timeout counts for each relation anew, and LOCK TABLE takes each partition as one.
    """
    gentle, strong = (None, None) if patient else _rungs(locks)
    async with _lookout(database, policy, this), database.transaction() as conn:
        this.pid, deadlock_timeout = await _session(conn)
        this.asked = partial(questions, await driver(conn))
        # A wait of ours that lasted into somebody's deadlock_timeout would make the application the victim.
        short = min(policy.lock_timeout, deadlock_timeout / 2)
        going = deadlock_timeout + min(_GOING, deadlock_timeout / 2)
        if gentle is not None:
            await send(conn, *_limits(going, going, silence=_SILENCE), marked(gentle), *_limits(short, None))
            this.gentle_since = time.monotonic()
        else:
            await send(conn, *_limits(short, None))
        body = await prepare(conn)
        if strong is not None:
            this.short_seconds, this.sent = short.total_seconds(), time.monotonic()
        message = [*_limits(going, None), *map(marked, body)] if patient else _message(strong, body, short)
        await _carry_out(conn, [*message, "COMMIT"], this)


async def _session(conn: AsyncConnection) -> tuple[int, timedelta]:
    """Return the backend's pid and its deadlock_timeout. Behind a pooler, which makes a pid up, each
    transaction may have another backend.
    """
    told = (await driver(conn)).get_server_pid()
    known: tuple[int, timedelta] | None = conn.info.get(_KNOWN)
    if known is None or known[0] != told:
        ((pid, deadlock_timeout),) = await rows(conn, _SESSION)
        known = pid, deadlock_timeout
        if pid == told:
            conn.info[_KNOWN] = known
    return known


async def _carry_out(conn: AsyncConnection, message: Sequence[str], this: _Try) -> None:
    raw = await driver(conn)
    raw.add_log_listener(this.hear)
    try:
        await send(conn, *message)
    finally:
        this.ended = time.monotonic()
        if not raw.is_closed():
            raw.remove_log_listener(this.hear)


def _message(strong: str | None, body: Sequence[str], short: timedelta) -> list[str]:
    """Pure. Return what goes out at once: from the first moment in which somebody may wait to the last."""
    acting = [*_limits(short, max(short, _BODY)), *map(marked, body)]
    if strong is None:
        return acting
    told, held = (marked(_TELL.format(what=what)) for what in (_LOCKED, _HELD))
    return [*_limits(short, short), marked(strong), told, *acting, held]


def statements(locks: Sequence[Lock]) -> tuple[str, ...]:
    """Return the statements of the ladder, in order: in a plan they stand before a step's own."""
    return tuple(rung for rung in _rungs(locks) if rung is not None)


def _rungs(locks: Sequence[Lock]) -> tuple[str | None, str | None]:
    """Pure. Return the statement that may wait, and the one that must not; None where one is left out."""
    if not locks:
        return None, None
    mode = max((lock.mode for lock in locks), key=_STRENGTH.__getitem__)
    views = list(dict.fromkeys(lock.relation for lock in locks if isinstance(lock, ViewLock)))
    relations = ", ".join(dict.fromkeys(lock.relation for lock in locks if not isinstance(lock, ViewLock)))
    first = LockMode.SHARE_UPDATE_EXCLUSIVE
    if not relations:
        return None, _with_views(views)
    gentle = f"LOCK TABLE {relations} IN {first} MODE" if _STRENGTH[mode] >= _STRENGTH[first] else None
    strong = f"LOCK TABLE {relations} IN {mode} MODE"
    return gentle, None if mode == first else _with_views(views, strong)


def _with_views(views: Sequence[str], strong: str = "NULL") -> str:
    """Pure. Return what locks views first, in the order in which their readers lock them: the last of `views`
    reads the others. One statement, since statement_timeout counts for each anew.

    An owner that stays the same is nothing but a lock, ACCESS EXCLUSIVE, on the view alone.
    """
    if not views:
        return strong
    names = ", ".join(map(literal, reversed(views)))
    return do(f"""DECLARE reader record; BEGIN
    FOR reader IN
        SELECT c.oid::pg_catalog.regclass AS name, pg_catalog.pg_get_userbyid(c.relowner) AS owner
        FROM pg_catalog.unnest(ARRAY[{names}]) WITH ORDINALITY AS named (name, place)
        JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(named.name) AND c.relkind IN ('v', 'm')
        ORDER BY named.place
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %s OWNER TO %I', reader.name, reader.owner);
    END LOOP;
    {strong};
END""")


def _limits(
    lock_timeout: timedelta, statement_timeout: timedelta | None, silence: timedelta | None = None
) -> list[str]:
    """Pure. Return the statements that set limits until the transaction ends; None is none."""
    limits = {"lock_timeout": lock_timeout, "statement_timeout": statement_timeout}
    if silence is not None:
        limits["idle_in_transaction_session_timeout"] = silence
    return [
        marked(f"SET LOCAL {name} = {0 if limit is None else milliseconds(limit)}")
        for name, limit in limits.items()
    ]


@contextlib.asynccontextmanager
async def _lookout(database: Database, policy: Policy, this: _Try) -> AsyncIterator[None]:
    """Look, on another connection and while a try lasts, who blocks it: later they may be gone."""
    done = asyncio.Event()
    watcher = asyncio.create_task(_watch(database, policy, this, done))
    try:
        yield
    except asyncio.CancelledError:
        watcher.cancel()
        raise
    finally:
        # After the transaction, which must not hold its locks for the sake of a look that is under way.
        done.set()
        # What a look fails with (no connection left, say) must not fail the step.
        with contextlib.suppress(asyncio.CancelledError, EcError, DBAPIError, OSError):
            await watcher


async def _watch(database: Database, policy: Policy, this: _Try, done: asyncio.Event) -> None:
    a_quarter, before = policy.lock_timeout.total_seconds() / 4, -1
    pause = a_quarter
    # What it takes to connect is more than a blocked try lasts. The try itself takes one of those that rest.
    if not database.rests(2):
        async with database.transaction(silence=_SILENCE):
            pass
    while not await _happened(done, pause):
        before, pause, last = this.asked(), a_quarter, before
        # Who got one answer after the other meanwhile is not blocked.
        if this.pid is not None and before == last:
            pause = 2 * a_quarter
            async with database.transaction(silence=_SILENCE) as conn:
                found = await blockers_of(conn, this.pid, confidential=policy.confidential)
            this.blockers = found or this.blockers


async def _happened(event: asyncio.Event, within_seconds: float) -> bool:
    """Wait for the event, at most this long, and return whether it is set."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), within_seconds)
    return event.is_set()


def _pause(felt_seconds: float, policy: Policy, jitter: float) -> float:
    """Pure. Ten times what the application may have felt, at least as if it had felt a whole lock_timeout."""
    return PAUSE_FACTOR * max(felt_seconds, policy.lock_timeout.total_seconds()) * (1 + jitter)


def _unless_stopped(stop: asyncio.Event | None, name: str) -> None:
    if stop is not None and stop.is_set():
        raise Interrupted(
            f"Interrupted before {name} could be locked.", state="Nothing of this step was done."
        )


def _tried(locks: Sequence[Lock], what: str, attempt: int, pause: float, this: _Try) -> LockTried:
    relations, mode = _told(locks)
    return LockTried(relations or (what,), mode, attempt, pause, this.blockers, this.felt_seconds())


def _held(locks: Sequence[Lock], attempt: int, this: _Try) -> LockHeld:
    return LockHeld(*_told(locks), attempt, this.held_seconds(), this.felt_seconds())


def _told(locks: Sequence[Lock]) -> tuple[tuple[str, ...], LockMode]:
    """Pure. Return the relations, and the mode in which all of them are locked."""
    relations = tuple(dict.fromkeys(lock.relation for lock in locks))
    return relations, max(
        (lock.mode for lock in locks), key=_STRENGTH.__getitem__, default=LockMode.ACCESS_SHARE
    )


def _named(locks: Sequence[Lock], what: str) -> str:
    return ", ".join(dict.fromkeys(lock.relation for lock in locks)) or what


def _budget_spent(
    name: str, policy: Policy, attempts: int, blockers: tuple[Blocker, ...], failure: DBAPIError
) -> LockBudgetSpent:
    """Pure. Say who was in the way, and that a vacuum against wraparound has to be waited for."""
    why = f"In the way: {'; '.join(map(str, blockers))}." if blockers else server_message(failure)[0]
    if any(blocker.kind == WRAPAROUND for blocker in blockers):
        why += " A vacuum against transaction id wraparound must not be stopped: wait until it is done."
    tries = "1 try" if attempts == 1 else f"{attempts} tries"
    return LockBudgetSpent(
        f"{name} could not be locked within {spell(policy.lock_budget)}, in {tries} of "
        f"{spell(policy.lock_timeout)}.",
        why=why,
        state="Nothing of this step was done.",
    )
