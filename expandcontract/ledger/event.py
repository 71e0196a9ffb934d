"""The writer of `event`: what happened, to be told by `ec log`. Append-only."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger.tables import Tables
from expandcontract.postgres.message import Query
from expandcontract.postgres.query import run


async def write(
    conn: AsyncConnection,
    tables: Tables,
    kind: str,
    who: str,
    *,
    change_id: int | None = None,
    data: Mapping[str, Any] | None = None,
    once: bool = False,
) -> None:
    """Add an event. `data` is JSON-ready; without `change_id` the event is the ledger's own. `once`: unless
    the change's last one of the kind says the same.
    """
    await run(conn, noting(tables, kind, who, change_id=change_id, data=data, once=once))


def noting(
    tables: Tables,
    kind: str,
    who: str,
    *,
    change_id: int | None = None,
    data: Mapping[str, Any] | None = None,
    once: bool = False,
) -> Query:
    """Return the statement that adds an event, as `write` does."""
    event = tables.qualified("event")
    last = f"SELECT data FROM {event} WHERE change_id = {_CHANGE} AND kind = {_KIND} ORDER BY id DESC LIMIT 1"
    unless = f" WHERE ({last}) IS DISTINCT FROM {_DATA}" if once else ""
    row = f"SELECT {_CHANGE}, {_KIND}, {_WHO}, {_DATA}{unless}"
    values = (change_id, kind, who, json.dumps(dict(data or {})))
    return Query(f"INSERT INTO {event} (change_id, kind, who, data) {row}", values)


def moving(tables: Tables, kind: str, who: str, change_id: int, moved: str, data: Mapping[str, Any]) -> Query:
    """Return the statement that moves something and adds an event for it: `moved`, SQL, is the UPDATE, whose
    row as JSON is added to `data`, but for its `seconds`. Its parameters are $1, the change, and $5 and so
    on, of the caller's.

    It returns the seconds when something moved.
    """
    event = tables.qualified("event")
    told = f"({_DATA} || pg_catalog.to_jsonb(moved)) - 'seconds'"
    return Query(
        f"WITH moved AS ({moved}), told AS (INSERT INTO {event} (change_id, kind, who, data) "
        f"SELECT {_CHANGE}, {_KIND}, {_WHO}, {told} FROM moved) SELECT seconds FROM moved",
        (change_id, kind, who, json.dumps(dict(data))),
    )


_CHANGE, _KIND = "$1::int8", "$2::text"
_WHO, _DATA = "$3::text", "$4::jsonb"
