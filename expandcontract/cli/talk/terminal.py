"""Talk on a terminal: sentences, and one progress bar that stands below them."""

from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from expandcontract.cli.redaction import redact
from expandcontract.cli.talk.sentences import detail, sentence
from expandcontract.model import events


class Terminal:
    """Listens, and draws. `close` takes the bar away and gives the terminal back."""

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._verbose = verbose
        self._bar = Progress(
            BarColumn(bar_width=12), TextColumn("{task.description}"), console=self._console, transient=True
        )
        self._task: tuple[str, TaskID] | None = None

    def __call__(self, event: events.Event) -> None:
        """Take an event."""
        if isinstance(event, events.StepStarted | events.PhaseDone):
            self.close()
        if isinstance(event, events.Progress):
            self._draw(event.stage, event.percent, sentence(event))
        elif isinstance(event, events.StepRunning):
            self._draw(event.step, event.build.percent if event.build else None, sentence(event))
        elif self._verbose or not detail(event):
            self._console.print(escape(redact(sentence(event))))

    def close(self) -> None:
        """Take the bar away."""
        if self._task is not None:
            self._bar.stop()
            self._bar.remove_task(self._task[1])
            self._task = None

    def _draw(self, what: str, percent: float | None, words: str) -> None:
        """Draw the bar; without a percentage it says by its movement that something goes on."""
        if self._task is not None and self._task[0] != what:
            self.close()
        if self._task is None:
            self._task = (what, self._bar.add_task(""))
            self._bar.start()
        total = None if percent is None else 100.0
        self._bar.update(
            self._task[1], total=total, completed=percent or 0.0, description=escape(redact(words))
        )
