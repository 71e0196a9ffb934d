"""Past contract, down again and up again, three times over, while old and new code write."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from expandcontract.orm import retrying, survive
from tests.alembic.project import Project
from tests.orm.engines import async_engine, sync_engine
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("quiet")]

TABLE = """
op.execute("CREATE TABLE users (id int PRIMARY KEY, name varchar(50) NOT NULL, seen int NOT NULL DEFAULT 0)")
op.execute("CREATE INDEX ix_users_name ON users (name)")
op.execute("INSERT INTO users SELECT -g, 'n' || g FROM generate_series(1, 3000) g")
"""
START = 'op.ec_start("rename-column", "users.name", "display_name", name="b_rename")'
CONTRACT = 'op.ec_contract("b_rename", soak="0")'


class OldBase(DeclarativeBase):
    """What old models are of."""


class NewBase(DeclarativeBase):
    """What new models are of."""


class OldUser(OldBase):
    """A user as old code has it."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    called: Mapped[str] = mapped_column("name")
    seen: Mapped[int] = mapped_column(default=0)


class NewUser(NewBase):
    """A user as new code has it."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    called: Mapped[str] = mapped_column("display_name")
    seen: Mapped[int] = mapped_column(default=0)


#: A unit of work that makes, changes, reads or deletes a user: of a model, with what the user is called.
Unit = Callable[[str, type[Any], int, str], Awaitable[str | None]]


@dataclass
class Code:
    """A version of the program: writes all the time until it is told to stop. `rows` is what it wrote."""

    unit: Unit
    model: type[Any]
    ids: Iterator[int]
    rows: dict[int, str]
    committed: int = 0
    over: bool = False
    wrong: list[object] = field(default_factory=list)

    async def run(self) -> None:
        """Make a user, call it otherwise, read it, and forget each fifth."""
        while not self.over:
            key = next(self.ids)
            await self.unit("make", self.model, key, f"made {key}")
            await self.unit("change", self.model, key, f"called {key}")
            found = await self.unit("read", self.model, key, "")
            if found != f"called {key}":
                self.wrong.append((self.model, key, found))
            if key % 5:
                self.rows[key] = f"called {key}"
            else:
                await self.unit("delete", self.model, key, "")
            self.committed += 1
            await asyncio.sleep(0.01)


def asyncpg_unit(engine: AsyncEngine) -> Unit:
    """Return what does units of work by SQLAlchemy's asyncio."""
    run = retrying(async_sessionmaker(engine))

    async def unit(what: str, model: type[Any], key: int, called: str) -> str | None:
        async def work(session: AsyncSession) -> str | None:
            return await session.run_sync(lambda sync: _done(sync, what, model, key, called))

        return await run(work)

    return unit


def psycopg_unit(engine: Any) -> Unit:  # noqa: ANN401 - SQLAlchemy's engine
    """Return what does units of work by psycopg, in threads."""
    run = retrying(sessionmaker(engine))

    async def unit(what: str, model: type[Any], key: int, called: str) -> str | None:
        return await asyncio.to_thread(run, lambda session: _done(session, what, model, key, called))

    return unit


def _done(session: Session, what: str, model: type[Any], key: int, called: str) -> str | None:
    if what == "make":
        session.add(model(id=key, called=called))
        return None
    user = session.get_one(model, key)
    if what == "change":
        user.called = called
    elif what == "delete":
        session.delete(user)
    return str(user.called)


@asynccontextmanager
async def running(*codes: Code) -> AsyncIterator[None]:
    """Let versions write while the body runs, each of them some times at least; none of them fails."""
    tasks = []
    for code in codes:
        code.over = False
        tasks.append(asyncio.create_task(code.run()))
    before = [code.committed for code in codes]
    try:
        yield
        enough = [then + 10 for then in before]
        await until(
            lambda: all(code.committed >= least for code, least in zip(codes, enough, strict=True)), *tasks
        )
    finally:
        for code in codes:
            code.over = True
        await asyncio.gather(*tasks)


async def test_rows_are_whole(tmp_path: Path, empty_database: str) -> None:
    """Each version sees what it wrote itself, at once, and at the end every row has what was written last, by
    whichever version and driver.
    """
    project = Project(tmp_path, empty_database, "sync")
    project.revision("a", None, TABLE)
    project.revision("b", "a", START, 'op.ec_rollback("b_rename")')
    project.revision("c", "b", CONTRACT, 'op.ec_undo("b_rename")')
    await asyncio.to_thread(project.upgrade, "a")
    ids, rows = itertools.count(1), dict[int, str]()
    async with AsyncExitStack() as stack:
        codes = dict[type[Any], list[Code]]()
        for model in (OldUser, NewUser):
            asynchronous = await stack.enter_async_context(async_engine(empty_database))
            synchronous = stack.enter_context(sync_engine(empty_database))
            survive(asynchronous)
            survive(synchronous)
            units = asyncpg_unit(asynchronous), psycopg_unit(synchronous)
            codes[model] = [Code(unit, model, ids, rows) for unit in units]
        old, new = codes[OldUser], codes[NewUser]
        for _ in range(3):
            async with running(*old):
                await to(project, "upgrade", "b")
                async with running(*new):
                    pass
            async with running(*new):
                await to(project, "upgrade", "c")
                await to(project, "downgrade", "b")
                async with running(*old):
                    pass
            async with running(*old):
                await to(project, "downgrade", "a")
        async with running(*old):
            await to(project, "upgrade", "b")
        async with running(*new):
            await to(project, "upgrade", "c")
        assert [wrong for code in (*old, *new) for wrong in code.wrong] == []
        found = await asyncio.to_thread(_all, empty_database)
    assert found == {**rows, **{-number: f"n{number}" for number in range(1, 3001)}}


async def to(project: Project, verb: str, revision: str) -> None:
    """Run a command until the database is there: a contract waits until its gates are open."""
    async with asyncio.timeout(120):
        while await asyncio.to_thread(project.at) != revision:
            await asyncio.to_thread(project.within, verb, revision)


def _all(url: str) -> dict[int, str]:
    with sync_engine(url) as engine, Session(engine) as session:
        return {user.id: user.called for user in session.scalars(select(NewUser))}
