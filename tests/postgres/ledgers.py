"""A ledger with one change in it, and ways to bring that change to a phase."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import change, chunk, phase, proof, step
from expandcontract.ledger.chunk import Round
from expandcontract.ledger.migrate import migrate
from expandcontract.ledger.reader import load
from expandcontract.ledger.tables import Tables
from expandcontract.model.change import Change
from expandcontract.model.errors import EcError
from expandcontract.model.names import RelationName
from expandcontract.model.phases import Phase, Section, State
from expandcontract.model.plan import Plan
from expandcontract.model.policy import Policy
from expandcontract.model.situation import Situation
from expandcontract.model.step import Purpose
from expandcontract.postgres.connect import Database
from expandcontract.postgres.sqlstate import translate
from tests.unit import situations
from tests.unit.situations import Field

WHO = "alice"

TABLE = """
CREATE TABLE public.users (id int PRIMARY KEY, name text, display_name text);
CREATE FUNCTION expandcontract_sync.base(text) RETURNS text IMMUTABLE
    BEGIN ATOMIC SELECT pg_catalog.upper($1); END;
CREATE FUNCTION expandcontract_sync.forward(text) RETURNS text IMMUTABLE
    BEGIN ATOMIC SELECT expandcontract_sync.base($1); END;
CREATE FUNCTION expandcontract_sync.sync() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN NEW.display_name := expandcontract_sync.forward(NEW.name); RETURN NEW; END';
CREATE TRIGGER "~ec_1" BEFORE INSERT OR UPDATE ON public.users
    FOR EACH ROW EXECUTE FUNCTION expandcontract_sync.sync();
ALTER TABLE public.users ENABLE ALWAYS TRIGGER "~ec_1";
"""
FUNCTIONS = (RelationName("expandcontract_sync", "sync"), RelationName("expandcontract_sync", "forward"))


def plan(name: str = "0001_rename", **changes: Field) -> Plan:
    """Return the plan of a rename of users.name, changed."""
    made = situations.plan()
    made = replace(made, upkeep=(replace(made.kept_up(), functions=FUNCTIONS),))
    return replace(made, change=Change(name, "rename-column", {"column": "users.name"}), **changes)


@dataclass(frozen=True)
class Ledger:
    """A migrated ledger and the change number `id` in it."""

    database: Database
    tables: Tables
    id: int = 0

    async def sql(self, statements: str) -> None:
        """Run statements, as somebody in psql would."""
        async with self.database.transaction() as conn:
            raw: Any = (await conn.get_raw_connection()).driver_connection
            await raw.execute(statements)

    async def one(self, query: str, *values: object) -> Any:  # noqa: ANN401 - whatever the server returns
        """Return the only value of a query."""
        async with self.database.transaction() as conn:
            return (await conn.exec_driver_sql(query, values or None)).scalar_one()

    async def situation(self) -> Situation:
        """Read the only change back."""
        async with self.database.transaction() as conn:
            (found,) = await load(conn, self.tables, Policy())
        return found

    async def run(self, *phases: Phase) -> None:
        """Carry phases from their beginning to their end, each step journaled."""
        for one in phases:
            await self.begin(one)
            await self.journal(Section(one))
            async with self.database.transaction() as conn:
                await phase.done(conn, self.tables, self.id, one, WHO)

    async def begin(self, one: Phase) -> None:
        """Move a phase to running."""
        async with self.database.transaction() as conn:
            await phase.begin(conn, self.tables, self.id, one, WHO)

    async def journal(self, section: Section) -> None:
        """Write every step of a section into the journal as done."""
        situation = await self.situation()
        async with self.database.transaction() as conn:
            for planned in situation.plan.steps(section):
                await step.done(conn, self.tables, step.entry(situation, section, planned), 0.25)

    async def prove(self) -> int:
        """Make a proof that found nothing, with the phase around it; return its id."""
        await self.begin(Phase.VERIFY)
        async with self.database.transaction() as conn:
            begun = await proof.begin(conn, self.tables, self.id)
            await self.lay(conn, begun.round)
            await proof.finish(conn, self.tables, begun.id)
            await phase.done(conn, self.tables, self.id, Phase.VERIFY, WHO)
        return begun.id

    async def lay(self, conn: AsyncConnection, round_: int) -> None:
        """Lay the chunks of a comparison over the table, which is empty or gone."""
        table = "SELECT coalesce(to_regclass('public.users')::oid::int8, 0)"
        relation = int((await conn.exec_driver_sql(table)).scalar_one())
        await chunk.lay(conn, self.tables, Round(self.id, 1, Purpose.COMPARE, round_), relation)

    async def ready_to_hide(self) -> None:
        """Come to a change whose contract runs, and whose old side stands."""
        await self.run(Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL)
        await self.prove()
        await self.begin(Phase.CONTRACT)

    async def become(self, state: State) -> None:
        """Move the change to a state."""
        async with self.database.transaction() as conn:
            await change.become(conn, self.tables, self.id, state, WHO)


@asynccontextmanager
async def opened(url: str, *, migrated: bool = True) -> AsyncIterator[Ledger]:
    """Give a ledger without a change, and the table that changes are about."""
    database = Database(url)
    try:
        if migrated:
            await migrate(database)
        yield Ledger(database, Tables(database.ledger_schema))
    finally:
        await database.close()


async def with_change(ledger: Ledger, made: Plan | None = None) -> Ledger:
    """Add a change about users.name to a ledger."""
    relation = await ledger.one("SELECT 'public.users'::pg_catalog.regclass::pg_catalog.oid")
    async with ledger.database.transaction() as conn:
        id_ = await change.create(
            conn, ledger.tables, made or plan(), relation=relation, who=WHO, host="here"
        )
    return replace(ledger, id=id_)


@asynccontextmanager
async def changing(url: str, table: str = TABLE) -> AsyncIterator[Ledger]:
    """Give a ledger with one change."""
    async with opened(url) as ledger:
        await ledger.sql(table)
        yield await with_change(ledger)


def as_role(url: str, role: str) -> str:
    """Return the URL of a test's database for another role. The server trusts its socket."""
    assert "//postgres@" in url
    return url.replace("//postgres@", f"//{role}@", 1)


@asynccontextmanager
async def roles(ledger: Ledger, *names: str) -> AsyncIterator[None]:
    """Have roles that may log in, and nothing else, for as long as the body runs. Roles belong to the whole
    server.
    """
    for name in names:
        await ledger.sql(f"CREATE ROLE {name} LOGIN")
    try:
        yield
    finally:
        for name in names:
            await ledger.sql(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")


async def refused(ledger: Ledger, statements: str) -> EcError:
    """Return the error that statements in psql get, by SQLSTATE; fail when they get none."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - what it is, is asserted by the callers
        await ledger.sql(statements)
    return translate(caught.value)
