"""What the rows of a table say of a plan before anything of it stands: a sample of them, or all."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import RelationName, literal, quote
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.query import execute, rows, value
from expandcontract.postgres.sqlstate import server_message, sqlstate

#: How many blocks a sample has. A table that is not larger is looked at whole.
BLOCKS = 128
#: How many rows are named.
NAMED = 3
_TOO_LARGE = "54000"  # program_limit_exceeded

_BLOCKS = f"""
WITH RECURSIVE {tree("SELECT $1::text::pg_catalog.regclass::oid")}
SELECT coalesce(sum(pg_catalog.pg_relation_size(t.relation)
                    / pg_catalog.current_setting('block_size')::int8), 0)::int8
FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.relation AND c.relkind = 'r'
"""

#: $1 functions of the empty copy. What belongs to the system is pinned, and in no row of pg_depend. A domain
#: may have a CHECK.
_FOREIGN = """
SELECT EXISTS (
    SELECT FROM pg_catalog.unnest($1::text[]) f
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                               AND d.objid = f::pg_catalog.regproc
    WHERE d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass,
                           'pg_catalog.pg_operator'::pg_catalog.regclass)
       OR d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
          AND (SELECT typtype = 'd' FROM pg_catalog.pg_type y WHERE y.oid = d.refobjid))
"""

#: $1 the table. The most bytes that a row's values can take on a page: what can be moved out leaves a pointer
#: of 18 bytes behind; up to 8 go to alignment.
_WIDEST = """
SELECT sum(CASE WHEN a.attlen > 0 THEN a.attlen + 7 WHEN a.attstorage = 'p' THEN 8192 ELSE 26 END)::int8
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = $1::text::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped
"""
#: Below this no row can be too large, whatever the new column holds.
_ROOM = 8000


@dataclass(frozen=True)
class Looked:
    """What was seen: how many rows, how many of them the predicate is true for, and the keys of some."""

    rows: int
    found: int
    keys: tuple[str, ...]
    whole: bool


@dataclass(frozen=True)
class Matching:
    """How many rows there are, how many would be written, and how many match and never would, with keys.
    `sampled` is TABLESAMPLE as SQL.
    """

    rows: int
    wanted: int
    again: int
    keys: tuple[str, ...]
    whole: bool
    sampled: str = ""


#: $1 functions of the empty copy: whether one of their bodies calls what is volatile, or not PostgreSQL's.
_OPAQUE = r"""
SELECT EXISTS (
    SELECT FROM pg_catalog.unnest($1::text[]) f
    JOIN pg_catalog.pg_proc p ON p.oid = f::pg_catalog.regproc,
        pg_catalog.regexp_matches(p.prosqlbody::text, ':(?:funcid|opfuncid) (\d+)', 'g') AS named(id)
    LEFT JOIN pg_catalog.pg_proc c ON c.oid = named.id[1]::pg_catalog.oid
    WHERE c.oid >= 16384::pg_catalog.oid OR c.provolatile = 'v'
)"""


async def may_not_be_run(conn: AsyncConnection, functions: Sequence[RelationName]) -> bool:
    """Whether one of these functions does more than to read, or calls what PostgreSQL did not bring along."""
    names = [function.sql for function in functions]
    return bool(await value(conn, _OPAQUE, names)) or await calls_foreign_code(conn, functions)


async def matching(
    conn: AsyncConnection,
    table: RelationName,
    key: Sequence[str],
    wanted: str,
    left: str,
    *,
    whole: bool,
) -> Matching:
    """Count rows for which predicates over the alias `t` are true: to be written, and matching at all."""
    sample, whole = await _sample(conn, table, whole=whole)
    named = (f"t.{quote(each)} AS {quote(_key(at))}" for at, each in enumerate(key))
    inner = ", ".join(
        [f"({wanted}) IS TRUE AS wanted", f"({left}) IS TRUE AS left", "t.ctid AS ec_place", *named]
    )
    again = "t.left AND NOT t.wanted"
    query = f"""
        SELECT count(*), count(*) FILTER (WHERE t.wanted), count(*) FILTER (WHERE {again}),
               (pg_catalog.array_agg({_name(key)}) FILTER (WHERE {again}))[1:{NAMED}]
        FROM (SELECT {inner} FROM {table.sql} t{sample}) t"""
    ((count, found, stuck, keys),) = await rows(conn, query)
    return Matching(count, found, stuck, tuple(keys or ()), whole, sample)


async def calls_foreign_code(conn: AsyncConnection, functions: Sequence[RelationName]) -> bool:
    """Whether one of these functions calls what PostgreSQL did not bring along."""
    return bool(await value(conn, _FOREIGN, [function.sql for function in functions]))


async def look(
    conn: AsyncConnection,
    table: RelationName,
    key: Sequence[str],
    columns: tuple[Sequence[str], tuple[str, str]],
    wanted: str,
    *,
    whole: bool,
) -> Looked:
    """Count rows for which a predicate over the alias `t` is true.

    `columns` are the old ones, and the new one with the expression, over `t` as well, that makes its value;
    all of them as SQL. `key` are names of columns; without any a row is named by where it lies.
    """
    olds, (new, made) = columns
    sample, whole = await _sample(conn, table, whole=whole)
    named = (f"{quote(each)} AS {quote(_key(at))}" for at, each in enumerate(key))
    query = f"""
        SELECT count(*), count(*) FILTER (WHERE looked.wanted),
               (pg_catalog.array_agg(looked.key) FILTER (WHERE looked.wanted))[1:{NAMED}]
        FROM (SELECT {_name(key)} AS key, ({wanted}) AS wanted
              FROM (SELECT t.*, {made} AS {new} FROM (
                  SELECT {", ".join([*olds, *named])}, ctid AS ec_place
                  FROM {table.sql}{sample}) t) t) looked"""
    ((count, found, keys),) = await rows(conn, query)
    return Looked(count, found, tuple(keys or ()), whole)


async def too_wide(conn: AsyncConnection, table: RelationName, kind: str, made: str) -> str | None:
    """Return what PostgreSQL says of a sampled row that is too large with one column more, or None.

    `kind` is the type of the new column, `made` an expression over the alias `t` for its value. The sample is
    written into a temporary table, which the caller's savepoint takes back.
    """
    if await value(conn, _WIDEST, table.sql) <= _ROOM:
        return None
    sample, _ = await _sample(conn, table, whole=False)
    like = f"(LIKE {table.sql} INCLUDING STORAGE INCLUDING COMPRESSION)"
    await execute(conn, f"CREATE TEMPORARY TABLE ec_wide {like}")
    await execute(conn, f"ALTER TABLE pg_temp.ec_wide ADD COLUMN ec_new {kind}")
    try:
        async with conn.begin_nested():
            await execute(conn, f"INSERT INTO pg_temp.ec_wide SELECT t.*, {made} FROM {table.sql} t{sample}")
    except DBAPIError as error:
        if sqlstate(error) != _TOO_LARGE:
            raise
        return server_message(error)[0]
    return None


async def _sample(conn: AsyncConnection, table: RelationName, *, whole: bool) -> tuple[str, bool]:
    """Return TABLESAMPLE as SQL, always of the same blocks, and whether every row is looked at."""
    blocks = await value(conn, _BLOCKS, table.sql)
    if whole or blocks <= BLOCKS:
        return "", True
    return f" TABLESAMPLE SYSTEM ({100 * BLOCKS / blocks:.6f}) REPEATABLE (0)", False


def _name(key: Sequence[str]) -> str:
    """Return SQL that names a row of `t`."""
    if not key:
        return "'ctid = ' || t.ec_place::text"
    parts = (f"{literal(f'{quote(each)} = ')} || t.{quote(_key(at))}::text" for at, each in enumerate(key))
    return " || ', ' || ".join(parts)


def _key(place: int) -> str:
    return f"ec key {place}"
