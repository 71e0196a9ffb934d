"""Statements that were seen here, and that a change makes fail: what the view which is to stand for a table
does not take, and what writes rows without a list of columns where those come or go.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.changes.hazards import what_goes_wrong
from expandcontract.model import sql_words
from expandcontract.model.notes import Note
from expandcontract.model.plan import Plan
from expandcontract.postgres import statements
from expandcontract.postgres.query import rows

#: MERGE INTO a view came with 17.
_MERGE_SINCE = 170000


#: The roles that this session has, unless a session that is none of ours has one of them, too: then they are
#: the application's as well.
_OWN = """
SELECT role FROM (VALUES (CURRENT_USER::pg_catalog.text), (SESSION_USER::pg_catalog.text)) AS own (role)
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_stat_activity a
    WHERE a.datname = pg_catalog.current_database() AND a.usename IN (CURRENT_USER, SESSION_USER)
      AND coalesce(a.backend_type, 'client backend') = 'client backend'
      AND a.pid <> pg_catalog.pg_backend_pid()
      AND pg_catalog.split_part(a.application_name, ' ', 1)
          IS DISTINCT FROM pg_catalog.split_part(pg_catalog.current_setting('application_name'), ' ', 1))
"""


@dataclass(frozen=True)
class SeenStatement:
    """What was counted of a statement of one role; `own` are statements of the role that runs the change and
    that no session of the application has: migrations and seeds, which are over.
    """

    role: str
    query: str
    calls: int
    own: bool = False


async def seen(conn: AsyncConnection, plan: Plan) -> tuple[Note, ...]:
    """Return notes where pg_stat_statements counts such statements. What it holds comes and goes, so that
    they are no part of what is reviewed.
    """
    comes, goes = _columns(plan)
    if plan.aside is None and not (comes or goes):
        return ()
    entries = (await statements.read(conn, {plan.table.name})).entries
    own = {role for (role,) in await rows(conn, _OWN)} if entries else set()
    found = [SeenStatement(each.role, each.query, each.calls, each.role in own) for each in entries]
    return tuple(unlisted(plan, found) if plan.aside is None else _not_of_a_view(plan, found))


def _not_of_a_view(plan: Plan, seen: Iterable[SeenStatement]) -> Iterator[Note]:
    table = plan.table.name
    found: defaultdict[str, list[SeenStatement]] = defaultdict(list)
    for each in seen:
        for what in refused(sql_words.tokens(each.query), table, plan.server_version):
            found[what].append(each)
    told = "; ".join(f"{what} by {_who(by)}" for what, by in sorted(found.items()))
    if told:
        sentence = f"Statements were seen here that name {plan.table} and that a view does not take:"
        yield Note("seen-statements", sentence, found=f"{told}.")


def _who(seen: Iterable[SeenStatement]) -> str:
    """Pure. Return which roles ran statements, and how often."""
    calls: defaultdict[str, int] = defaultdict(int)
    for each in seen:
        calls[each.role] += each.calls
    return ", ".join(
        f"{role} ({count:,} {'time' if count == 1 else 'times'})" for role, count in sorted(calls.items())
    )


def _columns(plan: Plan) -> tuple[bool, tuple[str, ...]]:
    """Return whether a column comes, and the names of those that are hidden, and then dropped."""
    goes = plan.old_columns if plan.pair is not None or plan.hidden_column else ()
    return plan.aside is None and bool(plan.new_columns), goes


def unlisted(plan: Plan, seen: Iterable[SeenStatement]) -> Iterator[Note]:
    """Pure. Yield a hazard for the statements that write rows of the plan's table without a list of columns,
    and meet others than they were written for; of those that only the role ran which runs the change, a note.
    """
    comes, goes = _columns(plan)
    found: defaultdict[str, list[SeenStatement]] = defaultdict(list)
    for each in seen:
        for what in sql_words.without_columns(sql_words.tokens(each.query), plan.table.name):
            found[what].append(each)
    if comes and found["COPY"]:
        yield _unlisted(
            "copy-all",
            f"COPY of rows into {plan.table} without a list of columns was seen here: it fails from expand "
            "on, when there is one more. Name the columns.",
            found["COPY"],
        )
    if goes and found["INSERT"]:
        yield _unlisted(
            "insert-all",
            f"INSERT into {plan.table} without a list of columns was seen here: {what_goes_wrong(goes)} Name "
            "the columns.",
            found["INSERT"],
        )


def _unlisted(code: str, sentence: str, seen: Sequence[SeenStatement]) -> Note:
    others = [each for each in seen if not each.own]
    if others:
        return Note.hazard(code, sentence, about="statements", found=f"By {_who(others)}.")
    whose = "It is the role that runs the change, and no session of the application has it now."
    return Note(f"{code}-by-ourselves", sentence, found=f"By {_who(seen)}. {whose}")


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
