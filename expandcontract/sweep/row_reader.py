"""Reads rows again, with neither lease nor writing: a sample of blocks, or every row that mismatches."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from expandcontract.model.errors import StepFailed
from expandcontract.model.names import split
from expandcontract.model.step import Sweep
from expandcontract.postgres import owner_rights
from expandcontract.postgres import sqlstate as codes
from expandcontract.postgres.connect import Database
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.query import rows as rows_of
from expandcontract.sweep.governor import Governor
from expandcontract.sweep.pace import Pace
from expandcontract.sweep.slicing import START, TARGET_SECONDS, TIMEOUT
from expandcontract.sweep.statements import settings, text_of

#: This many rows are held in memory at once.
PAGE = 200
LARGEST = 4096
#: How often one who waits looks whether he may go on.
LOOK_SECONDS = 0.2

#: The leaves of a table with their blocks. $1: its OID.
_LEAVES = f"""
WITH RECURSIVE {tree()}
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname),
       pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::pg_catalog.int8
FROM tree
JOIN pg_catalog.pg_class c ON c.oid = tree.relation AND c.relkind = 'r'
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY 1
"""


@dataclass(frozen=True)
class Leaf:
    """A relation with storage: its name as SQL, and how many blocks it has."""

    name: str
    blocks: int


@dataclass(frozen=True)
class MismatchFound:
    """A row that does not match. `key` is by column, or its place where the table has no key; `old` and `new`
    are None where nobody asked for values, or where they are NULL.
    """

    relation: str
    key: dict[str, str | None]
    old: str | None = None
    new: str | None = None


@dataclass(frozen=True)
class Counts:
    """What a look at some blocks came to."""

    blocks: int = 0
    rows: int = 0
    mismatches: int = 0


class RowReader:
    """Reads what a comparison compares. Holds no transaction while it waits for a throttle."""

    def __init__(self, database: Database, action: Sweep, governor: Governor, stop: asyncio.Event) -> None:
        self._database = database
        self._action = action
        self._governor = governor
        self._stop = stop

    @property
    def stopped(self) -> bool:
        """Whether somebody wants an end: what was read until then was yielded."""
        return self._stop.is_set()

    async def leaves(self, table: int) -> tuple[Leaf, ...]:
        """Return the relations with storage at and below a table (an OID)."""
        async with self._database.transaction() as conn:
            return tuple(Leaf(name, blocks) for name, blocks in await rows_of(conn, _LEAVES, table))

    async def sample(self, leaves: tuple[Leaf, ...], blocks: int) -> Counts:
        """Compare the rows of this many blocks, chosen at random among all."""
        counts = Counts()
        for leaf, block in _chosen(leaves, blocks):
            await self._go_ahead()
            if self.stopped:
                break
            row = await self._query(leaf, _count(self._action, leaf), ((block, 0), (block + 1, 0)))
            rows, mismatches = row[0]
            counts = Counts(counts.blocks + 1, counts.rows + rows, counts.mismatches + mismatches)
        return counts

    async def mismatches(self, leaf: Leaf, *, values: bool) -> AsyncIterator[MismatchFound]:
        """Yield every row of a leaf that does not match, in the order in which they lie."""
        statement, keys = _page(self._action, leaf, values=values), _keys(self._action)
        position, pace = (0, 0), Pace.adaptive(START, 1, LARGEST, TARGET_SECONDS)
        while position < (leaf.blocks, 0):
            await self._go_ahead()
            if self.stopped:
                return
            end = min(position[0] + pace.batch, leaf.blocks)
            started = time.monotonic()
            try:
                rows = await self._query(leaf, statement, (position, (end, 0)))
            except TimeoutError as error:
                if pace.exhausted:
                    raise StepFailed(f"A single page of {leaf.name} takes too long to read.") from error
                pace = pace.halved()
                continue
            pace = pace.after(end - position[0], time.monotonic() - started)
            for place, old, new, *key in rows:
                yield MismatchFound(leaf.name, dict(zip(keys, key, strict=True)), old, new)
                block, offset = map(int, place.strip("()").split(","))
                position = (block, offset + 1)
            if len(rows) < PAGE:
                position = (end, 0)

    async def _query(self, leaf: Leaf, statement: str, arguments: tuple[Any, ...]) -> list[Any]:
        """Run a query on a snapshot of its own. Raises TimeoutError when it took too long."""
        try:
            async with self._database.transaction(statement_timeout=TIMEOUT) as conn:
                await conn.exec_driver_sql(settings(local=True))
                rights = await owner_rights.of(conn, leaf.name)
                if self._action.own_path:
                    await conn.exec_driver_sql(rights.taking_path)
                return await rights.rows(conn, statement, *arguments)
        except Exception as error:
            if codes.sqlstate(error) == codes.QUERY_CANCELED:
                raise TimeoutError from error
            raise codes.translate(error) from error

    async def _go_ahead(self) -> None:
        while (await self._governor.ask()).wait and not self.stopped:
            await asyncio.sleep(LOOK_SECONDS)


def _chosen(leaves: tuple[Leaf, ...], blocks: int) -> Iterator[tuple[Leaf, int]]:
    """Choose blocks of all leaves alike, and yield them in the order in which they lie."""
    total = sum(leaf.blocks for leaf in leaves)
    numbers = iter(sorted(random.sample(range(total), min(blocks, total))))
    number, before = next(numbers, None), 0
    for leaf in leaves:
        while number is not None and number < before + leaf.blocks:
            yield leaf, number - before
            number = next(numbers, None)
        before += leaf.blocks


def _count(action: Sweep, leaf: Leaf) -> str:
    """$1, $2 first and end of the blocks, as tid."""
    return f"""
SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE {action.wanted})
FROM ONLY {leaf.name} t
WHERE t.ctid OPERATOR(pg_catalog.>=) $1 AND t.ctid OPERATOR(pg_catalog.<) $2
""".strip()


def _page(action: Sweep, leaf: Leaf, *, values: bool) -> str:
    """$1, $2 first and end, as tid."""
    sides = [text_of(side) if values and side else "NULL" for side in (action.old, action.new)]
    named = [f"(t.{column})::pg_catalog.text" for column in action.key or ("ctid",)]
    return f"""
SELECT t.ctid::pg_catalog.text, {", ".join([*sides, *named])}
FROM ONLY {leaf.name} t
WHERE t.ctid OPERATOR(pg_catalog.>=) $1 AND t.ctid OPERATOR(pg_catalog.<) $2 AND ({action.wanted})
ORDER BY t.ctid
LIMIT {PAGE}
""".strip()


def _keys(action: Sweep) -> tuple[str, ...]:
    return tuple(split(column)[-1] for column in action.key) or ("ctid",)
