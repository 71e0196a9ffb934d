"""What views read in the place of columns of a table, and how PostgreSQL comes to write their text so.

Nobody rewrites a view's text here but for one mark. Under a lock the columns have other names for a moment,
and PostgreSQL writes the view. Where one column is read in the place of another, it had that one's name, and
the text means the other column. Where an expression is, the column had a mark for a name: wherever that
stands in the text, the expression is put, of the same row; PostgreSQL qualified it before, as the column of a
view that is made for that and goes again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from expandcontract.model.names import RelationName, literal, quote
from expandcontract.postgres.descendants import tree

#: A name for a moment, which no table has.
_SPARE = "~ec_spare"
#: With what the names are rolled back. Not of three zeros at the end: that would be a class of others.
_ASKED = "ECASK"
_ROW = '"~ec_row".'
#: What regexp_replace takes for what the first parentheses matched, and how it escapes.
_FIRST, _ESCAPE = r"\1", "\\"
#: What stands before a column and says of which row it is: an alias and a point.
_OF = r'((?:"(?:[^"]|"")+"|[a-z_][a-z0-9_]*)\.)?'
#: Where a query is of several, and what of another it selects.
_COMBINED, _LIST = r"\n(UNION|INTERSECT|EXCEPT)\M", r"^(.*?)(?:\n   FROM |$)"

_LEFT = (
    "PostgreSQL writes it by the place of the column, as it may with USING or NATURAL JOIN. Write that view "
    "with ON, or drop it, and make it again after contract."
)
_NOT_ONLY_SHOWN = (
    "It does more than show the column, as with a condition, an aggregate, DISTINCT or UNION: only you can "
    "say which rows it is to give without it. Write it anew without the column, or let it go with the "
    "column: --drop-views."
)


@dataclass(frozen=True)
class Reading:
    """Of `table` the column `by` is read in the place of the one of `columns`, or the expressions `shown`
    over the table's columns in the place of each. With `only_shown` no view may do more than show them.
    """

    table: RelationName
    columns: tuple[str, ...]
    by: str = ""
    shown: tuple[str, ...] = ()
    only_shown: bool = False

    @property
    def back(self) -> "Reading":
        """The same the other way, where it is one column in the place of another."""
        (column,) = self.columns
        return Reading(self.table, (self.by,), by=column)

    @property
    def declared(self) -> str:
        """What a block declares for it."""
        return "instead pg_catalog.text[];" if self.shown else ""

    def asked(self, *body: str) -> str:
        """Return what of a block runs `body` while the columns have other names, below the table as well: in
        a subtransaction that is rolled back, of which only what variables hold is left. Not even the rows of
        the catalog are others afterwards, to which a proof is bound.
        """
        lines = "\n        ".join((*self._begun(), *filter(None, body)))
        return f"""BEGIN
        {lines}
        RAISE EXCEPTION USING ERRCODE = '{_ASKED}';
    EXCEPTION WHEN SQLSTATE '{_ASKED}' THEN
        NULL;
    END;"""

    def _begun(self) -> tuple[str, ...]:
        if not self.shown:
            (column,) = self.columns
            return self._rename(self.by, _SPARE), self._rename(column, self.by)
        qualified = (self._qualified(number, shown) for number, shown in enumerate(self.shown, 1))
        marks = (self._rename(column, _mark(number)) for number, column in enumerate(self.columns, 1))
        return (*qualified, *marks)

    def written(self, text: str) -> str:
        """Return SQL for what a text (as SQL), which PostgreSQL wrote meanwhile, says in the end."""
        for number, _ in enumerate(self.shown, 1):
            mark = literal(f"{_OF}{quote(_mark(number))}")
            text = f"pg_catalog.regexp_replace({text}, {mark}, instead[{number}], 'g')"
        return text

    def examined(self, views: Sequence[RelationName]) -> str:
        """Return what of the body of `asked` fails where a view does more with the columns than it may."""
        if not self.only_shown:
            return ""
        mark = quote(_mark(1))
        alone = rf'(?:^ SELECT |,\n    ){_OF}{mark} AS (?:"(?:[^"]|"")+"|[a-z_][a-z0-9_]*)(?=,\n    |$)'
        return f"""make := (
        SELECT pg_catalog.string_agg(c.oid::pg_catalog.regclass::pg_catalog.text, ', ')
        FROM pg_catalog.pg_class c CROSS JOIN LATERAL (
            SELECT pg_catalog.rtrim(pg_catalog.pg_get_viewdef(c.oid), ';') AS whole) said
        CROSS JOIN LATERAL (
            SELECT CASE WHEN said.whole ~ '^ SELECT (?!DISTINCT )' AND said.whole !~ {literal(_COMBINED)}
                   THEN (pg_catalog.regexp_match(said.whole, {literal(_LIST)}))[1] ELSE '' END
            AS listed) first
        WHERE c.oid = ANY (ARRAY[{_oids(views)}])
          AND (SELECT pg_catalog.count(*) FROM pg_catalog.regexp_matches(said.whole, {literal(mark)}, 'g'))
           <> (SELECT pg_catalog.count(*) FROM pg_catalog.regexp_matches(first.listed, {literal(alone)}, 'g')
              ));
    {self._refuse("View % does not only show %", _NOT_ONLY_SHOWN)}"""

    def rules(self, views: Sequence[RelationName]) -> str:
        """Return the query for the rules of views that read the columns: what a view selects is one."""
        root = f"SELECT {literal(self.table.sql)}::pg_catalog.regclass::pg_catalog.oid"
        names = ", ".join(map(literal, self.columns))
        return f"""
        WITH RECURSIVE {tree(root)}
        SELECT DISTINCT r.oid
        FROM tree t
        JOIN pg_catalog.pg_attribute a ON a.attrelid = t.relation AND a.attname IN ({names})
        JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
            AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
        JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
        WHERE r.ev_class = ANY (ARRAY[{_oids(views)}])"""

    def unless_left(self, views: Sequence[RelationName]) -> str:
        """Return what of a block fails where a view reads a column still: USING and NATURAL may name it by
        its place.
        """
        return f"""make := (
        SELECT pg_catalog.string_agg(DISTINCT pg_catalog.quote_ident(c.relname), ', ')
        FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
        WHERE r.oid IN ({self.rules(views)}));
    {self._refuse("View % reads % still", _LEFT)}"""

    def made(self, make: str = "make") -> str:
        """Return what of a block executes a text that `written` gave."""
        if not self.shown:
            return f"EXECUTE {make};"
        # Where no expression can stand.
        return f"""BEGIN
            EXECUTE {make};
        EXCEPTION WHEN syntax_error THEN
            RAISE EXCEPTION 'A view names % where no expression can stand: %', {self._named}, {make}
                USING ERRCODE = 'feature_not_supported', DETAIL = {literal(_LEFT)};
        END;"""

    @property
    def _named(self) -> str:
        return literal(" and ".join(map(quote, self.columns)))

    def _refuse(self, message: str, detail: str) -> str:
        return f"""IF make IS NOT NULL THEN
        RAISE EXCEPTION {literal(message)}, make, {self._named}
            USING ERRCODE = 'feature_not_supported', DETAIL = {literal(detail)};
    END IF;"""

    def _rename(self, column: str, to: str) -> str:
        return f"ALTER TABLE {self.table.sql} RENAME COLUMN {quote(column)} TO {quote(to)};"

    def _qualified(self, number: int, shown: str) -> str:
        """Have PostgreSQL qualify an expression: as a replacement, in which the alias is yet to be put."""
        spare = RelationName(self.table.schema, _SPARE).sql
        create = (
            f'CREATE VIEW {spare} AS SELECT {shown} AS "~ec_shown" '
            f'FROM {self.table.sql} AS "~ec_row", (SELECT 1) AS "~ec_one" ("~ec_n")'
        )
        text = f"pg_catalog.pg_get_viewdef({literal(spare)}::pg_catalog.regclass)"
        around = literal(r'^ SELECT (.*) AS "~ec_shown"\n   FROM .*$')
        alone = rf"pg_catalog.regexp_replace({text}, {around}, {literal(_FIRST)})"
        escaped = f"pg_catalog.replace({alone}, {literal(_ESCAPE)}, {literal(_ESCAPE * 2)})"
        return f"""EXECUTE {literal(create)};
    instead[{number}] := '(' || pg_catalog.replace({escaped}, {literal(_ROW)}, {literal(_FIRST)}) || ')';
    DROP VIEW {spare};"""


def _mark(number: int) -> str:
    return f"~ec_shown_{number}"


def _oids(views: Sequence[RelationName]) -> str:
    return ", ".join(f"pg_catalog.to_regclass({literal(view.sql)})" for view in views)
