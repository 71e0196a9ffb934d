"""Whoever builds an index concurrently gives way before it is somebody's deadlock.

CREATE INDEX CONCURRENTLY holds SHARE UPDATE EXCLUSIVE and waits for transactions of the application. One of
them may then want a lock that conflicts (ANALYZE, VACUUM, LOCK TABLE, ALTER): a deadlock, and the server
makes the one that finds it the victim. Our session looks once, deadlock_timeout after it has begun to wait,
so it is the application that finds it. Therefore another session looks for us again and again, in the server,
where it goes on whatever becomes of this process, and cancels the build in time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.postgres.connect import Database
from expandcontract.postgres.message import driver, marked, send

#: {pid} is the session that gives way. Each look is a transaction of its own: a snapshot that stays would be
#: waited for by the very build. `waits` are all whom it waits for, and whom they wait for. It ends with what
#: it looks at, also with what was over before a look saw it at work, and at the latest with that session.
_LAST_WORDS_SECONDS = 2.0
_GAVE_WAY = "ec:gave way"
_WATCH = """DO $ec$
DECLARE
    pause_seconds float8 := least(0.1, extract(epoch FROM current_setting('deadlock_timeout')::interval) / 5);
    began timestamptz;
    here timestamptz := clock_timestamp();
    now_is record;
    was_active boolean := false;
BEGIN
    SELECT backend_start INTO began FROM pg_stat_activity WHERE pid = {pid};
    LOOP
        COMMIT;
        SELECT state, wait_event_type, query_start INTO now_is
        FROM pg_stat_activity WHERE pid = {pid} AND backend_start = began;
        EXIT WHEN NOT FOUND OR now_is.state <> 'active' AND (was_active OR now_is.query_start > here);
        was_active := now_is.state = 'active';
        IF now_is.wait_event_type = 'Lock' AND EXISTS (
            WITH RECURSIVE waits(pid) AS (
                SELECT unnest(pg_blocking_pids({pid}))
                UNION
                SELECT unnest(pg_blocking_pids(w.pid)) FROM waits w WHERE w.pid <> 0 AND w.pid <> {pid}
            )
            SELECT FROM waits w WHERE w.pid = {pid}
        ) THEN
            RAISE INFO 'ec:gave way';
            PERFORM pg_cancel_backend({pid});
            EXIT;
        END IF;
        COMMIT;
        PERFORM pg_sleep(pause_seconds);
    END LOOP;
END $ec$"""


class DeadlockWatch:
    """Looks, in the server, whether a session is part of a deadlock."""

    def __init__(self) -> None:
        self._seen = False
        self._task: asyncio.Task[None] | None = None

    async def gave_way(self) -> bool:
        """Whether what the session was at, and has ended, was cancelled because of one."""
        if self._task is not None:
            # It ends with what it looks at, and what it said may still be on its way.
            await asyncio.wait({self._task}, timeout=_LAST_WORDS_SECONDS)
        return self._seen

    def begin(self, conn: AsyncConnection, pid: int) -> "asyncio.Task[None]":
        """Look until the session has done what it is at next."""
        self._task = asyncio.create_task(send(conn, marked(_WATCH.format(pid=pid))))
        return self._task

    def hear(self, _conn: object, message: asyncpg.PostgresLogMessage) -> None:
        """Take what the server tells."""
        self._seen = self._seen or str(message.message) == _GAVE_WAY


@asynccontextmanager
async def giving_way(database: Database, pid: int) -> AsyncIterator[DeadlockWatch]:
    """While the body runs, cancel what the session `pid` is at as soon as it is part of a deadlock."""
    watch = DeadlockWatch()
    async with database.direct() as conn:
        raw = await driver(conn)
        raw.add_log_listener(watch.hear)
        task = watch.begin(conn, pid)
        try:
            yield watch
        finally:
            # No request to cancel: a DO block that commits swallows one now and then, and whoever waits for
            # its answer then waits for ever. What goes on in the server ends by itself.
            raw.terminate()
            # What a look fails with must not fail the build.
            with suppress(DBAPIError):
                await task
            if not conn.invalidated:
                await conn.invalidate()
