"""How long the server needs for each partition of a table that is altered, measured on empty ones."""

import json

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.postgres.query import value

#: How many partitions are made to measure on, and looked at.
MEASURED = 30

#: What is measured, by how the statements begin or what they contain; the first that fits counts.
KINDS = (
    "CREATE TRIGGER",
    "DROP TRIGGER",
    "ENABLE ALWAYS",
    "RENAME",
    "DROP COLUMN",
    "SET DEFAULT",
    "ALTER TABLE",
)

_MEASURE = f"""DO $ec$
DECLARE
    began timestamptz;
    seconds jsonb := '{{}}';
    kind text;
    statement text;
BEGIN
    CREATE TEMP TABLE ec_many (a int, b text NOT NULL) PARTITION BY LIST (a);
    FOR n IN 1..{MEASURED} LOOP
        EXECUTE format(
            'CREATE TEMP TABLE ec_many_%s PARTITION OF pg_temp.ec_many FOR VALUES IN (%s)', n, n
        );
    END LOOP;
    CREATE FUNCTION pg_temp.ec_many() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    FOR kind, statement IN VALUES
        ('ALTER TABLE', 'ADD COLUMN c text'),
        ('CREATE TRIGGER', NULL),
        ('ENABLE ALWAYS', 'ENABLE ALWAYS TRIGGER "~ec"'),
        ('RENAME', 'RENAME COLUMN b TO d'),
        ('ALTER TABLE', 'ALTER COLUMN d DROP NOT NULL'),
        ('SET DEFAULT', 'ALTER COLUMN d SET DEFAULT 1'),
        ('DROP TRIGGER', NULL),
        ('DROP COLUMN', 'DROP COLUMN c')
    LOOP
        began := clock_timestamp();
        CASE kind
        WHEN 'CREATE TRIGGER' THEN
            CREATE TRIGGER "~ec" BEFORE INSERT OR UPDATE ON pg_temp.ec_many FOR EACH ROW
            WHEN (NEW.b <> NEW.c) EXECUTE FUNCTION pg_temp.ec_many();
        WHEN 'DROP TRIGGER' THEN
            DROP TRIGGER "~ec" ON pg_temp.ec_many;
        ELSE
            EXECUTE 'ALTER TABLE pg_temp.ec_many ' || statement;
        END CASE;
        seconds := seconds || jsonb_build_object(kind, greatest(
            (seconds->>kind)::float8, extract(epoch FROM clock_timestamp() - began) / {MEASURED}
        ));
    END LOOP;
    PERFORM set_config('expandcontract.seconds_each', seconds::text, true);
END $ec$"""


async def seconds_each(conn: AsyncConnection) -> dict[str, float]:
    """Return, by kind of statement, how many seconds it takes for one partition. Leaves nothing behind."""
    savepoint = await conn.begin_nested()
    try:
        await conn.exec_driver_sql(_MEASURE)
        measured: dict[str, float] = json.loads(
            await value(conn, "SELECT pg_catalog.current_setting('expandcontract.seconds_each')")
        )
    finally:
        await savepoint.rollback()
    return measured


def kind_of(statement: str) -> str | None:
    """Pure. Return the kind of a statement that recurses into partitions; None for any other."""
    if not statement.startswith(("ALTER TABLE", "CREATE TRIGGER", "DROP TRIGGER")):
        return None
    return next(kind for kind in KINDS if kind in statement)
