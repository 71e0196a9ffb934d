"""Expressions over the columns of a row: what PostgreSQL makes of them, which evaluates none."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from expandcontract.model.names import RelationName, qualify_type, quote, shorten, without_length
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Answers
from expandcontract.postgres.expression import expression_settings, of_money, single, without_constants
from expandcontract.steps.row_function import RowFunction

#: With a query inside, columns may have the names of others, and are told apart by the table's.
_QUERY = re.compile(r"(?i)\b(select|values|table|with)\b")
#: What is of no type until it is assigned.
_LITERAL = re.compile(r"(?i)\s*(NULL|e?'(?:[^'\\]|''|\\.)*')\s*")
#: The functions that `statements` made, in order. What is volatile, or not PostgreSQL's own, is opaque.
QUERY = r"""
SELECT pg_catalog.pg_get_function_sqlbody(p.oid), EXISTS (
    SELECT FROM pg_catalog.regexp_matches(p.prosqlbody::pg_catalog.text, ':(?:funcid|opfuncid) (\d+)', 'g')
        AS named(id)
    LEFT JOIN pg_catalog.pg_proc f ON f.oid = named.id[1]::pg_catalog.oid
    WHERE f.oid >= 16384::pg_catalog.oid OR f.provolatile = 'v')
FROM pg_catalog.pg_proc p
WHERE p.pronamespace = pg_catalog.pg_my_temp_schema() AND p.proname LIKE 'ec\_row\_%'
ORDER BY p.proname
"""


@dataclass(frozen=True)
class RowExpression:
    """What somebody wrote, of which type its value must be, and by which option it was given. The type is as
    the server writes it, unless somebody `wrote` that as well.
    """

    text: str
    result: str
    option: str
    wrote: bool = False

    @property
    def type(self) -> str:
        """The type as SQL."""
        return self.result if self.wrote else qualify_type(self.result)


def statements(snapshot: Snapshot, expressions: Sequence[RowExpression]) -> list[str]:
    """Return what makes a function of each on the clone. Raises BadExpression for more than one."""
    made: list[str] = []
    for number, each in enumerate(expressions):
        text, columns = single(each.text, each.option), _columns(snapshot, each.text)
        types = ", ".join(qualify_type(type_) for _, type_ in columns)
        name, table = f"pg_temp.ec_row_{number:02}", quote(snapshot.table.name)
        returns = f"RETURNS {each.type} LANGUAGE sql BEGIN ATOMIC SELECT {_typed(each)}"
        if _QUERY.search(text):
            given = ", ".join(f"${at} AS {quote(column)}" for at, (column, _) in enumerate(columns, 1))
            made.append(f"CREATE FUNCTION {name}({types}) {returns} FROM (SELECT {given}) AS {table}; END")
            continue
        # An argument may be written with the name of its function, as a column with that of its table.
        arguments = ", ".join(f"{quote(column)} {qualify_type(type_)}" for column, type_ in columns)
        made += [
            f"CREATE FUNCTION pg_temp.{table}({arguments}) {returns}; END",
            f"ALTER FUNCTION pg_temp.{table}({types}) RENAME TO ec_row_{number:02}",
        ]
    return made


def read(
    snapshot: Snapshot,
    expressions: Sequence[RowExpression],
    answer: Answer,
    names: Sequence[tuple[str, str]],
    schema: str,
) -> tuple[RowFunction, ...]:
    """Return the expressions as functions in `schema`; `names` are those of change and function."""
    rows = answer.rows if isinstance(answer, Answers) else ()
    return tuple(
        RowFunction(
            RelationName(schema, shorten(f"{change}_{label}")),
            _columns(snapshot, each.text),
            each.result,
            str(body),
            named=_QUERY.search(each.text) is None,
            opaque=opaque == "True",
            settings=_settings(snapshot, each, str(body)),
        )
        for each, (body, opaque), (change, label) in zip(expressions, rows, names, strict=True)
    )


def _settings(snapshot: Snapshot, each: RowExpression, body: str) -> tuple[str, ...]:
    """Return what is set while the expression is evaluated: who writes the row may have something else."""
    words = (*(type_ for _, type_ in _columns(snapshot, each.text)), each.result, body)
    settings = tuple(f"{name} = {value}" for name, value in expression_settings(words))
    return (*settings, "lc_monetary FROM CURRENT") if of_money(words) else settings


def _typed(each: RowExpression) -> str:
    """Return the expression with its type where it has none by itself, as SET gives it that of the column.

    Without its modifiers: with them a value that is too long would be cut, without them it is refused.
    """
    if not _LITERAL.fullmatch(each.text):
        return f"({each.text})"
    bare = without_length(each.result)
    return f"CAST(({each.text}) AS {bare if each.wrote else qualify_type(bare)})"


def _columns(snapshot: Snapshot, text: str) -> tuple[tuple[str, str], ...]:
    """Return the columns whose names stand in the text, or may: one too many does little harm."""
    code = without_constants(text)
    return tuple((each.name, each.type) for each in snapshot.columns if _named(each.name, code))


def used(functions: Iterable[RowFunction], claims: Collection[str]) -> tuple[str, ...]:
    """Return the columns that functions of a row need as they are, without those of `claims`: one that gets
    another name, or another meaning, would be missed by what the functions stand in.
    """
    names = (name for each in functions for name, _ in each.columns)
    return tuple(dict.fromkeys(name for name in names if name not in claims))


def _named(column: str, text: str) -> bool:
    if quote(column).startswith('"') and quote(column) in text:
        return True
    return re.search(rf"(?i)(?<![\w$]){re.escape(column)}(?![\w$])", text) is not None
