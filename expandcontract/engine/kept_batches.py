"""Kept values are given back to rows in which nobody has changed anything since, newest first."""

import asyncio
import json
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine.leased_work import Work
from expandcontract.ledger import event
from expandcontract.ledger.conflict import ConflictKind
from expandcontract.model import killpoints
from expandcontract.model.errors import Interrupted
from expandcontract.model.names import literal
from expandcontract.postgres import owner_rights
from expandcontract.postgres import sqlstate as codes
from expandcontract.postgres.owner_rights import OwnerRights
from expandcontract.postgres.query import rows
from expandcontract.postgres.settings import own_path
from expandcontract.steps.sessions import UNFIT_SQLSTATE, note_settings
from expandcontract.sweep.statements import EQ, LT, TEXT_OF

#: The kind of the event that tells the end.
RESTORED = "restored"
BATCH_ROWS = 200
#: A batch holds its row locks no longer than this.
_BATCH_TIME = timedelta(milliseconds=500)
#: A row that somebody has locked is tried again after this long.
_LOCKED_SECONDS = 0.1
#: So many keys of rows that do not take their value are named.
NAMED = 10


@dataclass(frozen=True)
class KeptSpan:
    """Kept values above `bottom`, up to `top`, the newest first; those below `below` are left."""

    top: int
    bottom: int
    below: int
    written: int = 0


@dataclass(frozen=True)
class Given:
    """How many kept values were considered, written back, and refused by the table itself."""

    considered: int
    written: int
    refused: int
    #: Keys of some whose row does not take its value.
    missed: tuple[Any, ...] = ()
    #: How many of those that were written hold something else all the same, and keys of some of them.
    altered: int = 0
    altered_keys: tuple[Any, ...] = ()

    @property
    def left(self) -> int:
        """Those whose row is gone, or has changed since."""
        return self.considered - self.written - self.refused


async def give_back(work: Work, giving: str, verb: str) -> Given:
    """Give back what is kept of a change, newest first, in batches that each commit with their checkpoint.

    `giving` are CTEs over `kept` (key, old_value, new_value): `found` counts the rows that take their value,
    `written` are those that got it, and `missed` has the keys of some that do not, as one array, `altered`
    the keys of those that got it and hold something else. Raises Interrupted, after which `verb` goes on.
    """
    context = work.context
    async with context.database.transaction() as conn:
        span = await _span(conn, work)
        considered = await _considered(conn, work, span)
    limit, refused, missed, altered = BATCH_ROWS, 0, list[Any](), list[Any]()
    while span.below > span.bottom + 1:
        context.check_stop(work.name)
        began = time.monotonic()
        try:
            span, left, other = await _batch(work, giving, span, limit, verb)
            missed += left
            altered += other
            limit = min(2 * limit, BATCH_ROWS)
        except DBAPIError as error:
            if limit > 1 and (_is_refusal(error) or codes.is_lock_failure(error)):
                limit //= 2
                continue
            if not _is_refusal(error):
                raise
            refused += 1
            span = await _passed_over(work, span)
        await asyncio.sleep(time.monotonic() - began)
    async with work.transaction() as conn:
        await _checkpoint(conn, work, span, ended=True)
        data = {"top": span.top, "rows": span.written, "refused": refused, "considered": considered}
        await event.write(
            conn, context.tables, RESTORED, context.who, change_id=work.situation.change_id, data=data
        )
    return Given(
        considered, span.written, refused, tuple(missed[:NAMED]), len(altered), tuple(altered[:NAMED])
    )


def _is_refusal(error: DBAPIError) -> bool:
    """Whether the table does not take a value: a constraint, a type, or what keeps the sides in sync."""
    code = codes.sqlstate(error) or ""
    return code[:2] in ("22", "23") or code == UNFIT_SQLSTATE


async def _span(conn: AsyncConnection, work: Work) -> KeptSpan:
    """Return what is left of an unfinished run, or what was kept since the last one."""
    c, change_id = work.context.tables.given_back.c, work.situation.change_id
    query = select(c.top, c.bottom, c.below, c.written, c.ended).where(c.change_id == change_id)
    last = (await conn.execute(query)).first()
    if last is not None and not last.ended:
        return KeptSpan(*last[:4])
    kept = work.context.tables.conflict.c
    newest = select(func.coalesce(func.max(kept.id), 0)).where(
        kept.change_id == change_id, kept.kind == ConflictKind.ONLY_NEW.value
    )
    top = int((await conn.execute(newest)).scalar_one())
    return KeptSpan(top=top, bottom=0 if last is None else last.top, below=top + 1)


async def _checkpoint(conn: AsyncConnection, work: Work, span: KeptSpan, *, ended: bool = False) -> None:
    row = {"change_id": work.situation.change_id, **asdict(span), "ended": ended}
    statement = insert(work.context.tables.given_back).values(row)
    await conn.execute(statement.on_conflict_do_update(index_elements=["change_id"], set_=row))


async def _considered(conn: AsyncConnection, work: Work, span: KeptSpan) -> int:
    c = work.context.tables.conflict.c
    query = select(func.count()).where(
        c.change_id == work.situation.change_id,
        c.kind == ConflictKind.ONLY_NEW.value,
        c.id > span.bottom,
        c.id <= span.top,
    )
    return int((await conn.execute(query)).scalar_one())


async def _batch(
    work: Work, giving: str, span: KeptSpan, limit: int, verb: str
) -> tuple[KeptSpan, list[Any], list[Any]]:
    """Write a batch with its checkpoint; again while somebody has one of its rows locked."""
    context, change_id, others = work.context, work.situation.change_id, list[Any]()
    silenced = ", ".join(
        f"pg_catalog.set_config({literal(setting)}, {moment}, true)"
        for setting, moment in note_settings(work.name, "new")
    )
    while True:
        killpoints.reach("restore.batch.before")
        async with work.transaction(statement_timeout=_BATCH_TIME) as conn:
            # What is given back is no sign of new code; and money was kept as C writes it.
            await conn.exec_driver_sql(f"SELECT {silenced}, pg_catalog.set_config('lc_monetary', 'C', true)")
            parameters = (change_id, span.below, span.bottom, limit)
            rights = await owner_rights.of(conn, work.plan.table.sql)
            # As the application writes: what fires may name a table without its schema.
            path = owner_rights.OWN_PATH if rights.owner else "search_path"
            await conn.exec_driver_sql(own_path(path))
            statement = _statement(work, giving, rights)
            ((lowest, found, written, missed, altered),) = await rows(conn, statement, *parameters)
            await conn.exec_driver_sql(
                "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)"
            )
            locked = found > written
            below = span.below if locked else (span.bottom if lowest is None else lowest)
            span = KeptSpan(span.top, span.bottom, below, span.written + written)
            if written or not locked:
                await _checkpoint(conn, work, span)
            killpoints.reach("restore.batch.written")
        killpoints.reach("restore.batch.committed")
        others += json.loads(altered or "[]")
        if not locked:
            return span, json.loads(missed or "[]"), others
        if context.stop.is_set():
            raise Interrupted(
                f"{work.name} stopped on request.",
                state=f"{span.written:,} values are given back.",
                next=f"ec {verb} {work.name}",
            )
        await asyncio.sleep(_LOCKED_SECONDS)


async def _passed_over(work: Work, span: KeptSpan) -> KeptSpan:
    """Leave out the next value, which the table refuses."""
    c = work.context.tables.conflict.c
    query = select(func.max(c.id)).where(
        c.change_id == work.situation.change_id, c.kind == ConflictKind.ONLY_NEW.value, c.id < span.below
    )
    async with work.context.database.transaction() as conn:
        lowest = (await conn.execute(query)).scalar_one()
    return KeptSpan(span.top, span.bottom, int(lowest), span.written)


def _statement(work: Work, giving: str, rights: OwnerRights) -> str:
    """$1 change, $2 below which id, $3 above which, $4 how many. Returns the lowest id that was considered,
    how many rows take their value, how many were written, keys of some that do not take theirs, and of those
    that hold something else. Of a row only what was kept last is given back.
    """
    kind = literal(ConflictKind.ONLY_NEW)
    conflict, later = map(work.context.tables.qualified, ("conflict", "kept_later"))
    considered = f"""
WITH considered AS MATERIALIZED (
  SELECT f.id FROM {conflict} f
  WHERE f.change_id {EQ} $1 AND f.kind {EQ} {kind} AND f.id {LT} $2 AND $3 {LT} f.id
  ORDER BY f.id DESC LIMIT $4::pg_catalog.int8
),
kept AS MATERIALIZED (
  SELECT c.key, c.old_value, c.new_value FROM {conflict} c
  WHERE c.id {EQ} ANY (ARRAY(SELECT considered.id FROM considered))
    AND pg_catalog.jsonb_typeof(c.key) {EQ} 'object'
    AND NOT EXISTS (
      SELECT FROM {conflict} other
      WHERE other.key {EQ} c.key AND other.change_id {EQ} $1 AND other.kind {EQ} {kind}
        AND {later}(other, c)
    )
)""".strip()
    lowest = "(SELECT pg_catalog.min(id) FROM considered)"
    counts = (
        "(SELECT rows FROM found) AS found, (SELECT pg_catalog.count(*) FROM written) AS written, "
        "(SELECT keys::pg_catalog.text FROM missed) AS missed, "
        "(SELECT keys::pg_catalog.text FROM altered) AS altered"
    )
    if rights.owner is None:
        return f"{considered},\n{giving}\nSELECT {lowest}, {counts}"
    # What is kept is in the ledger, which is not the owner's to read.
    columns = ", ".join(f"{name} pg_catalog.text" for name in ("old_value", "new_value"))
    rows_ = f"pg_catalog.jsonb_to_recordset($1) AS kept (key pg_catalog.jsonb, {columns})"
    inner = f"WITH kept AS MATERIALIZED (SELECT * FROM {rows_}),\n{giving}\nSELECT {counts}"
    given = {1: ("COALESCE(k.rows, '[]')", "pg_catalog.jsonb")}
    found, written = (f"(d.answer {TEXT_OF} '{name}')::pg_catalog.int8" for name in ("found", "written"))
    return f"""{considered}
SELECT {lowest}, {found}, {written}, d.answer {TEXT_OF} 'missed', d.answer {TEXT_OF} 'altered'
FROM (SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(kept)) AS rows FROM kept) AS k
CROSS JOIN LATERAL {rights.errand(inner, given)} AS d (answer)"""
