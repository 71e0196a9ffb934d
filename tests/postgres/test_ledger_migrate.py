"""The ledger's own migrations."""

import asyncio
import subprocess
from typing import Any

import pytest
from sqlalchemy import Connection, Inspector, inspect
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from expandcontract.ledger import phase
from expandcontract.ledger.migrate import check, migrate, migrations, script
from expandcontract.ledger.rights import grants
from expandcontract.ledger.tables import Tables
from expandcontract.model.errors import BadSetting, LedgerMissing, LedgerTooNew
from expandcontract.model.phases import Phase
from expandcontract.postgres.connect import Database
from expandcontract.testing.server import Server
from tests.postgres import ledgers
from tests.postgres.ledgers import WHO, Ledger

OBJECTS = """
SELECT pg_catalog.string_agg(line, E'\\n' ORDER BY line) FROM (
    SELECT pg_catalog.pg_get_functiondef(oid) FROM pg_catalog.pg_proc
    WHERE pronamespace::pg_catalog.regnamespace::text IN ('expandcontract', 'expandcontract_sync')
    UNION ALL
    SELECT pg_catalog.pg_get_triggerdef(t.oid) || t.tgenabled::text FROM pg_catalog.pg_trigger t
    JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = 'expandcontract'::pg_catalog.regnamespace AND NOT t.tgisinternal
    UNION ALL
    SELECT pg_catalog.concat_ws(' ', c.relname, a.attname, a.atttypid::pg_catalog.regtype, a.attnotnull)
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'expandcontract'::pg_catalog.regnamespace AND a.attnum > 0
    UNION ALL
    SELECT pg_catalog.pg_get_viewdef(oid) FROM pg_catalog.pg_class
    WHERE relnamespace = 'expandcontract'::pg_catalog.regnamespace AND relkind = 'v'
) objects(line)
"""


async def test_init_again_changes_nothing(database: str) -> None:
    """X26: a second migration applies nothing, and no row of the ledger gets another version."""
    async with ledgers.changing(database) as ledger:
        await ledger.ready_to_hide()
        before = await _row_versions(ledger)
        assert await migrate(ledger.database) == ()
        assert await _row_versions(ledger) == before
        assert {table for table, rows in before.items() if rows} >= {
            "change",
            "phase",
            "step",
            "proof",
            "event",
        }


async def _row_versions(ledger: Ledger) -> dict[str, Any]:
    names = await ledger.one(
        "SELECT pg_catalog.array_agg(relname::text) FROM pg_catalog.pg_class"
        " WHERE relkind = 'r' AND relnamespace = 'expandcontract'::pg_catalog.regnamespace"
    )
    rows = (
        "SELECT pg_catalog.array_agg(ROW(t.ctid, t.xmin, t.*)::text ORDER BY t.ctid) FROM expandcontract.{} t"
    )
    return {name: await ledger.one(rows.format(name)) for name in names}


async def test_a_ledger_in_another_schema_is_named(database: str) -> None:
    """A setting that was mistyped leads to the ledger that there is, not to a second one beside it."""
    elsewhere = Database(database, ledger_schema="ec")
    async with elsewhere.transaction() as conn:
        with pytest.raises(LedgerMissing) as caught:
            await check(conn, Tables("ec"))
    await elsewhere.close()
    assert caught.value.message == "There is no ledger in schema ec; this database has one in expandcontract."
    assert caught.value.next.startswith("ec status --ledger-schema expandcontract;")


async def test_two_inits_at_once(empty_database: str) -> None:
    """The second waits for the first and finds nothing to do."""
    async with ledgers.opened(empty_database, migrated=False) as ledger:
        done = await asyncio.gather(*(migrate(ledger.database) for _ in range(3)))
        assert sorted(map(len, done)) == [0, 0, len(migrations())]


async def test_a_ledger_is_needed(empty_database: str) -> None:
    """Without a ledger, or with an earlier one, the error names `ec init`."""
    async with ledgers.opened(empty_database, migrated=False) as ledger:
        async with ledger.database.transaction() as conn:
            with pytest.raises(LedgerMissing) as caught:
                await check(conn, ledger.tables)
        assert caught.value.next == "ec init"
        await migrate(ledger.database)
        async with ledger.database.transaction() as conn:
            await check(conn, ledger.tables)


async def test_a_later_program_was_here(database: str) -> None:
    """A ledger of a version that this program does not know is left alone."""
    async with ledgers.opened(database) as ledger:
        await ledger.sql("INSERT INTO expandcontract.schema_version VALUES (999, 'future')")
        async with ledger.database.transaction() as conn:
            with pytest.raises(LedgerTooNew, match="version 999"):
                await check(conn, ledger.tables)
        with pytest.raises(LedgerTooNew):
            await migrate(ledger.database)


async def test_the_tables_are_those_of_the_migrations(database: str) -> None:
    """The Core tables have the names, types, nullability and keys that the server reports."""
    async with ledgers.opened(database) as ledger:
        properties = [name for name in dir(Tables) if name.islower() and not name.startswith("_")]
        tables = {
            name: table for name in properties if hasattr(table := getattr(ledger.tables, name), "columns")
        }
        async with ledger.database.transaction() as conn:
            reported = await conn.run_sync(_reflect)
        assert set(reported) - {"phase_rule", "state_rule", "round", "holder"} == set(tables)
        for name, table in tables.items():
            nullable = {column: view for column, (_, view) in reported[name].items()}
            mine = {column.name: (_type(column.type), column.nullable) for column in table.columns}
            if name == "status_v1":
                mine = {column: (type_, nullable[column]) for column, (type_, _) in mine.items()}
            assert list(mine.items()) == list(reported[name].items()), name


def _reflect(conn: Connection) -> dict[str, dict[str, tuple[str, bool]]]:
    inspector: Inspector = inspect(conn)
    schema = "expandcontract"
    names = inspector.get_table_names(schema) + inspector.get_view_names(schema)
    return {
        name: {c["name"]: (_type(c["type"]), c["nullable"]) for c in inspector.get_columns(name, schema)}
        for name in names
    }


def _type(type_: TypeEngine[Any]) -> str:
    return str(type_.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]


async def test_a_schema_may_have_any_name(database: str) -> None:
    """Capitals, blanks, quotes and percent signs in the schema's name change nothing; one that is too long is
    refused.
    """
    db = Database(database, ledger_schema="""Ec's "Ledger" 100% %s {schema}""")
    try:
        assert len(await migrate(db)) == len(migrations())
        async with db.transaction() as conn:
            await check(conn, Tables(db.ledger_schema))
    finally:
        await db.close()
    with pytest.raises(BadSetting):
        Tables("x" * 59)


async def test_the_script_makes_the_same_ledger(server: Server, empty_database: str) -> None:
    """What a DBA runs and what `ec init` does are the same objects, owned by the role that was named."""
    async with (
        ledgers.opened(empty_database, migrated=False) as ledger,
        ledgers.roles(ledger, "script_owner", "script_app"),
    ):
        psql = [str(server.bin("psql")), "-qX", "-v", "ON_ERROR_STOP=1", "-d", empty_database]
        subprocess.run(  # noqa: ASYNC221 - nothing else runs
            psql, input=script("expandcontract", "script_owner", "script_app"), text=True, check=True
        )
        scripted = await ledger.one(OBJECTS)
        owners = (
            "SELECT pg_catalog.array_agg(DISTINCT nspowner::pg_catalog.regrole::text)"
            " FROM pg_catalog.pg_namespace WHERE nspname LIKE 'expandcontract%'"
        )
        assert await ledger.one(owners) == ["script_owner"]
        assert await migrate(ledger.database) == ()
        await ledger.sql("DROP SCHEMA expandcontract, expandcontract_sync CASCADE")
        await migrate(ledger.database)
        assert await ledger.one(OBJECTS) == scripted


async def test_a_worker_has_enough_rights(database: str) -> None:
    """A role with the grants of a worker carries backfill and verify; it cannot end a change."""
    async with ledgers.changing(database) as ledger, ledgers.roles(ledger, "worker_1"):
        await ledger.run(Phase.EXPAND, Phase.DUAL_WRITE)
        await ledger.sql("\n".join(grants("expandcontract", "worker", "worker_1")))
        async with ledgers.opened(ledgers.as_role(database, "worker_1"), migrated=False) as own:
            worker = Ledger(own.database, own.tables, ledger.id)
            await worker.run(Phase.BACKFILL)
            await worker.prove()
            with pytest.raises(Exception, match="permission denied"):
                await worker.sql("DELETE FROM expandcontract.event")
            async with worker.database.transaction() as conn:
                assert await phase.begin(conn, worker.tables, ledger.id, Phase.VERIFY, WHO) is not None
