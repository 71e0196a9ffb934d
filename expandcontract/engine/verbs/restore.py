"""`ec restore`: give back, after another start, what only the new side held when it was rolled back."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine import situation as situations
from expandcontract.engine.allowed_verbs import applies
from expandcontract.engine.context import Context
from expandcontract.engine.kept_batches import Given, give_back
from expandcontract.engine.leased_work import Work, leased
from expandcontract.engine.verbs import undo
from expandcontract.model.errors import EcError, Refused
from expandcontract.model.names import literal, qualify_type, quote
from expandcontract.model.phases import Verb
from expandcontract.model.situation import Situation
from expandcontract.postgres.catalog.column import types_of
from expandcontract.steps import giving_back
from expandcontract.sweep.statements import EQ, TEXT_OF


async def restore(context: Context, name: str) -> Given:
    """Write kept values into the new side of rows that nobody has changed since: the old side is the one that
    the value was kept with, and the new side what the old one makes of it.

    Raises:
        WrongState: the change is not ready.
        Refused: nothing names the rows, or nobody can tell what the new side was made from.
        Interrupted, LeaseHeld: the same command goes on.
    """
    situation = await undo.finish(context, await situations.one(context, name))
    if not applies(context, Verb.RESTORE, situation):
        return Given(0, 0, 0)
    _refuse_shape(situation)
    async with leased(context, situation, "restore") as work:
        async with context.database.transaction() as conn:
            types = await _key_types(conn, work)
        return await give_back(work, _giving(work, types), "restore")


def _refuse_shape(situation: Situation) -> None:
    plan = situation.plan
    if not plan.catalog["primary_key"]:
        why = f"{plan.table} has no primary key: nothing names the rows of the values that are kept."
    elif plan.sides.more:
        why = "The new side is of several columns, of which none is kept by itself."
    elif plan.sides.old_more and plan.sides.one_way:
        why = "The old side is of several columns, and nothing tells of all of them what a value was made of."
    elif plan.computed_outside:
        why = "The new side is computed outside of the database, which cannot tell what was written since."
    else:
        return
    raise Refused(
        f"The values of {situation.name} cannot be given back by ec.",
        why=why,
        next=f"ec restore {situation.name} --export FILE.csv",
    )


async def _key_types(conn: AsyncConnection, work: Work) -> Mapping[str, str]:
    keys = work.plan.catalog["primary_key"]
    types = await types_of(conn, work.situation.relation, keys)
    if set(types) != set(keys):
        raise EcError(f"{work.plan.table} has not the primary key any more that the plan knows.")
    return types


def _giving(work: Work, types: Mapping[str, str]) -> str:
    """Return the CTEs that write what is `kept`. A row that somebody has locked is skipped: the application
    never waits for a batch that waits for somebody else.
    """
    plan, pair = work.plan, work.plan.sides
    match = " AND ".join(
        f"t.{quote(key)} {EQ} (kept.key {TEXT_OF} {literal(key)})::{qualify_type(types[key])}"
        for key in plan.catalog["primary_key"]
    )
    value = giving_back.value(pair)
    wanted = f"{match} AND {giving_back.taken(pair, work.context.tables.sync_schema)}"
    return f"""
found AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows FROM kept JOIN {plan.table} t ON {wanted}
),
chosen AS MATERIALIZED (
  SELECT kept.* FROM kept JOIN {plan.table} t ON {wanted} FOR NO KEY UPDATE OF t SKIP LOCKED
),
written AS (
  UPDATE {plan.table} t SET {quote(pair.new.column)} = {value} FROM chosen kept WHERE {wanted} RETURNING 1
),
missed AS (SELECT NULL::pg_catalog.jsonb AS keys),
altered AS (SELECT NULL::pg_catalog.jsonb AS keys)""".strip()
