"""What became of a target, and what that makes of the whole. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from expandcontract.fleet.target import Target
from expandcontract.model.errors import EcError

T = TypeVar("T")
#: Exit codes, the worst first. What is none of them is a failure as any other.
WORST = (6, 1, 4, 5, 0)


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What a target answered, or why it did not; `passed` says why there was nothing to do."""

    target: Target
    answer: T | None = None
    error: EcError | None = None
    passed: str = ""

    @property
    def exit_code(self) -> int:
        """The exit code of the command on this target alone, as it counts among others."""
        if self.error is None:
            return 0
        return self.error.exit_code if self.error.exit_code in WORST else 1


def worst(codes: Iterable[int]) -> int:
    """Return the exit code that stands for all of them."""
    return min(codes, key=WORST.index, default=0)
