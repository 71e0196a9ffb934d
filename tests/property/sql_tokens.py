"""SQL in tokens, as PostgreSQL's lexer cuts it, with standard_conforming_strings on."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
    |(?P<comment>--[^\n]*|/\*.*?\*/)
    |(?P<string>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")+")
    |(?P<body>\$(?P<tag>(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?)\$(?P<inner>.*?)\$(?P=tag)\$)
    |(?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)
    |(?P<number>[0-9][\w.]*)
    |(?P<parameter>\$[0-9]+)
    |(?P<other>[^"'])
    """,
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A piece of SQL. `kind` is the name of its group in the pattern; `text` stands at `at` as it is."""

    kind: str
    text: str
    inner: str
    at: int

    @property
    def name(self) -> str:
        """The identifier that is quoted."""
        return self.text[1:-1].replace('""', '"')


def tokens(sql: str) -> Iterator[Token]:
    """Yield all but white space and comments. Raises ValueError where a quote has no end."""
    at = 0
    while at < len(sql):
        found = _TOKEN.match(sql, at)
        if found is None:
            raise ValueError(f"a quote without an end: {sql[at : at + 60]!r}")
        kind = found.lastgroup or ""  # the outermost: `tag` and `inner` are within `body`
        if kind not in ("space", "comment"):
            yield Token(kind, found[0], found["inner"] or "", at)
        at = found.end()
