"""Values in a column that a change without a pair has made: rollback loses them, and asks first."""

from expandcontract.engine.context import Context
from expandcontract.model.errors import NotConfirmed
from expandcontract.model.names import quote
from expandcontract.model.situation import Situation
from expandcontract.postgres import owner_rights
from expandcontract.postgres.query import value

#: $1 the table, $2 its columns.
_THERE = """
SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute
WHERE attrelid = $1::pg_catalog.oid AND attname = ANY ($2::pg_catalog.text[]) AND NOT attisdropped
"""


async def refuse(context: Context, situation: Situation) -> None:
    """Raise NotConfirmed where a row has a value of its own in what rollback drops.

    The table is read up to the first of them, with no lock that stops anybody; what comes after that is lost
    without a question.
    """
    plan = situation.plan
    if plan.given == "false" or not situation.live.table_exists:
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
