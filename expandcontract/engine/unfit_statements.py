"""Statements that were seen here, and that the view which is to stand for a table does not take."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model import sql_words
from expandcontract.model.notes import Note
from expandcontract.model.plan import Plan
from expandcontract.postgres import statements

#: MERGE INTO a view came with 17.
_MERGE_SINCE = 170000


async def seen(conn: AsyncConnection, plan: Plan) -> tuple[Note, ...]:
    """Return a note where pg_stat_statements counts such statements. What it holds comes and goes, so that
    the note is no part of what is reviewed.
    """
    if plan.aside is None:
        return ()
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
