"""Each kind on tables without a row: there, back, and there again, in somebody else's one transaction."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from expandcontract.engine import fresh
from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.engine.verbs.start import Consent
from expandcontract.model.change import Change
from expandcontract.model.events import ignore
from expandcontract.model.phases import Stage
from expandcontract.postgres.connect import Database
from tests.acceptance.catalog import difference, everything
from tests.acceptance.cycle import POLICY, Expected, living
from tests.kinds.cases import USERS, Case
from tests.kinds.every import FIRST
from tests.kinds.test_lives import by_name

#: The kinds that have two sides, which none of the first cases has.
PAIRS = [
    Case(
        "rename-column",
        "rename-column",
        {"column": "users.name", "new_name": "display_name"},
        "SELECT $1",
        "SELECT $1",
        given=f"{USERS} CREATE INDEX ix_users_name ON users (name);"
        "COMMENT ON COLUMN users.name IS 'of whom';"
        "CREATE UNIQUE INDEX ON users (lower(name)) WHERE seen > 0; GRANT SELECT (name) ON users TO PUBLIC",
    ),
    Case(
        "change-type --swap",
        "change-type",
        {"column": "users.seen", "type": "bigint", "swap": True},
        "SELECT $1",
        "SELECT $1",
        given=f"{USERS} ALTER TABLE users ADD CONSTRAINT often CHECK (seen >= 0);"
        "CREATE INDEX ON users (seen)",
    ),
]
QUICK = ("rename-column", "drop-table", "create-table")
CASES = [
    pytest.param(case, id=case.id, marks=[] if case.id in QUICK else [pytest.mark.slow])
    for case in (*PAIRS, *FIRST)
]
_EMPTIED = """
DO $$ DECLARE tables text; BEGIN
    SELECT string_agg(c.oid::regclass::text, ', ') INTO tables
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public';
    IF tables IS NOT NULL THEN EXECUTE 'TRUNCATE ' || tables; END IF;
END $$
"""


@dataclass
class Fresh:
    """A change in a database that somebody else's connection is in a transaction of."""

    app: "asyncpg.Connection[asyncpg.Record]"
    conn: AsyncConnection
    context: Context
    change: Change
    acknowledged: Expected

    async def do(self, work: Callable[[], Awaitable[None]]) -> Stage:
        """Do something in a transaction, and commit it; return where the change is then."""
        assert await fresh.at_once(self.conn, self.context, work)
        await self.conn.commit()
        (situation,) = await situations.load(self.context, [self.change.name])
        assert not situation.damage
        return situation.stage

    async def begin(self) -> Stage:
        return await self.do(
            lambda: fresh.begin(self.conn, self.context, self.change, Consent(acknowledged=self.acknowledged))
        )

    async def contract(self) -> Stage:
        return await self.do(lambda: fresh.contract(self.conn, self.context, self.change.name))

    async def undo(self) -> Stage:
        return await self.do(lambda: fresh.undo(self.conn, self.context, self.change.name))

    async def rollback(self) -> Stage:
        return await self.do(lambda: fresh.rollback(self.conn, self.context, self.change.name))

    async def schema(self) -> list[str]:
        return by_name(await everything(self.app))


@asynccontextmanager
async def emptied(url: str, case: Case) -> AsyncIterator[Fresh]:
    """Give the case on tables whose rows were deleted, where nobody uses them: once the statistics show the
    rows, they would count as in use.
    """
    app = await asyncpg.connect(url)
    engine = create_async_engine(url.replace("postgresql", "postgresql+asyncpg", 1))
    database = Database(url)
    try:
        await app.execute(case.given)
        await app.execute(_EMPTIED)
        async with engine.connect() as conn:
            context = Context(database, replace(POLICY, fresh=True), ignore, "test")
            yield Fresh(
                app, conn, context, Change("fresh", case.kind, case.fields), Expected(case.acknowledged)
            )
    finally:
        await database.close()
        await engine.dispose()
        await app.close()


@pytest.mark.parametrize("case", CASES)
async def test_there_and_back_any_number_of_times(database: str, case: Case) -> None:
    """What undo brings back is what was there before contract, and what rollback leaves what was there before
    start; and then it goes on once more.
    """
    async with emptied(database, case) as change:
        before = await change.schema()
        ready = None
        for _ in range(2):
            stage = await change.begin()
            ready = ready or await change.schema()
            assert difference(ready, await change.schema()) == []
            if stage == Stage.READY:
                assert await change.contract() == Stage.PURGED
                assert await change.contract() == Stage.PURGED
                assert await change.undo() == Stage.READY
                assert difference(ready, await change.schema()) == []
            assert await change.rollback() == Stage.ROLLED_BACK
            assert case.anew or difference(before, await change.schema()) == []


@pytest.mark.slow
@pytest.mark.parametrize("case", [*PAIRS, *FIRST], ids=lambda case: case.id)
async def test_the_schema_is_what_a_life_leaves(database: str, empty_database: str, case: Case) -> None:
    """Whether a table had rows shows in no catalog afterwards. The ledger comes with the first change."""
    async with living(database, case.kind, case.fields, case.given) as life:
        await life.start(acknowledged=Expected(case.acknowledged))
        if (await life.backfill()).stage == Stage.READY:
            await life.contract()
            await life.purge()
        lived = by_name(await everything(life.app))
    async with emptied(empty_database, case) as change:
        if await change.begin() == Stage.READY:
            await change.contract()
        assert difference(lived, await change.schema()) == []


async def test_who_is_at_work_on_the_table_is_not_passed(database: str) -> None:
    """A writer that has not committed keeps the table from being had at once, and its row afterwards. Nothing
    is done then, and nothing stays locked.
    """
    async with emptied(database, PAIRS[0]) as change:
        begin = partial(
            fresh.begin, change.conn, change.context, change.change, Consent(acknowledged=change.acknowledged)
        )
        writing = change.app.transaction()
        await writing.start()
        await change.app.execute("INSERT INTO users VALUES (1, 'Ada', '')")
        assert not await fresh.at_once(change.conn, change.context, begin)
        await writing.commit()
        assert not await fresh.at_once(change.conn, change.context, begin)
        await change.app.execute("TRUNCATE users")
        assert await situations.load(change.context) == ()


async def test_what_is_not_committed_never_was(database: str) -> None:
    """Whoever holds the transaction dies with it: neither the change nor its ledger rows are left."""
    async with emptied(database, PAIRS[0]) as change:
        before = await change.schema()
        begin = partial(
            fresh.begin, change.conn, change.context, change.change, Consent(acknowledged=change.acknowledged)
        )
        assert await fresh.at_once(change.conn, change.context, begin)
        await change.conn.rollback()
        assert difference(before, await change.schema()) == []
        assert await situations.load(change.context) == ()
