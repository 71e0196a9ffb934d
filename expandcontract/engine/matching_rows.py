"""How many rows a change would write, by a sample or by all of them, and those that it never would.

The plan's own predicates are asked, by its own functions, which stand on the empty copy meanwhile. A plan
runs none of the application's code.
"""

from dataclasses import replace

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine import forecasts, referring_rows
from expandcontract.engine.rehearsal import aside
from expandcontract.model.errors import BadExpression
from expandcontract.model.notes import Note
from expandcontract.model.phases import Section
from expandcontract.model.plan import Plan
from expandcontract.model.step import Purpose, Transactional
from expandcontract.postgres import empty_copy, sample
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.empty_copy import EmptyCopy
from expandcontract.postgres.query import execute, rows
from expandcontract.postgres.sample import Matching
from expandcontract.postgres.sqlstate import is_disconnect, server_message

#: A sample is not worth more, in milliseconds; whoever asks for all rows waits for them.
_SAMPLE_TIMEOUT_MS = 5_000


async def counted(
    conn: AsyncConnection, plan: Plan, snapshot: Snapshot, copy: EmptyCopy, tried: Plan, *, whole: bool
) -> Plan:
    """Return the plan with how many rows it would write; `tried` is the same one, compiled for the copy.

    Raises BadExpression where rows would match again once they were written.
    """
    if not (plan.copies and plan.compares) or plan.pair is not None:
        return plan
    async with aside(conn):
        try:
            looked = await _looked(conn, plan, copy, tried, whole=whole)
            _, _, written = tried.sweep(Purpose.COPY)
            also = (
                ""
                if looked is None
                else await referring_rows.counted(conn, plan, snapshot, written.wanted, looked.sampled)
            )
        except DBAPIError as error:
            if is_disconnect(error):
                raise
            return _said(plan, f"How many rows match was not counted: {server_message(error)[0]}")
    if looked is None:
        return _said(
            plan,
            "How many rows match was not counted: the expressions are volatile, or call code that PostgreSQL "
            "did not bring along, and a plan runs none of it.",
        )
    of = "rows" if looked.whole else "rows of a sample"
    if looked.again:
        would = "would match again once they were written"
        raise BadExpression(
            f"{looked.again:,} of {looked.rows:,} {of} of {plan.table} {would}.",
            why=f"How often such a row is written would depend on how often it is met. Rows: "
            f"{'; '.join(looked.keys)}.",
            state="Nothing was changed.",
            next="in --where, what is no longer true of a row that was written",
        )
    if plan.forecast is not None and looked.rows:
        plan = replace(plan, forecast=forecasts.narrowed(plan.forecast, looked.wanted / looked.rows))
    return _said(plan, f"{looked.wanted:,} of {looked.rows:,} {of} match now.{also}")


def _said(plan: Plan, sentence: str) -> Plan:
    return replace(plan, costs=(*plan.costs, Note("matching", sentence)))


async def _looked(
    conn: AsyncConnection, plan: Plan, copy: EmptyCopy, tried: Plan, *, whole: bool
) -> Matching | None:
    """Return what was seen; None where the expressions may not be evaluated."""
    limit = "0" if whole else str(_SAMPLE_TIMEOUT_MS)
    await rows(conn, "SELECT pg_catalog.set_config('statement_timeout', $1, true)", limit)
    made = (
        s for step in tried.steps(Section.EXPAND) if isinstance(step.action, Transactional)
        for s in step.action.statements
    )  # fmt: skip
    await empty_copy.run(conn, (*copy.statements, *made))
    if await sample.may_not_be_run(conn, tried.kept_up().functions):
        return None
    await execute(conn, "SET LOCAL transaction_read_only = on")
    (_, _, written), (_, _, left) = tried.sweep(Purpose.COPY), tried.sweep(Purpose.COMPARE)
    return await sample.matching(
        conn, plan.table, copy.snapshot.primary_key, written.wanted, left.wanted, whole=whole
    )
