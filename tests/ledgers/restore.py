"""Brings a witness of an earlier version back into an empty database, as if that version had worked there."""

from pathlib import Path

from expandcontract.ledger.migrate import migrations
from expandcontract.ledger.tables import Tables
from expandcontract.model.names import literal
from tests.acceptance.catalog import Connection

#: How many migrations each version has.
MIGRATIONS = {"0.1": 8}
HERE = Path(__file__).parent

#: The guards of the ledger keep rows from being written that no program wrote.
_UNGUARD = """
CREATE TEMP TABLE guards AS SELECT tgrelid::regclass::text AS relation, tgname FROM pg_trigger t
JOIN pg_class c ON c.oid = tgrelid
WHERE relnamespace = 'expandcontract'::regnamespace AND NOT tgisinternal AND tgenabled = 'A';
DO $$ DECLARE one record; BEGIN
    FOR one IN TABLE guards LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', one.relation, one.tgname);
    END LOOP;
END $$;
"""
_GUARD = _UNGUARD[_UNGUARD.index("DO $$") :].replace("DISABLE", "ENABLE ALWAYS") + "DROP TABLE guards"

#: All that is known by a number: the server, the database, the table and its file, functions and triggers.
#: What the rows were copied under has gone where contract replaced the trigger.
_SAME_PLACE = """
UPDATE expandcontract.change SET relation = 'public.people'::regclass,
    system_identifier = (SELECT system_identifier FROM pg_control_system()),
    database_oid = (SELECT oid FROM pg_database WHERE datname = current_database());
UPDATE expandcontract.chunk SET relation = 'public.people'::regclass,
    filenode = pg_relation_filenode('public.people');
UPDATE expandcontract.lease SET database_oid = (SELECT database_oid FROM expandcontract.change);
UPDATE expandcontract.proof SET bound = CASE WHEN spoiled_at IS NULL THEN expandcontract.bound_state(1)
    ELSE bound || expandcontract.identity() END;
UPDATE expandcontract.event SET data = data || expandcontract.sync_state(1) || CASE
    WHEN data ? 'kept' THEN jsonb_build_object('kept', (
        SELECT bound || jsonb_build_object('leaves', (
            SELECT jsonb_agg(leaf - 'columns') FROM jsonb_array_elements(bound->'leaves') leaf))
        FROM expandcontract.bound_state(1) bound))
    ELSE '{}' END
WHERE id = (SELECT max(id) FROM expandcontract.event WHERE kind = 'sync made');
UPDATE expandcontract.event SET data = jsonb_set(data, '{bound}', CASE
    WHEN EXISTS (SELECT FROM expandcontract.change WHERE state = 'active' AND cycle = 0)
    THEN expandcontract.bound_state(1)
    ELSE data->'bound' || jsonb_build_object('leaves', jsonb_build_array(data->'bound'->'leaves'->0
        || jsonb_build_object('oid', 'public.people'::regclass::oid::bigint,
            'filenode', pg_relation_filenode('public.people')::bigint))) END)
WHERE id = (SELECT max(id) FROM expandcontract.event WHERE kind = 'copy laid');
"""


async def restore(connection: Connection, version: str, name: str) -> None:
    """Make of an empty database what `make.py` kept under that name."""
    folder, tables = HERE / version, Tables("expandcontract")
    plan = (folder / f"{name.partition('-')[0]}.plan.json").read_text().removesuffix("\n")
    kept = (folder / f"{name}.sql").read_text().replace(":plan", literal(plan))
    await connection.execute("CREATE SCHEMA expandcontract; CREATE SCHEMA expandcontract_sync")
    for migration in migrations()[: MIGRATIONS[version]]:
        await connection.execute(migration.sql(tables))
    await connection.execute("DROP SCHEMA expandcontract_sync CASCADE")
    await connection.execute(_UNGUARD)
    await connection.execute(kept)
    await connection.execute("RESET ALL")
    await connection.execute(_SAME_PLACE + _GUARD)
