"""Looks at a database for everybody who has a page open: one look, however many there are."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy.exc import DBAPIError

from expandcontract import gates
from expandcontract.cli.views.status import ChangeView
from expandcontract.engine.context import Context
from expandcontract.engine.state_words import OVER
from expandcontract.engine.verbs import status
from expandcontract.ledger import migrate, summary
from expandcontract.ledger.summary import Summary
from expandcontract.model.errors import EcError, NotConnected
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict
from expandcontract.postgres.sqlstate import translate

#: While somebody works, and while nobody does.
SOON_SECONDS, LATER_SECONDS = 2.0, 30.0
#: A database that cannot be reached is asked again after this time, twice as long after each time in vain.
RETRY_SECONDS, MOST_RETRY_SECONDS = 2.0, 60.0

#: What opens a database, as `Session.context` does.
Open = Callable[[], AbstractAsyncContextManager[Context]]


@dataclass(frozen=True)
class OpenChange:
    """A change that goes on, as it was seen."""

    situation: Situation
    verdicts: tuple[Verdict, ...]
    view: ChangeView


@dataclass(frozen=True)
class Seen:
    """What the last look showed: `at` when, what there is, or why nothing could be seen."""

    at: datetime
    open: Mapping[str, OpenChange] = field(default_factory=dict)
    over: Mapping[str, Summary] = field(default_factory=dict)
    error: EcError | None = None

    @property
    def moves(self) -> bool:
        """Whether somebody is at work."""
        return any(holder.alive for each in self.open.values() for holder in each.situation.holders)


class Poller:
    """Keeps `seen` up to date. `wait` returns when there was another look.

    `lasting`: its connection stays open while nothing moves. With a thousand databases none should.
    """

    def __init__(self, name: str, open_context: Open, *, lasting: bool = True) -> None:
        self.name = name
        self._lasting = lasting
        self.seen: Seen | None = None
        self._open = open_context
        self._looked = asyncio.Condition()
        self._wanted = asyncio.Event()
        self.number = 0
        self._context: Context | None = None

    async def run(self) -> None:
        """Look again and again, until cancelled. What fails is told by `seen`, and tried again."""
        failures = 0
        while True:
            try:
                async with self._open() as context:
                    self._context = context
                    while True:
                        await self._show(await _look(context))
                        failures = 0
                        moves = self.seen is not None and self.seen.moves
                        if not (moves or self._lasting):
                            break
                        await self._rest(SOON_SECONDS if moves else LATER_SECONDS)
                self._context = None
                await self._rest(LATER_SECONDS)
                continue
            except (EcError, DBAPIError, OSError, TimeoutError) as error:
                self._context = None
                found = translate(error) if isinstance(error, DBAPIError) else error
                told = found if isinstance(found, EcError) else EcError(f"{found}")
                await self._show(Seen(datetime.now(UTC), error=told))
            pause = min(RETRY_SECONDS * 2**failures, MOST_RETRY_SECONDS)
            failures += 1
            await self._rest(pause)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Context]:
        """Give the database for what is not looked at again and again. Raises NotConnected."""
        if self._context is not None:
            yield self._context
            return
        if self._lasting:
            raise NotConnected(f"{self.name} cannot be reached now.", state="It is tried again and again.")
        async with self._open() as context:
            yield context

    def poke(self) -> None:
        """Look at once: somebody did something."""
        self._wanted.set()

    async def wait(self, number: int, seconds: float) -> int:
        """Return the number of the newest look as soon as it is another than `number`, or after `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._looked:
                await self._looked.wait_for(lambda: self.number != number)
        return self.number

    async def _show(self, seen: Seen) -> None:
        async with self._looked:
            self.seen = seen
            self.number += 1
            self._looked.notify_all()

    async def _rest(self, seconds: float) -> None:
        """Not all at the same moment, where there are many."""
        self._wanted.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds * random.uniform(0.9, 1.1)):
                await self._wanted.wait()


async def _look(context: Context) -> Seen:
    """Return what there is. Of what is over there may be thousands: the slim view has all that is told."""
    async with context.database.transaction() as conn:
        if not await migrate.version(conn, context.tables):
            return Seen(datetime.now(UTC))
        await migrate.check(conn, context.tables)
        every = await summary.read(conn, context.tables)
    over = {each.name: each for each in every if each.word in OVER}
    names = [each.name for each in every if each.name not in over]
    found = await status.beside(context, await status.load(context, names)) if names else ()
    return Seen(datetime.now(UTC), {each.name: _open(each) for each in found}, over)


def _open(situation: Situation) -> OpenChange:
    verdicts = tuple(gates.judge_all(situation))
    return OpenChange(situation, verdicts, ChangeView.of(situation, verdicts))
