"""What the tests of this folder share: one stage."""

import pytest

from expandcontract.testing.server import Server
from tests.chaos.nursery import Nursery
from tests.chaos.theatre import Theatre


@pytest.fixture(scope="session")
def theatre(server: Server, nursery: Nursery) -> Theatre:
    """Give the stage, with what was played on it before."""
    return Theatre(server, nursery)
