"""What `ec` asks while the operator's own search_path is in force means the same whoever may create in it.

Where pg_catalog has no operator for just two types, such as (oid, regclass), one in `public` is nearer than a
cast, and its function would run with the operator's rights.
"""

import contextlib

import asyncpg
import pytest

from expandcontract.model.change import Change
from expandcontract.model.errors import EcError
from tests.postgres.scripted import compiled

pytestmark = pytest.mark.in_turn(2)

#: An operator for each pair of types that has none of its own: it does what pg_catalog's would, and counts.
TRAPS = """
CREATE SEQUENCE public.hits;
DO $do$
DECLARE
    pair record;
BEGIN
    FOR pair IN
        WITH types AS (
            SELECT type::regtype AS oid FROM unnest(ARRAY[
                'oid', 'regclass', 'regtype', 'regproc', 'regnamespace', 'int2', 'int4', 'name', 'text',
                '"char"', 'int2vector', 'text[]', 'varchar']) AS type
        )
        SELECT row_number() OVER () AS n, sign, l.oid AS l, r.oid AS r
        FROM unnest(ARRAY['=', '<>', '<', '>', '>=', '||']) AS sign, types l, types r
        WHERE NOT EXISTS (
            SELECT FROM pg_operator o WHERE o.oprname = sign AND o.oprleft = l.oid AND o.oprright = r.oid)
    LOOP
        CONTINUE WHEN pair.sign = '||' AND pair.l::text <> 'text' AND pair.r::text <> 'text';
        EXECUTE format(
            'CREATE FUNCTION public.trap_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L',
            pair.n, pair.l, pair.r, CASE pair.sign WHEN '||' THEN 'text' ELSE 'boolean' END,
            format(
                'BEGIN PERFORM nextval(''public.hits''); RETURN $1 OPERATOR(pg_catalog.%s) $2; END',
                pair.sign));
        EXECUTE format('CREATE OPERATOR public.%s (FUNCTION = public.trap_%s, LEFTARG = %s, RIGHTARG = %s)',
                       pair.sign, pair.n, pair.l, pair.r);
    END LOOP;
END $do$;
CREATE FUNCTION public.unnest(text[]) RETURNS SETOF text LANGUAGE sql AS
    $$ SELECT nextval('public.hits')::text $$;
CREATE DOMAIN public.word AS varchar(9) CHECK (VALUE <> '-');
CREATE TABLE public.t (
    id int PRIMARY KEY, name text NOT NULL DEFAULT 'nobody' CHECK (length(name) < 100) UNIQUE, w public.word,
    made timestamptz DEFAULT now()
);
CREATE FUNCTION public.cut(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT left($1, 3) $$;
"""


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("rename-column", {"column": "t.name", "to": "b"}),
        ("rename-column", {"column": "t.w", "to": "b"}),
        (
            "change-type",
            {"column": "t.name", "type": "varchar(50)", "to": "b", "using": "lower(name)", "back": "b"},
        ),
        (
            "change-type",
            {"column": "t.name", "type": "text", "to": "b", "using": "cut(name)", "one_way": True},
        ),
        ("change-type", {"column": "t.id", "type": "bigint", "to": "b"}),
        ("change-type", {"column": "t.made", "type": "date", "swap": True}),
    ],
)
async def test_a_plan_is_made_without_operators_of_the_path(
    database: str, kind: str, fields: dict[str, object]
) -> None:
    """Nobody's operator is called, whichever questions a kind asks."""
    conn = await asyncpg.connect(database)
    try:
        await conn.execute(TRAPS)
        with contextlib.suppress(EcError):  # refused is well, too
            await compiled(database, Change("0001_t", kind, fields))
        assert await conn.fetchval("SELECT is_called FROM public.hits") is False
    finally:
        await conn.close()
