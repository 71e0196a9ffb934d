"""What a statement's text names, read word by word, where the server itself cannot be asked. Pure."""

import re
from collections.abc import Iterable

#: Comments are passed over.
_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/
    |(?P<value>E?'(?:[^'\\]|\\.|'')*'|\$\d+|\d[\w.]*)
    |(?P<quoted>"(?:[^"]|"")*")|(?P<word>[^\W\d][\w$]*)|(?P<sign>[^\s\w])""",
    re.DOTALL | re.VERBOSE,
)
#: A comment, or a quoted name, which may hold what looks like one.
_APART = re.compile(r'--[^\n\r]*|/\*|"(?:[^"]|"")*"')
_NESTED = re.compile(r"/\*|\*/")
#: What every constant that is written as a string has: a quote, or the dollar of `$$` or `$tag$`.
_STRING = re.compile(r"'|\$(?!\d)")
#: The first words of statements that read or write rows.
_QUERIES = frozenset({"select", "with", "values", "insert", "update", "delete", "merge"})
_OTHERS = frozenset({"table", "copy", "declare", "prepare", "explain"})
#: What stands before the star of `SELECT *`, and not before that of `count(*)` or of a product.
_BEFORE_STAR = frozenset({"select", "distinct", "all", "returning", ",", "."})


def tokens(text: str) -> list[str]:
    """Return names, as the server folds them, and signs; `?` for a constant.

    A quoted name that is a keyword counts as one.
    """
    found = []
    for match in _TOKEN.finditer(text):
        if match["value"] is not None:
            found.append("?")
        elif match["quoted"] is not None:
            found.append(match["quoted"][1:-1].replace('""', '"'))
        elif match["word"] is not None:
            found.append(match["word"].lower())
        elif match["sign"] is not None:
            found.append(match["sign"])
    return found


def without_comments(text: str) -> str:
    """Return the text with a blank for each comment; comments nest, as the server reads them."""
    kept, place = [], 0
    while found := _APART.search(text, place):
        kept.append(text[place : found.start()])
        kept.append(found[0] if found[0].startswith('"') else " ")
        place = _end_of_comment(text, found.end()) if found[0] == "/*" else found.end()
    return "".join((*kept, text[place:]))


def _end_of_comment(text: str, place: int) -> int:
    depth = 1
    while depth and (found := _NESTED.search(text, place)):
        depth += 1 if found[0] == "/*" else -1
        place = found.end()
    return len(text) if depth else place


def may_hold_strings(text: str) -> bool:
    """Whether a constant that is written as a string may be in a text without comments."""
    return _STRING.search(text) is not None


def is_query(words: list[str]) -> bool:
    """Whether the statement is one that the server can be asked about."""
    return next((word for word in words if word != "("), "") in _QUERIES


def may_use_rows(words: list[str]) -> bool:
    """Whether the statement reads or writes rows at all: DDL and maintenance do not count."""
    return is_query(words) or (bool(words) and words[0] in _OTHERS)


def names_column(words: list[str], tables: frozenset[str], column: str) -> bool:
    """Whether a statement over one of `tables` names the column, or all columns.

    It cannot tell whose column it is: another table of the statement may have one of that name.
    """
    return not tables.isdisjoint(words) and (column in words or any(_takes_all(words, tables)))


def _takes_all(words: list[str], tables: frozenset[str]) -> Iterable[bool]:
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        if word == "*":
            yield before in _BEFORE_STAR
        elif word in tables:
            # COPY t TO; TABLE t; INSERT INTO t VALUES.
            yield before == "table" or (before in {"copy", "into", "."} and _whole(words, after))


def _whole(words: list[str], after: str) -> bool:
    if words[0] == "copy":
        return after in {"to", "from"}
    return after in {"values", "select"}


#: What follows the name of a table where an INSERT names no columns.
_ROWS = frozenset({"values", "select", "with", "table", "overriding"})


def without_columns(words: list[str], table: str) -> frozenset[str]:
    """Return INSERT and COPY where the statement writes rows of the table so, and names no columns of it.

    It knows the table by its name alone: one of another schema may have it.
    """
    found = set()
    for at, word in enumerate(words):
        before, after = words[max(at - 3, 0) : at], words[at + 1 : at + 3]
        if word != table or not (before and after):
            continue
        verb = before[0] if before[-1] == "." else before[-1]
        if verb == "into" and (after[0] in _ROWS or (after[0] == "(" and after[-1] in _ROWS)):
            found.add("INSERT")
        if verb == "copy" and after[0] == "from":
            found.add("COPY")
    return frozenset(found)
