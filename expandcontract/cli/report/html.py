"""A document as one HTML page: no script, nothing from elsewhere, fit for paper, a phone and the dark."""

from collections.abc import Iterable, Sequence
from html import escape
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

_STYLE = """
:root { color-scheme: light dark;
        --ink: #222; --paper: #fff; --line: #ccc; --head: #f3f3f3; --code: #f7f7f7; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ddd; --paper: #181a1b; --line: #4a4d50; --head: #25282a; --code: #202324; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
       max-width: 62rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; }
h2 { font-size: 1.15rem; margin-top: 2rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin-bottom: 0.3rem; }
.wide { overflow-x: auto; margin: 0.5rem 0; }
table { border-collapse: collapse; }
th, td { border: 1px solid var(--line); padding: 0.2rem 0.6rem; text-align: left; vertical-align: top; }
th { background: var(--head); font-weight: 600; }
pre { background: var(--code); padding: 0.6rem; white-space: pre-wrap; font-size: 13px; }
summary { cursor: pointer; }
@media screen and (max-width: 40rem) {
  table, tbody, tr, th, td { display: block; max-width: 100%; border-width: 0; }
  tr { border: 1px solid var(--line); margin-bottom: 0.5rem; }
  tr.head { display: none; }
  td[data-label]::before { content: attr(data-label) ": "; font-weight: 600; }
}
@media print {
  :root { --ink: #000; --paper: #fff; --line: #ccc; --head: #f3f3f3; --code: #f7f7f7; }
  body { margin: 0; max-width: none; font-size: 11px; }
  h2, h3 { break-after: avoid; } tr, pre { break-inside: avoid; }
  details::details-content { content-visibility: visible; block-size: auto; }
}
""".strip()
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def render(title: str, sections: Iterable[ReportSection]) -> str:
    """Return the page."""
    body = "\n".join(map(_section, sections))
    return _PAGE.format(title=escape(title), style=_STYLE, body=body)


def _section(section: ReportSection) -> str:
    blocks = "\n".join(map(_block, section.blocks))
    return f"<section>\n<h2>{escape(section.title)}</h2>\n{blocks}\n</section>"


def _block(block: Block) -> str:
    match block:
        case Paragraph(text=text):
            return f"<p>{escape(text)}</p>"
        case FactList(rows=rows):
            facts = (
                f'<tr><th scope="row">{escape(name)}</th><td>{escape(what)}</td></tr>' for name, what in rows
            )
            return _table(facts)
        case Table(head=head, rows=rows):
            return _table([_head(head), *(_row(head, row) for row in rows)])
        case Items(items=items):
            return f"<ol>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ol>"
        case Fold(title=title, sql=sql):
            return f"<details><summary>{escape(title)}</summary><pre>{escape(sql)}</pre></details>"
        case Heading(text=text):
            return f"<h3>{escape(text)}</h3>"
        case other:
            assert_never(other)


def _table(rows: Iterable[str]) -> str:
    """Wider than the page it moves sideways in its own frame: no word is broken for it."""
    return '<div class="wide"><table>\n' + "\n".join(rows) + "\n</table></div>"


def _head(cells: Sequence[str]) -> str:
    made = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in cells)
    return f'<tr class="head">{made}</tr>'


def _row(head: Sequence[str], cells: Sequence[str]) -> str:
    """Each cell knows its heading: on a narrow screen a row is a card, without a row of headings above."""
    labelled = zip(map(escape, head), map(escape, cells), strict=True)
    made = "".join(f'<td data-label="{name}">{cell}</td>' for name, cell in labelled)
    return f"<tr>{made}</tr>"
