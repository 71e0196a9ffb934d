"""Views that are made beside others, to take their places in one turn: those that PostgreSQL cannot replace.

They are made with everything that the others have, materialized ones empty. To fill those takes long, and
holds no lock on the tables that they read but that of any reader.
"""

from collections.abc import Sequence

from expandcontract.model.names import do, literal
from expandcontract.postgres.catalog.view import View
from expandcontract.postgres.owner_rights import AS_OWNER
from expandcontract.steps.reading import Reading
from expandcontract.steps.view_sql import (
    AS_BEFORE,
    FOR_EACH_MAKE,
    bare,
    beside,
    block,
    drops,
    hidden,
    renamed,
    rows,
)


def made(reading: Reading, views: Sequence[View], read: Sequence[View] = ()) -> str:
    """Return the statement that makes them. `views` are of every level, each after those that it reads; what
    was made before beside one of those that they `read` is there already.
    """
    names = [view.name for view in views]
    return block(
        (
            "makes pg_catalog.text[];",
            "make pg_catalog.text;",
            "shown record;",
            reading.declared,
        ),
        (
            _unless_more(views),
            reading.asked(
                # What reads another of them is to read the one beside that: PostgreSQL writes its name.
                renamed(bare(read), "beside", "hidden"),
                renamed([*bare(read), *views], "called", "beside"),
                reading.examined([beside(name) for name in names]),
                _WRITTEN.format(places=rows(names), text=reading.written("pg_catalog.pg_get_viewdef(c.oid)")),
            ),
            FOR_EACH_MAKE.format(made=reading.made()),
            reading.unless_left([beside(name) for name in names]),
        ),
    )


def owned(views: Sequence[View]) -> str:
    """Return the statement that gives them the owners and the privileges of the others."""
    names = [view.name for view in views]
    return block(
        ("shown record;", "given record;"),
        (
            f"""FOR shown IN SELECT b.oid AS before, v.beside AS name FROM {rows(names)}
        JOIN pg_catalog.pg_class b ON b.oid = pg_catalog.to_regclass(v.name) ORDER BY v.place
    LOOP
        {AS_BEFORE}
    END LOOP;""",
        ),
    )


def dropped(views: Sequence[View]) -> tuple[str, ...]:
    """Return the statements that drop them, where they are there still; those that read others first."""
    return drops(views, beside)


def filled(view: View) -> str:
    """Return the statement that fills the one beside a materialized view that has rows, and analyses it."""
    return _refreshed(beside(view.name).sql, like=view.name.sql)


def filled_again(view: View) -> str:
    """Return the statement that fills a hidden one with the rows of now, before it comes back."""
    return _refreshed(hidden(view.name).sql, like=hidden(view.name).sql)


def _refreshed(name: str, *, like: str) -> str:
    return do(f"""{AS_OWNER}
BEGIN
    IF pg_catalog.to_regclass({literal(name)}) IS NOT NULL AND EXISTS (
        SELECT FROM pg_catalog.pg_class c
        WHERE c.oid = pg_catalog.to_regclass({literal(like)}) AND c.relispopulated)
    THEN
        REFRESH MATERIALIZED VIEW {name};
        ANALYZE {name};
    END IF;
END""")


def _unless_more(views: Sequence[View]) -> str:
    """An index that came after the plan would not be there afterwards."""
    stored = [view for view in views if view.materialized]
    if not stored:
        return ""
    known = ", ".join(literal(part.name.name) for view in stored for part in view.parts)
    of = ", ".join(f"pg_catalog.to_regclass({literal(view.name.sql)})" for view in stored)
    among = f" AND NOT x.relname = ANY (ARRAY[{known}]::pg_catalog.text[])" if known else ""
    return f"""make := (
        SELECT pg_catalog.string_agg(x.oid::pg_catalog.regclass::pg_catalog.text, ', ')
        FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
        WHERE i.indrelid = ANY (ARRAY[{of}]) AND i.indisvalid{among});
    IF make IS NOT NULL THEN
        RAISE EXCEPTION 'Index % of a materialized view came after the plan', make
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'It would not be there afterwards. Drop it, and make it again after contract.';
    END IF;"""


#: Everything that views have, as statements, in the order in which they can run: a rule of one may name any.
_WRITTEN = """makes := ARRAY(
        SELECT m.make FROM {places}
        JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(v.beside)
        CROSS JOIN LATERAL (SELECT c.oid::pg_catalog.regclass AS name,
            CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END AS kind,
            pg_catalog.array_to_string(c.reloptions || ARRAY(
                SELECT 'toast.' || o FROM pg_catalog.pg_class t, pg_catalog.unnest(t.reloptions) o
                WHERE t.oid = c.reltoastrelid), ', ') AS options) w
        CROSS JOIN LATERAL (
            SELECT 1 AS turn, '' AS name, pg_catalog.format('CREATE %s %s%s%s%s AS %s%s', w.kind, w.name,
                (SELECT pg_catalog.format(' USING %I', a.amname)
                 FROM pg_catalog.pg_am a WHERE a.oid = c.relam),
                ' WITH (' || NULLIF(w.options, '') || ')',
                (SELECT pg_catalog.format(' TABLESPACE %I', s.spcname) FROM pg_catalog.pg_tablespace s
                 WHERE s.oid = c.reltablespace),
                pg_catalog.rtrim({text}, ';'), CASE c.relkind WHEN 'm' THEN ' WITH NO DATA' END) AS make
            UNION ALL
            SELECT 2, a.attname, pg_catalog.format('ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s',
                w.name, a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid))
            FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_attribute a
                ON a.attrelid = d.adrelid AND a.attnum = d.adnum
            WHERE d.adrelid = c.oid
            UNION ALL
            SELECT 3, a.attname,
                   pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I %s', w.name, a.attname, s.sets)
            FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
            CROSS JOIN LATERAL (VALUES
                (CASE WHEN a.attstattarget >= 0 THEN 'SET STATISTICS ' || a.attstattarget END),
                ('SET (' || pg_catalog.array_to_string(a.attoptions, ', ') || ')'),
                (CASE WHEN a.attstorage <> y.typstorage THEN 'SET STORAGE ' || CASE a.attstorage
                    WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'x' THEN 'extended'
                    ELSE 'main' END END),
                (CASE a.attcompression WHEN 'p' THEN 'SET COMPRESSION pglz'
                 WHEN 'l' THEN 'SET COMPRESSION lz4' END)) AS s (sets)
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND c.relkind = 'm' AND s.sets IS NOT NULL
            UNION ALL
            SELECT 4, r.rulename, pg_catalog.pg_get_ruledef(r.oid)
            FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN'
            UNION ALL
            SELECT 5, t.tgname, pg_catalog.pg_get_triggerdef(t.oid)
            FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal
            UNION ALL
            SELECT 6, x.relname, pg_catalog.pg_get_indexdef(i.indexrelid)
            FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
            WHERE i.indrelid = c.oid AND i.indisvalid
            UNION ALL
            SELECT 7, x.relname, pg_catalog.format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s',
                i.indexrelid::pg_catalog.regclass, a.attnum, a.attstattarget)
            FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
            JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indexrelid AND a.attstattarget >= 0
            WHERE i.indrelid = c.oid AND i.indisvalid
            UNION ALL
            SELECT 8, x.relname, pg_catalog.format('ALTER TABLE %s CLUSTER ON %I', w.name, x.relname)
            FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
            WHERE i.indrelid = c.oid AND i.indisclustered
            UNION ALL
            SELECT 9, s.stxname, pg_catalog.pg_get_statisticsobjdef(s.oid)
            FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = c.oid
            UNION ALL
            SELECT 10, s.stxname, pg_catalog.format('ALTER STATISTICS %I.%I %s', n.nspname, s.stxname, t.sets)
            FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
            CROSS JOIN LATERAL (VALUES
                (CASE WHEN s.stxstattarget >= 0 THEN 'SET STATISTICS ' || s.stxstattarget END),
                (pg_catalog.format('OWNER TO %I', pg_catalog.pg_get_userbyid(s.stxowner)))) AS t (sets)
            WHERE s.stxrelid = c.oid AND t.sets IS NOT NULL
            UNION ALL
            SELECT 11, s.name, pg_catalog.format('COMMENT ON %s IS %L', s.what, s.said)
            FROM (SELECT '' AS name, pg_catalog.format('%s %s', w.kind, w.name) AS what,
                         pg_catalog.obj_description(c.oid, 'pg_class') AS said
                  UNION ALL
                  SELECT a.attname, pg_catalog.format('COLUMN %s.%I', w.name, a.attname),
                         pg_catalog.col_description(c.oid, a.attnum)
                  FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
                  UNION ALL
                  SELECT r.rulename, pg_catalog.format('RULE %I ON %s', r.rulename, w.name),
                         pg_catalog.obj_description(r.oid, 'pg_rewrite')
                  FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid
                  UNION ALL
                  SELECT t.tgname, pg_catalog.format('TRIGGER %I ON %s', t.tgname, w.name),
                         pg_catalog.obj_description(t.oid, 'pg_trigger')
                  FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid
                  UNION ALL
                  SELECT x.relname, pg_catalog.format('INDEX %s', x.oid::pg_catalog.regclass),
                         pg_catalog.obj_description(x.oid, 'pg_class')
                  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
                  WHERE i.indrelid = c.oid AND i.indisvalid
                  UNION ALL
                  SELECT s.stxname, pg_catalog.format('STATISTICS %I.%I', n.nspname, s.stxname),
                         pg_catalog.obj_description(s.oid, 'pg_statistic_ext')
                  FROM pg_catalog.pg_statistic_ext s
                  JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace WHERE s.stxrelid = c.oid) s
            WHERE s.said IS NOT NULL
            UNION ALL
            SELECT 12, l.provider, pg_catalog.format('SECURITY LABEL FOR %I ON %s IS %L', l.provider,
                CASE l.objsubid WHEN 0 THEN pg_catalog.format('%s %s', w.kind, w.name)
                ELSE pg_catalog.format('COLUMN %s.%I', w.name, a.attname) END, l.label)
            FROM pg_catalog.pg_seclabel l
            LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = l.objoid AND a.attnum = l.objsubid
            WHERE l.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND l.objoid = c.oid
        ) m
        ORDER BY m.turn > 1, v.place, m.turn, m.name
    );"""
