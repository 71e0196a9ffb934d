"""Indexes and CHECK constraints, as the server writes them for another column."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import quote
from expandcontract.postgres.catalog.index import Index
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone.judgement import NewType, Question
from expandcontract.postgres.clone.table import CLONE, attempt, unqualified
from expandcontract.postgres.query import execute

_DEFINITIONS = """
SELECT c.relname::text,
       substr(d.text, length(format('CREATE %sINDEX %I ON pg_temp.ec_clone USING ',
                                    CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, c.relname)) + 1)
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
CROSS JOIN LATERAL (SELECT pg_catalog.pg_get_indexdef(i.indexrelid)) AS d(text)
WHERE i.indrelid = $1::text::pg_catalog.regclass
UNION ALL
SELECT conname::text, pg_catalog.pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint
WHERE conrelid = $1::text::pg_catalog.regclass AND contype = 'c'
"""


async def hidden_definitions(conn: AsyncConnection, snapshot: Snapshot, question: Question) -> dict[str, str]:
    """Return those of the unique indexes for the hidden columns, by name."""
    hidden = {question.column: question.hidden} | {each.column: each.hidden for each in question.old_more}
    unique = [
        index for index in snapshot.indexes if index.unique and not hidden.keys().isdisjoint(index.columns)
    ]
    if not unique:
        return {}
    savepoint = await conn.begin_nested()
    try:
        return await _renamed(conn, unique, (), hidden)
    finally:
        await savepoint.rollback()


async def definitions_of(
    conn: AsyncConnection, snapshot: Snapshot, question: Question, new_type: NewType
) -> dict[str, str]:
    """Return those of indexes and CHECKs for the new column, by name; what does not fit its type is missing.

    The clone's column has the new name and type from then on.
    """
    column = question.column
    if question.type is not None:
        to = new_type.type
        await execute(conn, f"ALTER TABLE {CLONE} ALTER COLUMN {quote(column)} TYPE {to} USING NULL::{to}")
    indexes = [index for index in snapshot.indexes if column in index.columns and not index.primary]
    checks = [
        (check.name, check.definition.removesuffix(" NOT VALID"))
        for check in snapshot.constraints
        if check.kind == "c" and column in check.columns
    ]
    return await _renamed(conn, indexes, checks, {column: question.new})


async def final_definitions(
    conn: AsyncConnection, question: Question, definitions: dict[str, str]
) -> dict[str, str]:
    """Read the definitions once more, where contract gives the new column another name."""
    if not definitions or question.back_column in {"", question.new}:
        return definitions
    names = quote(question.new), quote(question.back_column)
    await execute(conn, f"ALTER TABLE {CLONE} RENAME COLUMN {names[0]} TO {names[1]}")
    return await _read_definitions(conn)


async def _renamed(
    conn: AsyncConnection,
    indexes: Sequence[Index],
    checks: Sequence[tuple[str, str]],
    names: Mapping[str, str],
) -> dict[str, str]:
    """Put indexes and checks on the clone, rename the columns, and read how the server writes them now."""
    for index in indexes:
        unique = "UNIQUE " if index.unique else ""
        await attempt(conn, f"CREATE {unique}INDEX {quote(index.name)} ON {CLONE} USING {index.definition}")
    for name, definition in checks:
        await attempt(conn, f"ALTER TABLE {CLONE} ADD CONSTRAINT {quote(name)} {definition}")
    for column, to in names.items():
        await execute(conn, f"ALTER TABLE {CLONE} RENAME COLUMN {quote(column)} TO {quote(to)}")
    return await _read_definitions(conn) if indexes or checks else {}


async def _read_definitions(conn: AsyncConnection) -> dict[str, str]:
    found = await unqualified(conn, _DEFINITIONS)
    return dict(sorted((str(name), str(definition)) for name, definition in found))
