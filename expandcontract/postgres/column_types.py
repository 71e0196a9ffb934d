"""Columns whose type is not the one that a plan was made for."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import RelationName, quote
from expandcontract.postgres.query import rows


@dataclass(frozen=True)
class Typed:
    """A column of a change, with the type that it must have, as format_type() writes it."""

    change_id: int
    relation: int
    table: RelationName
    column: str
    type: str


#: $1 changes, $2 tables, $3 columns, $4 types.
_OTHERS = """
SELECT u.change, u.name, u.type, pg_catalog.format_type(a.atttypid, a.atttypmod)
FROM ROWS FROM (pg_catalog.unnest($1::int8[]), pg_catalog.unnest($2::oid[]), pg_catalog.unnest($3::text[]),
    pg_catalog.unnest($4::text[])) u(change, relation, name, type)
JOIN pg_catalog.pg_attribute a ON a.attrelid = u.relation AND a.attname = u.name AND NOT a.attisdropped
WHERE pg_catalog.format_type(a.atttypid, a.atttypmod) <> u.type
"""


async def altered(conn: AsyncConnection, columns: Sequence[Typed]) -> defaultdict[int, list[str]]:
    """Return, by change, a sentence for each column of another type. One query."""
    tables = {each.change_id: each.table for each in columns}
    found: defaultdict[int, list[str]] = defaultdict(list)
    arguments = (
        [each.change_id for each in columns],
        [each.relation for each in columns],
        [each.column for each in columns],
        [each.type for each in columns],
    )
    for change, name, wanted, is_now in await rows(conn, _OTHERS, *arguments):
        found[change].append(
            f"Column {quote(name)} of {tables[change]} is of type {is_now} now: the change needs {wanted}."
        )
    return found
