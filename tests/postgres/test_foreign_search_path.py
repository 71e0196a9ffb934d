"""What the application's sessions call means the same under every search_path. A referential action runs as
the table's owner with the search_path of whoever deletes the parent: a name that is looked up then would
give that role the owner's rights.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from expandcontract.model.change import Change
from expandcontract.model.names import quote
from expandcontract.model.phases import Section
from expandcontract.testing.server import Server
from tests.acceptance.catalog import Connection
from tests.postgres.scripted import compiled, run

BEFORE = """
CREATE ROLE shopkeeper;
CREATE ROLE visitor LOGIN;
DO $$ BEGIN EXECUTE format('GRANT CREATE, TEMPORARY ON DATABASE %I TO visitor', current_database()); END $$;
GRANT CREATE ON SCHEMA public TO visitor;
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE children (
    id int, part text, PRIMARY KEY (id, part),
    parent int DEFAULT 1 REFERENCES parents ON DELETE SET DEFAULT,
    name text DEFAULT lower('Nobody') || '!' CHECK (name <> 'bad'),
    label varchar(20) DEFAULT 'none' CHECK (length(label) < 15), number int DEFAULT 7,
    made timestamptz DEFAULT now(),
    body jsonb DEFAULT '{}', mark uuid, flags bit(3) DEFAULT b'000', "when" date DEFAULT current_date
);
ALTER TABLE children OWNER TO shopkeeper;
ALTER TABLE parents OWNER TO shopkeeper;
INSERT INTO parents VALUES (1), (2), (3);
INSERT INTO children (id, part, parent) SELECT g, 'x', 2 + g % 2 FROM generate_series(1, 4) g;
GRANT SELECT, DELETE ON parents TO visitor;
GRANT SELECT, INSERT, UPDATE ON children TO visitor;
"""
AFTER = """
DROP OWNED BY shopkeeper, visitor CASCADE;
DROP ROLE shopkeeper, visitor;
"""

#: Every operator and type that a careless text may name, each of which tells for whom it works.
TRAPS = """
CREATE SCHEMA traps;
CREATE FUNCTION traps.tells(anyelement) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'a trap works for %', current_user; END $$;
DO $do$
DECLARE
    kind text;
    sign text;
    define text;
BEGIN
    FOREACH kind IN ARRAY ARRAY[
        'text', 'varchar', 'int4', 'int8', 'timestamptz', 'timestamp', 'uuid', 'date', 'bool', 'name', 'bit'
    ] LOOP
        FOREACH define IN ARRAY ARRAY['bool', 'text'] LOOP
            EXECUTE pg_catalog.format(
                'CREATE FUNCTION traps.as_%2$s(pg_catalog.%1$I, pg_catalog.%1$I) RETURNS pg_catalog.%2$I
                 LANGUAGE sql AS $$SELECT traps.tells(1)::pg_catalog.%2$I$$', kind, define);
        END LOOP;
        FOREACH sign IN ARRAY ARRAY['=', '<>', '<', '>', '<=', '>=', '+', '||'] LOOP
            EXECUTE pg_catalog.format(
                'CREATE OPERATOR traps.%1$s
                     (LEFTARG = pg_catalog.%2$I, RIGHTARG = pg_catalog.%2$I, FUNCTION = traps.as_%3$s)',
                sign, kind, CASE sign WHEN '||' THEN 'text' ELSE 'bool' END);
        END LOOP;
    END LOOP;
    FOREACH kind IN ARRAY ARRAY[
        'text', 'jsonb', 'uuid', 'date', 'int4', 'int8', 'bool', 'timestamptz', 'varchar', 'name', 'numeric'
    ] LOOP
        EXECUTE pg_catalog.format(
            'CREATE DOMAIN pg_temp.%1$I AS pg_catalog.%1$I CHECK (traps.tells(VALUE))', kind);
    END LOOP;
    FOREACH sign IN ARRAY ARRAY['lower', 'length', 'now', 'format', 'upper', 'md5', 'jsonb_build_object'] LOOP
        FOREACH kind IN ARRAY ARRAY['', 'text'] LOOP
            EXECUTE pg_catalog.format(
                'CREATE FUNCTION traps.%I(%s) RETURNS boolean LANGUAGE sql AS $$SELECT traps.tells(1)$$',
                sign, kind);
        END LOOP;
    END LOOP;
END $do$;
SET search_path = pg_temp, traps, pg_catalog, public;
"""


def _change(kind: str, column: str, **fields: Any) -> Change:  # noqa: ANN401 - fields of the kind
    return Change("0001_children", kind, {"column": f"public.children.{quote(column)}", **fields})


def _rename(column: str, to: str, value: str) -> tuple[Change, str, str, str]:
    return _change("rename-column", column, new_name=to), quote(column), to, value


def _type(column: str, type_: str, value: str, **fields: Any) -> tuple[Change, str, str, str]:  # noqa: ANN401
    return _change("change-type", column, type=type_, to="code", **fields), column, "code", value


#: A change, its columns, and a value that both sides hold.
SHAPES = {
    "rename text": _rename("name", "title", "'a'"),
    "rename varchar": _rename("label", "title", "'b'"),
    "rename date": _rename("when", "day", "'2026-01-01'"),
    "rename number": _rename("number", "amount", "3"),
    "rename jsonb": _rename("body", "doc", "'[1]'"),
    "int to text": _type("number", "text", "'5'"),
    "text to int, recorded": _type("label", "int", "'5'", unfit="record"),
    "text to varchar": _type("name", "varchar(10)", "'5'"),
    "expressions": _type("label", "text", "'5'", using="upper(label) || '?'", back="rtrim(lower(code), '?')"),
    "filled": _type(
        "made", "date", "'2026-01-01'", using="made::date", back="code::timestamptz", unfit="accept"
    ),
    "one way": _type("name", "text", "'5'", using="md5(name)", one_way=True),
}


@asynccontextmanager
async def _shop(database: str) -> AsyncIterator[tuple[Connection, str]]:
    conn = await asyncpg.connect(database)
    try:
        await conn.execute(BEFORE)
        yield conn, database.replace("postgres@", "visitor@", 1)
    finally:
        await conn.execute(AFTER)
        await conn.close()


async def _attack(url: str, column: str, value: str, identifier: int) -> None:
    """Delete a parent, and write as one's own, with a trap in the way of every unqualified name."""
    conn = await asyncpg.connect(url)
    try:
        await conn.execute("DROP SCHEMA IF EXISTS traps CASCADE")
        await conn.execute(TRAPS)
        parent = await conn.fetchval("SELECT pg_catalog.max(id) FROM public.parents")
        # As the owner of `children`, under this session's search_path.
        await conn.execute(f"DELETE FROM public.parents WHERE id OPERATOR(pg_catalog.=) {parent}")
        insert = f"INSERT INTO public.children (id, part, {column}) VALUES ({identifier}, 'y', {value})"
        update = f"UPDATE public.children SET {column} = {value}"
        for statement in (insert, update):
            await conn.execute(statement)
        await conn.execute(f"UPDATE public.children SET {column} = DEFAULT")
        await conn.execute("DROP SCHEMA traps CASCADE")
    finally:
        await conn.close()


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("shape", SHAPES)
async def test_no_name_is_looked_up_along_the_search_path_of_a_session(
    server: Server, database: str, shape: str
) -> None:
    """Until ready, from ready on, and hidden: neither a role that deletes a parent, nor one that writes, has
    an operator, a type or a function of its own called by what keeps the sides in sync.
    """
    del server
    change, old, new, value = SHAPES[shape]
    async with _shop(database) as (conn, url):
        plan = await compiled(database, change)
        await run(conn, plan, Section.EXPAND, Section.DUAL_WRITE)
        await _attack(url, old, value, 11)
        await run(conn, plan, Section.BACKFILL)
        await _attack(url, new, value, 12)
        await run(conn, plan, Section.CONTRACT)
        await conn.execute("INSERT INTO parents VALUES (5)")
        await _attack(url, new, value, 13)
