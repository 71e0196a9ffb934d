"""The ledger's own migrations: numbered .sql files, applied once each, in order, under a lock."""

import re
import shlex
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import mutex, rights
from expandcontract.ledger.tables import Tables
from expandcontract.model.errors import LedgerMissing, LedgerTooNew, MissingPrivilege
from expandcontract.model.names import literal, quote
from expandcontract.postgres.connect import Database
from expandcontract.postgres.message import send

#: A second `ec init` waits for the first one.
_PATIENCE = timedelta(minutes=1)
_FILE = re.compile(r"(\d{4})_(\w+)\.sql")


@dataclass(frozen=True)
class Migration:
    """One file of `migrations/`; `template` names the schemas as {schema} and {sync}."""

    version: int
    name: str
    template: str

    def sql(self, tables: Tables) -> str:
        """Return the statements for a ledger in the schemas of `tables`."""
        text = self.template.replace("{schema}", quote(tables.schema))
        return text.replace("{sync}", quote(tables.sync_schema))


@cache
def migrations() -> tuple[Migration, ...]:
    """Return all migrations in order."""
    found = (
        Migration(int(match[1]), match[2], file.read_text(encoding="utf-8"))
        for file in files("expandcontract.ledger.migrations").iterdir()
        if (match := _FILE.fullmatch(file.name))
    )
    return tuple(sorted(found, key=lambda migration: migration.version))


async def migrate(database: Database) -> tuple[str, ...]:
    """Bring the ledger to the version of this program; return the names of the migrations that were applied.

    Applied again it changes nothing. No row of the ledger is ever rewritten.

    Raises:
        LedgerTooNew: a later program was here.
        LockBudgetSpent: somebody else holds the lock under which migrations run.
    """
    # Patient, because a second `ec init` waits for the first one.
    async with database.transaction(patient=True) as conn:
        return await migrate_on(conn, Tables(database.ledger_schema))


async def migrate_on(conn: AsyncConnection, tables: Tables) -> tuple[str, ...]:
    """Do what `migrate` does in the caller's transaction, with whose end the lock goes that it takes."""
    # It asks the views of a ledger whose version is known from here.
    from expandcontract.ledger import lookups

    await mutex.take(conn, "expandcontract.migrate", 0, patience=_PATIENCE)
    # A migration may alter a table that the application writes: its sessions must not queue behind it.
    await conn.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
    applied = await version(conn, tables)
    refuse_later(applied, tables)
    if applied == 0:
        await _create_schemas(conn, tables)
    waiting = [migration for migration in migrations() if migration.version > applied]
    if waiting:
        # All of them are one message: a server far away is asked once.
        await send(conn, *(_recorded(migration, tables) for migration in waiting))
    await lookups.keep(conn, tables.schema, clear=bool(waiting))
    return tuple(migration.name for migration in waiting)


async def is_current(conn: AsyncConnection, tables: Tables) -> bool:
    """Return whether the ledger is there and of this program's version. Raises LedgerTooNew."""
    applied = await version(conn, tables)
    refuse_later(applied, tables)
    return applied == migrations()[-1].version


async def check(conn: AsyncConnection, tables: Tables) -> None:
    """Return when the ledger is there and of this program's version.

    Raises:
        LedgerMissing: there is none in this schema (that of another one is named), or an earlier program made
            it.
        LedgerTooNew: a later program made it.
    """
    applied = await version(conn, tables)
    refuse_later(applied, tables)
    if applied == 0:
        raise await _missing(conn, tables)
    if applied < migrations()[-1].version:
        raise LedgerMissing(
            f"The ledger is of version {applied}; this program needs {migrations()[-1].version}.",
            next="ec init",
        )


#: The schemas with a ledger, as far as its own tables tell one.
_LEDGERS = """
SELECT n.nspname::text FROM pg_catalog.pg_namespace n
WHERE (SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c
       WHERE c.relnamespace = n.oid AND c.relkind = 'r'
       AND c.relname IN ('schema_version', 'change', 'phase', 'step', 'proof', 'state_rule')) = 6
ORDER BY 1
"""


async def _missing(conn: AsyncConnection, tables: Tables) -> LedgerMissing:
    """Return the error for a schema without a ledger: a second one beside that of another schema would know
    nothing of its changes.
    """
    others = list((await conn.exec_driver_sql(_LEDGERS)).scalars())
    sentence = f"There is no ledger in schema {quote(tables.schema)}"
    if not others:
        return LedgerMissing(f"{sentence}.", next="ec init")
    return LedgerMissing(
        f"{sentence}; this database has one in {', '.join(map(quote, others))}.",
        why="EC_LEDGER_SCHEMA, ledger_schema in pyproject.toml or --ledger-schema names the schema.",
        state=f"Changes of {quote(others[0])} are not seen from here.",
        next=f"ec status --ledger-schema {shlex.quote(others[0])}; or, for a second ledger: ec init",
    )


async def version(conn: AsyncConnection, tables: Tables) -> int:
    """Return the number of the last migration that was applied; 0 without a ledger."""
    found = await conn.exec_driver_sql(
        "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = $1 AND c.relname = 'schema_version'",
        (tables.schema,),
    )
    if found.scalar() is None:
        return 0
    last = await conn.execute(select(func.max(tables.schema_version.c.version)))
    return int(last.scalar_one() or 0)


def script(schema: str, owner: str, app: str) -> str:
    """Return everything as SQL, for a DBA who runs it instead of `ec init`.

    It is run by a superuser, or by a member of `owner` who may create schemas. `owner` will own the ledger
    and run `ec`; `app` is the role of the application.
    """
    from expandcontract.ledger import lookups

    tables = Tables(schema)
    parts = [
        "BEGIN;",
        "SET LOCAL search_path = '';",
        f"CREATE SCHEMA {quote(tables.schema)} AUTHORIZATION {quote(owner)};",
        f"CREATE SCHEMA {quote(tables.sync_schema)} AUTHORIZATION {quote(owner)};",
        f"SET LOCAL ROLE {quote(owner)};",
        *(_recorded(migration, tables) for migration in migrations()),
        *(lookup.definition(schema) for lookup in lookups.every(schema)),
        "RESET ROLE;",
        _application(tables, app),
        "COMMIT;",
        rights.listing(schema, owner),
    ]
    return "\n\n".join(parts) + "\n"


def applied(tables: Tables) -> str:
    """Return the query of one row with the `number` of the last migration that was applied."""
    last = "pg_catalog.max(version)"
    return f"SELECT coalesce({last}, 0) AS number FROM {tables.qualified('schema_version')}"


def refuse_later(applied: int, tables: Tables) -> None:
    """Raise LedgerTooNew where a later program migrated the ledger."""
    if applied > migrations()[-1].version:
        raise LedgerTooNew(
            f"The ledger in schema {quote(tables.schema)} is of version {applied}.",
            why=f"This program knows versions up to {migrations()[-1].version}.",
            next="Install the version of expandcontract that the others use.",
        )


async def _require_create(conn: AsyncConnection) -> None:
    query = (
        "SELECT current_user, pg_catalog.current_database(), "
        "pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')"
    )
    role, database, may = tuple((await conn.exec_driver_sql(query)).one())
    if not may:
        raise MissingPrivilege(
            f"{role} may not create schemas in {database}.",
            why="The ledger has two of its own.",
            next=f"GRANT CREATE ON DATABASE {quote(database)} TO {quote(role)}; or ec init --sql, for a DBA",
        )


async def _create_schemas(conn: AsyncConnection, tables: Tables) -> None:
    # Not IF NOT EXISTS, which asks for the right to create even when there is nothing to create.
    found = await conn.exec_driver_sql("SELECT nspname::text FROM pg_catalog.pg_namespace")
    existing = set(found.scalars())
    missing = [schema for schema in (tables.schema, tables.sync_schema) if schema not in existing]
    if missing:
        await _require_create(conn)
    for schema in missing:
        await conn.exec_driver_sql(f"CREATE SCHEMA {quote(schema)}")


def _recorded(migration: Migration, tables: Tables) -> str:
    values = f"({migration.version}, {literal(migration.name)})"
    record = f"INSERT INTO {tables.qualified('schema_version')} (version, name) VALUES {values};"
    return f"-- migration {migration.version}: {migration.name}\n\n{migration.sql(tables)}\n{record}"


def _application(tables: Tables, app: str) -> str:
    return (
        f"-- {app}: no right on the ledger. Its sessions call what the sync trigger calls.\n"
        f"GRANT USAGE ON SCHEMA {quote(tables.sync_schema)} TO {quote(app)};"
    )
