"""The type of the new side, as a column of the clone has it."""

import shlex
from dataclasses import replace

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.errors import BadExpression, UnsupportedShape
from expandcontract.model.names import RelationName, quote
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.clone.judgement import NewType, Question
from expandcontract.postgres.clone.table import CLONE, EQ, NE, evaluating, unqualified
from expandcontract.postgres.expression import single
from expandcontract.postgres.query import execute, rows
from expandcontract.postgres.sqlstate import in_words

#: IS NOT DISTINCT FROM means identical for a built-in type whose default btree class has support function 4
#: (equalimage). bpchar has it too, though 'a' and 'a ' are equal.
_TYPE = """
SELECT pg_catalog.format_type(a.atttypid, a.atttypmod), y.typname::text,
       y.typnamespace = 'pg_catalog'::pg_catalog.regnamespace AND y.typname <> 'bpchar'
       AND coalesce(l.collisdeterministic, true)
       AND EXISTS (SELECT FROM pg_catalog.pg_opclass o
                   JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod AND m.amname = 'btree'
                   JOIN pg_catalog.pg_amproc p ON p.amprocfamily = o.opcfamily AND p.amprocnum = 4
                    AND p.amproclefttype = o.opcintype AND p.amprocrighttype = o.opcintype
                   WHERE o.opcdefault AND o.opcintype =
                         CASE WHEN y.typname = 'varchar' THEN 'text'::pg_catalog.regtype ELSE y.oid END),
       y.typcollation <> 0,
       CASE WHEN a.attcollation <> y.typcollation THEN
            (SELECT pg_catalog.format('%I.%I', nspname, l.collname)
             FROM pg_catalog.pg_namespace WHERE oid = l.collnamespace) END,
       pg_catalog.format_type(a.atttypid, -1)
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid = $1::text::pg_catalog.regclass AND a.attname = 'ec_type'
"""


_FILENODE = "SELECT pg_catalog.pg_relation_filenode($1::text::pg_catalog.regclass)"


#: Whether the new column has a default or a constraint beside its type, which would be lost in silence.
_MORE_THAN_A_TYPE = f"""
SELECT a.atthasdef OR a.attnotnull OR a.attidentity {NE} '' OR EXISTS (
    SELECT FROM pg_catalog.pg_constraint c
    WHERE c.conrelid {EQ} a.attrelid AND a.attnum {EQ} ANY (c.conkey))
FROM pg_catalog.pg_attribute a
WHERE a.attrelid {EQ} $1::text::pg_catalog.regclass AND a.attname {EQ} 'ec_type'
"""


_COLUMNS = f"""
SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute
WHERE attrelid {EQ} $1::text::pg_catalog.regclass AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped
"""


#: A list of columns takes a type with its collation and nothing else, such as a default that would be parsed.
NOTHING_BUT_A_TYPE = """
EXPLAIN (COSTS OFF)
SELECT FROM pg_catalog.json_to_record('{{}}'::pg_catalog.json) AS ec_row (ec_type {type})
"""


async def new_type_of(
    conn: AsyncConnection, table: RelationName, column: Column, question: Question
) -> NewType:
    """Return the type that was asked for, as the server spells it. Raises BadExpression, UnsupportedShape."""
    wanted = column.type if question.type is None else single(question.type, "--type")
    try:
        async with conn.begin_nested():
            if question.type is None:
                rewritten = await _add(conn, wanted, whole=not column.plain_equality)
            else:
                rewritten = await _add_as_said(conn, wanted)
            (found,) = await unqualified(conn, _TYPE)
            await execute(conn, f"ALTER TABLE {CLONE} DROP COLUMN ec_type")
    except DBAPIError as error:
        raise BadExpression(f"{wanted!r} is not a type.", why=in_words(error)) from error
    if rewritten:
        raise UnsupportedShape(
            f"Adding a column of type {wanted} rewrites the table under a lock that stops everybody.",
            why="PostgreSQL does so for a domain with constraints.",
            next=await _base_type(conn, wanted, table, question),
        )
    new_type = NewType(*found)
    if not new_type.collatable or new_type.collation is not None or column.collation is None:
        return new_type
    # The old column's collation goes along, and with it whether equal means identical.
    plain = new_type.plain_equality and column.plain_equality
    return replace(new_type, collation=column.collation, plain_equality=plain)


async def _add_as_said(conn: AsyncConnection, wanted: str) -> bool:
    """Add a column of what somebody wrote for a type; return whether that rewrote the table."""
    ((before,),) = await rows(conn, _COLUMNS, CLONE)
    async with evaluating(conn):
        await execute(conn, NOTHING_BUT_A_TYPE.format(type=wanted))
    rewritten = await _add(conn, wanted, whole=True)
    ((after,),) = await rows(conn, _COLUMNS, CLONE)
    ((more,),) = await rows(conn, _MORE_THAN_A_TYPE, CLONE)
    if more or after != before + 1:
        raise BadExpression(f"{wanted!r} is not a type.", why="It says more than the name of a type.")
    return rewritten


async def _add(conn: AsyncConnection, wanted: str, *, whole: bool) -> bool:
    """Add a column of a type; return whether that rewrote the table. Who does not ask for the `whole` of it
    knows that no domain does so.
    """
    before = await rows(conn, _FILENODE, CLONE) if whole else None
    await execute(conn, f"ALTER TABLE {CLONE} ADD COLUMN ec_type {wanted}")
    return whole and before != await rows(conn, _FILENODE, CLONE)


async def _base_type(conn: AsyncConnection, domain: str, table: RelationName, question: Question) -> str:
    """Return what to ask for instead: a rename has no type of its own to be given."""
    query = f"""SELECT coalesce((SELECT pg_catalog.format_type(t.typbasetype, t.typtypmod)
            FROM pg_catalog.pg_type t
            WHERE t.oid {EQ} $1::text::pg_catalog.regtype AND t.typtype {EQ} 'd'), $1)"""
    ((base,),) = await rows(conn, query, domain)
    check = "with the domain's rule as a CHECK of the table"
    if question.type is not None:
        return f"--type {shlex.quote(base)}, {check}"
    words = (f"{table.sql}.{quote(question.column)}", "--type", base, "--to", quote(question.new))
    return f"ec plan change-type {shlex.join(words)}, {check}"
