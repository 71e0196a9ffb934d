"""What both versions of the application do all day: read, find, rename, insert and delete users.

Nothing here names the column: each version brings its own model, and calls what it shows of a user its label.
"""

import asyncio
import os
import random
import secrets
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import InstrumentedAttribute

from expandcontract.testing.demo.report import DELETED, Report, Row

#: The environment variable with the database's URL.
URL = "EC_DEMO_URL"
WORKERS = 4
#: Seconds between two actions of a worker, on average. All of the demo shares one machine, maybe a small one:
#: the applications are at work all the time, and leave room for the others.
PAUSE = 0.03
#: This many users are busy: both applications pick them often, and meet there.
BUSY = 1000


#: A declarative class with id, email, about, version, and a label.
Model: TypeAlias = Any
Action: TypeAlias = Callable[[AsyncSession], Awaitable[None]]


class Traffic:
    """One application at work on `rows` users. `label` is the attribute that its version shows."""

    def __init__(
        self, model: Model, label: InstrumentedAttribute[str], name: str, rows: int, report: Report
    ) -> None:
        self._model = model
        self._label = label
        self._name = name
        self._rows = rows
        self._report = report
        self._mine: list[int] = []
        self._leaving: set[int] = set()
        self._mix: dict[Action, int] = {
            self._read: 40,
            self._find: 10,
            self._rename: 25,
            self._rename_some: 5,
            self._change_mind: 5,
            self._write_about: 5,
            self._join: 7,
            self._leave: 3,
        }

    async def work(self, sessions: async_sessionmaker[AsyncSession], stop: asyncio.Event) -> None:
        """Do one thing after another until `stop`. An error is reported, and work goes on."""
        actions, weights = list(self._mix), list(self._mix.values())
        while not stop.is_set():
            async with sessions() as session:
                try:
                    await random.choices(actions, weights)[0](session)
                except SQLAlchemyError:
                    await session.rollback()  # what failed is in the report
            await asyncio.sleep(random.expovariate(1 / PAUSE))

    async def _read(self, session: AsyncSession) -> None:
        """Read one user, and look whether it holds what this application wrote last."""
        number = self._somebody()
        expected = self._report.last(number)
        user = select(self._model.id, self._model.version, self._label).where(self._model.id == number)
        found = (await self._report.timed("read", session.execute(user))).one_or_none()
        row = Row(*found) if found else None
        if expected is None or expected.version == DELETED or (row and row.version > expected.version):
            return  # nobody knows better, or the other application wrote later
        # Another worker may have deleted it, and not yet heard that this was committed.
        if row != expected and not (row is None and number in self._leaving):
            self._report.wrong(expected, row)

    async def _find(self, session: AsyncSession) -> None:
        """Find users by their label."""
        users = select(self._model.id, self._model.email).where(self._label == f"User {self._somebody()}")
        await self._report.timed("find", session.execute(users))

    async def _rename(self, session: AsyncSession) -> None:
        """Write one user's label."""
        await self._commit(session, await self._relabel(session, [self._somebody()]))

    async def _rename_some(self, session: AsyncSession) -> None:
        """Write several in one transaction, by their ids, or the two applications would deadlock."""
        numbers = sorted({self._somebody() for _ in range(3)})
        await self._commit(session, await self._relabel(session, numbers))

    async def _change_mind(self, session: AsyncSession) -> None:
        """Write one and take it back."""
        await self._relabel(session, [self._somebody()])
        await self._report.timed("rollback", session.rollback())

    async def _write_about(self, session: AsyncSession) -> None:
        """Write a column that is none of the change's business."""
        about = update(self._model).where(self._model.id == self._somebody())
        await self._report.timed("update", session.execute(about.values(about=secrets.token_hex(20))))
        await self._commit(session, [])

    async def _join(self, session: AsyncSession) -> None:
        """Insert a user through the model."""
        label = self._invent()
        user = self._model(**{self._label.key: label, "email": f"{secrets.token_hex(8)}@example.org"})
        session.add(user)
        await self._report.timed("insert", session.flush())
        await self._commit(session, [Row(user.id, user.version, label)])
        self._mine.append(user.id)

    async def _leave(self, session: AsyncSession) -> None:
        """Delete a user whom this application has inserted."""
        if not self._mine:
            return
        number = self._mine.pop(random.randrange(len(self._mine)))
        self._leaving.add(number)
        gone = delete(self._model).where(self._model.id == number)
        await self._report.timed("delete", session.execute(gone))
        await self._commit(session, [Row(number, DELETED, None)])

    async def _relabel(self, session: AsyncSession, numbers: list[int]) -> list[Row]:
        """Write labels and return what the rows hold when this commits. A user who left is not among them."""
        written: list[Row] = []
        for number in numbers:
            label = self._invent()
            change = (
                update(self._model)
                .where(self._model.id == number)
                .values({self._label: label, self._model.version: self._model.version + 1})
                .returning(self._model.version)
            )
            version = await self._report.timed("update", session.scalar(change))
            written += [Row(number, version, label)] if version is not None else []
        return written

    async def _commit(self, session: AsyncSession, rows: Iterable[Row]) -> None:
        await self._report.timed("commit", session.commit())
        for row in rows:
            self._report.wrote(row)

    def _somebody(self) -> int:
        """Pick a user: one of its own, one of the busy ones, or anybody."""
        mine, busy, anybody = 1, 2, 7
        match random.choices(("mine", "busy", "anybody"), (mine, busy, anybody))[0]:
            case "mine" if self._mine:
                return random.choice(self._mine)
            case "busy":
                return random.randint(1, min(BUSY, self._rows))
            case _:
                return random.randint(1, self._rows)

    def _invent(self) -> str:
        return f"{self._name} {secrets.token_hex(6)}"


async def serve(model: Model, label: InstrumentedAttribute[str], name: str) -> None:
    """Be the application `name` until standard input ends, then hand over what it wrote."""
    engine = create_async_engine(
        os.environ[URL], pool_size=WORKERS, connect_args={"server_settings": {"application_name": name}}
    )
    report, stop = Report(sys.stdout), asyncio.Event()
    async with engine.connect() as connection:
        rows = await connection.scalar(select(func.max(model.id)))
    traffic = Traffic(model, label, name, rows or 1, report)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    async with asyncio.TaskGroup() as group:
        group.create_task(_end_of_input(stop))
        for _ in range(WORKERS):
            group.create_task(traffic.work(sessions, stop))
    report.close()
    await engine.dispose()


async def _end_of_input(stop: asyncio.Event) -> None:
    """Wait until whoever started this program closes the pipe, be it because they died."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    await reader.read()
    stop.set()
