"""What is in a database of a project, as lines that can be compared before and after."""

import asyncio
from collections.abc import Sequence

import asyncpg

from tests.acceptance.catalog import everything
from tests.kinds.test_lives import by_name

#: Alembic's own table, and the ledger's schemas with what is in them.
_OTHERS = ("alembic_version", "expandcontract")


def schema(url: str) -> list[str]:
    """Return what there is, but for Alembic's own."""

    async def looked() -> list[str]:
        connection = await asyncpg.connect(url)
        try:
            return by_name(await everything(connection))
        finally:
            await connection.close()

    return [line for line in asyncio.run(looked()) if _OTHERS[0] not in line]


def of_the_application(lines: Sequence[str]) -> list[str]:
    """Return the lines without those of the ledger, which comes with the first change."""
    return [line for line in lines if not any(each in line for each in _OTHERS)]
