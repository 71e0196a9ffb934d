"""Views over columns that others are read in the place of: PostgreSQL knows columns by number, so that the
views would go on with those that are hidden.

Where their types stay, each view is replaced in its place: what depends on it, its owner, privileges,
options, comments and triggers stay. With another type PostgreSQL does not replace it, and a materialized
view never. Then another one is made beside it before the turn (`views_beside`), and the turn exchanges their
names: with all that depends on it by its OID the one of before goes out of sight, and undo brings it back as
it was.
"""

from collections.abc import Sequence

from expandcontract.model.names import RelationName, do, literal
from expandcontract.postgres.catalog.view import View
from expandcontract.postgres.owner_rights import not_trusted
from expandcontract.steps import views_beside
from expandcontract.steps.reading import Reading
from expandcontract.steps.view_sql import (
    AS_BEFORE,
    DEFINED,
    FOR_EACH_MAKE,
    block,
    drops,
    hidden,
    renamed,
    rows,
)

_DECLARED = (
    "rules pg_catalog.oid[];",
    "makes pg_catalog.text[];",
    "make pg_catalog.text;",
    "shown record;",
    "given record;",
)


def turned(reading: Reading, replaced: Sequence[View], anew: Sequence[View]) -> str:
    """Return the statement of contract: those made beside take the places of `anew`, and `replaced` are read
    anew in theirs. What is not there any more is left alone.
    """
    names = [view.name for view in replaced]
    body: list[str] = []
    if replaced:
        body += _read(reading, names, [view.name for view in anew])
    if anew:
        body += [
            renamed(anew, "called", "hidden", where="beside"),
            renamed(anew, "beside", "called", where="hidden"),
        ]
    if replaced:
        body += [FOR_EACH_MAKE.format(made=reading.made()), reading.unless_left(names)]
    return block((*_DECLARED, reading.declared), body)


def returned(reading: Reading | None, replaced: Sequence[View], anew: Sequence[View]) -> str:
    """Return the statement of undo, which takes `turned` back. `reading` is the one back to the column of
    before; None where what a view said is kept.
    """
    names = [view.name for view in replaced]
    body: list[str] = []
    if replaced and reading is not None:
        body += _read(reading, names, [view.name for view in anew])
    if anew:
        body += [renamed(anew, "called", "beside", where="hidden"), renamed(anew, "hidden", "called")]
    if replaced and reading is not None:
        body += [FOR_EACH_MAKE.format(made=reading.made()), reading.unless_left(names)]
    elif replaced:
        body += [_as_kept(names)]
    body += [f"{each};" for each in views_beside.dropped(anew)]
    return block(_DECLARED, body)


def kept(reading: Reading, views: Sequence[View], anew: Sequence[View]) -> str:
    """Return the statement that keeps what views say that are to be replaced, before the turn, as views that
    nobody is told of, with their privileges. Renames follow them there, and PostgreSQL writes them.
    """
    names = [view.name for view in views]
    return block(
        ("rules pg_catalog.oid[];", "shown record;", "given record;"),
        (
            _rules(reading, names, [view.name for view in anew]),
            f"""FOR shown IN
        SELECT c.oid AS before, v.hidden AS name, pg_catalog.pg_get_viewdef(c.oid) AS said
        FROM {rows(names)}
        JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(v.name) AND c.relkind = 'v'
        WHERE EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.oid = ANY (rules))
    LOOP
        EXECUTE pg_catalog.format('CREATE VIEW %s AS %s', shown.name, shown.said);
        {AS_BEFORE}
    END LOOP;""",
        ),
    )


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


def dropped(views: Sequence[View]) -> tuple[str, ...]:
    """Return the statements that drop hidden views, those that read others first."""
    return drops(views, hidden)


def out_of_sight(views: Sequence[View]) -> str:
    """Return the statement that hides views, of every level. What is not there any more is left alone."""
    return block(("shown record;",), (renamed(_bare(views), "called", "hidden"),))


def in_sight(views: Sequence[View]) -> str:
    """Return the statement that takes `out_of_sight` back."""
    return block(("shown record;",), (renamed(_bare(views), "hidden", "called"),))


def _bare(views: Sequence[View]) -> list[View]:
    """Views alone: nothing takes the names of what they have."""
    return [View(view.name, view.direct) for view in views]


def _read(reading: Reading, names: Sequence[RelationName], anew: Sequence[RelationName]) -> list[str]:
    """What PostgreSQL writes of the views, and of their rules, that read a column, or one of `anew`."""
    text = reading.written("pg_catalog.pg_get_viewdef(c.oid)")
    makes = f"""makes := ARRAY(
        SELECT CASE r.rulename WHEN '_RETURN' THEN pg_catalog.format('CREATE OR REPLACE VIEW {DEFINED}{text})
               ELSE pg_catalog.regexp_replace(
                   pg_catalog.pg_get_ruledef(r.oid), '^CREATE RULE', 'CREATE OR REPLACE RULE') END
        FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
        WHERE r.oid = ANY (rules)
    );"""
    return [
        _rules(reading, names, anew),
        reading.asked(reading.examined(names), makes),
    ]


def _rules(reading: Reading, names: Sequence[RelationName], anew: Sequence[RelationName]) -> str:
    also = ""
    if anew:
        others, own = (
            ", ".join(f"pg_catalog.to_regclass({literal(name.sql)})" for name in each)
            for each in (anew, names)
        )
        also = f"""
        UNION SELECT r.oid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
        WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = ANY (ARRAY[{others}])
          AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.ev_class = ANY (ARRAY[{own}])"""
    return f"rules := ARRAY(SELECT f.oid FROM ({reading.rules(names)}{also}) f);"


def _as_kept(names: Sequence[RelationName]) -> str:
    return f"""FOR shown IN SELECT v.hidden AS kept, pg_catalog.pg_get_viewdef(b.oid) AS said,
            c.oid::pg_catalog.regclass AS name, c.reloptions AS options
        FROM {rows(names)}
        JOIN pg_catalog.pg_class b ON b.oid = pg_catalog.to_regclass(v.hidden) AND b.relkind = 'v'
        LEFT JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(v.name) AND c.relkind = 'v'
    LOOP
        IF shown.name IS NOT NULL THEN
            EXECUTE pg_catalog.format('CREATE OR REPLACE VIEW %s%s AS %s', shown.name,
                ' WITH (' || pg_catalog.array_to_string(shown.options, ', ') || ')', shown.said);
        END IF;
        EXECUTE pg_catalog.format('DROP VIEW %s', shown.kept);
    END LOOP;"""
