"""Statements that run as the owner of a table, in the mode in which PostgreSQL itself runs an owner's code.

Triggers, CHECKs, defaults and expressions of indexes run with the rights of the session. REINDEX, VACUUM and
CREATE INDEX put the owner's in their place, and restrict what the session may be talked into: no SET ROLE,
no prepared statement under a name of ours, nothing deferred to the commit, no cursor that outlives the
transaction, no temporary table that would be found before a catalog, and every setting is as before at the
end. SET ROLE has none of that.

No statement asks for this mode. But to summarise a BRIN index is to evaluate its expressions in it, with the
rights of who owns the index's table. So a session gets a temporary table of the owner's with one row and such
an index, whose expression runs the statement that is asked for, and hands its rows over through a table into
which the owner may only insert. All of it goes with the session; nobody else can see it.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.errors import MissingPrivilege
from expandcontract.model.names import literal, quote
from expandcontract.postgres import query
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.message import LEFTOVERS, Query, inlined, renumbered, send
from expandcontract.postgres.settings import OUR_PATH, own_path
from expandcontract.postgres.sqlstate import ERRAND

#: How a block begins that parses what an owner wrote: a constant of a domain's array calls its CHECK.
AS_OWNER = "-- With the rights of the table's owner."
#: The setting that has the search_path of an errand where that is another than the session's.
OWN_PATH = "ec.own_path"

#: Takes `OwnerRights.taking_path` back: what is ours is looked up along our path.
LEAVING_PATH = f"SELECT pg_catalog.set_config('search_path', '{OUR_PATH}', true)"

#: What one who is a member of the owner has beside that in any case: to look on, and BYPASSRLS, for the rows.
_HARMLESS = (
    *("pg_monitor", "pg_read_all_settings", "pg_read_all_stats", "pg_stat_scan_tables", "pg_signal_backend"),
    *("pg_signal_autovacuum_worker", "pg_checkpoint", "pg_use_reserved_connections"),
)


def foreign_owner(relation: str) -> str:
    """Return SQL for the OID, as a bigint, of the owner of a relation (an OID, as SQL) with whose rights it
    is to be worked on. NULL where a role that is at work owns it, or may act as the owner and as nobody else:
    it has nothing that the owner's code could take. NULL as well for one who may not act as the owner, a
    worker, which has no more than it was given.
    """
    return f"""(
SELECT DISTINCT o.oid::pg_catalog.int8
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles o ON o.oid = c.relowner
JOIN pg_catalog.pg_roles me ON me.rolname IN (current_user, session_user)
WHERE c.oid = {relation} AND me.oid <> o.oid AND NOT o.rolsuper
  AND (me.rolsuper OR pg_catalog.pg_has_role(me.oid, o.oid, 'MEMBER') AND (
       me.rolcreaterole OR me.rolreplication
       OR EXISTS (SELECT FROM pg_catalog.pg_roles more
                  WHERE more.oid NOT IN (me.oid, o.oid)
                    AND NOT more.rolname = ANY ('{{{",".join(_HARMLESS)}}}')
                    AND pg_catalog.pg_has_role(me.oid, more.oid, 'MEMBER')
                    AND NOT pg_catalog.pg_has_role(o.oid, more.oid, 'MEMBER')))))"""


def not_trusted(views: str, table: str) -> str:
    """Return the query for views (an array of names, as SQL) whose owner may do less than who owns a table (a
    name, as SQL): the view, its owner and that of the table.

    A view's text is evaluated as soon as it is read, constants of a domain with a CHECK among it, and whoever
    owns the view, or is a member of who does, wrote it.
    """
    return f"""
SELECT v.oid::pg_catalog.regclass::pg_catalog.text AS name, o.rolname::pg_catalog.text AS owner,
       pg_catalog.pg_get_userbyid(t.relowner)::pg_catalog.text AS of_table
FROM pg_catalog.unnest({views}) AS named (name)
JOIN pg_catalog.pg_class v ON v.oid = pg_catalog.to_regclass(named.name)
JOIN pg_catalog.pg_class t ON t.oid = pg_catalog.to_regclass({table})
JOIN pg_catalog.pg_roles o ON o.oid = CASE v.relowner
    WHEN 'pg_database_owner'::pg_catalog.regrole THEN (
        SELECT d.datdba FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
    ELSE v.relowner END
WHERE NOT pg_catalog.pg_has_role(o.oid, t.relowner, 'MEMBER')
ORDER BY 1"""


_OWNER = f"SELECT {foreign_owner('$1::pg_catalog.text::pg_catalog.regclass')}"

#: What every session needs once. Bodies are parsed along whatever path the session has by then: each name has
#: its schema, and arguments are of exactly the declared types, so that nothing else in pg_temp is called.
_ROOM = """
DO $ec$ BEGIN
IF pg_catalog.to_regclass('pg_temp.ec_answer') IS NOT NULL THEN RETURN; END IF;
CREATE TEMPORARY TABLE ec_answer (place pg_catalog.int8 GENERATED ALWAYS AS IDENTITY, answer pg_catalog.json);
CREATE FUNCTION pg_temp.ec_errand() RETURNS pg_catalog.int4 VOLATILE LANGUAGE plpgsql AS $body$
DECLARE
    errand pg_catalog.text := pg_catalog.current_setting('ec.errand');
    given pg_catalog.text[] := pg_catalog.current_setting('ec.errand_given');
    found pg_catalog.record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', pg_catalog.current_setting('ec.errand_path'), true);
    SET CONSTRAINTS ALL IMMEDIATE;
    IF NOT pg_catalog.current_setting('ec.errand_answers')::pg_catalog.bool THEN
        EXECUTE errand;
        RETURN 1;
    END IF;
    FOR found IN EXECUTE errand USING given LOOP
        INSERT INTO pg_temp.ec_answer (answer) VALUES (pg_catalog.row_to_json(found));
    END LOOP;
    RETURN 1;
END $body$;
CREATE FUNCTION pg_temp.ec_on_errand(pg_catalog.int4) RETURNS pg_catalog.int4
IMMUTABLE LANGUAGE plpgsql AS $body$
BEGIN
    IF pg_catalog.current_setting('ec.errand', true) IS NULL
       OR pg_catalog.current_setting('ec.errand', true) OPERATOR(pg_catalog.=) ''::pg_catalog.text THEN
        RETURN 1;
    END IF;
    RETURN pg_temp.ec_errand();
END $body$;
CREATE FUNCTION pg_temp.ec_as_owner(
    door pg_catalog.text, errand pg_catalog.text, given pg_catalog.text[], answers pg_catalog.bool
) RETURNS SETOF pg_catalog.json VOLATILE LANGUAGE plpgsql AS $body$
DECLARE
    path pg_catalog.text := pg_catalog.current_setting('ec.own_path', true);
BEGIN
    IF path IS NULL OR path OPERATOR(pg_catalog.=) ''::pg_catalog.text THEN
        path := pg_catalog.current_setting('search_path');
    END IF;
    PERFORM pg_catalog.set_config('ec.errand_path', path, true),
            pg_catalog.set_config('ec.errand_given', COALESCE(given::pg_catalog.text, '{}'), true),
            pg_catalog.set_config('ec.errand_answers', answers::pg_catalog.text, true),
            pg_catalog.set_config('ec.errand', errand, true);
    PERFORM pg_catalog.brin_desummarize_range(door::pg_catalog.regclass, 0::pg_catalog.int8);
    PERFORM pg_catalog.brin_summarize_range(door::pg_catalog.regclass, 0::pg_catalog.int8);
    PERFORM pg_catalog.set_config('ec.errand', ''::pg_catalog.text, true);
    RETURN QUERY SELECT a.answer FROM pg_temp.ec_answer a ORDER BY a.place;
    DELETE FROM pg_temp.ec_answer;
END $body$;
GRANT EXECUTE ON FUNCTION pg_temp.ec_errand(), pg_temp.ec_on_errand(pg_catalog.int4) TO PUBLIC;
REVOKE ALL ON FUNCTION pg_temp.ec_as_owner FROM PUBLIC;
END $ec$
""".strip()

#: What it needs for each owner: {table} and {door} are names, {owner} an OID.
_DOOR = """
DO $ec$ BEGIN
IF pg_catalog.to_regclass('pg_temp.{door}') IS NOT NULL THEN RETURN; END IF;
PERFORM pg_catalog.set_config('ec.errand', '', true);
CREATE TEMPORARY TABLE {table} (one pg_catalog.int4);
CREATE INDEX {door} ON pg_temp.{table} USING brin (pg_temp.ec_on_errand(one));
INSERT INTO pg_temp.{table} VALUES (1);
EXECUTE pg_catalog.format('GRANT INSERT ON pg_temp.ec_answer TO %I', pg_catalog.pg_get_userbyid({owner}));
EXECUTE pg_catalog.format('ALTER TABLE pg_temp.{table} OWNER TO %I', pg_catalog.pg_get_userbyid({owner}));
END $ec$
""".strip()


@dataclass(frozen=True)
class OwnerRights:
    """With whose rights a relation is worked on: those of `owner` (an OID), or the session's own for None."""

    owner: int | None = None

    @property
    def door(self) -> str:
        """The index by which the owner's rights are had, as text."""
        return f"pg_temp.ec_door_{self.owner}"

    @property
    def opening(self) -> tuple[str, ...]:
        """The statements after which a session can run `errand`. They do nothing the second time."""
        if self.owner is None:
            return ()
        names = {"table": f"ec_owner_{self.owner}", "door": f"ec_door_{self.owner}", "owner": str(self.owner)}
        return (_ROOM, _DOOR.format(**names))

    async def open(self, conn: AsyncConnection) -> None:
        """Make the session able to run errands, in the caller's transaction, with which that ends.

        What the owner's code has made in pg_temp meanwhile goes as well: a type there would be found before
        that of pg_catalog by who looks along another path.
        """
        if self.opening:
            conn.info[LEFTOVERS] = True
            await send(conn, *self.opening)

    def errand(self, statement: str, given: Mapping[int, tuple[str, str]] | None = None) -> str:
        """Return SQL for the rows, as json, that a statement comes to which runs with the owner's rights.

        `given` are its parameters, $1 and so on: an expression of the caller's for each, and the type as SQL.
        """
        given = given or {}
        most = max(given, default=0)
        values = [
            f"({given[n][0]})::{given[n][1]}::pg_catalog.text" if n in given else "NULL"
            for n in range(1, most + 1)
        ]
        text = renumbered(statement, lambda n: f"($1)[{n}]::{given[n][1]}")
        return self._call(text, f"ARRAY[{', '.join(values)}]::pg_catalog.text[]", answers=True)

    def acting(self, statements: Iterable[str]) -> tuple[str, ...]:
        """Return statements, of which those that alter tables run with the owner's rights, as they evaluate
        CHECKs and defaults, and those that begin with AS_OWNER. PostgreSQL builds indexes with them by
        itself.
        """
        if self.owner is None:
            return tuple(statements)
        return tuple(
            f"SELECT {self._call(each, 'NULL', answers=False)}"
            if each.startswith("ALTER TABLE ") or AS_OWNER in each.partition("\n")[0]
            else each
            for each in statements
        )

    @property
    def taking_path(self) -> str:
        """The statement after which what expressions and CHECKs call is looked up as in a session of the
        application, until the transaction ends, or `LEAVING_PATH`.
        """
        return own_path("search_path" if self.owner is None else OWN_PATH)

    async def rows(self, conn: AsyncConnection, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Return the rows of a statement, as `query.rows` does; what JSON does not know comes as text.

        The session was opened.
        """
        if self.owner is None:
            return await query.rows(conn, statement, *arguments)
        (text,) = inlined(conn, Query(statement, arguments))
        call = self._call(text, "NULL", answers=True)
        found = await query.rows(conn, f"SELECT d.answer::pg_catalog.text FROM {call} AS d (answer)")
        return [tuple(json.loads(each, object_pairs_hook=query.in_order)) for (each,) in found]

    def _call(self, statement: str, given: str, *, answers: bool) -> str:
        text = f"{literal(f'{ERRAND} {statement}')}::pg_catalog.text"
        return (
            f"pg_temp.ec_as_owner({literal(self.door)}::pg_catalog.text, {text}, {given}::pg_catalog.text[], "
            f"{answers})"
        )


OWN = OwnerRights()


async def of(conn: AsyncConnection, relation: str) -> OwnerRights:
    """Return with whose rights a relation, named as SQL, is to be worked on, and make the session able to.

    They are the owner's where the session has others beside them.
    """
    rights = OwnerRights(await query.value(conn, _OWNER, relation))
    await rights.open(conn)
    return rights


async def rows(
    conn: AsyncConnection, relation: str, statement: str, *arguments: object
) -> list[tuple[Any, ...]]:
    """Return the rows of a statement over a relation, as `OwnerRights.rows` does."""
    return await (await of(conn, relation)).rows(conn, statement, *arguments)


#: $1 the relation, $2 tables that foreign keys are to refer to, $3 tables that are altered beside it. What
#: the owner lacks for what is done with the owner's rights, and that what is below the table is another's.
_MISSING = f"""
WITH RECURSIVE {tree("SELECT $1::pg_catalog.text::pg_catalog.regclass::pg_catalog.oid")},
owner AS (
    SELECT o.oid, pg_catalog.quote_ident(o.rolname) AS name, o.rolbypassrls
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles o ON o.oid = c.relowner
    WHERE c.oid = $1::pg_catalog.text::pg_catalog.regclass
)
SELECT 'BYPASSRLS for ' || owner.name || ', with whose rights rows are read: row-level security of '
       || c.oid::pg_catalog.regclass || ' is forced'
FROM owner, tree JOIN pg_catalog.pg_class c ON c.oid = tree.relation
WHERE c.relrowsecurity AND c.relforcerowsecurity AND NOT owner.rolbypassrls
UNION ALL
SELECT c.oid::pg_catalog.regclass || ' with the owner of ' || $1::pg_catalog.text || ', ' || owner.name
FROM owner, tree JOIN pg_catalog.pg_class c ON c.oid = tree.relation WHERE c.relowner <> owner.oid
UNION ALL
SELECT 'TEMPORARY on database ' || pg_catalog.quote_ident(pg_catalog.current_database()) || ' for '
       || owner.name
FROM owner, pg_catalog.pg_roles me
WHERE me.rolname = current_user AND NOT me.rolsuper
  AND NOT pg_catalog.has_database_privilege(owner.oid, pg_catalog.current_database(), 'TEMPORARY')
UNION ALL
SELECT 'REFERENCES on ' || other || ' for ' || owner.name || ', with whose rights the table is altered'
FROM owner, pg_catalog.unnest($2::pg_catalog.text[]) AS other
WHERE NOT pg_catalog.has_table_privilege(owner.oid, other, 'REFERENCES')
UNION ALL
SELECT other || ' with the owner of ' || $1::pg_catalog.text || ', ' || owner.name
FROM owner, pg_catalog.unnest($3::pg_catalog.text[]) AS other
JOIN pg_catalog.pg_class c ON c.oid = other::pg_catalog.regclass
WHERE NOT pg_catalog.pg_has_role(owner.oid, c.relowner, 'USAGE')
"""


async def missing(
    conn: AsyncConnection, relation: str, others: Sequence[str], altered: Sequence[str]
) -> list[str]:
    """Return what is missing for a change of a relation (named as SQL) that is made with its owner's rights;
    `others` are tables that it will refer to, `altered` those of them that are altered as well.
    """
    if await query.value(conn, _OWNER, relation) is None:
        return []
    return [row[0] for row in await query.rows(conn, _MISSING, relation, list(others), list(altered))]


#: Whether the owner's rights can be had this way, and the name of the owner.
_DEFINING = """
SELECT o.rolname::pg_catalog.text,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'), pg_catalog.pg_backend_pid()
FROM pg_catalog.pg_roles o WHERE o.oid = $1::pg_catalog.int8::pg_catalog.oid
"""
#: The owner of the function has no USAGE on its schema, and so no way to alter it.
_DEFINED = """
CREATE SCHEMA {schema};
CREATE FUNCTION {schema}.run(statement pg_catalog.text, answers pg_catalog.bool) RETURNS SETOF pg_catalog.text
LANGUAGE plpgsql SECURITY DEFINER AS $ec$
DECLARE
    found pg_catalog.record;
BEGIN
    IF NOT answers THEN
        EXECUTE statement;
        RETURN;
    END IF;
    FOR found IN EXECUTE statement LOOP
        RETURN NEXT pg_catalog.row_to_json(found)::pg_catalog.text;
    END LOOP;
END $ec$;
REVOKE ALL ON FUNCTION {schema}.run FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.run TO CURRENT_USER;
GRANT CREATE ON SCHEMA {schema} TO {owner};
ALTER FUNCTION {schema}.run OWNER TO {owner};
REVOKE ALL ON SCHEMA {schema} FROM {owner}
""".strip()


@asynccontextmanager
async def trying(conn: AsyncConnection, relation: str) -> AsyncIterator[None]:
    """Do what the body tries with the rights of the owner of a relation (named as SQL), and roll it back.

    In a function with the owner's rights nobody says SET ROLE, and temporary tables are allowed. It is not
    the mode in which rows are written: what the code leaves behind (settings, what is deferred, cursors) is
    taken back with the savepoint, and until then nothing of the session's own looks up any name. The body is
    to send its statements by `query.rows`, `query.execute` and `query.execute_all`.
    """
    owner = await query.value(conn, _OWNER, relation)
    savepoint = await conn.begin_nested()
    try:
        if owner is not None:
            await _define(conn, owner)
        yield
    finally:
        conn.info.pop(query.ROUTE, None)
        if savepoint.is_active:
            await savepoint.rollback()


async def _define(conn: AsyncConnection, owner: int) -> None:
    ((name, able, backend),) = await query.rows(conn, _DEFINING, owner)
    if not able:
        raise MissingPrivilege(
            f"The role lacks: CREATE on database, to try the plan with the rights of {quote(name)} alone.",
            why=f"The table belongs to {quote(name)}, whose functions the plan evaluates, and the role has "
            "rights beside those.",
            next="Run ec as the owner, or as a role that is a member of the owner and of no other.",
        )
    schema = quote(f"~ec_{backend}")
    await send(conn, _DEFINED.format(schema=schema, owner=quote(name)))
    conn.info[query.ROUTE] = f"{schema}.run"
