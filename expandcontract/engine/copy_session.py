"""How rows are copied where it is not as usual: under replication origins, or without the user's triggers."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine.context import Context
from expandcontract.engine.leased_work import Work
from expandcontract.ledger import event
from expandcontract.ledger.tables import Tables
from expandcontract.model.errors import MissingPrivilege, Refused
from expandcontract.model.names import quote
from expandcontract.model.phases import State
from expandcontract.model.situation import Situation
from expandcontract.model.step import Deletion, Purpose, Transformation
from expandcontract.postgres import origin, user_triggers
from expandcontract.postgres.connect import Database

#: The kind of the event that says that the table's own triggers were kept from firing.
UNFIRED = "copy fires no triggers"
Settings = tuple[tuple[str, str], ...]


async def marked(work: Work) -> Database:
    """Return the database as rows are to be copied to it: under the origins that the context asks for.

    Where nothing can be decoded from the server's WAL nobody could tell, and no origin is used up.
    """
    context, situation = work.context, work.situation
    if not context.origin:
        return context.database
    async with context.database.transaction() as conn:
        if not await origin.is_decoded(conn):
            context.notice(work.name, "Rows are not marked: wal_level is not logical, so nobody could tell.")
            return context.database
        row = {"change_id": situation.change_id, "name": context.origin, "who": context.who}
        await conn.execute(insert(context.tables.origin).values(row).on_conflict_do_nothing())
    return context.database.marked(context.origin)


async def unmark(context: Context, situation: Situation) -> None:
    """Drop the origins of a change that is over, unless another that is not over uses them too.

    One that cannot be dropped is told of: it does no harm but to take up one of the server's. Does nothing to
    those of a change that is not over.
    """
    tables = context.tables
    async with context.database.transaction() as conn:
        for name in await _names(conn, tables, situation.change_id):
            if await _used_by_others(conn, tables, name):
                continue
            for left in await origin.drop(conn, name):
                context.notice(situation.name, f"Replication origin {left} stays: drop it when it is free.")


async def _names(conn: AsyncConnection, tables: Tables, change: int) -> list[str]:
    c = tables.origin.c
    return list((await conn.execute(select(c.name).where(c.change_id == change))).scalars())


async def _used_by_others(conn: AsyncConnection, tables: Tables, name: str) -> bool:
    origin, change = tables.origin, tables.change.c
    query = (
        select(change.id)
        .join(origin, origin.c.change_id == change.id)
        .where(origin.c.name == name)
        .where(change.state.in_([State.ACTIVE.value, State.HIDDEN.value]))
        .limit(1)
    )
    return (await conn.execute(query)).first() is not None


def settings(situation: Situation, *, user_triggers_fire: bool) -> Settings:
    """Return the settings of the sessions that copy rows.

    Once the change is ready, the new side has constraints that are checked by triggers as well (foreign keys,
    deferrable uniqueness): a repair lets them fire.
    """
    return () if user_triggers_fire or situation.backfilled else user_triggers.SUPPRESSED


async def refuse_to_suppress(context: Context, situation: Situation) -> None:
    """Raise MissingPrivilege or Refused where the user's triggers would fire in spite of our wish; the ledger
    keeps that they do not.
    """
    if situation.backfilled:
        context.notice(
            situation.name,
            "Triggers fire for rows that are repaired: constraints of the new side are checked by some.",
        )
        return
    _refuse_unchecked(situation)
    async with context.database.transaction() as conn:
        if not await user_triggers.may_suppress(conn):
            raise _forbidden()
        column = situation.plan.new_column
        fire = await user_triggers.obstinate(conn, situation.relation, column)
        if not fire:
            await event.write(conn, context.tables, UNFIRED, context.who, change_id=situation.change_id)
    if fire:
        raise Refused(
            f"--no-user-triggers does not keep {', '.join(fire)} of {situation.plan.table} from firing.",
            why="A trigger that is ENABLE ALWAYS or ENABLE REPLICA fires under session_replication_role = "
            "replica, which is how others are kept from it.",
            state="No row was copied.",
            next=f"ALTER TABLE {situation.plan.table} ENABLE TRIGGER {fire[0]}, or leave the option out.",
        )


def _refuse_unchecked(situation: Situation) -> None:
    """Raise Refused where rows of the user's own columns are written: foreign keys are checked, and cascade,
    by triggers that would not fire either.
    """
    plan = situation.plan
    if plan.pair is not None or not plan.copies:
        return
    _, _, action = plan.sweep(Purpose.COPY)
    ours = set(map(quote, plan.new_columns))
    written = action.writes if isinstance(action, Transformation) else action.assignments
    if isinstance(action, Deletion) or {name for name, _ in written} - ours:
        raise Refused(
            f"--no-user-triggers does not go with {situation.kind}.",
            why="PostgreSQL checks foreign keys, and cascades, by triggers that would not fire either.",
            state="No row was written.",
            next=f"ec backfill {situation.name}; or first: ALTER TABLE {plan.table} DISABLE TRIGGER ...",
        )


def _forbidden() -> MissingPrivilege:
    return MissingPrivilege(
        "The role may not keep triggers from firing.",
        why="--no-user-triggers sets session_replication_role, which superusers may, and since PostgreSQL 15 "
        "those who were granted it.",
        state="No row was copied.",
        next="GRANT SET ON PARAMETER session_replication_role TO the role, or leave the option out.",
    )
