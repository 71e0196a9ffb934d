"""How large a table is, as statistics and the file system know it: no row is counted."""

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.forecast import TableSize
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.query import rows

#: $1 the table. Before the first ANALYZE or VACUUM reltuples is -1.
_SIZE = f"""
WITH RECURSIVE {tree("SELECT $1::text::pg_catalog.regclass::oid")}
SELECT CASE WHEN bool_and(c.reltuples >= 0) THEN sum(c.reltuples)::int8 END,
       coalesce(sum(pg_catalog.pg_table_size(c.oid)), 0)::int8,
       coalesce(sum(pg_catalog.pg_indexes_size(c.oid)), 0)::int8,
       coalesce(max((SELECT count(*) FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid)), 0)::int8
FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.relation AND c.relkind = 'r'
"""


async def of(conn: AsyncConnection, table: str) -> TableSize:
    """Return the size of a table, its name as SQL, with all below it."""
    (found,) = await rows(conn, _SIZE, table)
    return TableSize(*found)
