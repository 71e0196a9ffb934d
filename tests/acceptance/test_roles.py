"""Roles that may do no more than they must: the migrator owns table and ledger, the application's role has no
right on the ledger.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import backfill, contract, init, purge, start, undo
from expandcontract.model.change import Change
from expandcontract.model.errors import EcError
from expandcontract.model.events import ignore
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database
from expandcontract.testing.server import Server
from tests.acceptance.cycle import Expected

#: As in an organisation that trusts nobody: functions are for those to whom they were granted, `public` is
#: for use only, and every table filters its rows, for its owner as well.
HARDENED = """
CREATE ROLE migrator LOGIN {bypass};
CREATE ROLE app LOGIN;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE migrator REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE migrator REVOKE USAGE ON TYPES FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO app;
GRANT USAGE, CREATE ON SCHEMA public TO migrator;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO migrator', current_database()); END $$;
"""
TABLE = """
CREATE TABLE accounts (
    id int PRIMARY KEY, tenant text NOT NULL, name varchar(30) DEFAULT 'nobody', number int, pad text,
    CHECK (name <> ''), UNIQUE (number)
);
CREATE INDEX ON accounts (name);
INSERT INTO accounts
SELECT g, CASE WHEN g % 2 = 0 THEN 'ours' ELSE 'theirs' END, 'name ' || g, g FROM generate_series(1, 400) g;
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE accounts FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON accounts USING (tenant = current_setting('app.tenant', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts TO app;
"""


@dataclass(frozen=True)
class Example:
    """A change, and the column that the application writes before ready, while both are there, and after
    contract.
    """

    kind: str
    fields: dict[str, Any]
    before: str
    between: Sequence[str]
    after: str

    @property
    def change(self) -> Change:
        """The change itself."""
        return Change("0001_accounts", self.kind, self.fields)


EXAMPLES = {
    "rename": Example(
        "rename-column", {"column": "accounts.name", "new_name": "label"}, "name", ("name", "label"), "label"
    ),
    "to": Example(
        "change-type",
        {"column": "accounts.number", "type": "text", "to": "code"},
        "number",
        ("number", "code"),
        "code",
    ),
    "swap": Example(
        "change-type",
        {"column": "accounts.number", "type": "bigint", "swap": True},
        "number",
        ("number",),
        "number",
    ),
}


@asynccontextmanager
async def _hardened(
    server: Server, database: str, bypass: str
) -> AsyncIterator[tuple[Context, "asyncpg.Connection[Any]"]]:
    """Give the migrator's context and a session of the application's role, on a table of the migrator."""
    name = urlsplit(database).path.removeprefix("/")
    superuser: asyncpg.Connection[Any] = await asyncpg.connect(database)
    await superuser.execute(HARDENED.format(bypass=bypass))
    migrator: asyncpg.Connection[Any] = await asyncpg.connect(server.socket_url(name, "migrator"))
    await migrator.execute(TABLE)
    await migrator.close()
    app: asyncpg.Connection[Any] = await asyncpg.connect(
        server.socket_url(name, "app"), statement_cache_size=0, server_settings={"app.tenant": "ours"}
    )
    connected = Database(server.socket_url(name, "migrator"))
    try:
        yield (
            Context(
                connected, Policy(quiet_for=timedelta(0), soak=timedelta(microseconds=1)), ignore, "migrator"
            ),
            app,
        )
    finally:
        await connected.close()
        await app.close()
        for role in ("migrator", "app"):
            await superuser.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")
        await superuser.close()


class App:
    """The application, which writes as it may, and looks whether it reads that."""

    def __init__(self, session: "asyncpg.Connection[Any]") -> None:
        self._session = session
        self._number = 1000

    async def write(self, written: str, columns: Sequence[str]) -> None:
        """Insert, update, write another column, and delete, through `written`; then read the same in
        `columns`.
        """
        self._number += 2
        key, execute = self._number, self._session.execute
        await execute(
            f"INSERT INTO accounts (id, tenant, {written}) "
            f"VALUES ({key}, 'ours', '{key}'), ({key + 1}, 'ours', '{key + 1}')"
        )
        await execute(f"UPDATE accounts SET {written} = '{key + 5000}' WHERE id = {key}")
        await execute(f"UPDATE accounts SET pad = 'x' WHERE id IN ({key}, {key - 1000})")
        await execute(f"DELETE FROM accounts WHERE id = {key + 1}")
        for column in columns:
            assert await self._session.fetchval(
                f"SELECT {column}::text FROM accounts WHERE id = {key}"
            ) == str(key + 5000)
        await execute(f"INSERT INTO accounts (id, tenant) VALUES ({key + 1}, 'ours')")


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("example", EXAMPLES)
async def test_a_role_without_rights_on_the_ledger_writes_in_every_phase(
    server: Server, empty_database: str, example: str
) -> None:
    """Both sides, in every phase; rows that the application may not see are carried as well."""
    case = EXAMPLES[example]
    name = case.change.name
    async with _hardened(server, empty_database, "BYPASSRLS") as (context, session):
        app = App(session)
        await app.write(case.before, [case.before])
        await init.init(context)
        await start.start(context, case.change, start.Consent(acknowledged=Expected()))
        await app.write(case.before, case.between)
        situation = await backfill.backfill(context, name)
        assert situation.proof is not None
        assert situation.proof.rows_compared >= 400
        for column in case.between:
            await app.write(column, case.between)
        await contract.contract(context, name)
        await app.write(case.after, [case.after])
        await undo.undo(context, name)
        for column in case.between:
            await app.write(column, case.between)
        await backfill.backfill(context, name)
        await contract.contract(context, name)
        await app.write(case.after, [case.after])
        await purge.purge(context, name, now=True, confirm=name)
        await app.write(case.after, [case.after])
        await _require_no_right_on_the_ledger(session)


async def _require_no_right_on_the_ledger(session: "asyncpg.Connection[Any]") -> None:
    assert not await session.fetchval("SELECT has_schema_privilege('expandcontract', 'USAGE')")
    # Which version the ledger has, and who was seen, is no secret for whoever may use the schema.
    tables = """FROM pg_class WHERE relnamespace = 'expandcontract'::regnamespace AND relkind IN ('r', 'v')
        AND relname NOT IN ('schema_version', 'watch_v1', 'fleet_v1')"""
    assert not await session.fetchval(
        f"SELECT bool_or(has_table_privilege(oid, 'SELECT, INSERT, UPDATE, DELETE')) {tables}"
    )
    assert not await session.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = 'migrator'")


async def test_filtered_rows_are_an_error_never_skipped(server: Server, empty_database: str) -> None:
    """A migrator that the policies apply to does not see all rows: it is told so, and nothing is reported as
    done.
    """
    change = EXAMPLES["rename"].change
    async with _hardened(server, empty_database, "NOBYPASSRLS") as (context, session):
        await init.init(context)
        with pytest.raises(EcError) as refused:
            await _backfilled(context, change)
        assert refused.value.exit_code in (1, 4)
        assert "row-level security" in f"{refused.value.message} {refused.value.why}"
        await App(session).write("name", ["name"])


async def _backfilled(context: Context, change: Change) -> None:
    await start.start(context, change, start.Consent(acknowledged=Expected()))
    await backfill.backfill(context, change.name)
