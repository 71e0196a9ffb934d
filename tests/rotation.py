"""Big matrices are spread over commits: each commit runs a part of them, and `make soak` all."""

import os
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar
from zlib import crc32

import pytest

T = TypeVar("T")

#: Set by `make soak`.
ALL = os.environ.get("EC_TEST_ALL") == "1"

#: Of all tests that are asked for every such one is run, another one in each commit.
PART = int(os.environ.get("EC_TEST_PART", "1"))


def part(items: Sequence[T], of: int, *, later: int = 0) -> Sequence[T]:
    """Return every `of`th item, from a place that the commit chooses: the same one for whoever tests it.
    `later` is by how many places another part begins.
    """
    return items if ALL else items[(_number() + later) % of :: of]


def take_turns(items: Sequence[pytest.Item]) -> None:
    """Mark what a commit leaves out of the cases of each test that is marked with `in_turn`, and out of the
    tests of each module that is: the next part is slow, and the rest is left to `make soak` as well. Of what
    is slow anyway one part is run, and the rest is left to `make soak`.
    """
    cases: dict[str, list[pytest.Item]] = {}
    for item in sorted(items, key=lambda item: item.nodeid):
        if item.get_closest_marker("in_turn") is not None:
            own = any(marker.name == "in_turn" for marker in item.own_markers)
            cases.setdefault(item.nodeid.partition("[" if own else "::")[0], []).append(item)
    for name, each in cases.items():
        marker = each[0].get_closest_marker("in_turn")
        assert marker is not None
        (of,) = marker.args
        # Each begins elsewhere: of tests with a single case a commit is to run one half, and not all or none.
        begin = crc32(name.encode()) % of
        for item in set(each).difference(part(each, of, later=begin)):
            slow = item.get_closest_marker("slow") is not None
            item.add_marker(pytest.mark.slow)
            if slow or item not in part(each, of, later=begin + 1):
                item.add_marker(pytest.mark.soak)


def leave_out(items: list[pytest.Item]) -> list[pytest.Item]:
    """Take out what `EC_TEST_PART` leaves to other commits, and return it: the same one in whatever order the
    tests are. It has nothing to do with whose turn it is, or what two parts leave out would never be run.
    """
    chosen = 0 if ALL else (_number() >> 16) % PART
    in_order: list[pytest.Item] = sorted(items, key=lambda item: item.nodeid)
    left = [item for place, item in enumerate(in_order) if not ALL and place % PART != chosen]
    gone = set(left)
    items[:] = [item for item in items if item not in gone]
    return left


@cache
def _number() -> int:
    """Return a number that stands for the commit; 0 where there is no repository, as in a source package."""
    asked = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return int(asked.stdout.strip() or "0", 16)
