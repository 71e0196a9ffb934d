"""Views over a column that becomes another one: PostgreSQL knows their columns by number, so that they would
go on with the one that is hidden.

Nobody rewrites a view's text here. PostgreSQL writes it, while the one column has the other one's name for a
moment, under the lock of the turn; what then reads the text means the other column by that name.

Where both are of one type each view is replaced in its place: what depends on it, its owner, privileges,
options, comments, rules and triggers stay. With another type PostgreSQL does not replace it. Then it goes out
of sight under another name, with all that depends on it by its OID, another one with everything that it had
takes its place, and undo brings it back as it was.
"""

from collections.abc import Sequence

from expandcontract.model.names import RelationName, do, hidden_name, literal, quote
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.owner_rights import AS_OWNER, not_trusted

#: A name for a moment, which no table has.
_SPARE = "~ec_spare"


def hidden(view: RelationName) -> RelationName:
    """Return what a view is called while another one is in its place."""
    return RelationName(view.schema, hidden_name(view.name))


def replaced(table: RelationName, column: str, by: str, views: Sequence[RelationName]) -> str:
    """Return the statement that has views, and their rules, read the column `by` in the place of `column`,
    which is of the same type. Those that are not there any more, or do not read it, are left alone.
    """
    return _block(
        "rules pg_catalog.oid[];\n    makes pg_catalog.text[];\n    make pg_catalog.text;",
        f"""rules := ARRAY({_reading(table, column, views)});
    IF pg_catalog.cardinality(rules) = 0 THEN
        RETURN;
    END IF;
    {_renamed(table, column, by)}
    makes := ARRAY(
        SELECT CASE r.rulename WHEN '_RETURN' THEN pg_catalog.format('CREATE OR REPLACE VIEW {_DEFINED}
               ELSE pg_catalog.regexp_replace(
                   pg_catalog.pg_get_ruledef(r.oid), '^CREATE RULE', 'CREATE OR REPLACE RULE') END
        FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
        WHERE r.oid = ANY (rules)
    );
    {_renamed_back(table, column, by)}
    FOREACH make IN ARRAY makes LOOP
        EXECUTE make;
    END LOOP;
    {_unless_left(table, column, views)}""",
    )


#: What follows the words that make a view: its name, its options and its text, of `c`.
_DEFINED = """%s%s AS %s',
                   c.oid::pg_catalog.regclass,
                   ' WITH (' || pg_catalog.array_to_string(c.reloptions, ', ') || ')',
                   pg_catalog.pg_get_viewdef(c.oid))"""


def made_anew(table: RelationName, column: str, by: str, views: Sequence[RelationName]) -> str:
    """Return the statement that hides views, and puts others in their places which read `by` in the place of
    `column`. `views` are of every level, each after those that it reads.
    """
    return _block(
        "makes pg_catalog.text[];\n    make pg_catalog.text;\n    shown record;\n    given record;",
        f"""{_renamed(table, column, by)}
    makes := ARRAY(
        SELECT m.make FROM {_places(views)}
        JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(v.name)
        CROSS JOIN LATERAL (
            SELECT 1 AS turn, '' AS name, pg_catalog.format('CREATE VIEW {_DEFINED} AS make
            UNION ALL
            SELECT 2, a.attname, pg_catalog.format('ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s',
                c.oid::pg_catalog.regclass, a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid))
            FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_attribute a
                ON a.attrelid = d.adrelid AND a.attnum = d.adnum
            WHERE d.adrelid = c.oid
            UNION ALL
            SELECT 3, r.rulename, pg_catalog.pg_get_ruledef(r.oid)
            FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN'
            UNION ALL
            SELECT 4, t.tgname, pg_catalog.pg_get_triggerdef(t.oid)
            FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal
            UNION ALL
            SELECT 5, s.name, pg_catalog.format('COMMENT ON %s IS %L', s.what, s.said)
            FROM (SELECT '' AS name, pg_catalog.format('VIEW %s', c.oid::pg_catalog.regclass) AS what,
                         pg_catalog.obj_description(c.oid, 'pg_class') AS said
                  UNION ALL
                  SELECT a.attname, pg_catalog.format('COLUMN %s.%I', c.oid::pg_catalog.regclass, a.attname),
                         pg_catalog.col_description(c.oid, a.attnum)
                  FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
                  UNION ALL
                  SELECT r.rulename,
                         pg_catalog.format('RULE %I ON %s', r.rulename, c.oid::pg_catalog.regclass),
                         pg_catalog.obj_description(r.oid, 'pg_rewrite')
                  FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid
                  UNION ALL
                  SELECT t.tgname,
                         pg_catalog.format('TRIGGER %I ON %s', t.tgname, c.oid::pg_catalog.regclass),
                         pg_catalog.obj_description(t.oid, 'pg_trigger')
                  FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid) s
            WHERE s.said IS NOT NULL
        ) m
        ORDER BY v.place, m.turn, m.name
    );
    {_renamed_back(table, column, by)}
    FOR shown IN SELECT v.hidden_name, c.oid::pg_catalog.regclass AS name FROM {_places(views)}
        JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(v.name)
    LOOP
        EXECUTE pg_catalog.format('ALTER VIEW %s RENAME TO %I', shown.name, shown.hidden_name);
    END LOOP;
    FOREACH make IN ARRAY makes LOOP
        EXECUTE make;
    END LOOP;
    FOR shown IN {_both(views)} LOOP
        {_AS_BEFORE}
    END LOOP;
    {_unless_left(table, column, views)}""",
    )


#: The view `shown.name` gets the owner and the privileges of `shown.before`, in their order, and loses what
#: default privileges gave it.
_AS_BEFORE = """EXECUTE pg_catalog.format('ALTER VIEW %s OWNER TO %I', shown.name,
            (SELECT pg_catalog.pg_get_userbyid(c.relowner) FROM pg_catalog.pg_class c
             WHERE c.oid = shown.before));
        FOR given IN
            SELECT p.what, p.who, p.further FROM (
                SELECT DISTINCT 0 AS turn, 0::pg_catalog.int8 AS place, 'REVOKE ALL' AS what,
                       'FROM ' || CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(
                           pg_catalog.pg_get_userbyid(x.grantee)) END AS who, '' AS further
                FROM pg_catalog.pg_class c, pg_catalog.pg_class b, LATERAL (
                    SELECT y.grantee FROM pg_catalog.aclexplode(c.relacl) y WHERE y.grantee <> c.relowner
                    UNION SELECT c.relowner WHERE b.relacl IS NOT NULL) x
                WHERE c.oid = shown.name AND b.oid = shown.before
                UNION ALL
                SELECT 1, x.place, 'GRANT ' || x.privilege_type,
                       'TO ' || CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(
                           pg_catalog.pg_get_userbyid(x.grantee)) END,
                       CASE WHEN x.is_grantable AND x.grantee <> b.relowner THEN ' WITH GRANT OPTION'
                       ELSE '' END
                FROM pg_catalog.pg_class b, pg_catalog.aclexplode(b.relacl) WITH ORDINALITY
                    AS x (grantor, grantee, privilege_type, is_grantable, place)
                WHERE b.oid = shown.before
                UNION ALL
                SELECT 2, a.attnum * 1000 + x.place,
                       pg_catalog.format('GRANT %s (%I)', x.privilege_type, a.attname),
                       'TO ' || CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(
                           pg_catalog.pg_get_userbyid(x.grantee)) END,
                       CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                FROM pg_catalog.pg_attribute a, pg_catalog.aclexplode(a.attacl) WITH ORDINALITY
                    AS x (grantor, grantee, privilege_type, is_grantable, place)
                WHERE a.attrelid = shown.before
            ) p ORDER BY p.turn, p.place
        LOOP
            EXECUTE pg_catalog.format('%s ON %s %s%s', given.what, shown.name, given.who, given.further);
        END LOOP;"""


def trusted(table: RelationName, views: Sequence[RelationName]) -> str:
    """Return the statement that fails, before any text is read, where somebody has exchanged a view for one
    of theirs whose code would run with the rights of the table's owner.
    """
    names = ", ".join(literal(view.sql) for view in views)
    found = not_trusted(f"ARRAY[{names}]::pg_catalog.text[]", literal(table.sql))
    return do(f"""DECLARE found record; BEGIN
    FOR found IN {found} LOOP
        RAISE EXCEPTION 'View % belongs to %, who may not act as %', found.name, found.owner, found.of_table
            USING ERRCODE = 'insufficient_privilege', DETAIL = {literal(_OF_STRANGERS)};
    END LOOP;
END""")


_OF_STRANGERS = "What its text calls would run with the rights of the table's owner."


def brought_back(views: Sequence[RelationName]) -> str:
    """Return the statement that takes `made_anew` back: the views that were hidden stand in their places."""
    return _block(
        "shown record;",
        f"""FOR shown IN {_both(views)} DESC LOOP
        EXECUTE pg_catalog.format('DROP VIEW %s', shown.name);
        EXECUTE pg_catalog.format('ALTER VIEW %s RENAME TO %I', shown.before, shown.called);
    END LOOP;""",
    )


def dropped(views: Sequence[RelationName]) -> tuple[str, ...]:
    """Return the statements that drop the hidden views, those that read others first."""
    return tuple(f"DROP VIEW IF EXISTS {hidden(view).sql}" for view in reversed(views))


def _block(declared: str, body: str) -> str:
    return do(f"{AS_OWNER}\nDECLARE\n    {declared}\nBEGIN\n    {body}\nEND")


def _places(views: Sequence[RelationName]) -> str:
    """Return the views as a table `v`, under their names and what they are called while they are hidden."""
    rows = ", ".join(
        f"({place}, {literal(view.sql)}, {literal(view.name)}, {literal(hidden(view).sql)}, "
        f"{literal(hidden(view).name)})"
        for place, view in enumerate(views)
    )
    return f"(VALUES {rows}) AS v (place, name, called, hidden, hidden_name)"


def _both(views: Sequence[RelationName]) -> str:
    """Return the query for views that are hidden (`before`) and those in their places (`name`), in order."""
    return f"""SELECT v.called, c.oid::pg_catalog.regclass AS name, b.oid::pg_catalog.regclass AS before
        FROM {_places(views)}
        JOIN pg_catalog.pg_class b ON b.oid = pg_catalog.to_regclass(v.hidden) AND b.relkind = 'v'
        JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(v.name) AND c.relkind = 'v'
        ORDER BY v.place"""


def _renamed(table: RelationName, column: str, by: str) -> str:
    """Give the one column the name of the other, below the table as well."""
    alter = f"ALTER TABLE {table.sql} RENAME COLUMN"
    return f"{alter} {quote(by)} TO {quote(_SPARE)};\n    {alter} {quote(column)} TO {quote(by)};"


def _renamed_back(table: RelationName, column: str, by: str) -> str:
    alter = f"ALTER TABLE {table.sql} RENAME COLUMN"
    return f"{alter} {quote(by)} TO {quote(column)};\n    {alter} {quote(_SPARE)} TO {quote(by)};"


def _reading(table: RelationName, column: str, views: Sequence[RelationName]) -> str:
    """Return the query for the rules of views that read a column: what a view selects is a rule as well."""
    root = f"SELECT {literal(table.sql)}::pg_catalog.regclass::pg_catalog.oid"
    named = ", ".join(f"pg_catalog.to_regclass({literal(view.sql)})" for view in views)
    return f"""
        WITH RECURSIVE {tree(root)}
        SELECT DISTINCT r.oid
        FROM tree t
        JOIN pg_catalog.pg_attribute a ON a.attrelid = t.relation AND a.attname = {literal(column)}
        JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
            AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
        JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
        WHERE r.ev_class = ANY (ARRAY[{named}])"""


def _unless_left(table: RelationName, column: str, views: Sequence[RelationName]) -> str:
    """Return what fails where a view reads the column still: USING and NATURAL may name it by its place."""
    return f"""make := (
        SELECT pg_catalog.string_agg(DISTINCT pg_catalog.quote_ident(c.relname), ', ')
        FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
        WHERE r.oid IN ({_reading(table, column, views)}));
    IF make IS NOT NULL THEN
        RAISE EXCEPTION 'View % reads % still', make, {literal(quote(column))}
            USING ERRCODE = 'feature_not_supported', DETAIL = {literal(_LEFT)};
    END IF;"""


_LEFT = (
    "PostgreSQL writes it by the place of the column, as it may with USING or NATURAL JOIN. Write that view "
    "with ON, or drop it, and make it again after contract."
)
