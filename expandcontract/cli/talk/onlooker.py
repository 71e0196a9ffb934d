"""`ec status --watch`: what others do, drawn anew on a terminal, in lines off it, as JSON for programs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from expandcontract.cli.output import Output
from expandcontract.cli.talk.bar import drawn
from expandcontract.cli.talk.sentences import sentence
from expandcontract.cli.views.format import moment
from expandcontract.cli.views.status import StatusView
from expandcontract.engine import under_way
from expandcontract.model.events import Progress, StepRunning
from expandcontract.model.situation import Situation


class Onlooker(Protocol):
    """Shows a reading."""

    def __call__(self, found: Sequence[Situation], view: StatusView) -> None:
        """Take what was read, and the view of it."""


@contextmanager
def onlooker(output: Output) -> Iterator[Onlooker]:
    """Give what fits the stream of results, and give the terminal back at the end."""
    if output.json:
        yield lambda _found, view: output.write(view.json_line())
    elif output.stdout.isatty():
        with _live(output.stdout) as live:
            yield lambda found, view: live.update(drawing(found, view), refresh=True)
    else:
        lines = WatchLines(output)
        yield lines
        lines.end()


class WatchLines:
    """Appends a line for each change of which there is something new, and at the end the status."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._last: dict[str, str] = {}
        self._text = ""

    def end(self) -> None:
        """Write what was read last, in full."""
        self._output.write(self._text)

    def __call__(self, found: Sequence[Situation], view: StatusView) -> None:
        """Take a reading."""
        for situation, change in zip(found, view.changes, strict=True):
            words = _words(situation) or change.waiting_for or f"{change.phase} {change.state}"
            if self._last.get(situation.name) != words:
                self._output.write(f"{moment(situation.now)}  {situation.name}  {words}")
            self._last[situation.name] = words
        self._text = view.text()


def drawing(found: Sequence[Situation], view: StatusView) -> Group:
    """Return the status and below it a bar for each change that somebody works on."""
    text = Text(view.text())
    named = len(found) > 1
    bars = [
        drawn(event, situation.name if named else "")
        for situation in found
        if (event := _event(situation)) is not None
    ]
    return Group(text, Text(), *bars) if bars else Group(text)


def _live(stream: TextIO) -> Live:
    return Live(console=Console(file=stream, highlight=False), auto_refresh=False)


def _event(situation: Situation) -> Progress | StepRunning | None:
    return under_way.sweep(situation) or under_way.step(situation)


def _words(situation: Situation) -> str | None:
    event = _event(situation)
    return sentence(event) if event else None
