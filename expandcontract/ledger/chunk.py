"""The writer of `chunk`: runs of blocks, which worker has each, and how far it is."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Table, and_, func, literal, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger.tables import Tables
from expandcontract.model.names import quote
from expandcontract.model.step import Purpose
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.owner_rights import foreign_owner

#: 128 MB of blocks of 8 kB: a table of 10 TB is 80,000 rows of ledger.
LARGEST = 16_384
#: What several workers share is divided, but not into less than this.
SMALLEST = 64
CHUNKS_PER_WORKER = 4
LEASE_SECONDS = 10
#: Differs after a crash or a failover. Commits that did not wait for the disk may be gone then: what a
#: worker remembers of its chunk is void, and what the ledger says holds. The second part tells a crash after
#: which the postmaster goes on: statistics are thrown away then. The third is the timeline, which begins anew
#: with each promotion and each restored backup; every role may ask for it, on a primary alone.
INCARNATION = (
    "pg_catalog.concat_ws(' ', pg_catalog.pg_postmaster_start_time(),"
    " pg_catalog.pg_stat_get_bgwriter_stat_reset_time(), CASE WHEN NOT pg_catalog.pg_is_in_recovery()"
    " THEN pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8) END)"
)


@dataclass(frozen=True)
class Round:
    """The chunks of one walk: `number` counts the walks of one purpose within an attempt."""

    change_id: int
    attempt: int
    purpose: Purpose
    number: int


@dataclass(frozen=True)
class Chunk:
    """A run of blocks that a worker has leased.

    `relation_name` is SQL; `owner` is whose rights its rows are read and written with, None for those of the
    session; `token` is void once somebody else has the chunk, and all of it once the server is not in the
    `incarnation` in which it was leased.
    """

    id: int
    relation: int
    relation_name: str
    filenode: int
    first_block: int
    end_block: int
    next_block: int
    token: UUID
    incarnation: str
    owner: int | None


@dataclass(frozen=True)
class Totals:
    """All chunks of a round, summed. `running` counts those whose lease has not run out."""

    rows: int
    hot_rows: int
    mismatches: int
    unfit: int
    blocks_done: int
    blocks_total: int
    open: int
    running: int


#: The leaves of a table: itself, its partitions or its children, all levels down; foreign tables have no
#: blocks. The filenode is read before the size (CASE): a rewrite in between then shows in the filenode,
#: instead of cutting the end off.
_LEAVES = f"""
WITH RECURSIVE {tree()},
leaf AS MATERIALIZED (
  SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
         pg_catalog.pg_relation_filenode(c.oid) AS filenode
  FROM tree
  JOIN pg_catalog.pg_class c ON c.oid = tree.relation
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r'
),
sized AS MATERIALIZED (
  SELECT leaf.*, CASE WHEN leaf.filenode IS NOT NULL THEN pg_catalog.pg_relation_size(leaf.oid) END
                 / pg_catalog.current_setting('block_size')::pg_catalog.int8 AS blocks
  FROM leaf
)"""


def _insert(schema: str, where: str) -> str:
    """$1 table, $2 change, $3 attempt, $4 purpose, $5 round, $6 how many chunks there are to be at least."""
    return f"""{_LEAVES},
length AS MATERIALIZED (
  SELECT GREATEST({SMALLEST}, LEAST({LARGEST},
           pg_catalog.ceil(pg_catalog.sum(sized.blocks) / $6::pg_catalog.int8)))::pg_catalog.int8 AS blocks
  FROM sized
)
INSERT INTO {quote(schema)}.chunk (change_id, attempt, purpose, round, relation, relation_name, filenode,
  first_block, end_block, next_block)
SELECT $2, $3, $4::pg_catalog.text, $5, sized.oid, sized.name, sized.filenode,
       first, LEAST(first + length.blocks, sized.blocks), first
FROM length, sized, pg_catalog.generate_series(0::pg_catalog.int8, sized.blocks - 1, length.blocks) first
WHERE {where}
ORDER BY sized.name, first"""


async def lay(conn: AsyncConnection, tables: Tables, round_: Round, table: int, workers: int = 1) -> int:
    """Lay chunks over the present size of all leaves of `table` (an OID); return how many.

    None are laid when the round has chunks already. With several workers the chunks of a small table are
    smaller. Waits for whoever lays at the same time: the change's row is locked.
    """
    await _alone(conn, tables, round_)
    pieces = CHUNKS_PER_WORKER * workers if workers > 1 else 1
    laid = 0
    if not (await conn.execute(select(tables.chunk.c.id).where(_of(tables.chunk, round_)).limit(1))).first():
        parameters = _parameters(round_, table, pieces)
        laid = (await conn.exec_driver_sql(_insert(tables.schema, "true"), parameters)).rowcount
        if round_.purpose == Purpose.COMPARE:
            await _note_blocks(conn, tables, round_)
    if round_.purpose != Purpose.COMPARE:
        # Also of what an earlier program laid, which did not.
        await _note_chunks(conn, tables, round_)
    return laid


async def _note_chunks(conn: AsyncConnection, tables: Tables, round_: Round) -> None:
    """Keep, once, how many chunks a round has at least: it is done when as many are. Chunks are working
    state, which anybody may delete.
    """
    query = f"""
INSERT INTO {tables.qualified("laid")} AS l (change_id, attempt, purpose, round, who, chunks)
SELECT $1, $2, $3, $4, SESSION_USER, pg_catalog.count(*)
FROM {tables.qualified("chunk")} c
WHERE c.change_id = $1 AND c.attempt = $2 AND c.purpose = $3 AND c.round = $4
ON CONFLICT (change_id, attempt, purpose, round) DO UPDATE SET chunks = excluded.chunks
WHERE l.chunks IS NULL"""
    await conn.exec_driver_sql(query, _key(round_))


async def is_swept(
    conn: AsyncConnection, tables: Tables, change_id: int, attempt: int, purpose: Purpose
) -> bool:
    """Return whether all that was laid for the last round of a purpose is done, as the ledger has it now."""
    query = f"SELECT {tables.qualified('swept')}($1, $2, $3)"
    return bool((await conn.exec_driver_sql(query, (change_id, attempt, purpose.value))).scalar_one())


async def _note_blocks(conn: AsyncConnection, tables: Tables, round_: Round) -> None:
    """Keep how much is to be compared: a proof ends only when all of this was done."""
    query = f"""
INSERT INTO {tables.qualified("laid")} (change_id, attempt, purpose, round, who, blocks, leaves)
SELECT $1, $2, $3, $4, SESSION_USER, COALESCE(pg_catalog.sum(c.blocks), 0)::pg_catalog.int8,
       COALESCE(pg_catalog.jsonb_object_agg(c.relation, c.blocks), '{{}}')
FROM (
  SELECT relation, pg_catalog.sum(end_block - first_block)::pg_catalog.int8 AS blocks
  FROM {tables.qualified("chunk")}
  WHERE change_id = $1 AND attempt = $2 AND purpose = $3 AND round = $4
  GROUP BY relation
) c
ON CONFLICT (change_id, attempt, purpose, round) DO NOTHING"""
    await conn.exec_driver_sql(query, _key(round_))


def _key(round_: Round) -> tuple[int, int, str, int]:
    return round_.change_id, round_.attempt, round_.purpose.value, round_.number


async def lay_anew(
    conn: AsyncConnection, tables: Tables, round_: Round, relation: int, workers: int = 1
) -> None:
    """Put right the chunks of a relation (an OID) that was rewritten, renamed or dropped meanwhile.

    After a rewrite every row may lie anywhere: what was laid ends where it is, and the present size is laid
    out. Rows that a copy wrote stay counted; a comparison counts from the start.
    """
    await _alone(conn, tables, round_)
    name, filenode = await _present(conn, relation)
    chunk = tables.chunk
    mine = and_(_of(chunk, round_), chunk.c.relation == relation)
    if filenode is not None:
        await conn.execute(update(chunk).where(mine, chunk.c.status != "done").values(relation_name=name))
    counted: dict[str, Any] = (
        {} if round_.purpose == Purpose.COPY else {"rows": 0, "mismatches": 0, "unfit": 0, "samples": []}
    )
    stale = await conn.execute(
        update(chunk)
        .where(mine, chunk.c.filenode.is_distinct_from(filenode))
        .values(status="done", token=None, end_block=chunk.c.next_block, **counted)
    )
    if stale.rowcount and filenode is not None:
        pieces = CHUNKS_PER_WORKER * workers if workers > 1 else 1
        fresh = f"""sized.oid = $1 AND NOT EXISTS (
            SELECT FROM {quote(tables.schema)}.chunk c
            WHERE c.change_id = $2 AND c.attempt = $3 AND c.purpose = $4 AND c.round = $5
            AND c.relation = $1 AND c.filenode = sized.filenode)"""
        await conn.exec_driver_sql(_insert(tables.schema, fresh), _parameters(round_, relation, pieces))


async def take(
    conn: AsyncConnection, tables: Tables, round_: Round, token: UUID, worker: str
) -> Chunk | None:
    """Lease the first chunk that nobody has, or whose worker was silent for too long; None without any."""
    chunk = tables.chunk
    free = or_(
        chunk.c.status == "pending",
        chunk.c.token == token,  # leased already, but the answer to our commit was lost
        and_(chunk.c.status == "running", chunk.c.leased_until < func.clock_timestamp()),
    )
    first = (
        select(chunk.c.id).where(_of(chunk, round_), chunk.c.status != "done", free)
        .order_by(chunk.c.id).limit(1).with_for_update(skip_locked=True)
    )  # fmt: skip
    taken = await conn.execute(
        update(chunk)
        .where(chunk.c.id == first.scalar_subquery())
        .values(
            status="running", token=token, worker=worker, leased_until=_lease(),
            attempts=chunk.c.attempts + 1, updated_at=func.clock_timestamp(),
            started_at=func.coalesce(chunk.c.started_at, func.clock_timestamp()),
        )
        .returning(
            chunk.c.id, chunk.c.relation, chunk.c.relation_name, chunk.c.filenode,
            chunk.c.first_block, chunk.c.end_block, chunk.c.next_block, chunk.c.token,
            literal_column(INCARNATION), literal_column(foreign_owner("chunk.relation")),
        )
    )  # fmt: skip
    row = taken.first()
    return None if row is None else Chunk(*row)


async def checkpoint(conn: AsyncConnection, tables: Tables, chunk: Chunk, next_block: int) -> bool:
    """Say that nothing is left to do before `next_block`, and prolong the lease.

    False: the chunk is somebody else's now.
    """
    values = {"next_block": next_block, "leased_until": _lease(), "updated_at": func.clock_timestamp()}
    return await _change(conn, tables, chunk, values)


async def wait_for(conn: AsyncConnection, tables: Tables, chunk: Chunk, throttled_by: str | None) -> bool:
    """Prolong the lease and say what the worker waits for. False: the chunk is somebody else's now."""
    return await _change(conn, tables, chunk, {"leased_until": _lease(), "throttled_by": throttled_by})


async def finish(conn: AsyncConnection, tables: Tables, chunk: Chunk) -> bool:
    """Say that the chunk is done to its end. False: the chunk is somebody else's now."""
    values = {
        "status": "done", "next_block": tables.chunk.c.end_block, "token": None, "leased_until": None,
        "throttled_by": None, "updated_at": func.clock_timestamp(),
    }  # fmt: skip
    return await _change(conn, tables, chunk, values)


async def release(conn: AsyncConnection, tables: Tables, chunk: Chunk) -> bool:
    """Give the chunk back where it is, for anybody to take. False: somebody else has it already."""
    values = {"status": "pending", "token": None, "leased_until": None, "throttled_by": None}
    return await _change(conn, tables, chunk, values)


async def void_leases(conn: AsyncConnection, tables: Tables, round_: Round) -> int:
    """Take every chunk from its worker; return how many. Only for who knows that all workers are dead."""
    chunk = tables.chunk
    voided = await conn.execute(
        update(chunk)
        .where(_of(chunk, round_), chunk.c.status == "running")
        .values(status="pending", token=None, leased_until=None, throttled_by=None)
    )
    return voided.rowcount


async def totals(conn: AsyncConnection, tables: Tables, round_: Round) -> Totals:
    """Return the sums over all chunks of the round, whoever works on them, without counting those that are
    done.
    """
    query = (
        "SELECT rows, hot_rows, mismatches, unfit, blocks_done, blocks_total, chunks_open, running "
        f"FROM {tables.qualified('round')} "
        "WHERE change_id = $1 AND attempt = $2 AND purpose = $3 AND round = $4"
    )
    key = (round_.change_id, round_.attempt, round_.purpose.value, round_.number)
    row = (await conn.exec_driver_sql(query, key)).first()
    return Totals(*(row or (0,) * 8))


async def is_open(conn: AsyncConnection, tables: Tables, round_: Round) -> bool:
    """Return whether any chunk of the round is not done."""
    chunk = tables.chunk
    query = select(chunk.c.id).where(_of(chunk, round_), chunk.c.status != "done").limit(1)
    return (await conn.execute(query)).first() is not None


async def samples(
    conn: AsyncConnection, tables: Tables, round_: Round, most: int = 10
) -> tuple[dict[str, str], ...]:
    """Return up to `most` keys of rows that did not match, in the order of the chunks; none of what left the
    table since.
    """
    c = tables.chunk.c
    found = (
        await conn.execute(
            select(c.samples)
            .where(_of(tables.chunk, round_), c.mismatches > 0, is_part(tables, literal(round_.change_id)))
            .order_by(c.relation_name, c.first_block)
            .limit(most)
        )
    ).all()
    return tuple(key for (keys,) in found for key in keys)[:most]


def is_part(tables: Tables, change_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether the relation of a chunk is part of one of the change's tables still."""
    change, site = tables.change.c, tables.site.c
    leaves = getattr(func, tables.schema).leaves(site.relation)
    present = (change.id == change_id, site.change_id == change.id, site.attempt == change.attempt)
    return tables.chunk.c.relation.in_(select(leaves).where(*present))


def _of(chunk: Table, round_: Round) -> ColumnElement[bool]:
    return and_(
        chunk.c.change_id == round_.change_id,
        chunk.c.attempt == round_.attempt,
        chunk.c.purpose == round_.purpose.value,
        chunk.c.round == round_.number,
    )


def _lease() -> ColumnElement[Any]:
    return func.clock_timestamp() + literal(f"{LEASE_SECONDS} seconds").cast(INTERVAL)


def _parameters(round_: Round, table: int, pieces: int) -> tuple[Any, ...]:
    return table, round_.change_id, round_.attempt, round_.purpose.value, round_.number, pieces


async def _alone(conn: AsyncConnection, tables: Tables, round_: Round) -> None:
    await conn.execute(
        select(tables.change.c.id)
        .where(tables.change.c.id == round_.change_id)
        .with_for_update(key_share=True)
    )


async def _present(conn: AsyncConnection, relation: int) -> tuple[str | None, int | None]:
    row = (
        await conn.exec_driver_sql(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.pg_relation_filenode(c.oid)"
            " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.oid = $1",
            (relation,),
        )
    ).first()
    return (None, None) if row is None else tuple(row)


async def _change(conn: AsyncConnection, tables: Tables, chunk: Chunk, values: dict[str, Any]) -> bool:
    c = tables.chunk.c
    done = await conn.execute(
        update(tables.chunk).where(c.id == chunk.id, c.token == chunk.token).values(**values)
    )
    return done.rowcount == 1
