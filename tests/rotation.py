"""Big matrices are spread over commits: each commit runs a part of them, and `make soak` all."""

import os
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")

#: Set by `make soak`.
ALL = os.environ.get("EC_TEST_ALL") == "1"


def part(items: Sequence[T], of: int) -> Sequence[T]:
    """Return every `of`th item, from a place that the commit chooses: the same one for whoever tests it."""
    return items if ALL else items[_number() % of :: of]


def in_turn(items: Sequence[str], of: int | None = None) -> list[object]:
    """Return parameters of which each commit takes every `of`th, or one; `make slow` takes the others."""
    now = part(items, of or len(items))
    return [each if each in now else pytest.param(each, marks=pytest.mark.slow) for each in items]


@cache
def _number() -> int:
    """Return a number that stands for the commit; 0 where there is no repository, as in a source package."""
    asked = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return int(asked.stdout.strip() or "0", 16)
