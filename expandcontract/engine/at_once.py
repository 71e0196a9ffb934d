"""Changes of a type that PostgreSQL does at once: varchar to text, a longer varchar, a wider numeric.

Whether it does is asked of the server on the empty copy: the files of the table and of its indexes stay what
they are. What CHECKs and foreign keys make it look at, an empty table does not show: there it is not said.
"""

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import quote
from expandcontract.model.notes import Note
from expandcontract.model.plan import Plan
from expandcontract.postgres import empty_copy, owner_rights
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.empty_copy import EmptyCopy
from expandcontract.postgres.query import value
from expandcontract.postgres.sqlstate import is_disconnect, is_lock_failure

#: Fields of a change with which it is more than another type.
_MORE = ("using", "back", "transform", "to")

#: The files of a table, its partitions and children, and their indexes. An index that is made anew keeps its
#: file where nothing has to be built. $1 the table.
_FILES = f"""
WITH RECURSIVE {tree("SELECT $1::text::pg_catalog.regclass::oid")}, file_of(relation) AS (
    SELECT relation FROM tree
    UNION
    SELECT x.indexrelid FROM tree t JOIN pg_catalog.pg_index x ON x.indrelid = t.relation
)
SELECT pg_catalog.array_agg(file ORDER BY file)
FROM file_of f, pg_catalog.pg_relation_filenode(f.relation) file
WHERE file IS NOT NULL
"""


async def costs(conn: AsyncConnection, plan: Plan, copy: EmptyCopy, column: str) -> tuple[Note, ...]:
    """Return what the plan says where a single statement would do, which nobody would notice."""
    spec = plan.change.spec
    constrained = any(column in each.columns and each.kind in "cf" for each in copy.snapshot.constraints)
    if spec.get("type") is None or any(spec.get(field) for field in _MORE) or constrained:
        return ()
    alter = f"ALTER COLUMN {quote(column)} TYPE {plan.sides.new.type}"
    try:
        async with owner_rights.trying(conn, plan.table.sql):
            await empty_copy.run(conn, copy.statements)
            before = await value(conn, _FILES, copy.snapshot.table.sql)
            await empty_copy.run(conn, (f"ALTER TABLE {copy.snapshot.table.sql} {alter}",))
            at_once = before == await value(conn, _FILES, copy.snapshot.table.sql)
    except DBAPIError as error:
        if is_disconnect(error) or is_lock_failure(error):
            raise
        at_once = False
    if not at_once:
        return ()
    return (
        Note(
            "at-once",
            f"PostgreSQL does this at once: ALTER TABLE {plan.table} {alter} rewrites nothing, scans nothing "
            "and builds no index. Where old and new code both take the new type, that is enough: run it with "
            "a short lock_timeout, again until it gets its lock.",
        ),
    )
