"""The writer that takes history away: rows that nothing rests on any more, some at a time."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import event
from expandcontract.ledger.tables import Tables
from expandcontract.postgres.query import rows

#: In this order: the sums over chunks go after them, the look after what it saw.
NAMES = (
    *("old_use", "statement", "watch", "instance", "sample"),
    *("chunk", "walk", "conflict", "step", "proof", "waiver", "laid", "picture", "origin", "hook", "canary"),
    *("given_back", "event"),
)
#: Rows in one transaction.
BATCH = 5000


async def before(conn: AsyncConnection, older_than: timedelta) -> datetime:
    """Return the moment by the server's clock before which things count."""
    query = "SELECT pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) $1::pg_catalog.interval"
    ((moment,),) = await rows(conn, query, older_than)
    assert isinstance(moment, datetime)  # noqa: S101 - a clock
    return moment


async def prunable(conn: AsyncConnection, tables: Tables, name: str, moment: datetime) -> int:
    """Return how many rows of a table may go; 0 for one that this ledger does not have."""
    query = f"SELECT {tables.qualified('count_prunable')}($1, $2)"
    ((found,),) = await rows(conn, query, name, moment)
    return int(found)


async def prune(conn: AsyncConnection, tables: Tables, name: str, moment: datetime, who: str) -> int:
    """Delete a batch of them, and return how many went."""
    query = f"SELECT {tables.qualified('prune')}($1, $2, $3, $4)"
    ((gone,),) = await rows(conn, query, name, moment, BATCH, who)
    return int(gone)


async def tell(
    conn: AsyncConnection, tables: Tables, gone: dict[str, int], moment: datetime, who: str
) -> None:
    """Keep in the history of the ledger itself what went, by table."""
    data = {"rows": gone, "before": moment.isoformat()}
    await event.write(conn, tables, "pruned", who, data=data)
