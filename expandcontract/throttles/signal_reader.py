"""Reads the signals: those of the server in one query, the operator's query and the URL once a second."""

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.errors import EcError
from expandcontract.postgres import sqlstate as codes
from expandcontract.postgres.connect import Database
from expandcontract.postgres.query import combined
from expandcontract.throttles import (
    active_sessions,
    archive,
    courtesy,
    horizon,
    http,
    lock_waiters,
    query,
    replica_lag,
    schedule,
    slot_wal,
    wal_rate,
)
from expandcontract.throttles.limits import Limits
from expandcontract.throttles.reading import Reading
from expandcontract.throttles.rests import Rests
from expandcontract.throttles.signal import Moment, Signal, SignalRow
from expandcontract.throttles.wal import Wal

SIGNALS = cast(
    "tuple[Signal, ...]",
    (replica_lag, slot_wal, archive, lock_waiters, horizon, wal_rate, active_sessions, courtesy),
)
#: Those that matter to who only reads: load, and who waits.
LOAD = frozenset({lock_waiters.NAME, horizon.NAME, active_sessions.NAME})
#: Those that take part without being asked for.
DEFAULTS = frozenset({replica_lag.NAME, slot_wal.NAME, lock_waiters.NAME, horizon.NAME, courtesy.NAME})
#: Every name that a setting may have.
NAMES = tuple(sorted([*(signal.NAME for signal in SIGNALS), schedule.NAME, query.NAME, http.NAME]))

#: A signal that takes longer cannot be read.
TIMEOUT = timedelta(seconds=1)
#: What is not the server's own is asked no more often than this.
SLOW_SECONDS = 0.9

_POSITION = "SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::int8 AS at"
#: What a role may not do, or a server does not know: nobody asked for what is on by default.
_IMPOSSIBLE = frozenset({codes.INSUFFICIENT_PRIVILEGE, "0A000"})
_ERRORS = (EcError, DBAPIError, OSError, TimeoutError)


class SignalReader:
    """The signals that take part. `load_only`: the work only reads, so that neither lag nor WAL hold it back.

    `limits` may be changed at any time. `rests` are told how much others are at work.
    """

    def __init__(
        self, database: Database, limits: Limits, *, load_only: bool = False, rests: Rests | None = None
    ) -> None:
        self.limits = limits
        self._database = database
        self._load_only = load_only
        self._wal = Wal()
        self._rests = rests or Rests()
        self._slow: tuple[Reading, ...] = ()
        self._slow_at = float("-inf")

    async def read(self) -> tuple[Reading, ...]:
        """Return what all signals say now. Raises nothing: what cannot be read is a reading that says so."""
        server, slow = await asyncio.gather(self._server(), self._others())
        return server + slow

    @property
    def _signals(self) -> list[Signal]:
        wanted = (signal for signal in SIGNALS if signal.wanted(self.limits))
        return [signal for signal in wanted if not self._load_only or signal.NAME in LOAD]

    async def _server(self) -> tuple[Reading, ...]:
        signals = self._signals
        if not signals:
            return ()
        try:
            return await self._ask(signals)
        except _ERRORS as error:
            if codes.sqlstate(error) is None or len(signals) == 1:
                return tuple(self._unreadable(signal, error) for signal in signals)
        # One of them fails: which one, is seen when each is asked alone.
        found: list[Reading] = []
        for signal in signals:
            try:
                found += await self._ask([signal])
            except _ERRORS as error:
                found.append(self._unreadable(signal, error))
        return tuple(found)

    async def _ask(self, signals: Sequence[Signal]) -> tuple[Reading, ...]:
        async with self._database.transaction(statement_timeout=TIMEOUT) as conn:
            at = time.monotonic()
            answer = await _value(conn, statement(signals, position=not self._load_only))
        rows: dict[str, list[SignalRow]] = json.loads(str(answer))
        if not self._load_only:
            self._wal.note(at, cast("int", rows["position"][0]["at"]))
        for row in rows.get(courtesy.NAME, ()):
            self._rests.saw(row["open"])
        now = Moment(at, self.limits, self._wal)
        return tuple(reading for signal in signals for reading in signal.readings(rows[signal.NAME], now))

    def _unreadable(self, signal: Signal, error: Exception) -> Reading:
        asked = signal.NAME not in DEFAULTS or (signal is replica_lag and bool(self.limits.standbys))
        impossible = codes.sqlstate(error) in _IMPOSSIBLE
        optional = signal.NAME in self.limits.optional or (impossible and not asked)
        return Reading.unreadable(signal.NAME, _why(error), optional=optional)

    async def _others(self) -> tuple[Reading, ...]:
        if time.monotonic() - self._slow_at >= SLOW_SECONDS:
            self._slow_at = time.monotonic()
            asked = (*(await asyncio.gather(self._query(), self._http())), self._schedule())
            self._slow = tuple(reading for reading in asked if reading is not None)
        return self._slow

    def _schedule(self) -> Reading | None:
        off = schedule.NAME in self.limits.off
        return None if off else schedule.reading(self.limits.schedule, datetime.now(UTC))

    async def _http(self) -> Reading | None:
        if self.limits.http is None or http.NAME in self.limits.off:
            return None
        return await http.read(self.limits.http, optional=http.NAME in self.limits.optional)

    async def _query(self) -> Reading | None:
        text, optional = self.limits.query, query.NAME in self.limits.optional
        if text is None or query.NAME in self.limits.off:
            return None
        try:
            async with self._database.transaction(statement_timeout=TIMEOUT) as conn:
                await conn.exec_driver_sql(
                    "SELECT pg_catalog.set_config('transaction_read_only', 'on', true)"
                )
                found = await _value(conn, text)
        except _ERRORS as error:
            return Reading.unreadable(query.NAME, _why(error), optional=optional)
        return query.reading(found, optional=optional)


def statement(signals: Sequence[Signal], *, position: bool = True) -> str:
    """Return the one query that asks all of them: a JSON object with the rows of each."""
    queries = {signal.NAME: signal.QUERY for signal in signals}
    return combined(queries | ({"position": _POSITION} if position else {}))


async def _value(conn: AsyncConnection, text: str) -> object:
    result = await conn.exec_driver_sql(text)
    row = result.first() if result.returns_rows else None
    return None if row is None else row[0]


def _why(error: Exception) -> str:
    if isinstance(error, EcError):
        return error.message
    return codes.server_message(error)[0] or type(error).__name__
