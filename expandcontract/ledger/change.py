"""The writer of `change`: it begins, gets another plan, moves between states. The guards keep the order."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import event, phase
from expandcontract.ledger.tables import Tables
from expandcontract.model.names import RelationName
from expandcontract.model.notes import Note
from expandcontract.model.phases import State
from expandcontract.model.plan import Plan, to_data
from expandcontract.postgres.message import Query
from expandcontract.postgres.query import rows, run

#: In the event of the step that hid the old side.


async def create(
    conn: AsyncConnection, tables: Tables, plan: Plan, *, relation: int, who: str, host: str
) -> int:
    """Add a change with its first attempt and five pending phases; return its id.

    `relation` is the table's OID, `host` from where it is started. A column that belongs to another open
    change is refused with SQLSTATE EC305.
    """
    row = _compiled(plan, relation) | {
        "name": plan.change.name,
        "created_by": who,
        "created_from": host,
        "database_oid": 0,  # the guard writes the database that it is in
        "state": State.ACTIVE,
        "attempt": 1,
        "cycle": 0,
    }
    returned = await conn.execute(insert(tables.change).values(row).returning(tables.change.c.id))
    change_id: int = returned.scalar_one()
    await phase.open_all(conn, tables, change_id, 1)
    await event.write(conn, tables, "created", who, change_id=change_id, data=_told(plan, host=host))
    return change_id


async def replan(
    conn: AsyncConnection, tables: Tables, change_id: int, plan: Plan, *, relation: int, who: str
) -> None:
    """Replace the plan of an attempt that has not begun. Refused once a phase has."""
    await _update(conn, tables, change_id, _compiled(plan, relation))
    await event.write(conn, tables, "replanned", who, change_id=change_id, data=_told(plan))


async def begin_again(
    conn: AsyncConnection, tables: Tables, change_id: int, plan: Plan, *, relation: int, who: str
) -> int:
    """Open another attempt of a change that was rolled back, with a plan compiled now; return its number."""
    row = _compiled(plan, relation) | {"state": State.ACTIVE}
    where = tables.change.c.id == change_id
    moved = await conn.execute(
        update(tables.change).where(where).values(row).returning(tables.change.c.attempt)
    )
    attempt: int = moved.scalar_one()
    await phase.open_all(conn, tables, change_id, attempt)
    data = _told(plan, attempt=attempt)
    await event.write(conn, tables, "begun again", who, change_id=change_id, data=data)
    return attempt


async def acknowledge(
    conn: AsyncConnection, tables: Tables, change_id: int, hazards: Iterable[Note], *, who: str
) -> None:
    """Keep that `who` acknowledged hazards of the plan, each with its sentence as it was then."""
    for note in hazards:
        data = {"hazard": note.code, "sentence": note.said}
        await event.write(conn, tables, "acknowledged", who, change_id=change_id, data=data)


def becoming(tables: Tables, change_id: int, state: State, who: str) -> Query:
    """Return the statement that moves a change to `state`, unless it is there, and writes the event.

    To `hidden`, it has its place after the lock on the table and before the first statement of the step: the
    guard compares what the proof is bound to with what is there, and the step's own statements change that.
    """
    moved = f"""UPDATE {tables.qualified("change")} SET state = $5::text
        WHERE id = $1::int8 AND state <> $5::text RETURNING state, NULL::float8 AS seconds"""
    made = event.moving(tables, "state", who, change_id, moved, {})
    return replace(made, values=(*made.values, state.value))


async def find_again(
    conn: AsyncConnection, tables: Tables, change_id: int, table: RelationName, *, is_copy: bool
) -> int | None:
    """Return the OID that the table has after a restore, and keep it; None where it is not there.

    In a copy of the database the name of now, `table`, is enough. Where the change was started, somebody
    else's table may have taken the name: there only one that came back with our trigger is it.
    """
    name, change = "pg_catalog.to_regclass($1)::pg_catalog.oid", tables.qualified("change")
    found = f"coalesce({tables.qualified('found_again')}(c.id), c.relation)"
    query = f"SELECT {name}::int8" if is_copy else f"SELECT {found}::int8 FROM {change} c WHERE c.id = $1"
    sought = table.sql if is_copy else change_id
    relation: int | None = (await conn.exec_driver_sql(query, (sought,))).scalar_one()
    if relation is not None:
        kept = tables.change
        where = (kept.c.id == change_id, kept.c.relation != relation)
        await conn.execute(update(kept).where(*where).values(relation=relation))
    await _find_others(conn, tables, change_id, is_copy=is_copy)
    return relation


async def _find_others(conn: AsyncConnection, tables: Tables, change_id: int, *, is_copy: bool) -> None:
    """Keep the OIDs that the other tables of the change have after a restore, as far as they are there."""
    by_name = "pg_catalog.to_regclass(s.called[1])::pg_catalog.oid"
    found = by_name if is_copy else f"{tables.qualified('found_again')}(s.change_id, s.number)"
    await conn.exec_driver_sql(
        f"""UPDATE {tables.qualified("site")} s SET relation = {found}
        FROM {tables.qualified("change")} c
        WHERE c.id = $1 AND (s.change_id, s.attempt) = (c.id, c.attempt) AND s.number > 0
            AND {found} <> s.relation""",
        (change_id,),
    )


def noting_table(tables: Tables, change_id: int) -> Query:
    """Return the statement that keeps which table was made, for the transaction that made it."""
    named = "pg_catalog.to_regclass(pg_catalog.format('%I.%I', table_schema, table_name))::pg_catalog.oid"
    return Query(
        f"UPDATE {tables.qualified('change')} SET relation = {named} WHERE id = $1 AND relation = 0::oid",
        (change_id,),
    )


async def hold(conn: AsyncConnection, tables: Tables, change_id: int) -> None:
    """Lock the change's row until the transaction ends: whoever moves it waits here, before others wait for
    them.
    """
    change = tables.qualified("change")
    await rows(conn, f"SELECT id FROM {change} WHERE id = $1 FOR NO KEY UPDATE", change_id)


async def become(conn: AsyncConnection, tables: Tables, change_id: int, state: State, who: str) -> bool:
    """Move a change to `state` at once; return False when it was there already."""
    return bool(await run(conn, becoming(tables, change_id, state, who)))


def noting_sync(tables: Tables, change_id: int, attempt: int, who: str, *, step: str, hides: bool) -> Query:
    """Return the statement that keeps how the functions, the triggers and the new side of a change stand now,
    for the transaction of the step that made them; where it `hides` the old side, also what undo rests on.
    """
    kept = f"(SELECT kept FROM {_kept(tables)})" if hides else "NULL"
    statement = f"""INSERT INTO {tables.qualified("picture")} (change_id, attempt, step, who, sync, kept)
        VALUES ($1, $2, $3, $4, {tables.qualified("sync_state")}($1), {kept})"""
    return Query(statement, (change_id, attempt, step, who))


def kept_differs(tables: Tables, change_id: int, kept: Mapping[str, Any]) -> Query:
    """Return the condition that what keeps the hidden side current is not what it was."""
    condition = f"(SELECT kept FROM {_kept(tables)}) IS DISTINCT FROM $2::pg_catalog.jsonb"
    return Query(condition, (change_id, dict(kept)))


async def since_hidden(
    conn: AsyncConnection, tables: Tables, change_id: int
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what keeps the hidden side current, and how it differs from what the step that hid it left, as
    sentences. Without any, every write since went through it: a trigger that was off for a moment is told.
    """
    query = f"""SELECT kept, {tables.qualified("bound_differences")}(hidden.kept_then, kept)
        FROM {_kept(tables)} LEFT JOIN (
            SELECT p.kept AS kept_then FROM {tables.qualified("picture")} p
            WHERE p.change_id = $1 AND p.kept IS NOT NULL ORDER BY p.id DESC LIMIT 1
        ) hidden ON true"""
    row: tuple[Any, ...] = tuple((await conn.exec_driver_sql(query, (change_id,))).one())
    return row[0], tuple(row[1])


def _kept(tables: Tables) -> str:
    """Return, as FROM, what a proof is bound to but the columns: none of the old side's values depends on how
    one is declared. $1: the change.
    """
    return f"""(
        SELECT bound || pg_catalog.jsonb_build_object('leaves', (
            SELECT coalesce(pg_catalog.jsonb_agg(leaf - 'columns' ORDER BY place), '[]')
            FROM pg_catalog.jsonb_array_elements(bound->'leaves') WITH ORDINALITY leaves(leaf, place)
        )) AS kept
        FROM {tables.qualified("bound_state")}($1) AS bound
    ) standing"""


async def _update(conn: AsyncConnection, tables: Tables, change_id: int, row: dict[str, Any]) -> None:
    await conn.execute(update(tables.change).where(tables.change.c.id == change_id).values(row))


def _compiled(plan: Plan, relation: int) -> dict[str, Any]:
    data = to_data(plan)
    return {
        "kind": plan.change.kind,
        "spec": data["change"]["spec"],
        "plan": data,
        "fingerprint": plan.fingerprint,
        "relation": relation,
        "table_schema": plan.table.schema,
        "table_name": plan.table.name,
        "columns": list(plan.owned or ()),
        "whole": plan.owned is None,
        "program_version": plan.program_version,
    }


def _told(plan: Plan, **more: str | int) -> dict[str, Any]:
    return {"fingerprint": plan.fingerprint, "program_version": plan.program_version, **more}
