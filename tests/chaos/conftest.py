"""What the tests of this folder share: one process that forks, and one stage."""

from collections.abc import Iterator

import pytest

from expandcontract.testing.server import Server
from tests.chaos.nursery import Nursery
from tests.chaos.theatre import Theatre


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Give the process that forks."""
    with Nursery() as started:
        yield started


@pytest.fixture(scope="session")
def theatre(server: Server, nursery: Nursery) -> Theatre:
    """Give the stage, with what was played on it before."""
    return Theatre(server, nursery)
