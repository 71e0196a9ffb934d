"""Talk off a terminal: structured lines, one for each event, and of what takes long one each 30 seconds."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TextIO

import structlog
from structlog.typing import EventDict

from expandcontract.cli.redaction import redact
from expandcontract.cli.talk.sentences import detail, fields, sentence
from expandcontract.model.events import Event, Progress, StepRunning

EVERY_SECONDS = 30.0


class Lines:
    """Listens, and writes logfmt lines.

    A stage's first progress comes at once, then one each 30 seconds; a step that is running is told of after
    30 seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float], *, verbose: bool = False) -> None:
        self._log = structlog.wrap_logger(
            structlog.PrintLogger(stream),
            processors=[
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                _hide_passwords,
                structlog.processors.LogfmtRenderer(key_order=["timestamp", "event"]),
            ],
        )
        self._clock = clock
        self._verbose = verbose
        self._last: tuple[str, float] | None = None

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, Progress):
            self._now_and_then(event.stage, "progress", change=event.change, **fields(event))
        elif isinstance(event, StepRunning):
            if event.seconds >= EVERY_SECONDS:
                self._now_and_then(event.step, sentence(event), change=event.change)
        elif self._verbose or not detail(event):
            self._log.msg(sentence(event), **self._context(event))

    def close(self) -> None:
        """Write nothing more."""

    def _now_and_then(self, what: str, text: str, **context: object) -> None:
        now = self._clock()
        if self._last and self._last[0] == what and now - self._last[1] < EVERY_SECONDS:
            return
        self._last = (what, now)
        self._log.msg(text, **context)

    def _context(self, event: Event) -> dict[str, object]:
        data = asdict(event)
        return {"change": data["change"]} if "change" in data else {}


def _hide_passwords(_logger: object, _method: str, event: EventDict) -> EventDict:
    return {key: redact(value) if isinstance(value, str) else value for key, value in event.items()}
