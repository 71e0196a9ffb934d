"""What several files of this folder are given."""

from collections.abc import AsyncIterator

import pytest

from tests.postgres import ledgers
from tests.postgres.ledgers import Ledger


@pytest.fixture
async def ledger(database: str) -> AsyncIterator[Ledger]:
    """Give a ledger with one change that has not begun."""
    async with ledgers.changing(database) as made:
        yield made
