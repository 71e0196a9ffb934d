"""Talk on a terminal: sentences, and one progress bar that stands below them."""

from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.markup import escape

from expandcontract.cli.redaction import redact
from expandcontract.cli.talk.bar import drawn
from expandcontract.cli.talk.sentences import detail, sentence
from expandcontract.model import events
from expandcontract.model.words import printable


class Terminal:
    """Listens, and draws. `close` takes the bar away and gives the terminal back."""

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._verbose = verbose
        self._live: Live | None = None

    def __call__(self, event: events.Event) -> None:
        """Take an event."""
        if isinstance(event, events.StepStarted | events.PhaseDone):
            self.close()
        if isinstance(event, events.Progress | events.StepRunning):
            self._draw(event)
        elif self._verbose or not detail(event):
            self._console.print(escape(printable(redact(sentence(event)))))

    def close(self) -> None:
        """Take the bar away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _draw(self, event: events.Progress | events.StepRunning) -> None:
        if self._live is None:
            self._live = Live(console=self._console, transient=True, refresh_per_second=10)
            self._live.start()
        self._live.update(drawn(event), refresh=True)
