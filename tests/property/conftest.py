"""What the tests of this folder share: one process that forks."""

from collections.abc import Iterator

import pytest

from tests.chaos.nursery import Nursery


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Give the process that forks."""
    with Nursery() as started:
        yield started
