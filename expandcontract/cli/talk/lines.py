"""Talk off a terminal: a record for each event, and of what takes long one each 30 seconds."""

from collections.abc import Callable
from typing import TextIO

from expandcontract.cli.talk import records
from expandcontract.cli.talk.sentences import detail, fields, name, sentence
from expandcontract.model.events import Event, Progress, StepRunning

EVERY_SECONDS = 30.0


class Lines:
    """Listens, and writes records.

    A stage's first progress comes at once, then one each 30 seconds; a step that is running is told of after
    30 seconds.
    """

    def __init__(
        self,
        stream: TextIO,
        clock: Callable[[], float],
        *,
        verbose: bool = False,
        form: records.Form = "logfmt",
    ) -> None:
        self._stream = stream
        self._form = form
        self._clock = clock
        self._verbose = verbose
        self._last: tuple[str, float] | None = None

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, Progress):
            self._now_and_then(event.stage, event)
        elif isinstance(event, StepRunning):
            if event.seconds >= EVERY_SECONDS:
                self._now_and_then(event.step, event)
        elif self._verbose or not detail(event):
            self._write(event)

    def close(self) -> None:
        """Write nothing more."""

    def _now_and_then(self, what: str, event: Event) -> None:
        now = self._clock()
        if self._last and self._last[0] == what and now - self._last[1] < EVERY_SECONDS:
            return
        self._last = (what, now)
        self._write(event)

    def _write(self, event: Event) -> None:
        records.write(self._stream, self._form, name(event), sentence(event), fields(event))
