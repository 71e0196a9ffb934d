"""SIGINT and SIGTERM while `ec` works: the first asks for a stop at a checkpoint, the second stops.

Whoever runs env.py in an event loop would not hear the first one: the loop waits for the work, and takes the
signal for itself.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def listening(stop: Callable[[], None], stop_at_once: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the first signal, and `stop_at_once` at those that follow, while the body runs. In a
    thread that gets no signals this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    calls = iter((stop,))

    def receive(_number: int, _frame: FrameType | None) -> None:
        next(calls, stop_at_once)()

    before = {number: signal.signal(number, receive) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
