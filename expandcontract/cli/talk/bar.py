"""How far something is, in a line that does not jump: a bar, percent, rate, what is left; and below it why.

Fits 80 columns. The reason has a line of its own, and is cut where the terminal ends.
"""

import math

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from expandcontract.cli.redaction import redact
from expandcontract.cli.talk.sentences import sentence
from expandcontract.cli.views.format import held, percent
from expandcontract.model.events import Progress, StepRunning
from expandcontract.model.words import one_line

BAR_WIDTH = 24
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def drawn(event: Progress | StepRunning, label: str = "") -> Group:
    """Return the bar with its figures, and below it the reason where there is one. Pure.

    Without a percentage the bar moves, to say that something goes on.
    """
    share = _share(event)
    bar = ProgressBar(total=None if share is None else 100.0, completed=share or 0.0, width=BAR_WIDTH)
    row = Table.grid(padding=(0, 1))
    row.add_column(width=BAR_WIDTH)
    row.add_column(no_wrap=True, overflow="ellipsis")
    row.add_row(bar, Text(f"{label}  {figures(event)}" if label else figures(event), no_wrap=True))
    why = reason(event)
    below = [Text(one_line(redact(why)), no_wrap=True, overflow="ellipsis")] if why else []
    return Group(row, *below)


def figures(event: Progress | StepRunning) -> str:
    """Return `copy  38 %    61k/s  eta 13 min`: each in a place of its own, whatever it is."""
    if isinstance(event, StepRunning):
        share = _share(event)
        done = "    -" if share is None else f"{percent(share / 100):>5}"
        return f"{event.section.value:<8}{done}  for {short(event.seconds)}"
    left = "" if event.eta_seconds is None else f"  eta {short(event.eta_seconds)}"
    return f"{event.stage:<8}{percent(event.percent / 100):>5}  {compact(event.rows_per_second):>5}/s{left}"


def reason(event: Progress | StepRunning) -> str:
    """Return why it is as slow as it is, or what is being done; empty where the figures say all."""
    if isinstance(event, StepRunning):
        return sentence(event)
    return held(event.throttled_by) if event.throttled_by else ""


def compact(number: float) -> str:
    """Return a number in at most five characters: `950`, `61k`, `1.2M`."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            value = number / size
            return f"{value:.1f}{unit}" if value < 10 else f"{value:.0f}{unit}"  # noqa: PLR2004 - two digits tell
    return f"{number:.0f}"


def short(seconds: float) -> str:
    """Return a duration by its largest unit, rounded up: `38 s`, `13 min`, `2 h 5 min`, `3 d`."""
    if seconds < _MINUTE:
        return f"{math.ceil(seconds)} s"
    if seconds < _HOUR:
        return f"{math.ceil(seconds / _MINUTE)} min"
    if seconds < _DAY:
        hours, minutes = divmod(math.ceil(seconds / _MINUTE), 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{math.ceil(seconds / _DAY)} d"


def _share(event: Progress | StepRunning) -> float | None:
    if isinstance(event, Progress):
        return event.percent
    return event.build.percent if event.build else None
