"""What both ways of talking offer."""

from typing import Protocol

from expandcontract.model.events import Event


class CloseableListener(Protocol):
    """A Listener that holds a stream."""

    def __call__(self, event: Event) -> None:
        """Take an event."""

    def close(self) -> None:
        """Give the stream back."""
