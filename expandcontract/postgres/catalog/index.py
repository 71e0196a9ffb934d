"""Indexes: pg_index with the server's own rendering of what follows USING."""

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.postgres.query import several


@dataclass(frozen=True)
class Index:
    """An index of the table.

    `columns` are all columns that it uses: keys and INCLUDEd ones in their order, then those inside
    expressions and in the predicate. `definition` is pg_get_indexdef() from the access method on:
    `btree (name) WHERE (active)`. `constraint` is the constraint that it backs (`constraint_kind` u, p or x),
    `constraint_definition` that one's pg_get_constraintdef(). `key_columns` are the plain columns of the key,
    `plain_columns` those and the INCLUDEd ones. `statistics` are the statistics targets of its expressions,
    by position. `predicate` is what follows WHERE at the end of the definition.
    """

    name: str
    columns: tuple[str, ...]
    definition: str
    unique: bool
    primary: bool
    exclusion: bool
    valid: bool
    constraint: str | None
    constraint_kind: str | None
    deferrable: bool
    deferred: bool
    replica_identity: bool
    clustered: bool
    comment: str | None
    constraint_comment: str | None
    tablespace: str | None
    statistics: tuple[tuple[int, int], ...] = ()
    constraint_definition: str | None = None
    key_columns: tuple[str, ...] = ()
    plain_columns: tuple[str, ...] = ()
    predicate: str | None = None

    @property
    def timing(self) -> str:
        """What follows the constraint that it backs, as SQL: when that is checked, where it may be later."""
        if not self.deferrable:
            return ""
        return f" DEFERRABLE INITIALLY {'DEFERRED' if self.deferred else 'IMMEDIATE'}"


#: The second column is exactly what pg_get_indexdef() writes before the access method (ruleutils.c): it
#: always qualifies the table, and adds ONLY for an index of a partitioned table.
_INDEXES = """
SELECT c.relname::text,
       'CREATE ' || CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END || 'INDEX '
           || pg_catalog.quote_ident(c.relname) || ' ON ' || CASE c.relkind WHEN 'I' THEN 'ONLY ' ELSE '' END
           || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.relname) || ' USING ',
       pg_catalog.pg_get_indexdef(i.indexrelid),
       ARRAY(SELECT a.attname::text
             FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k(number, at)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
             ORDER BY k.at),
       ARRAY(SELECT DISTINCT a.attname::text
             FROM pg_catalog.pg_depend d
             JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
             WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = i.indexrelid
               AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = i.indrelid
               AND d.refobjsubid > 0
             ORDER BY 1),
       ARRAY(SELECT a.attname::text
             FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k(number, at)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
             WHERE k.at <= i.indnkeyatts
             ORDER BY k.at),
       i.indisunique, i.indisprimary, i.indisexclusion, i.indisvalid AND i.indisready,
       o.conname::text, o.contype::text, coalesce(o.condeferrable, false), coalesce(o.condeferred, false),
       pg_catalog.pg_get_constraintdef(o.oid),
       i.indisreplident, i.indisclustered,
       pg_catalog.obj_description(i.indexrelid, 'pg_class'),
       pg_catalog.obj_description(o.oid, 'pg_constraint'),
       s.spcname::text, pg_catalog.pg_get_expr(i.indpred, i.indrelid)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_catalog.pg_constraint o ON o.conindid = i.indexrelid AND o.conrelid = i.indrelid
                                    AND o.contype IN ('p', 'u', 'x')
LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = c.reltablespace
WHERE i.indrelid = $1
ORDER BY 1
"""

_STATISTICS = """
SELECT c.relname::text, a.attnum::int, a.attstattarget::int
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indexrelid
WHERE i.indrelid = $1 AND a.attstattarget >= 0
ORDER BY 1, 2
"""


async def load(conn: AsyncConnection, oid: int) -> tuple[Index, ...]:
    """Return the indexes of a relation, sorted by name."""
    targets, found = await several(conn, (_STATISTICS, _INDEXES), oid)
    statistics: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for name, number, target in targets:
        statistics[name].append((number, target))
    indexes: list[Index] = []
    for row in found:
        (name, prefix, definition, listed, used, keys, unique, primary, exclusion, valid, *rest) = row
        (constraint, kind, deferrable, deferred, constraint_definition, identity, clustered, *texts) = rest
        comment, constraint_comment, tablespace, predicate = texts
        indexes.append(
            Index(
                name=name,
                columns=tuple(dict.fromkeys([*listed, *used])),
                definition=_after(prefix, definition),
                unique=unique,
                primary=primary,
                exclusion=exclusion,
                valid=valid,
                constraint=constraint,
                constraint_kind=kind,
                deferrable=deferrable,
                deferred=deferred,
                replica_identity=identity,
                clustered=clustered,
                comment=comment,
                constraint_comment=constraint_comment,
                tablespace=tablespace,
                statistics=tuple(statistics[name]),
                constraint_definition=constraint_definition,
                key_columns=tuple(keys),
                plain_columns=tuple(listed),
                predicate=predicate,
            )
        )
    return tuple(indexes)


def _after(prefix: str, definition: str) -> str:
    """Return what follows the prefix. Another text would mean that a later PostgreSQL writes indexes in
    another way.
    """
    if not definition.startswith(prefix):
        raise AssertionError(
            f"pg_get_indexdef() returned {definition!r}, which does not begin with {prefix!r}"
        )
    return definition[len(prefix) :]
