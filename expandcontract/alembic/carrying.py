"""The bridge: verbs are carried out in a thread with a loop and connections of its own."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from alembic.runtime.migration import MigrationContext

from expandcontract import gates
from expandcontract.alembic.migration_run import KEY
from expandcontract.alembic.revisions import Operation
from expandcontract.alembic.spoken import fields_of
from expandcontract.alembic.telling import failure
from expandcontract.engine.context import Context
from expandcontract.engine.verbs import backfill, contract, init, rollback, start, undo, wait
from expandcontract.engine.verbs import status as status_verb
from expandcontract.model.change import Change
from expandcontract.model.durations import parse_duration
from expandcontract.model.errors import BadSetting, EcError, TimeIsUp, UnknownChange
from expandcontract.model.events import Event, Notice
from expandcontract.model.phases import Stage
from expandcontract.postgres.connect import Database
from expandcontract.settings.settings import Settings, load

if TYPE_CHECKING:
    from expandcontract.alembic.migration_run import Said
    from expandcontract.alembic.operations import EcOperation

T = TypeVar("T")

_log = logging.getLogger("expandcontract.alembic")


def carry_out(migration: MigrationContext, operation: "EcOperation") -> None:
    """Carry out an operation of a revision. Alembic's own transaction is committed before, as locks that it
    held would stand in the way, and in the way of the application.

    Raises CommandError.
    """
    said: Said = migration.opts[KEY]
    with migration.autocommit_block():
        within(said, lambda context: _CARRIED[operation.operation](context, operation))


def why_shut(said: "Said", change: str, soak: str) -> str:
    """Return why a change cannot be contracted now; empty where it can be."""

    async def look(context: Context) -> str:
        try:
            situation = await status_verb.one(_soaking(context, soak), change)
        except UnknownChange:
            return "it was never started here"
        if situation.stage in (Stage.HIDDEN, Stage.PURGED):
            return ""
        shut = [each for each in gates.judge_all(situation) if not each.open]
        return "; ".join(f"{each.gate}: {each.reason}" for each in shut)

    return within(said, look)


def within(said: "Said", work: Callable[[Context], Awaitable[T]]) -> T:
    """Run `work` in a thread of its own and return what it returns; Ctrl-C asks it to stop where nothing is
    half done.

    Raises CommandError with everything that an error of `ec` says.
    """
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def opened() -> T:
        settings = load({} if said.url is None else {"database_url": said.url})
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        context = _context(settings, stop)
        try:
            return await work(context)
        finally:
            await context.database.close()

    with ThreadPoolExecutor(1, "ec") as pool:
        future = pool.submit(lambda: asyncio.run(opened()))
        try:
            return future.result()
        except KeyboardInterrupt:
            for loop, stop in loops:
                loop.call_soon_threadsafe(stop.set)
            raise
        except EcError as error:
            raise failure(error) from error


def _context(settings: Settings, stop: asyncio.Event) -> Context:
    if settings.database_url is None:
        raise BadSetting("No database was named.", why="Give ec.options() the connection or database_url.")
    database = Database(
        settings.database_url.get_secret_value(),
        direct_url=settings.direct_url.get_secret_value() if settings.direct_url else None,
        ledger_schema=settings.ledger_schema,
        lock_timeout=settings.lock_timeout,
    )
    return Context(
        database,
        settings.policy,
        _tell,
        "alembic",
        stop,
        limits=settings.throttle.limits,
        origin=settings.replication_origin,
        hooks=settings.hooks.hooks,
    )


def _tell(event: Event) -> None:
    if isinstance(event, Notice):
        _log.info("%s: %s", event.change, event.text)


def _soaking(context: Context, soak: str) -> Context:
    return replace(context, policy=replace(context.policy, soak=parse_duration(soak)))


async def _start(context: Context, operation: "EcOperation") -> None:
    options: dict[str, Any] = dict(operation.options)
    inline = parse_duration(options.pop("inline", "5min"))
    await _begin(context, operation, options)
    name = str(options["name"])
    try:
        await backfill.backfill(context, name, backfill.BackfillOptions(max_runtime=inline))
    except TimeIsUp:
        _log.warning("%s goes on with `ec backfill %s`: it was not ready in time.", name, name)


async def _run(context: Context, operation: "EcOperation") -> None:
    options: dict[str, Any] = dict(operation.options)
    await _begin(context, operation, options)
    await backfill.backfill(context, str(options["name"]))


async def _begin(context: Context, operation: "EcOperation", options: dict[str, Any]) -> None:
    name, acknowledged = str(options["name"]), frozenset(options.pop("acknowledge", ()))
    options.pop("names", None)
    kind, *words = operation.words
    spec = {key: value for key, value in options.items() if key != "name"}
    await init.init(context)
    change = Change(name, kind, fields_of(kind, words, spec))
    await start.start(context, change, start.Consent(acknowledged=acknowledged))


async def _contract(context: Context, operation: "EcOperation") -> None:
    await contract.contract(_soaking(context, operation.options["soak"]), operation.words[0])


async def _rollback(context: Context, operation: "EcOperation") -> None:
    await rollback.rollback(context, operation.words[0])


async def _undo(context: Context, operation: "EcOperation") -> None:
    await undo.undo(context, operation.words[0])


async def _wait(context: Context, operation: "EcOperation") -> None:
    await wait.wait(
        context, operation.words[0], operation.options["goal"], parse_duration(operation.options["timeout"])
    )


_CARRIED: Mapping[Operation, Callable[[Context, "EcOperation"], Awaitable[None]]] = {
    Operation.START: _start,
    Operation.RUN: _run,
    Operation.CONTRACT: _contract,
    Operation.ROLLBACK: _rollback,
    Operation.UNDO: _undo,
    Operation.WAIT: _wait,
}
