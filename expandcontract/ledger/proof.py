"""The writer of `proof`: a verification begins, holds or does not, ends, and is spoiled."""

from dataclasses import dataclass

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger.chunk import is_part
from expandcontract.ledger.tables import Tables
from expandcontract.model.step import Purpose


@dataclass(frozen=True)
class Begun:
    """A verification under way. `round` is that of its chunks; `resumed`: somebody began it before."""

    id: int
    round: int
    resumed: bool


@dataclass(frozen=True)
class ProofCounts:
    """What a finished verification found."""

    rows_compared: int
    mismatches: int
    unfit: int


async def begin(conn: AsyncConnection, tables: Tables, change_id: int) -> Begun:
    """Bind a new proof to the state of now, before its first slice, or go on with one that still holds.

    Commit before the first slice: what happens after this moment spoils the proof.
    """
    change, proof = tables.change.c, tables.proof.c
    # Two workers that come together shall have the same proof.
    row = select(change.attempt, change.cycle).where(change.id == change_id).with_for_update(key_share=True)
    attempt, cycle = (await conn.execute(row)).one()
    mine = (proof.change_id == change_id, proof.attempt == attempt, proof.cycle == cycle)
    unfinished = select(proof.id, proof.round).where(
        *mine, proof.finished_at.is_(None), proof.spoiled_at.is_(None)
    )
    newest = unfinished.order_by(proof.id.desc()).limit(1)
    found = (await conn.execute(newest)).one_or_none()
    if found is not None:
        faults = await differences(conn, tables, found.id)
        if not faults:
            return Begun(found.id, found.round, resumed=True)
        await spoil(conn, tables, change_id, "; ".join(faults))
    round_ = await _next_round(conn, tables, change_id, attempt)
    fresh = {"change_id": change_id, "attempt": attempt, "cycle": cycle, "round": round_, "bound": {}}
    begun = await conn.execute(insert(tables.proof).values(fresh).returning(proof.id))
    return Begun(begun.scalar_one(), round_, resumed=False)


async def differences(conn: AsyncConnection, tables: Tables, proof_id: int) -> tuple[str, ...]:
    """Return what is different from what the proof is bound to, or what spoiled it; empty while it holds. A
    server that failed over may have lost the proof itself.
    """
    query = (
        "SELECT CASE WHEN p.spoiled_at IS NOT NULL THEN ARRAY[p.spoiled_why]"
        f" ELSE {tables.qualified('differences_now')}(p.change_id, p.bound) END"
        f" FROM {tables.qualified('proof')} p WHERE p.id = $1"
    )
    found = (await conn.exec_driver_sql(query, (proof_id,))).scalar_one_or_none()
    return ("the ledger has lost what was compared",) if found is None else tuple(found)


async def finish(conn: AsyncConnection, tables: Tables, proof_id: int) -> ProofCounts:
    """End a proof with the sums of its chunks, all of which must be done. A finished one stays as it is.

    What left the table meanwhile does not count: nothing of it has to hold, and nothing keeps it in sync.
    """
    proof, chunk, own = tables.proof.c, tables.chunk.c, tables.proof.alias()
    of_proof = (
        chunk.change_id == proof.change_id,
        chunk.attempt == proof.attempt,
        chunk.round == proof.round,
        is_part(tables, select(own.c.change_id).where(own.c.id == proof_id).scalar_subquery()),
    )
    sums = {
        name: select(func.coalesce(func.sum(chunk[column]), 0))
        .where(*of_proof, chunk.purpose == Purpose.COMPARE)
        .scalar_subquery()
        for name, column in (("rows_compared", "rows"), ("mismatches", "mismatches"), ("unfit", "unfit"))
    }
    open_ = (proof.id == proof_id, proof.finished_at.is_(None))
    await conn.execute(update(tables.proof).where(*open_).values(finished_at=func.clock_timestamp(), **sums))
    found = select(proof.rows_compared, proof.mismatches, proof.unfit).where(proof.id == proof_id)
    return ProofCounts(*(await conn.execute(found)).one())


async def compared(conn: AsyncConnection, tables: Tables, proof_id: int) -> bool:
    """Return whether all that was laid for a proof was compared: chunks may have been removed."""
    query = (
        f"SELECT {tables.qualified('compared')}(p.change_id, p.attempt, p.round)"
        f" FROM {tables.qualified('proof')} p WHERE p.id = $1"
    )
    return bool((await conn.exec_driver_sql(query, (proof_id,))).scalar_one_or_none())


async def spoil(conn: AsyncConnection, tables: Tables, change_id: int, why: str) -> int:
    """Spoil every proof of a change that is not spoiled yet; return how many."""
    proof = tables.proof.c
    where = (proof.change_id == change_id, proof.spoiled_at.is_(None))
    values = {"spoiled_at": func.clock_timestamp(), "spoiled_why": why}
    return (await conn.execute(update(tables.proof).where(*where).values(values))).rowcount


async def _next_round(conn: AsyncConnection, tables: Tables, change_id: int, attempt: int) -> int:
    proof, chunk = tables.proof.c, tables.chunk.c
    proofs = select(func.max(proof.round)).where(proof.change_id == change_id, proof.attempt == attempt)
    of_attempt = (chunk.change_id == change_id, chunk.attempt == attempt, chunk.purpose == Purpose.COMPARE)
    chunks = select(func.max(chunk.round)).where(*of_attempt)
    last = select(func.greatest(proofs.scalar_subquery(), chunks.scalar_subquery()))
    return int((await conn.execute(last)).scalar_one() or 0) + 1
