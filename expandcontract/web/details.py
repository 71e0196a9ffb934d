"""What the page of one change shows beside its status: the map of its blocks, its history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger.tables import Tables
from expandcontract.postgres.query import rows


@dataclass(frozen=True)
class LastWish:
    """Who wished something last, and when; `key` is another one after every wish."""

    key: str = ""
    by: str = ""
    at: datetime | None = None


async def last_wish(conn: AsyncConnection, tables: Tables, name: str) -> LastWish:
    """Return the last wish of a change."""
    query = (
        "SELECT w.changed_at::pg_catalog.text, w.changed_by, w.changed_at "
        f"FROM {tables.qualified('control')} w "
        f"JOIN {tables.qualified('change')} c ON c.id = w.change_id WHERE c.name = $1"
    )
    found = await rows(conn, query, name)
    return LastWish(*found[0]) if found else LastWish()


#: A map has no more cells than this, whatever the table's size.
MOST_CELLS = 400
#: More leaves than these are one row of cells.
MOST_LEAVES = 24

#: Chunks of the sweep's last round in equal parts, each leaf's by its share of the blocks. $1: change,
#: $2: purpose, $3, $4: the numbers above.
_MAP = """
WITH newest AS (
    SELECT c.*, c.end_block - c.first_block AS blocks,
        CASE WHEN c.status = 'done' THEN c.end_block ELSE c.next_block END - c.first_block AS gone
    FROM {chunk} c JOIN {change} k ON k.id = c.change_id AND k.attempt = c.attempt
    WHERE c.change_id = $1 AND c.purpose = $2 AND c.round = (
        SELECT max(r.round) FROM {chunk} r
        WHERE (r.change_id, r.attempt, r.purpose) = (c.change_id, c.attempt, c.purpose)
    )
), named AS (
    SELECT *, CASE WHEN (SELECT count(DISTINCT relation) FROM newest) > $4
        THEN '' ELSE relation_name END AS leaf
    FROM newest
), placed AS (
    SELECT *, pg_catalog.floor(
        (pg_catalog.row_number() OVER (PARTITION BY leaf ORDER BY relation_name, first_block) - 1)
        * least(1, greatest(1, $3 * (sum(blocks) OVER (PARTITION BY leaf))
            / greatest(sum(blocks) OVER (), 1)) / count(*) OVER (PARTITION BY leaf))
    ) AS cell
    FROM named
)
SELECT leaf, cell::pg_catalog.int8, sum(blocks)::pg_catalog.int8, sum(greatest(gone, 0))::pg_catalog.int8,
    bool_or(error IS NOT NULL AND status <> 'done'),
    bool_or(status = 'running' AND leased_until > pg_catalog.clock_timestamp()),
    bool_or(status = 'running' AND NOT leased_until > pg_catalog.clock_timestamp()),
    max(worker) FILTER (WHERE status = 'running')
FROM placed GROUP BY leaf, cell ORDER BY leaf, cell
"""


@dataclass(frozen=True)
class Cell:
    """Some neighbouring blocks: how many there are and how many are done, and in one word how they are: done,
    failed, running, left alone, or to do. `worker` is at work there.
    """

    blocks: int
    done: int
    word: str
    worker: str | None = None


@dataclass(frozen=True)
class CellRow:
    """The cells of a leaf; the name is empty where all leaves are one row."""

    leaf: str
    cells: tuple[Cell, ...]


async def block_map(conn: AsyncConnection, tables: Tables, change_id: int, purpose: str) -> Sequence[CellRow]:
    """Return the cells of the last round of a sweep, a row for each leaf; none before it is laid."""
    query = _MAP.format(chunk=tables.qualified("chunk"), change=tables.qualified("change"))
    found = await rows(conn, query, change_id, purpose, MOST_CELLS, MOST_LEAVES)
    by_leaf: dict[str, list[Cell]] = {}
    for leaf, _, blocks, done, failed, running, alone, worker in found:
        word = _word(blocks, done, failed=failed, running=running, alone=alone)
        by_leaf.setdefault(leaf, []).append(Cell(blocks, done, word, worker))
    return [CellRow(leaf, tuple(cells)) for leaf, cells in by_leaf.items()]


def _word(blocks: int, done: int, *, failed: bool, running: bool, alone: bool) -> str:
    if failed:
        return "failed"
    if running:
        return "running"
    if alone:
        return "left alone"
    if done >= blocks:
        return "done"
    return "begun" if done else "to do"
