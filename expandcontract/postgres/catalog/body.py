"""Whether the text of a function names a column or a table. Pure: PostgreSQL keeps no dependencies of such
bodies.

It errs on the side of naming: a word in a string constant counts, since it may be dynamic SQL.
"""

import re
from collections.abc import Iterator

from expandcontract.model.names import KEYWORDS

#: What can be written without quotes: any letters, for the server folds only the ASCII ones reliably.
_PLAIN = re.compile(r"(?!.*[A-Z])[^\W\d][\w$]*")
#: Constants and quoted identifiers are kept, comments go: `--` and `/*` inside a constant begin none. SQL's
#: /* */ nest.
_TOKEN = re.compile(
    r"""[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | (?P<line>--[^\n]*) | (?P<open>/\*)""",
    re.VERBOSE | re.DOTALL,
)
_NESTING = re.compile(r"/\*|\*/")


def without_comments(body: str) -> str:
    """Return the body with a blank in the place of each comment."""
    return "".join(_kept(body))


def _kept(body: str) -> Iterator[str]:
    position = 0
    while (match := _TOKEN.search(body, position)) is not None:
        comment = match["line"] is not None or match["open"] is not None
        yield body[position : match.start()] + (" " if comment else match[0])
        position = _end_of_block(body, match.end()) if match["open"] is not None else match.end()
    yield body[position:]


def _end_of_block(body: str, position: int) -> int:
    """Return where the block comment ends whose opening ends at `position`; an unclosed one ends with the
    body.
    """
    depth = 1
    while depth:
        match = _NESTING.search(body, position)
        if match is None:
            return len(body)
        depth += 1 if match[0] == "/*" else -1
        position = match.end()
    return position


def names(body: str, identifier: str) -> bool:
    """Whether the body, comments taken out, names the identifier.

    Unquoted in any case, or quoted exactly. A name that must be quoted counts only quoted, but a keyword
    also after a dot, where SQL takes it as it is.
    """
    quoted = re.escape('"' + identifier.replace('"', '""') + '"')
    if not _PLAIN.fullmatch(identifier):
        return re.search(quoted, body) is not None
    before = r"(?<=\.)" if identifier in KEYWORDS else r'(?<![\w$"])'
    return re.search(rf'{quoted}|{before}(?i:{re.escape(identifier)})(?![\w$"])', body) is not None


#: NEW and OLD as a whole, but not as what a trigger returns.
_WHOLE = re.compile(r"(?<![\w$.\"])(?<!return )(?i:new|old)(?![\w$\"])(?!\s*\.\s*[\w\"])")
_RETURNED = re.compile(r"(?i)\breturn\s+\(?\s*(?:new|old)\s*\)?\s*;")


def takes_rows(body: str) -> bool:
    """Whether the body of a trigger's function, comments taken out, uses NEW or OLD as a whole: `NEW.*`,
    `to_jsonb(NEW)`, `OLD IS DISTINCT FROM NEW`, `NEW := ...`. Returning them does not count.
    """
    return _WHOLE.search(_RETURNED.sub(";", body)) is not None


#: All columns of the row that a trigger is called for: NEW.*, (OLD).*, or by a parameter of dynamic SQL.
_EVERY_COLUMN = re.compile(r"(?i)(?<![\w$.])\(?\s*(?:new|old|\$\d+)\s*\)?\s*\.\s*\*")
#: They take a row as a whole, however many columns it has.
_TAKES_ONE = re.compile(r"(?i)(?:json\w*|hstore|row)\s*\(\s*\(?\s*(?:new|old)\s*\)?\s*\.\s*\*\s*\)")
_INSERTS = re.compile(r"(?i)\binsert\s+into\b")


def inserts_rows(body: str) -> bool:
    """Whether the body of a trigger's function, comments taken out, inserts all columns of NEW or OLD into a
    table: one column more, and the statement fails.
    """
    return any(
        _INSERTS.search(statement) is not None
        and _EVERY_COLUMN.search(_TAKES_ONE.sub("", statement)) is not None
        for statement in body.split(";")
    )


#: Every column of what is selected, or comes back from a write: `SELECT *`, `t.*`, `RETURNING *`, `TABLE t`.
_STAR = re.compile(
    r"""(?ix) \b(?:select|returning)\s+(?:(?:all|distinct)\s+)?(?:[\w$".]+\s*\.\s*)?\*
        | ,\s*[\w$"]+\s*\.\s*\* | (?:^|\()\s*table\s+[\w$".]+"""
)
_COUNTED = re.compile(r"(?i)\bcount\s*\(\s*\*\s*\)")
_ASKS = re.compile(r"(?i)\bexists\s*\(\s*select\s+\*")


def passes_rows_on(body: str, table: str, *, of_columns: bool, sql: bool) -> bool:
    """Whether a body, comments taken out, inserts all columns of a table's rows into another one, or returns
    them as a result `of_columns`: RETURN QUERY, or whatever the body of an SQL function (`sql`) selects.
    """
    return any(
        names(statement, table)
        and _STAR.search(_ASKS.sub("exists (select 1", _COUNTED.sub("", statement)))
        and (
            _inserts_elsewhere(statement, table)
            or (of_columns and (sql or re.search(r"(?i)\breturn\s+query\b", statement) is not None))
        )
        for statement in body.split(";")
    )


_INTO = re.compile(r"""(?i)\binsert\s+into\s+((?:[\w$]+|"[^"]*")(?:\s*\.\s*(?:[\w$]+|"[^"]*"))?)""")


def _inserts_elsewhere(statement: str, table: str) -> bool:
    """Whether it inserts into another table: one of its own has a column more as well."""
    into = _INTO.search(statement)
    return into is not None and not names(into[1], table)
