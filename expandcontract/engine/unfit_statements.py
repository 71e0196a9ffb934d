"""Statements that were seen here, and that a change makes fail: what the view which is to stand for a table
does not take, and what writes rows without a list of columns where those come or go.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.changes.hazards import what_goes_wrong
from expandcontract.model import sql_words
from expandcontract.model.notes import Note
from expandcontract.model.plan import Plan
from expandcontract.postgres import statements

#: MERGE INTO a view came with 17.
_MERGE_SINCE = 170000


async def seen(conn: AsyncConnection, plan: Plan) -> tuple[Note, ...]:
    """Return notes where pg_stat_statements counts such statements. What it holds comes and goes, so that
    they are no part of what is reviewed.
    """
    if plan.aside is None:
        comes, goes = _columns(plan)
        if not (comes or goes):
            return ()
        entries = (await statements.read(conn, {plan.table.name})).entries
        return tuple(unlisted(plan, [(entry.role, entry.query) for entry in entries]))
    table = plan.table.name
    found: defaultdict[str, set[str]] = defaultdict(set)
    for entry in (await statements.read(conn, {table})).entries:
        for what in refused(sql_words.tokens(entry.query), table, plan.server_version):
            found[what].add(entry.role)
    if not found:
        return ()
    told = "; ".join(f"{what} by {', '.join(sorted(roles))}" for what, roles in sorted(found.items()))
    sentence = f"Statements were seen here that name {plan.table} and that a view does not take:"
    return (Note("seen-statements", sentence, found=f"{told}."),)


def _columns(plan: Plan) -> tuple[bool, tuple[str, ...]]:
    """Return whether a column comes, and the names of those that are hidden, and then dropped."""
    goes = plan.old_columns if plan.pair is not None or plan.hidden_column else ()
    return plan.aside is None and bool(plan.new_columns), goes


def unlisted(plan: Plan, seen: Iterable[tuple[str, str]]) -> Iterator[Note]:
    """Pure. Yield a hazard for the statements, with their roles, that write rows of the plan's table without
    a list of columns, and meet others than they were written for.
    """
    comes, goes = _columns(plan)
    found: defaultdict[str, set[str]] = defaultdict(set)
    for role, query in seen:
        for what in sql_words.without_columns(sql_words.tokens(query), plan.table.name):
            found[what].add(role)
    if comes and found["COPY"]:
        yield Note.hazard(
            "copy-all",
            f"COPY of rows into {plan.table} without a list of columns was seen here: it fails from expand "
            "on, when there is one more. Name the columns.",
            about="statements",
            found=f"By {', '.join(sorted(found['COPY']))}.",
        )
    if goes and found["INSERT"]:
        yield Note.hazard(
            "insert-all",
            f"INSERT into {plan.table} without a list of columns was seen here: {what_goes_wrong(goes)} Name "
            "the columns.",
            about="statements",
            found=f"By {', '.join(sorted(found['INSERT']))}.",
        )


def refused(words: Sequence[str], table: str, server_version: int) -> Iterator[str]:
    """Pure. Yield what a view cannot do of a statement that names the table, read word by word."""
    if table not in words:
        return
    pairs = set(itertools.pairwise(words))
    first = words[0] if words else ""
    if first == "truncate":
        yield "TRUNCATE"
    if first == "copy" and words[1:2] != ["("]:
        yield "COPY"
    if first == "merge" and server_version < _MERGE_SINCE:
        yield "MERGE"
    if "conflict" in words and ("on", "constraint") in pairs:
        yield "ON CONFLICT ON CONSTRAINT"
    if ("current", "of") in pairs:
        yield "WHERE CURRENT OF"
    for word in ("tablesample", "xmin", "ctid", "tableoid"):
        if word in words:
            yield word
