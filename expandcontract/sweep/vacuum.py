"""A light VACUUM beside the copy: rows that move later find room where others moved away.

Autovacuum would do it as well, where it is on and in time.
"""

import asyncio
from contextlib import suppress

from sqlalchemy.exc import DBAPIError

from expandcontract.ledger.chunk import Chunk
from expandcontract.model.errors import EcError
from expandcontract.sweep.shift import Shift

#: It is due whenever so large a part of a relation's rows has moved.
SHARE = 0.1
#: In a smaller relation there is nothing to save: 8 MB of blocks of 8 kB.
LEAST_BLOCKS = 1_024

#: As gentle as autovacuum; and at its end when its client is gone.
_GENTLE = """
SELECT pg_catalog.set_config('vacuum_cost_delay', '2', false),
       pg_catalog.set_config('client_connection_check_interval', '1000', false)
"""


class Vacuum:
    """Counts what this process moved, and starts one VACUUM at a time. It is nobody's concern when one fails.

    It takes SHARE UPDATE EXCLUSIVE if nobody else has it, cuts nothing off the table (that would need ACCESS
    EXCLUSIVE), and holds back no horizon.
    """

    def __init__(self, shift: Shift) -> None:
        self._shift = shift
        self._moved: dict[int, int] = {}
        self._due: dict[int, float] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, chunk: Chunk, moved: int, blocks: int, density: float) -> None:
        """Note that `moved` rows of the chunk left their pages, in a relation of this many blocks."""
        if blocks < LEAST_BLOCKS:
            return
        before = self._moved.get(chunk.id, 0)
        self._moved[chunk.id] = moved
        part = (moved - before) / (density * blocks)
        self._due[chunk.relation] = self._due.get(chunk.relation, 0.0) + part
        if self._due[chunk.relation] >= SHARE and (self._task is None or self._task.done()):
            self._due[chunk.relation] = 0.0
            self._task = asyncio.create_task(self._vacuum(chunk.relation_name))

    async def close(self) -> None:
        """End the one that runs: a step that follows may want the table's lock."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _vacuum(self, relation: str) -> None:
        with suppress(DBAPIError, EcError, OSError):
            async with self._shift.database.direct() as conn:
                await conn.exec_driver_sql(_GENTLE)
                await conn.exec_driver_sql(
                    "VACUUM (SKIP_LOCKED, INDEX_CLEANUP ON, TRUNCATE OFF, PROCESS_TOAST OFF, PARALLEL 0) "
                    f"{relation}"
                )
