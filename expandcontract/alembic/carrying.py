"""The bridge: verbs are carried out in a thread with a loop and connections of its own."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import DBAPIError

from expandcontract import gates
from expandcontract.alembic import fresh, idling
from expandcontract.alembic.migration_run import KEY
from expandcontract.alembic.revisions import OF_A_KIND, Operation
from expandcontract.alembic.signals import listening
from expandcontract.alembic.spoken import change_of
from expandcontract.alembic.telling import failure, log
from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.engine.verbs import backfill, contract, init, rollback, soak, start, status, undo, wait
from expandcontract.engine.verbs.backfill import BackfillOptions
from expandcontract.gates import backfilled, leaves_covered, sync_intact, verified
from expandcontract.model import killpoints
from expandcontract.model.durations import parse_duration, spell
from expandcontract.model.errors import (
    BadSetting,
    EcError,
    GateShut,
    Interrupted,
    LeaseHeld,
    LedgerMissing,
    TimeIsUp,
    UnknownChange,
    UsageError,
    WrongState,
)
from expandcontract.model.events import Event, Notice
from expandcontract.model.phases import Stage
from expandcontract.model.situation import Situation
from expandcontract.postgres.sqlstate import translate
from expandcontract.settings import databases
from expandcontract.settings.settings import Settings, load

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from expandcontract.alembic.migration_run import Said
    from expandcontract.alembic.operations import EcOperation

T = TypeVar("T")

#: For this long the revision that begins a change stays with it.
INLINE = "5min"
#: The gates that a backfill opens.
_FILLED = frozenset({backfilled.NAME, leaves_covered.NAME, sync_intact.NAME, verified.NAME})
#: Where there is nothing to fill: somebody contracted it, and a run died before its version row.
_FILLED_BEFORE = frozenset({Stage.HIDDEN, Stage.PURGED, Stage.FINISHED})
#: Between two looks whether another process is done with the change.
LOOK_SECONDS = 0.5


def carry_out(migration: MigrationContext, operation: "EcOperation") -> None:
    """Carry out an operation of a revision: in Alembic's own transaction where the tables have no row.
    Otherwise that is committed before, as locks that it held would stand in the way, and in the way of the
    application.

    Raises CommandError.
    """
    said: Said = migration.opts[KEY]
    operation = operation.keyed(said.key)
    if operation.operation in OF_A_KIND:
        said.begun.add(str(operation.options["name"]))
    with failing():
        if fresh.carried(migration, said, borrowing(said), operation):
            return
    with released(migration, f"op.{operation.operation}"):
        _require_begun_before(said, operation)
        within(said, lambda context: _carry_out(context, operation, said.soaks))
        said.carried.append(f"op.{operation.operation}")
        killpoints.reach("alembic.carried")  # the version is not written yet


async def _carry_out(context: Context, operation: "EcOperation", soaks: Mapping[str, timedelta]) -> None:
    await _CARRIED[operation.operation](context, operation)
    begun = str(operation.options.get("name", ""))
    # What contracts it is seen by this run, and waits for another one.
    await soak.ask(context, {begun: soaks[begun]} if begun in soaks else {})


def _require_begun_before(said: "Said", operation: "EcOperation") -> None:
    """Refuse to contract what this very run begins, where that was not to be known before it. What it did so
    far is committed, so that the next run begins there.
    """
    name = operation.words[0] if operation.words else ""
    if operation.operation != Operation.CONTRACT or name not in said.begun or context_of(said).policy.fresh:
        return
    raise failure(
        GateShut(
            f"{name} begins in this run.",
            why="Old code runs until the next deploy.",
            state="Both sides stay in sync and in use.",
            next="the same command with the next deploy",
        )
    )


@contextmanager
def released(migration: MigrationContext, what: str) -> Iterator[None]:
    """Run the body while Alembic holds no lock: what it did so far is committed.

    Raises CommandError where env.py holds the transaction, and something was written in it: it is not ours
    to commit, and whoever waits for its locks would wait for all that follows.
    """
    if not is_foreign(migration):
        with migration.autocommit_block():
            yield
        return
    if has_written(migration):
        driver = "async with" if migration.dialect.is_async else "with"
        carried = migration.opts[KEY].carried
        but = f" but what {', '.join(carried)} did, which runs again and goes on" if carried else ""
        raise failure(
            UsageError(
                f"{what} comes after something that was written in this run, in a transaction of env.py's.",
                why="ec works on connections of its own, and commits before: engine.begin() keeps Alembic "
                "from it, or a statement of env.py's before context.configure() that was not committed.",
                state=f"Nothing of this run is kept{but}.",
                next=f"in env.py, {driver} engine.connect() as connection: and connection.commit() after "
                "what it executes before context.configure()",
            )
        )
    _let_go_of_snapshot(migration)
    yield


def _let_go_of_snapshot(migration: MigrationContext) -> None:
    """Have the transaction hold no snapshot. The protocol keeps the last SELECT of a transaction open until
    another statement comes, and its snapshot: CREATE INDEX CONCURRENTLY would wait for that, and we for it.
    """
    with cast("Connection", migration.connection).begin_nested():
        pass


def is_foreign(migration: MigrationContext) -> bool:
    """Whether the transaction that Alembic works in is not its own: that of engine.begin(), say."""
    connection = migration.connection
    ours = getattr(migration, "_transaction", None) is not None
    return connection is not None and connection.in_transaction() and not ours


def has_written(migration: MigrationContext) -> bool:
    """Whether something was written in the transaction that Alembic works in."""
    connection = cast("Connection", migration.connection)
    query = "SELECT pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL"
    return bool(connection.exec_driver_sql(query).scalar())


def is_blind(migration: MigrationContext) -> bool:
    """Whether nobody but Alembic's own connection sees where the database is: something was written in a
    transaction of env.py's. What comes about in it goes on in it, on tables without a row; nothing else does.
    """
    return is_foreign(migration) and has_written(migration)


def within(said: "Said", work: Callable[[Context], Awaitable[T]]) -> T:
    """Run `work` in a thread of its own and return what it returns; SIGINT and SIGTERM ask it to stop where
    nothing is half done, and once more stop it at once.

    Raises CommandError with everything that an error of `ec` says.
    """
    under_way: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, asyncio.Task[Any]]] = []

    async def opened() -> T:
        context = context_of(said)
        task = asyncio.current_task()
        if task is not None:
            under_way.append((asyncio.get_running_loop(), context.stop, task))
        try:
            return await work(context)
        finally:
            await context.database.close()

    def stop() -> None:
        log.warning("Finishing the batch and its checkpoint. Once more stops at once.")
        for loop, asked, _ in under_way:
            loop.call_soon_threadsafe(asked.set)

    def stop_at_once() -> None:
        for loop, _, task in under_way:
            loop.call_soon_threadsafe(task.cancel)

    with (
        failing(),
        idling.spared(said.connection),
        ThreadPoolExecutor(1, "ec") as pool,
        listening(stop, stop_at_once),
    ):
        future = pool.submit(lambda: asyncio.run(opened()))
        try:
            return future.result()
        except asyncio.CancelledError:
            raise failure(
                Interrupted(
                    "Stopped at once.",
                    state="What was committed is in the ledger; what was not is rolled back.",
                    next="the same command again",
                )
            ) from None


@contextmanager
def failing() -> Iterator[None]:
    """Let an error of ours, or of the server, end the command of Alembic's."""
    try:
        yield
    except (EcError, DBAPIError) as error:
        raise failure(translate(error)) from error


def _settings(said: "Said") -> Settings:
    if "settings" not in said.kept:
        said.kept["settings"] = load({} if said.url is None else {"database_url": said.where})
    found: Settings = said.kept["settings"]
    return found


def borrowing(said: "Said") -> Context:
    """Return the same for who works on Alembic's connection, and makes none: once for the run."""
    if "context" not in said.kept:
        said.kept["context"] = context_of(said)
    found: Context = said.kept["context"]
    return found


def context_of(said: "Said") -> Context:
    """Return what verbs work with, by the settings of the project and what env.py said. Raises BadSetting."""
    settings = _settings(said)
    if not settings.names_database:
        raise BadSetting("No database was named.", why="Give ec.options() the connection or database_url.")
    return Context(
        databases.database(settings),
        settings.policy,
        _tell,
        "alembic",
        limits=settings.throttle.limits,
        origin=settings.replication_origin,
        hooks=databases.hooks(settings),
    )


def _tell(event: Event) -> None:
    if isinstance(event, Notice):
        log.info("%s: %s", event.change, event.text)


def work_on(said: "Said", name: str, inline: timedelta) -> bool:
    """Bring a change to ready, and prove it, for at most that long; return whether it is."""
    return within(said, lambda context: fill(context, name, inline))


def lacks_proof(situation: Situation) -> bool:
    """Whether nothing keeps a change from contract but what a backfill brings: rows in sync, and the proof,
    which another change on the table may have spoiled.
    """
    shut = {each.gate for each in gates.judge_all(situation) if not each.open}
    return bool(shut) and shut <= _FILLED


async def fill(context: Context, name: str, inline: timedelta) -> bool:
    """Bring a change to ready within that time, together with whoever is at work on it; return whether it
    is. Where it is not, the same goes on from there. One that is ready, and lacks its proof, has some time in
    any case: rows are read then, and not written.
    """
    stage = await _stage(context, name)
    if stage == Stage.READY:
        inline = inline or parse_duration(INLINE)
    until = time.monotonic() + inline.total_seconds()

    async def work() -> bool:
        left = timedelta(seconds=max(0.0, until - time.monotonic()))
        await backfill.backfill(context, name, BackfillOptions(max_runtime=left))
        return True

    if stage in _FILLED_BEFORE:
        return True
    if not inline:
        return False
    try:
        return await _alone(context, name, inline, work)
    except (TimeIsUp, LeaseHeld):
        return False


async def _start(context: Context, operation: "EcOperation") -> None:
    name, inline = str(operation.options["name"]), parse_duration(operation.options.get("inline", INLINE))
    await _begin(context, operation)
    if not await fill(context, name, inline):
        log.warning(
            "%s is begun, and not ready after %s: old code runs on. Next: ec backfill %s",
            name,
            spell(inline),
            name,
        )


async def _run(context: Context, operation: "EcOperation") -> None:
    name = str(operation.options["name"])
    await _begin(context, operation)
    await _alone(context, name, None, lambda: backfill.backfill(context, name))


async def _begin(context: Context, operation: "EcOperation") -> None:
    change = change_of(operation)
    await init.init(context)
    consent = start.Consent(acknowledged=frozenset(operation.options.get("acknowledge", ())))
    budget = context.policy.lock_budget
    await _alone(context, change.name, budget, lambda: start.start(context, change, consent))


async def _contract(context: Context, operation: "EcOperation") -> None:
    name, budget = operation.words[0], context.policy.lock_budget
    await soak.ask(context, {name: parse_duration(operation.options["soak"])})
    try:
        await _alone(context, name, budget, lambda: contract.contract(context, name))
    except GateShut:
        # Another contract of this run may have spoiled its proof.
        if not lacks_proof(await status.one(context, name)):
            raise
        await fill(context, name, parse_duration(INLINE))
        await _alone(context, name, budget, lambda: contract.contract(context, name))


async def _rollback(context: Context, operation: "EcOperation") -> None:
    name = operation.words[0]
    if await _stage(context, name) is None:
        log.info("%s was never begun here: there is nothing to roll back.", name)
        return
    await _alone(context, name, context.policy.lock_budget, lambda: rollback.rollback(context, name))


async def _undo(context: Context, operation: "EcOperation") -> None:
    name = operation.words[0]
    stage = await _stage(context, name)
    if stage in (None, Stage.NOT_STARTED, Stage.ROLLED_BACK):
        log.info("%s is not begun here: there is nothing to undo.", name)
        return
    if stage == Stage.PURGED:
        raise WrongState(
            f"{name} was purged: what it hid is dropped, and no downgrade brings it back.",
            state="Nothing was changed.",
            next=f"a revision that begins a change the other way around; ec log {name} tells what was",
        )
    await _alone(context, name, context.policy.lock_budget, lambda: undo.undo(context, name))


async def _wait(context: Context, operation: "EcOperation") -> None:
    await wait.wait(
        context, operation.words[0], operation.options["goal"], parse_duration(operation.options["timeout"])
    )


async def _stage(context: Context, name: str) -> Stage | None:
    """Return where the change is; None where the ledger does not have it, or there is none."""
    try:
        return (await situations.one(context, name)).stage
    except (UnknownChange, LedgerMissing):
        return None


async def _alone(
    context: Context, name: str, budget: timedelta | None, work: Callable[[], Awaitable[T]]
) -> T:
    """Do what takes the change for itself, once whoever has it is done. Raises LeaseHeld after `budget`."""
    until = None if budget is None else time.monotonic() + budget.total_seconds()
    told = False
    while True:
        try:
            return await work()
        except LeaseHeld as error:
            if until is not None and time.monotonic() >= until:
                raise
            if not told:
                log.info("%s: %s Waiting.", name, error.message)
                told = True
        context.check_stop(name)
        await asyncio.sleep(LOOK_SECONDS)


_CARRIED: Mapping[Operation, Callable[[Context, "EcOperation"], Awaitable[None]]] = {
    Operation.START: _start,
    Operation.RUN: _run,
    Operation.CONTRACT: _contract,
    Operation.ROLLBACK: _rollback,
    Operation.UNDO: _undo,
    Operation.WAIT: _wait,
}
