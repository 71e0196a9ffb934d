"""Asks the empty clone everything about a new side."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import quote
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone.defaults import default_of
from expandcontract.postgres.clone.definitions import definitions_of, final_definitions, hidden_definitions
from expandcontract.postgres.clone.expressions import (
    back_of,
    forward_of,
    further_of,
    null_returns,
    swallowed_by,
)
from expandcontract.postgres.clone.judgement import FurtherAsked, FurtherJudged, Judgement, Question
from expandcontract.postgres.clone.new_type import new_type_of
from expandcontract.postgres.clone.rules import rules_of
from expandcontract.postgres.clone.table import evaluating
from expandcontract.postgres.owner_rights import trying
from expandcontract.postgres.query import execute, rows
from expandcontract.postgres.settings import own_path

#: $1 roles, $2 functions.
_DENIED = """
SELECT r.rolname::text, f FROM pg_catalog.pg_roles r, unnest($2::text[]) AS f
WHERE r.rolname = ANY ($1::text[]) AND NOT pg_catalog.has_function_privilege(r.oid, f, 'EXECUTE')
ORDER BY 1, 2
"""


async def judge(conn: AsyncConnection, snapshot: Snapshot, question: Question) -> Judgement:
    """Ask the server everything about a new side. The caller's transaction is as before afterwards.

    Raises:
        BadExpression: an expression or the type does not parse, has the wrong type, names another column, or
            is more
            than an expression.
        UnsupportedShape: a column of the type cannot be added without a rewrite of the table.
    """
    olds = [each for name in question.columns for each in snapshot.columns if each.name == name]
    if len(olds) < len(question.columns):
        raise AssertionError(f"the snapshot of {snapshot.table} was loaded without {question.columns}")
    column = olds[0]
    async with trying(conn, snapshot.table.sql):
        # Users write expressions as in their own sessions.
        await execute(conn, own_path())
        await execute(conn, f"CREATE TEMPORARY TABLE ec_clone (LIKE {snapshot.table.sql})")
        for each in olds:
            await _refuse_no_null(conn, each)
        new_type = await new_type_of(conn, snapshot.table, column, question)
        # A generated column has no value yet when a trigger is called before the row is written.
        others = [e.name for e in snapshot.columns if e.name not in question.columns and not e.generated]
        forward = await forward_of(conn, olds, question, new_type, others)
        more = [await _further(conn, snapshot, question, each, others) for each in question.more]
        backs = await back_of(conn, olds, question, new_type, more, others)
        # Of several columns none has the default: an INSERT without any gets the old one, and parts of it.
        uneven = question.more or question.old_more
        default = None if uneven else await default_of(conn, column, forward, question)
        several = forward if question.old_more else None
        swallows = () if several is None else await swallowed_by(conn, olds, several, snapshot.columns)
        returns = bool(question.left) and await null_returns(
            conn, olds, forward, backs, new_type, question.new
        )
        asked = await rules_of(conn, snapshot, question, new_type, more, forward)
        hidden = await hidden_definitions(conn, snapshot, question)
        definitions = await definitions_of(conn, snapshot, question, new_type)
        final = await final_definitions(conn, question, definitions)
    said = Judgement(
        new_type,
        forward,
        next(iter(backs), None),
        default,
        definitions,
        hidden,
        (),
        final,
        tuple(more),
        backs[1:],
        swallows,
        asked,
        returns,
    )
    functions = sorted({f for each in said.expressions for f in each.functions})
    denied = await rows(conn, _DENIED, list(snapshot.relation.writers), functions) if functions else ()
    return replace(said, denied=tuple((role, name) for role, name in denied))


async def _further(
    conn: AsyncConnection,
    snapshot: Snapshot,
    question: Question,
    asked: FurtherAsked,
    others: Sequence[str],
) -> FurtherJudged:
    column = next(each for each in snapshot.columns if each.name == question.column)
    new_type = await new_type_of(
        conn, snapshot.table, column, replace(question, new=asked.new, type=asked.type)
    )
    return FurtherJudged(asked.new, new_type, await further_of(conn, column, asked, new_type.type, others))


async def _refuse_no_null(conn: AsyncConnection, column: Column) -> None:
    # Such equality has no domain, which alone may take no NULL.
    if not column.plain_equality and not await _takes_null(conn, column.type):
        raise UnsupportedShape(
            f"{quote(column.name)} is of a domain that takes no NULL: {column.type}.",
            why="The hidden side must be able to be NULL, or a write of new code would fail.",
        )


async def _takes_null(conn: AsyncConnection, type_: str) -> bool:
    try:
        async with evaluating(conn):
            await execute(conn, f"SELECT NULL::{type_}")
    except DBAPIError:
        return False
    return True
