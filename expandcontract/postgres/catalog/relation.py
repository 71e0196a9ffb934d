"""Tables: what pg_class says of the table that a change is about, and of the relations below it."""

import difflib
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.errors import NoSuchObject
from expandcontract.model.names import RelationName, Target, quote
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.query import rows, several, value
from expandcontract.postgres.settings import NO_PATH, own_path


@dataclass(frozen=True)
class LeafTable:
    """A relation with storage: the table itself, a leaf partition, or a child by inheritance.

    `foreign` ones have none of ours.
    """

    name: RelationName
    foreign: bool = False


@dataclass(frozen=True)
class Relation:
    """A table.

    `kind` is pg_class.relkind (`r` table, `p` partitioned, `v` view, `m` materialized view, `f` foreign
    table, ...), `persistence` pg_class.relpersistence. `leaves` are all relations with storage below it,
    itself included, sorted by name; for a partitioned table its leaf partitions. `partitions` are those of
    every level, also partitioned ones. `partition_keys` are the columns (also those inside expressions) by
    which it or one of its partitions is partitioned. `publications` are those that publish the table, an
    ancestor or a relation below it, by name, FOR ALL TABLES or by schema. `writers` are the roles with INSERT
    or UPDATE on it, on a column or on a relation below it, the owners among them; PUBLIC is the empty string.
    `update_rules` are the rules ON UPDATE of the table or of a relation below it. `typed` says that its
    columns are those of a composite type (CREATE TABLE OF). `attributes` is how many columns it or a relation
    below it has, dropped ones among them. `unidentified` are the relations with storage that are published
    with updates and have no replica identity, so that PostgreSQL refuses every UPDATE of theirs.
    """

    name: RelationName
    kind: str
    persistence: str
    access_method: str | None
    owner: str
    system: bool
    partition_of: RelationName | None
    partition_keys: tuple[str, ...]
    leaves: tuple[LeafTable, ...]
    partitions: tuple[RelationName, ...]
    inherits_from: tuple[RelationName, ...]
    row_security_forced: bool
    publications: tuple[str, ...]
    writers: tuple[str, ...]
    update_rules: tuple[str, ...] = ()
    typed: bool = False
    attributes: int = 0
    unidentified: tuple[RelationName, ...] = ()

    @property
    def partitioned(self) -> bool:
        """Whether the rows lie in partitions."""
        return self.kind == "p"


#: $1 the table. Everything that initdb makes has an oid below FirstNormalObjectId.
_RELATION = """
SELECT n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text, m.amname::text,
       pg_catalog.pg_get_userbyid(c.relowner)::text, c.oid < 16384::oid OR n.nspname LIKE 'pg\\_%',
       c.relispartition, c.relrowsecurity AND c.relforcerowsecurity
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
WHERE c.oid = $1
"""

_PARENTS = """
SELECT n.nspname::text, c.relname::text
FROM pg_catalog.pg_inherits i
JOIN pg_catalog.pg_class c ON c.oid = i.inhparent
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE i.inhrelid = $1
ORDER BY i.inhseqno
"""

_TREE = f"WITH RECURSIVE {tree()}"

_BELOW = f"""{_TREE}
SELECT n.nspname::text, c.relname::text, c.relkind::text, c.relispartition AND c.oid <> $1
FROM tree
JOIN pg_catalog.pg_class c ON c.oid = tree.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY 1, 2
"""

#: PostgreSQL notes the columns of a key, also those inside its expressions, as columns that depend on their
#: own table.
_PARTITION_KEYS = f"""{_TREE}
SELECT DISTINCT a.attname::text
FROM tree
JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = tree.relation
JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum > 0
WHERE a.attnum = ANY (p.partattrs::int2[])
   OR EXISTS (SELECT FROM pg_catalog.pg_depend d
              WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                AND d.objid = p.partrelid AND d.objsubid = a.attnum
                AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = p.partrelid
                AND d.refobjsubid = 0 AND d.deptype = 'i')
ORDER BY 1
"""

_PUBLISHED = """, family AS (
    SELECT relation FROM tree UNION SELECT relid FROM pg_catalog.pg_partition_ancestors($1)
)
SELECT p.pubname::text
FROM pg_catalog.pg_publication p
WHERE p.puballtables AND EXISTS (SELECT FROM pg_catalog.pg_class c
                                 WHERE c.oid = $1 AND c.oid >= 16384::oid
                                   AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p')
   OR EXISTS (SELECT FROM pg_catalog.pg_publication_rel r JOIN family f ON f.relation = r.prrelid
              WHERE r.prpubid = p.oid)
"""
_PUBLISHED_BY_SCHEMA = """
   OR EXISTS (SELECT FROM pg_catalog.pg_publication_namespace s
              JOIN pg_catalog.pg_class c ON c.relnamespace = s.pnnspid
              JOIN family f ON f.relation = c.oid
              WHERE s.pnpubid = p.oid)
"""
#: CREATE PUBLICATION ... FOR TABLES IN SCHEMA came with 15.
_SCHEMA_PUBLICATIONS_SINCE = 150000

_WRITERS = f"""{_TREE}, granted AS (
    SELECT x.grantee, x.privilege_type
    FROM tree
    JOIN pg_catalog.pg_class c ON c.oid = tree.relation,
    LATERAL pg_catalog.aclexplode(coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner))) x
    UNION ALL
    SELECT x.grantee, x.privilege_type
    FROM tree
    JOIN pg_catalog.pg_attribute a ON a.attrelid = tree.relation AND a.attnum > 0 AND NOT a.attisdropped,
    LATERAL pg_catalog.aclexplode(a.attacl) x
)
SELECT CASE WHEN grantee = 0 THEN '' ELSE pg_catalog.pg_get_userbyid(grantee)::text END
FROM granted WHERE privilege_type IN ('INSERT', 'UPDATE')
UNION
SELECT pg_catalog.pg_get_userbyid(c.relowner)::text
FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.relation
UNION
SELECT pg_catalog.pg_get_userbyid(m.member)::text
FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.roleid
WHERE r.rolname = 'pg_write_all_data'
ORDER BY 1
"""

_UPDATE_RULES = f"""{_TREE}
SELECT DISTINCT r.rulename::text
FROM tree JOIN pg_catalog.pg_rewrite r ON r.ev_class = tree.relation AND r.ev_type = '2'
ORDER BY 1
"""

_SHAPE = f"""{_TREE}
SELECT bool_or(c.reloftype <> 0), max(c.relnatts)::int
FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.relation
"""

#: A leaf is published by what publishes it, one of its ancestors, its schema, or everything. Replica identity
#: is of each leaf by itself: the default (`d`) is its primary key.
_UNIDENTIFIED = f"""{_TREE}
SELECT n.nspname::text, c.relname::text
FROM tree
JOIN pg_catalog.pg_class c ON c.oid = tree.relation AND c.relkind = 'r' AND c.relpersistence = 'p'
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE (c.relreplident = 'n'
    OR c.relreplident IN ('d', 'i') AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid
          AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END))
  AND EXISTS (
    SELECT FROM pg_catalog.pg_publication p
    WHERE p.pubupdate AND (p.puballtables OR EXISTS (
        SELECT FROM pg_catalog.pg_publication_rel r
        WHERE r.prpubid = p.oid AND (r.prrelid = c.oid
           OR r.prrelid IN (SELECT relid FROM pg_catalog.pg_partition_ancestors(c.oid)))){{schemas}}))
ORDER BY 1, 2
"""
_OF_SCHEMAS = """ OR EXISTS (
        SELECT FROM pg_catalog.pg_publication_namespace s
        JOIN pg_catalog.pg_class a ON a.relnamespace = s.pnnspid
        WHERE s.pnpubid = p.oid AND (a.oid = c.oid
           OR a.oid IN (SELECT relid FROM pg_catalog.pg_partition_ancestors(c.oid))))"""

_BY_SCHEMA = """
SELECT (SELECT c.oid::int8
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = $2)
"""
#: What the session would have had, had we not emptied it: the setting of the role, the database or the
#: server.
_BY_PATH = """
SELECT pg_catalog.to_regclass(pg_catalog.quote_ident($1))::oid::int8,
       pg_catalog.current_schemas(false)::text[]
"""

_TABLES = """
SELECT n.nspname::text, c.relname::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
ORDER BY 1, 2
"""
_INDEXES = _TABLES.replace("('r', 'p', 'v', 'm', 'f')", "('i', 'I')")


#: The table of the index $1, where it is one.
_INDEXED = "SELECT (SELECT indrelid::int8 FROM pg_catalog.pg_index WHERE indexrelid = $1::int8::oid)"


async def find(conn: AsyncConnection, target: Target) -> int:
    """Return the oid of the target's table, for an index that of the table that has it; without a schema as
    the role's own search_path finds it.

    Raises NoSuchObject with the nearest names.
    """
    name = target.index or target.table
    if target.schema is not None:
        oid = await value(conn, _BY_SCHEMA, target.schema, name)
        schemas = [target.schema]
    else:
        await rows(conn, own_path())
        ((oid, schemas),) = await rows(conn, _BY_PATH, name)
        await rows(conn, NO_PATH)
    if oid is not None and target.index:
        indexed = await value(conn, _INDEXED, int(oid))
        oid = indexed if indexed is not None or not target.table else oid
    if oid is None:
        queries = [_INDEXES] * bool(target.index) + [_TABLES] * bool(target.table)
        known = [RelationName(*row) for query in queries for row in await rows(conn, query)]
        raise _no_such(target, name, schemas, known)
    return int(oid)


def _no_such(target: Target, name: str, schemas: list[str], known: list[RelationName]) -> NoSuchObject:
    """Pure. Say what comes next to the name: the same one elsewhere, then names like it where we looked."""
    kind = " or ".join(["index"] * bool(target.index) + ["table"] * bool(target.table))
    named = quote(name) if target.schema is None else RelationName(target.schema, name).sql
    where = (
        ""
        if target.schema
        else f" Looked in {', '.join(map(quote, schemas)) or 'no schema: search_path is empty'}."
    )
    elsewhere = [each.sql for each in known if each.name.lower() == name.lower()]
    here = [each.name for each in known if each.schema in schemas]
    near = elsewhere or [quote(each) for each in difflib.get_close_matches(name, here, n=3)]
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return NoSuchObject(f"There is no {kind} {named}.", why=(where + hint).strip())


async def load(conn: AsyncConnection, oid: int, version: int) -> Relation:
    """Return the relation with that oid; `version` is server_version_num."""
    by_schema, of_schemas = (
        (_PUBLISHED_BY_SCHEMA, _OF_SCHEMAS) if version >= _SCHEMA_PUBLICATIONS_SINCE else ("", "")
    )
    asked = (
        *(_RELATION, _PARENTS, _BELOW, _SHAPE, _PARTITION_KEYS),
        f"{_TREE}{_PUBLISHED}{by_schema} ORDER BY 1",
        *(_WRITERS, _UPDATE_RULES, _UNIDENTIFIED.replace("{schemas}", of_schemas)),
    )
    found = await several(conn, asked, oid)
    (this,), above, below, ((typed, attributes),), keys, published, writers, rules, unidentified = found
    schema, name, kind, persistence, method, owner, system, partition, forced = this
    parents = tuple(RelationName(*row) for row in above)
    return Relation(
        name=RelationName(schema, name),
        kind=kind,
        persistence=persistence,
        access_method=method,
        owner=owner,
        system=system,
        partition_of=parents[0] if partition else None,
        partition_keys=tuple(row[0] for row in keys),
        leaves=tuple(LeafTable(RelationName(s, n), foreign=k == "f") for s, n, k, _ in below if k in "rf"),
        partitions=tuple(RelationName(s, n) for s, n, _, is_partition in below if is_partition),
        inherits_from=() if partition else parents,
        row_security_forced=forced,
        publications=tuple(row[0] for row in published),
        writers=tuple(row[0] for row in writers),
        update_rules=tuple(row[0] for row in rules),
        typed=typed,
        attributes=attributes,
        unidentified=tuple(RelationName(*row) for row in unidentified),
    )
