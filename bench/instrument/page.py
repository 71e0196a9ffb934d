"""Blocks of a Markdown page, `<!-- name -->` to `<!-- /name -->`, and what is written into them. Pure."""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from statistics import median, quantiles

NOTHING = "-"
#: Of prose; a row of a table is one line, and so is what is indented.
WIDTH = 118


def replaced(page: str, name: str, body: str) -> str:
    """Return the page with `body` in the block of that name, which is put at the end where there is none."""
    opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
    if opening not in page:
        page = f"{page.rstrip()}\n\n{opening}\n{closing}\n"
    before, rest = page.split(opening, 1)
    _, after = rest.split(closing, 1)
    lines = (_wrapped(line) for line in body.strip().splitlines())
    return f"{before}{opening}\n{chr(10).join(lines)}\n{closing}{after}"


def _wrapped(line: str) -> str:
    return line if line.startswith(("|", " ")) else "\n".join(textwrap.wrap(line, WIDTH))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def middle(values: Iterable[float | None], spell: Callable[[float], str], *, spread: bool = False) -> str:
    """Return the median, with the least and the greatest value where they spell differently."""
    known = [value for value in values if value is not None]
    if not known:
        return NOTHING
    least, greatest = spell(min(known)), spell(max(known))
    return spell(median(known)) + (f" ({least} to {greatest})" if spread and least != greatest else "")


def quarters(values: Sequence[float], spell: Callable[[float], str]) -> str:
    """Return the median with the first and the third quartile."""
    if not values:
        return NOTHING
    low, _, high = quantiles(values, method="inclusive") if len(values) > 1 else (*values, *values, *values)
    return f"{spell(median(values))} ({spell(low)} to {spell(high)})"


def count(value: float) -> str:
    """Spell a number of things."""
    return f"{value:,.0f}"


def percent(value: float) -> str:
    """Spell a share."""
    return f"{100 * value:.0f} %"


def growth(value: float) -> str:
    """Spell by how much something grew."""
    return f"{100 * value:+.0f} %"


def size(value: float) -> str:
    """Spell a number of bytes."""
    return f"{value:,.0f} B" if value >= 10 else f"{value:.1f} B"  # noqa: PLR2004 - two digits are enough


def micros(value: float) -> str:
    """Spell microseconds."""
    return f"{value:.2f} us"


def millis(seconds: float) -> str:
    """Spell seconds as milliseconds."""
    return f"{1000 * seconds:.1f} ms"


def times(value: float) -> str:
    """Spell a ratio."""
    return f"{value:.2f}x"
