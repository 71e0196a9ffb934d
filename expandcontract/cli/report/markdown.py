"""A document as Markdown, as GitHub and GitLab render it. What stands in it is text, never markup."""

import re
from collections.abc import Iterable, Sequence
from typing import assert_never

from expandcontract.cli.report.document import (
    Block,
    FactList,
    Fold,
    Heading,
    Items,
    Paragraph,
    ReportSection,
    Table,
)

#: Characters that mean something in running text; an underscore only at the edge of a word.
_MARKUP = re.compile(r"[\\`*\[\]<>|~#&]|(?<!\w)_|_(?!\w)")
_FENCE = "```"


def render(title: str, sections: Iterable[ReportSection]) -> str:
    """Return the page."""
    parts = [f"# {_text(title)}"]
    for section in sections:
        parts += [f"## {_text(section.title)}", *map(_block, section.blocks)]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    match block:
        case Paragraph(text=text):
            return _text(text)
        case FactList(rows=rows):
            return _table(("", ""), rows)
        case Table(head=head, rows=rows):
            return _table(head, rows)
        case Items(items=items):
            return "\n".join(f"{number}. {_text(item)}" for number, item in enumerate(items, 1))
        case Fold(title=title, sql=sql):
            fence = _fence(sql)
            return f"<details><summary>{_text(title)}</summary>\n\n{fence}sql\n{sql}\n{fence}\n\n</details>"
        case Heading(text=text):
            return f"### {_text(text)}"
        case other:
            assert_never(other)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_text(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(text: str) -> str:
    """Return text on one line that means nothing but itself."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))


def _fence(code: str) -> str:
    """Return a fence that does not occur in the code."""
    fence = _FENCE
    while fence in code:
        fence += "`"
    return fence
