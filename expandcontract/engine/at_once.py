"""Changes of a type that PostgreSQL does at once: varchar to text, a longer varchar, a wider numeric.

Whether it does is asked of the server on the empty copy: the files of the table and of its indexes stay what
they are. What CHECKs and foreign keys make it look at, an empty table does not show: there it is not said.
"""

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.changes import instant_type, preflight
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import quote
from expandcontract.model.notes import Note
from expandcontract.model.phases import Section
from expandcontract.model.plan import Plan
from expandcontract.model.step import LockMode, Transactional
from expandcontract.postgres import empty_copy, owner_rights
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.empty_copy import EmptyCopy
from expandcontract.postgres.query import value
from expandcontract.postgres.sqlstate import in_words, is_disconnect, is_lock_failure

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

#: Only where the session's time zone is UTC are a timestamp with and one without one the same bytes.
_NO_UTC = "SET LOCAL TIME ZONE -7"


async def costs(conn: AsyncConnection, plan: Plan, copy: EmptyCopy, column: str) -> tuple[Note, ...]:
    """Return what the plan says where a single statement would do, which nobody would notice."""
    spec = plan.change.spec
    if spec.get("type") is None or any(spec.get(field) for field in _MORE):
        return ()
    alter = f"ALTER COLUMN {quote(column)} TYPE {plan.sides.new.type}"
    statements = (f"ALTER TABLE {copy.snapshot.table.sql} {alter}",)
    try:
        instant_type.examine(copy.snapshot, preflight.column(copy.snapshot, column))
    except UnsupportedShape:
        return ()
    if await _written(conn, plan, copy, statements) != "":
        return ()
    return (
        Note(
            "at-once",
            f"PostgreSQL does this at once: ALTER TABLE {plan.table} {alter} rewrites nothing, scans nothing "
            "and builds no index. Where old and new code both take the new type, that is enough: with "
            "--instant it is the whole change.",
        ),
    )


async def require(conn: AsyncConnection, plan: Plan, copy: EmptyCopy, for_copy: Plan) -> None:
    """Raise UnsupportedShape unless what expand does under a lock that stops everybody writes no file anew.

    `for_copy` is the plan for the empty copy.
    """
    actions = [
        step.action for step in for_copy.steps(Section.EXPAND) if isinstance(step.action, Transactional)
    ]
    strong = [each for each in actions if LockMode.ACCESS_EXCLUSIVE in {lock.mode for lock in each.locks}]
    statements = tuple(statement for each in strong for statement in each.statements)
    why = await _written(conn, plan, copy, statements)
    if why:
        raise UnsupportedShape(
            f"PostgreSQL does not do this at once: {plan.words.about.removesuffix(', at once')}.",
            why=why,
            state="Nothing was changed.",
            next="leave out --instant, and give --to NEWNAME or --swap",
        )


async def _written(conn: AsyncConnection, plan: Plan, copy: EmptyCopy, statements: tuple[str, ...]) -> str:
    """Return why the statements are not done at once, empty where they are. The copy is rolled back."""
    try:
        async with owner_rights.trying(conn, plan.table.sql):
            await empty_copy.run(conn, copy.statements)
            before = await value(conn, _FILES, copy.snapshot.table.sql)
            await empty_copy.run(conn, (_NO_UTC, *statements))
            after = await value(conn, _FILES, copy.snapshot.table.sql)
    except DBAPIError as error:
        if is_disconnect(error) or is_lock_failure(error):
            raise
        return in_words(error)
    return (
        "" if before == after else "It would write the table or an index of it anew while nobody may use it."
    )
