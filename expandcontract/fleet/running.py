"""One thing on many targets, some at once, within one event loop."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from expandcontract.fleet.outcome import Outcome
from expandcontract.fleet.target import Target
from expandcontract.model.errors import ConnectionLost, EcError, Interrupted
from expandcontract.postgres import sqlstate

T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """So many targets are at work at once (`parallel`), so many of one server (`per_server`). With more than
    `max_failed` that failed or stopped no further one is begun. None is no limit.
    """

    parallel: int
    per_server: int | None = None
    max_failed: int | None = None


async def on_each(
    targets: Sequence[Target],
    act: Callable[[Target], Awaitable[Outcome[T]]],
    limits: Limits,
    stop: asyncio.Event,
    told: Callable[[Outcome[T]], None] = lambda _: None,
) -> tuple[Outcome[T], ...]:
    """Return what became of each target that was begun with, in the order in which they ended.

    Args:
        targets: in the order in which they are begun.
        act: does it.
        limits: how many at once, and when no further one is begun.
        stop: when it is set no further one is begun; those at work know it, too.
        told: hears of each when it has ended.
    """
    waiting, busy = list(targets), Counter[object]()
    working: dict[asyncio.Task[Outcome[T]], Target] = {}
    ended: list[Outcome[T]] = []

    def may_begin() -> bool:
        failed = sum(each.exit_code != 0 for each in ended)
        return not stop.is_set() and (limits.max_failed is None or failed <= limits.max_failed)

    try:
        while True:
            while may_begin() and len(working) < limits.parallel:
                target = _next(waiting, busy, limits.per_server)
                if target is None:
                    break
                waiting.remove(target)
                busy[target.server] += 1
                working[asyncio.ensure_future(_outcome(target, act))] = target
            if not working:
                return tuple(ended)
            done, _ = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                busy[working.pop(task).server] -= 1
                ended.append(task.result())
                told(ended[-1])
    finally:
        # Whoever is cancelled here ends what is at work, as a second signal does.
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)


def _next(waiting: Sequence[Target], busy: Counter[object], per_server: int | None) -> Target | None:
    """Return the first target whose server has room."""
    return next((each for each in waiting if per_server is None or busy[each.server] < per_server), None)


async def _outcome(target: Target, act: Callable[[Target], Awaitable[Outcome[T]]]) -> Outcome[T]:
    """Do it; whatever goes wrong with one target is an answer, and ends no other one."""
    try:
        return await act(target)
    except EcError as error:
        return Outcome(target, error=error)
    except DBAPIError as error:
        return Outcome(target, error=sqlstate.translate(error))
    except (OSError, TimeoutError) as error:
        return Outcome(
            target, error=ConnectionLost(f"The connection broke: {str(error) or type(error).__name__}.")
        )
    except Exception as error:  # noqa: BLE001 - the others go on, and this one is told
        if sqlstate.sqlstate(error):
            return Outcome(target, error=sqlstate.translate(error))
        unforeseen = EcError(f"{type(error).__name__}: {error}", why="This is an error in ec itself.")
        unforeseen.__cause__ = error
        return Outcome(target, error=unforeseen)


def interrupted(ended: Sequence[Outcome[T]]) -> bool:
    """Whether a target was stopped on request."""
    return any(isinstance(each.error, Interrupted) for each in ended)
