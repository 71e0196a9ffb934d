"""What became of one value. Imports nothing else: the process of the function loads it."""

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Failed:
    """The function could not make a new value. `kind` is the exception's type and says nothing of the value;
    `words` may.
    """

    kind: str
    words: str = ""


@dataclass(frozen=True)
class Made:
    """The new value."""

    value: Any


Computed: TypeAlias = Made | Failed
