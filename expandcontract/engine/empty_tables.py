"""Tables that have no row: locked against everybody, or looked at for whether somebody uses them."""

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import Target, do
from expandcontract.postgres.message import send
from expandcontract.postgres.owner_rights import LEAVING_PATH
from expandcontract.postgres.query import constant_of, execute, value
from expandcontract.postgres.settings import own_path
from expandcontract.postgres.sqlstate import sqlstate

#: Whether one of these tables (of an index its table) was ever written to, or one of its partitions: it may
#: be in use, though it is empty now. What is no table is, and what is not there is not. Operators have their
#: schema: names are looked up as in a session of the application.
_USED = """
SELECT COALESCE(pg_catalog.bool_or(
    pg_catalog.pg_relation_size(below.oid) OPERATOR(pg_catalog.>) 0
    OR pg_catalog.pg_stat_get_tuples_inserted(below.oid) OPERATOR(pg_catalog.>) 0
    OR c.relkind OPERATOR(pg_catalog.<>) ALL ('{r,p}'::pg_catalog."char"[])), false)
FROM (SELECT pg_catalog.to_regclass(name)::pg_catalog.oid
      FROM pg_catalog.unnest($1::pg_catalog.text[]) AS one (name)) AS named (oid)
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid OPERATOR(pg_catalog.=) named.oid
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) COALESCE(i.indrelid, named.oid)
CROSS JOIN LATERAL (
    SELECT c.oid UNION
    SELECT relid::pg_catalog.oid FROM pg_catalog.pg_partition_tree(c.oid::pg_catalog.regclass)
) AS below (oid)
"""


class Occupied(Exception):
    """What is to be changed is not empty, not to be had at once, or somebody is at work on it."""


async def are_used(conn: AsyncConnection, targets: Iterable[Target]) -> bool:
    """Return whether one of these tables is there and has or had a row. The search_path is that of the
    application from then on.

    Raises DBAPIError where they cannot be looked at now.
    """
    asked = [replace(each, table=each.index or each.table, column="", index="") for each in targets]
    await execute(conn, own_path())
    return await are_written(conn, map(str, asked))


async def are_written(conn: AsyncConnection, tables: Iterable[str]) -> bool:
    """Return the same of tables that are named as SQL."""
    return bool(await value(conn, _USED, list(tables)))


#: What is not empty; nobody else raises it.
_NOT_EMPTY = "EC001"
_LOCK = """
DECLARE
    one pg_catalog.text;
    has_rows pg_catalog.bool;
BEGIN
    IF pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.<>) 'read committed' THEN
        RAISE EXCEPTION USING MESSAGE = 'another isolation level', ERRCODE = '{code}';
    END IF;
    FOREACH one IN ARRAY {names}::pg_catalog.text[] LOOP
        IF EXISTS (SELECT FROM pg_catalog.pg_class c
                   WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(one)::pg_catalog.oid
                     AND c.relkind OPERATOR(pg_catalog.=) ANY ('{{r,p}}'::pg_catalog."char"[])) THEN
            -- Once without the lock, which would write where the table has rows.
            FOR place IN 1 .. 2 LOOP
                EXECUTE pg_catalog.concat('SELECT EXISTS (SELECT FROM ', one, ')') INTO has_rows;
                IF has_rows THEN
                    RAISE EXCEPTION USING MESSAGE = pg_catalog.concat(one, ' has rows'), ERRCODE = '{code}';
                END IF;
                IF place OPERATOR(pg_catalog.=) 1 THEN
                    EXECUTE pg_catalog.concat('LOCK TABLE ', one, ' IN ACCESS EXCLUSIVE MODE NOWAIT');
                END IF;
            END LOOP;
        END IF;
    END LOOP;
END
"""


async def lock(conn: AsyncConnection, names: Iterable[str], *, by_own_path: bool = False) -> None:
    """Lock those of the tables that are there against everybody, at once or not at all, and raise Occupied
    where one has a row. Names without a schema are meant as the application's are.
    """
    listed = list(dict.fromkeys(names))
    if not listed:
        return
    block = do(_LOCK.format(code=_NOT_EMPTY, names=constant_of(listed)))
    try:
        await send(conn, *((own_path(), block, LEAVING_PATH) if by_own_path else (block,)))
    except DBAPIError as error:
        if sqlstate(error) == _NOT_EMPTY:
            raise Occupied from error
        raise
