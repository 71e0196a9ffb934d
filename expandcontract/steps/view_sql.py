"""What statements about several views are made of: their names, and blocks that go over what is there."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Literal, TypeAlias

from expandcontract.model.names import RelationName, do, hidden_name, literal, shorten
from expandcontract.postgres.catalog.view import View
from expandcontract.postgres.owner_rights import AS_OWNER

#: A view's own name, the one that it has while another one is in its place, and that of what is made beside.
Name: TypeAlias = Literal["called", "hidden", "beside"]
NAMES: tuple[Name, ...] = ("called", "hidden", "beside")

#: What one transaction makes anew, in characters of text, and renames: some 10 milliseconds, for which all
#: readers wait. PostgreSQL takes 2 microseconds for a character, and a third of a millisecond for a view.
_TEXT_AT_ONCE, _NAMES_AT_ONCE = 4_000, 40
_A_VIEW = 150


def some_replaced(views: Sequence[View]) -> Iterator[tuple[View, ...]]:
    """Yield views in turn, as many as are replaced in one transaction."""
    return _some(views, _TEXT_AT_ONCE, lambda view: _A_VIEW + view.length)


def some_made(views: Sequence[View]) -> Iterator[tuple[View, ...]]:
    """Yield views in turn, as many as are made beside in one transaction."""
    return _some(views, _TEXT_AT_ONCE, lambda view: _A_VIEW * (3 + 2 * len(view.parts)) + view.length)


def some_renamed(views: Sequence[View]) -> Iterator[tuple[View, ...]]:
    """Yield views in turn, as many as are renamed in one transaction."""
    return _some(views, _NAMES_AT_ONCE, lambda view: 1 + len(view.parts))


def _some(views: Sequence[View], most: int, weight: Callable[[View], int]) -> Iterator[tuple[View, ...]]:
    some: list[View] = []
    for view in views:
        if some and sum(map(weight, (*some, view))) > most:
            yield tuple(some)
            some = []
        some.append(view)
    if some:
        yield tuple(some)


def hidden(name: RelationName) -> RelationName:
    """Return what a view, or a part of one, is called while another one is in its place."""
    return RelationName(name.schema, hidden_name(name.name))


def beside(name: RelationName) -> RelationName:
    """Return what one is called that is made to take its place."""
    return RelationName(name.schema, shorten(f"~ec_new_{name.name}"))


def drops(views: Sequence[View], named: Callable[[RelationName], RelationName]) -> tuple[str, ...]:
    """Return the statements that drop views under those names, those that read others first. A rule of one
    may name any, so that as many go by one statement as can.
    """
    return tuple(
        f"DROP {kind} IF EXISTS {', '.join(named(view.name).sql for view in alike)}"
        for kind, alike in groupby(reversed(views), key=lambda view: view.kind)
    )


def block(declared: Sequence[str], body: Sequence[str]) -> str:
    """Return a block that runs with the rights of the table's owner: a constant in a view's text may call a
    domain's CHECK when it is parsed.
    """
    variables = "\n    ".join(filter(None, declared))
    return do(
        f"{AS_OWNER}\nDECLARE\n    {variables}\nBEGIN\n    " + "\n    ".join(filter(None, body)) + "\nEND"
    )


def rows(names: Sequence[RelationName]) -> str:
    """Return names as a table `v`: as SQL, and what each is called while it is hidden, or made beside."""
    values = ", ".join(
        f"({place}, {literal(name.sql)}, {literal(hidden(name).sql)}, {literal(beside(name).sql)})"
        for place, name in enumerate(names)
    )
    return f"(VALUES {values}) AS v (place, name, hidden, beside)"


def renamed(views: Sequence[View], which: Name, to: Name, *, where: Name | None = None) -> str:
    """Return what of a block renames views, with what they have under names of its own, from `which` to `to`:
    those that are there, and only where there is something under the name `where`, too. Empty without any.
    """
    if not views:
        return ""
    every = [
        (kind, name)
        for view in views
        for kind, name in (
            ("TABLE", view.name),
            *(("TABLE" if part.kind == "INDEX" else part.kind, part.name) for part in view.parts),
        )
    ]
    values = ", ".join(
        f"({place}, {literal(kind)}, {literal(name.schema)}, {literal(name.name)}, "
        f"{literal(hidden(name).name)}, {literal(beside(name).name)})"
        for place, (kind, name) in enumerate(every)
    )
    there = " AND ".join(_is_there(each) for each in (which, where) if each)
    return f"""FOR shown IN
        SELECT v.kind, pg_catalog.format('%I.%I', v.schema, v.{which}) AS name, v.{to} AS becomes
        FROM (VALUES {values}) AS v (place, kind, schema, called, hidden, beside)
        WHERE {there}
        ORDER BY v.place
    LOOP
        EXECUTE pg_catalog.format('ALTER %s %s RENAME TO %I', shown.kind, shown.name, shown.becomes);
    END LOOP;"""


def bare(views: Sequence[View]) -> list[View]:
    """Return views alone: nothing takes the names of what they have."""
    return [View(view.name, view.direct) for view in views]


def named(views: Sequence[View], which: Name) -> list[RelationName]:
    """Return what they are called."""
    name = {"hidden": hidden, "beside": beside}.get(which)
    return [view.name if name is None else name(view.name) for view in views]


def _is_there(which: str) -> str:
    return f"""CASE v.kind WHEN 'TABLE'
            THEN pg_catalog.to_regclass(pg_catalog.format('%I.%I', v.schema, v.{which})) IS NOT NULL
            ELSE EXISTS (SELECT FROM pg_catalog.pg_statistic_ext s
                         JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
                         WHERE n.nspname = v.schema AND s.stxname = v.{which}) END"""


#: What follows the words that make a view: its name, its options and its text, of `c`.
DEFINED = """%s%s AS %s', c.oid::pg_catalog.regclass,
                   ' WITH (' || pg_catalog.array_to_string(c.reloptions, ', ') || ')', """

#: What of a block executes what it has written.
FOR_EACH_MAKE = """FOREACH make IN ARRAY makes LOOP
        {made}
    END LOOP;"""

#: The view `shown.name` gets the owner and the privileges of `shown.before`, in their order, and loses what
#: default privileges gave it.
AS_BEFORE = """EXECUTE pg_catalog.format('ALTER TABLE %s OWNER TO %I', shown.name,
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
                WHERE c.oid = pg_catalog.to_regclass(shown.name) AND b.oid = shown.before
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
