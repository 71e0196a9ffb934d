"""What runs in the process of a function: `python -m expandcontract.transforms MODULE:NAME [COLUMN ...]`.

Messages are pickles, each behind its length. It says None or Failed when the function is loaded or cannot be,
then answers lists of values with lists of outcomes, until its parent hangs up: of rows, where columns are
named, each with a value for each of them. An answer holds nothing but objects of types that the parent knows,
and ends early where it grows large.
"""

import importlib
import os
import pickle
import select
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from expandcontract.transforms.outcome import Computed, Failed, Made
from expandcontract.transforms.plain import LARGEST, NoValue, plain, plain_row
from expandcontract.transforms.wire import LENGTH, packed

Function: TypeAlias = Callable[[Any], Any]


def main(name: str, *columns: str) -> None:
    """Serve until the end of the input."""
    asks, answers = os.dup(0), os.dup(1)
    # What the function prints must not get between the answers.
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=_end_with_parent, args=(asks,), daemon=True).start()
    with os.fdopen(asks, "rb") as asked, os.fdopen(answers, "wb") as answered:
        try:
            function = _load(name)
        except Exception as error:  # noqa: BLE001 - whatever the user's module raises is told
            answered.write(packed(_failed(error)))
            return
        answered.write(packed(None))
        answered.flush()
        while length := asked.read(LENGTH.size):
            values = pickle.loads(asked.read(*LENGTH.unpack(length)))  # noqa: S301 - from our parent
            answered.write(packed(_computed(function, values, columns)))
            answered.flush()


def _end_with_parent(asks: int) -> None:
    """A function that never returns does not outlive a parent that was killed: the pipe is closed then."""
    poll = select.poll()
    poll.register(asks, 0)
    poll.poll()
    os._exit(1)


def _load(name: str) -> Function:
    module, _, attribute = name.partition(":")
    function = getattr(importlib.import_module(module), attribute)
    if not callable(function):
        raise TypeError(f"{name} is not a function")
    found: Function = function
    return found


def _computed(function: Function, values: Sequence[object], columns: Sequence[str]) -> list[Computed]:
    """Return what the function makes of the values, of the first ones where that is much."""
    outcomes, size = list[Computed](), 0
    for value in values:
        outcome = _made(function, value, columns)
        outcomes.append(outcome)
        size += _size(outcome.value) if isinstance(outcome, Made) else 0
        if size > LARGEST:
            break
    return outcomes


def _size(made: object) -> int:
    if isinstance(made, tuple):
        return sum(map(_size, made))
    return len(made) if isinstance(made, str | bytes) else 0


def _made(function: Function, value: object, columns: Sequence[str]) -> Computed:
    try:
        made = function(value)
        if columns:
            return Made(plain_row(made, columns))
        return Failed("NoneReturned", "it returned None") if made is None else Made(plain(made))
    except NoValue as error:
        return Failed(str(error))
    except Exception as error:  # noqa: BLE001 - it is this row's error
        return _failed(error)


def _failed(error: Exception) -> Failed:
    try:
        words = str.__str__(str(error)).encode(errors="replace").decode()
    except Exception:  # noqa: BLE001 - an exception of the user's own may fail to tell what it is
        words = ""
    return Failed(type(error).__qualname__, words)


if __name__ == "__main__":
    main(*sys.argv[1:])
