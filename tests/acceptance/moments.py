"""Things that happen at a named point of `ec`'s work: something else, or its death."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager

import asyncpg
import pytest

from expandcontract.model import killpoints


class DiedError(BaseException):
    """Stands for kill -9: nothing after it runs."""


@contextmanager
def dies_at(point: str) -> Iterator[None]:
    """Let the body die when `point` is reached. It has to be."""

    def reached(here: str) -> None:
        if here == point:
            raise DiedError

    with _watched(reached), pytest.raises(DiedError):
        yield


@contextmanager
def at(point: str, work: Callable[[], Coroutine[None, None, None]]) -> Iterator[None]:
    """Do something else to its end when `point` is reached first, while everything here stands still."""
    met: list[str] = []

    def reached(here: str) -> None:
        if here == point and not met:
            met.append(here)
            thread = threading.Thread(target=lambda: asyncio.run(work()))
            thread.start()
            thread.join()

    with _watched(reached):
        yield
    assert met, f"{point} was not reached"


@contextmanager
def _watched(reached: Callable[[str], None]) -> Iterator[None]:
    killpoints.watch(reached)
    try:
        yield
    finally:
        killpoints.watch(None)


async def elsewhere(url: str, *statements: str) -> None:
    """Run statements in a session of their own."""
    conn = await asyncpg.connect(url)
    try:
        for statement in statements:
            await conn.execute(statement)
    finally:
        await conn.close()
