"""Views over columns of a table, or over all of it, and views over those, of every level."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import RelationName
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.query import rows


@dataclass(frozen=True)
class ViewPart:
    """What a materialized view has under a name of its own: an INDEX, or STATISTICS."""

    kind: str
    name: RelationName


@dataclass(frozen=True)
class View:
    """A view that reads a column, or the table, by itself (`direct`) or through another view.

    `others` are what depends on it and is no view, each as its kind and its name: they know it by its OID.
    `reads` are those of the views that it reads by itself. A `materialized` one has `parts`. `rules` are
    those beside its query that name such a column, as SQL. `writable` is whether PostgreSQL passes writes
    through it to the table. `length` is that of its text, in characters: what it takes to make it anew.
    """

    name: RelationName
    direct: bool
    others: tuple[str, ...] = ()
    reads: tuple[RelationName, ...] = ()
    materialized: bool = False
    parts: tuple[ViewPart, ...] = ()
    rules: tuple[str, ...] = ()
    writable: bool = False
    length: int = 0

    @property
    def kind(self) -> str:
        """What SQL calls it, in capitals."""
        return "MATERIALIZED VIEW" if self.materialized else "VIEW"

    @property
    def called(self) -> str:
        """What a sentence calls it."""
        return f"{self.kind.capitalize()} {self.name}"


#: $1 the table, $2 the columns; none for whatever depends on the table. A rule of a view may use the column
#: where its query does not.
_VIEWS = f"""
WITH RECURSIVE {tree("SELECT $1::text::pg_catalog.regclass::oid")}, used(rule, view) AS (
    SELECT DISTINCT r.oid, r.ev_class
    FROM tree t
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.refobjid = t.relation AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
        AND (pg_catalog.cardinality($2::text[]) = 0 OR d.refobjsubid IN (
            SELECT a.attnum FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = t.relation AND a.attname = ANY ($2::text[]) AND NOT a.attisdropped))
    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
    JOIN pg_catalog.pg_class v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm')
), reads(view, level) AS (
    SELECT view, 1 FROM used
    UNION
    SELECT r.ev_class, f.level + 1
    FROM reads f
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.refobjid = f.view AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid AND r.rulename = '_RETURN' AND r.ev_class <> f.view
    JOIN pg_catalog.pg_class v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm')
), found AS (
    SELECT view, pg_catalog.min(level) = 1 AS direct, pg_catalog.max(level) AS level FROM reads GROUP BY view
)
SELECT n.nspname::text, c.relname::text, f.direct, ARRAY(
    SELECT DISTINCT CASE
        WHEN d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
            THEN 'function ' || d.objid::pg_catalog.regprocedure::text
        WHEN d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass THEN (
            SELECT 'rule ' || pg_catalog.quote_ident(r.rulename) || ' ON '
                || r.ev_class::pg_catalog.regclass::text
            FROM pg_catalog.pg_rewrite r WHERE r.oid = d.objid)
        ELSE (SELECT 'policy ' || pg_catalog.quote_ident(p.polname) || ' ON '
                  || p.polrelid::pg_catalog.regclass::text
              FROM pg_catalog.pg_policy p WHERE p.oid = d.objid) END
    FROM pg_catalog.pg_depend d
    WHERE (d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid
           OR d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.refobjid = c.reltype)
      AND (d.classid IN ('pg_catalog.pg_proc'::pg_catalog.regclass,
                         'pg_catalog.pg_policy'::pg_catalog.regclass)
           OR d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid IN (
               SELECT r.oid FROM pg_catalog.pg_rewrite r
               WHERE r.rulename <> '_RETURN' AND r.ev_class NOT IN (SELECT view FROM found)))
    ORDER BY 1),
  c.relkind = 'm',
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(w.nspname, o.relname))
   FROM (SELECT DISTINCT d.refobjid FROM pg_catalog.pg_rewrite r
         JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
             AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
         WHERE r.ev_class = c.oid AND r.rulename = '_RETURN' AND d.refobjid <> c.oid) l
   JOIN found g ON g.view = l.refobjid
   JOIN pg_catalog.pg_class o ON o.oid = g.view
   JOIN pg_catalog.pg_namespace w ON w.oid = o.relnamespace)::text,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(p.kind, p.schema, p.name))
   FROM (SELECT 'INDEX' AS kind, n.nspname::text AS schema, x.relname::text AS name
         FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
         WHERE i.indrelid = c.oid AND i.indisvalid
         UNION ALL
         SELECT 'STATISTICS', w.nspname::text, s.stxname::text FROM pg_catalog.pg_statistic_ext s
         JOIN pg_catalog.pg_namespace w ON w.oid = s.stxnamespace WHERE s.stxrelid = c.oid
        ) p
   WHERE c.relkind = 'm')::text,
  ARRAY(SELECT pg_catalog.quote_ident(r.rulename) FROM pg_catalog.pg_rewrite r
        WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN' AND r.oid IN (SELECT rule FROM used)
        ORDER BY 1),
  pg_catalog.pg_relation_is_updatable(c.oid, false) & 12 <> 0,
  (SELECT pg_catalog.sum(pg_catalog.length(pg_catalog.pg_get_ruledef(r.oid))) FROM pg_catalog.pg_rewrite r
   WHERE r.ev_class = c.oid)::pg_catalog.int4
FROM found f
JOIN pg_catalog.pg_class c ON c.oid = f.view
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY f.level, 1, 2
"""


async def load(conn: AsyncConnection, table: RelationName, columns: Sequence[str] = ()) -> tuple[View, ...]:
    """Return the views over columns of the table, or over all of it, each after those that it reads."""
    return tuple(_view(*row) for row in await rows(conn, _VIEWS, table.sql, list(columns)))


def _view(  # noqa: PLR0913, PLR0917 - the columns of the query
    schema: str,
    name: str,
    direct: bool,  # noqa: FBT001
    others: list[str],
    materialized: bool,  # noqa: FBT001
    reads: str | None,
    parts: str | None,
    rules: list[str],
    writable: bool,  # noqa: FBT001
    length: int,
) -> View:
    return View(
        RelationName(schema, name),
        direct,
        tuple(others),
        reads=tuple(RelationName(*each) for each in sorted(json.loads(reads or "[]"))),
        materialized=materialized,
        parts=tuple(
            ViewPart(kind, RelationName(of, part)) for kind, of, part in sorted(json.loads(parts or "[]"))
        ),
        rules=tuple(rules),
        writable=writable,
        length=length,
    )
