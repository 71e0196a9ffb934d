"""One CREATE TABLE, run and taken back: what the server made of it, and what it locked meanwhile.

A temporary table cannot refer to one that is not, so that nothing stands in for the table. The statement has
hardly more time than a lock may be waited for; what it locks is free again when its savepoint is rolled back.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.errors import BadExpression, MissingPrivilege, NameTaken, NoSuchObject, Refused
from expandcontract.model.names import RelationName
from expandcontract.postgres.catalog.relation import Relation
from expandcontract.postgres.catalog.snapshot import Snapshot, server_version
from expandcontract.postgres.clone.judgement import Answer, Answers, Trial
from expandcontract.postgres.message import tagged
from expandcontract.postgres.query import execute, rows
from expandcontract.postgres.settings import NO_PATH, own_path
from expandcontract.postgres.sqlstate import in_words, is_disconnect, is_lock_failure, sqlstate

#: Along which schemas the role looks for names, as SQL. What is temporary is looked for last.
_PATH = """
SELECT pg_catalog.array_to_string(ARRAY(
    SELECT pg_catalog.quote_ident(name) FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) name
    WHERE name !~ '^pg_temp'), ', ')
"""
#: Each lock is waited for as long as any of ours, and all of them, with what is done, for twice as long.
_IN_TIME = """
SELECT pg_catalog.set_config('statement_timeout', (
    2 * 1000 * extract(epoch FROM pg_catalog.current_setting('lock_timeout')::interval))::int::text, true)
"""
#: What the transaction has locked before, with each mode: it may be somebody else's, amid his work.
_HELD = """
SELECT pg_catalog.set_config('ec.held', (
    SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.concat(l.relation, ' ', l.mode)), '[]')
    FROM pg_catalog.pg_locks l WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation'
)::text, true)
"""
#: Who makes a table holds this lock on it. The rows: what was made, with its parents; the columns of other
#: tables to which it refers; other tables that are locked so that somebody waits, each with the mode.
QUERY = """
WITH made AS (
    SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence
    FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation'
      AND l.mode = 'AccessExclusiveLock' AND c.relkind IN ('r', 'p')
      AND NOT pg_catalog.current_setting('ec.held')::jsonb ? pg_catalog.concat(l.relation, ' ', l.mode)
), own AS (
    SELECT k.confrelid AS relation, 'ShareRowExclusiveLock' AS mode FROM made
    JOIN pg_catalog.pg_constraint k ON k.conrelid = made.oid AND k.contype = 'f'
    UNION
    SELECT i.inhparent,
           CASE WHEN c.relispartition THEN 'AccessExclusiveLock' ELSE 'ShareUpdateExclusiveLock' END
    FROM made JOIN pg_catalog.pg_inherits i ON i.inhrelid = made.oid
    JOIN pg_catalog.pg_class c ON c.oid = made.oid
)
SELECT 'made', nspname::text, relname::text, relkind::text, relpersistence::text FROM made
UNION ALL
SELECT 'parent', n.nspname, p.relname, '', '' FROM made
JOIN pg_catalog.pg_inherits i ON i.inhrelid = made.oid JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
JOIN pg_catalog.pg_namespace n ON n.oid = p.relnamespace
UNION ALL
SELECT DISTINCT 'refers', n.nspname, r.relname, a.attname, k.conname FROM made
JOIN pg_catalog.pg_constraint k ON k.conrelid = made.oid AND k.contype = 'f' AND k.confrelid <> made.oid
JOIN pg_catalog.pg_class r ON r.oid = k.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)
UNION ALL
SELECT DISTINCT 'locked', n.nspname, c.relname, l.mode, ''
FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p')
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation'
  AND n.nspname NOT IN ('pg_catalog', 'pg_toast') AND c.oid NOT IN (SELECT oid FROM made)
  AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
  AND ((l.relation, l.mode) IN (SELECT relation, mode FROM own)
       OR NOT pg_catalog.current_setting('ec.held')::jsonb ? pg_catalog.concat(l.relation, ' ', l.mode))
  AND ((l.relation, l.mode) IN (SELECT relation, mode FROM own)
       OR NOT pg_catalog.current_setting('ec.held')::jsonb ? pg_catalog.concat(l.relation, ' ', l.mode))
  AND ((l.relation, l.mode) IN (SELECT relation, mode FROM own)
       OR NOT pg_catalog.current_setting('ec.held')::jsonb ? pg_catalog.concat(l.relation, ' ', l.mode))
  AND ((l.relation, l.mode) IN (SELECT relation, mode FROM own)
       OR NOT pg_catalog.current_setting('ec.held')::jsonb ? pg_catalog.concat(l.relation, ' ', l.mode))
  AND ((l.relation, l.mode) IN (SELECT relation, mode FROM own)
       OR NOT pg_catalog.current_setting('ec.held')::jsonb ? pg_catalog.concat(l.relation, ' ', l.mode))
ORDER BY 1, 2, 3, 4, 5
"""


_REFUSED: dict[str, type[Refused]] = {
    "42P07": NameTaken,
    "42501": MissingPrivilege,
    "42P01": NoSuchObject,
    "3F000": NoSuchObject,
}


@dataclass(frozen=True)
class Made:
    """What a statement made: `refers` are the columns of other tables that foreign keys of it name, `locked`
    those tables that somebody cannot use meanwhile, each with the modes as the server calls them. `path` is
    the search_path, as SQL, under which the statement means that.
    """

    table: RelationName
    kind: str
    persistence: str
    parents: tuple[RelationName, ...]
    refers: dict[RelationName, tuple[str, ...]]
    locked: dict[RelationName, tuple[str, ...]]
    path: str


async def tried(conn: AsyncConnection, trial: Trial) -> Answers:
    """Return what the server said of the one statement of a trial. The caller's transaction is as before.

    Raises BadExpression and its kin where it refuses the statement, and for another one than CREATE TABLE.
    """
    (statement,) = trial.statements
    savepoint = await conn.begin_nested()
    try:
        await execute(conn, own_path())
        ((path,),) = await rows(conn, _PATH)
        await execute(conn, _IN_TIME)
        await execute(conn, _HELD)
        tag = await tagged(conn, statement)
        await execute(conn, NO_PATH)
        found = await rows(conn, trial.query)
    except DBAPIError as error:
        if is_disconnect(error) or is_lock_failure(error):
            raise
        refused = _REFUSED.get(sqlstate(error) or "", BadExpression)
        raise refused(
            f"PostgreSQL does not take {trial.what}.", why=in_words(error), state="Nothing was changed."
        ) from error
    finally:
        if savepoint.is_active:
            await savepoint.rollback()
    if tag != "CREATE TABLE":
        raise BadExpression(f"{trial.what} is no CREATE TABLE but {tag}.", state="Nothing was changed.")
    return Answers((("path", str(path), None, None, None), *(tuple(map(str, row)) for row in found)))


def read(answer: Answer) -> Made | None:
    """Return what was made; None where nothing was: something has the name, and IF NOT EXISTS was said."""
    if not isinstance(answer, Answers):
        raise TypeError(f"The server was asked something else: {answer!r}")
    said = [tuple(str(each) for each in row) for row in answer.rows]
    table = next((row[1:] for row in said if row[0] == "made"), None)
    if table is None:
        return None
    schema, name, kind, persistence = table
    return Made(
        RelationName(schema, name),
        kind,
        persistence,
        tuple(RelationName(row[1], row[2]) for row in said if row[0] == "parent"),
        _by_table(row for row in said if row[0] == "refers"),
        _by_table(row for row in said if row[0] == "locked"),
        next(row[1] for row in said if row[0] == "path"),
    )


def _by_table(rows_: Iterable[tuple[str, ...]]) -> dict[RelationName, tuple[str, ...]]:
    found: dict[RelationName, tuple[str, ...]] = {}
    for _, schema, name, what, _ in rows_:
        table = RelationName(schema, name)
        found[table] = tuple(dict.fromkeys((*found.get(table, ()), what)))
    return found


def _snapshot(server_version_: int, table: RelationName, kind: str, persistence: str) -> Snapshot:
    relation = Relation(
        name=table,
        kind=kind,
        persistence=persistence,
        access_method=None,
        owner="",
        system=False,
        partition_of=None,
        partition_keys=(),
        leaves=(),
        partitions=(),
        inherits_from=(),
        row_security_forced=False,
        publications=(),
        writers=(),
    )
    return Snapshot(server_version_, relation, (), (), (), (), (), taken_names=frozenset())


#: Before anything was asked.
NOTHING = _snapshot(0, RelationName("", ""), "r", "p")


async def snapshot(conn: AsyncConnection, answer: Answer) -> Snapshot:
    """Return the snapshot of a table that is to come, on which nothing stands yet; NOTHING for none."""
    made = read(answer)
    if made is None:
        return NOTHING
    return _snapshot(await server_version(conn), made.table, made.kind, made.persistence)
