"""Values in columns that a change has made, of which rollback keeps nothing: it asks before it loses them."""

from dataclasses import replace

from expandcontract.engine.context import Context
from expandcontract.engine.leased_work import Refusal, Work
from expandcontract.model.errors import NotConfirmed
from expandcontract.model.names import quote
from expandcontract.model.phases import Section
from expandcontract.model.situation import Situation
from expandcontract.postgres import owner_rights
from expandcontract.postgres.message import Query
from expandcontract.postgres.query import value

#: $1 the table, $2 its columns.
_THERE = """
SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute
WHERE attrelid = $1::pg_catalog.oid AND attname = ANY ($2::pg_catalog.text[]) AND NOT attisdropped
"""


async def refuse(context: Context, situation: Situation) -> None:
    """Raise NotConfirmed where a row has a value of its own in what rollback drops.

    The table is read with no lock that stops anybody; what comes after that is lost without a question.
    """
    plan = situation.plan
    if plan.given == "false" or not situation.live.table_exists:
        return
    if plan.pair is not None:
        await _refuse_parts(context, situation)
        return
    gone = f"SELECT EXISTS (SELECT FROM {plan.table.sql} t WHERE {plan.given})"
    async with context.database.transaction(patient=True) as conn:
        there: int = await value(conn, _THERE, situation.relation, list(plan.new_columns))
        if there < len(plan.new_columns):
            return
        ((is_given,),) = await owner_rights.rows(conn, plan.table.sql, gone)
    if is_given:
        names = ", ".join(map(quote, plan.new_columns))
        raise NotConfirmed(
            f"Rows of {plan.table} have values in {names}, which rollback drops.",
            why="They are nowhere else.",
            state="Nothing was changed.",
            next=f"ec rollback {situation.name} --discard --confirm {situation.name}",
        )


def under_lock(work: Work) -> Work:
    """Return the work with what is refused under the lock of its last step: a table that the change made is
    not dropped with rows in it.
    """
    plan = work.plan
    if not plan.makes_table or work.situation.to_come or not work.situation.live.table_exists:
        return work
    error = NotConfirmed(
        f"{plan.table} has rows, and rollback drops it.",
        why="They are nowhere else.",
        state="Nothing was changed.",
        next=f"ec rollback {work.name} --discard --confirm {work.name}",
    )
    there = Query(f"EXISTS (SELECT FROM {plan.table.sql})")
    return replace(work, refusals=(*work.refusals, Refusal(there, error)))


async def _refuse_parts(context: Context, situation: Situation) -> None:
    """Raise NotConfirmed where a new side of several columns says more than the old one."""
    plan = situation.plan
    # Before dual_write it is empty, and the functions that tell what only it holds are missing.
    if situation.live.missing_columns or not situation.begun(Section.DUAL_WRITE):
        return
    query = f"SELECT pg_catalog.count(*) FROM {plan.table.sql} t WHERE {plan.given}"
    async with context.database.transaction(patient=True) as conn:
        ((found,),) = await owner_rights.rows(conn, plan.table.sql, query)
    if found:
        raise NotConfirmed(
            f"{found:,} rows hold in {' and '.join(plan.new_columns)} what the old side does not tell.",
            why=f"Of {' and '.join(plan.old_columns)} others would be made; what these are is kept nowhere.",
            state="Nothing was removed.",
            next=f"ec rollback {situation.name} --discard --confirm {situation.name}",
        )
