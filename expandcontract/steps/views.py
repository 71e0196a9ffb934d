"""Views over columns that others are read in the place of: PostgreSQL knows columns by number, so that the
views would go on with those that are hidden.

Where their types stay, each view is replaced in its place: what depends on it, its owner, privileges,
options, comments and triggers stay. With another type PostgreSQL does not replace it, and a materialized
view never. Then another one is made beside it (`views_beside`), and the two exchange their names: with all
that depends on it by its OID the one of before goes out of sight, and undo brings it back as it was.

All of it comes before the turn, some views in a transaction: the sides are in sync before it as they are
after it, and what is done to hundreds of views at once stops their readers for as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from expandcontract.model.names import RelationName, do, literal
from expandcontract.postgres.catalog.view import View
from expandcontract.postgres.owner_rights import not_trusted
from expandcontract.steps.reading import Reading
from expandcontract.steps.view_sql import (
    AS_BEFORE,
    DEFINED,
    FOR_EACH_MAKE,
    NAMES,
    Name,
    bare,
    block,
    drops,
    hidden,
    named,
    renamed,
    rows,
)

_DECLARED = (
    "rules pg_catalog.oid[];",
    "makes pg_catalog.text[];",
    "make pg_catalog.text;",
)


@dataclass(frozen=True)
class Instead:
    """Of `views` there are two each: those called `read` are read, and those called `by` are to be."""

    views: tuple[View, ...]
    read: Name
    by: Name

    @property
    def back(self) -> "Instead":
        """The same the other way."""
        return Instead(self.views, self.by, self.read)

    def exchanged(self) -> tuple[str, ...]:
        """Return what of a block has PostgreSQL name those that are to be read, for a moment."""
        spare = next(name for name in NAMES if name not in {self.read, self.by})
        views = bare(self.views)
        return renamed(views, self.by, spare), renamed(views, self.read, self.by)


def read_instead(reading: Reading, views: Sequence[View], instead: Instead) -> str:
    """Return the statement that replaces views in their places, by what reads another column, or other views,
    where they read those. What is not there any more is left alone.
    """
    names = [view.name for view in views]
    text = reading.written("pg_catalog.pg_get_viewdef(c.oid)")
    makes = f"""makes := ARRAY(
        SELECT CASE r.rulename WHEN '_RETURN' THEN pg_catalog.format('CREATE OR REPLACE VIEW {DEFINED}{text})
               ELSE pg_catalog.regexp_replace(
                   pg_catalog.pg_get_ruledef(r.oid), '^CREATE RULE', 'CREATE OR REPLACE RULE') END
        FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
        WHERE r.oid = ANY (rules)
    );"""
    return block(
        (*_DECLARED, "shown record;" if instead.views else "", reading.declared),
        (
            _rules(reading, names, named(instead.views, instead.read)),
            reading.asked(*instead.exchanged(), reading.examined(names), makes),
            FOR_EACH_MAKE.format(made=reading.made()),
            reading.unless_left(names),
        ),
    )


def exchanged(views: Sequence[View]) -> str:
    """Return the statement that gives those made beside the names of the others."""
    return block(
        ("shown record;",),
        (
            renamed(views, "called", "hidden", where="beside"),
            renamed(views, "beside", "called", where="hidden"),
        ),
    )


def exchanged_back(views: Sequence[View]) -> str:
    """Return the statement that takes `exchanged` back."""
    return block(
        ("shown record;",),
        (renamed(views, "called", "beside", where="hidden"), renamed(views, "hidden", "called")),
    )


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


def as_kept(views: Sequence[View]) -> str:
    """Return the statement that gives views again what was kept of them."""
    return block(
        ("shown record;",),
        (
            f"""FOR shown IN SELECT pg_catalog.pg_get_viewdef(b.oid) AS said,
            c.oid::pg_catalog.regclass AS name, c.reloptions AS options
        FROM {rows([view.name for view in views])}
        JOIN pg_catalog.pg_class b ON b.oid = pg_catalog.to_regclass(v.hidden) AND b.relkind = 'v'
        JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(v.name) AND c.relkind = 'v'
    LOOP
        EXECUTE pg_catalog.format('CREATE OR REPLACE VIEW %s%s AS %s', shown.name,
            ' WITH (' || pg_catalog.array_to_string(shown.options, ', ') || ')', shown.said);
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
    return block(("shown record;",), (renamed(bare(views), "called", "hidden"),))


def in_sight(views: Sequence[View]) -> str:
    """Return the statement that takes `out_of_sight` back."""
    return block(("shown record;",), (renamed(bare(views), "hidden", "called"),))


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
