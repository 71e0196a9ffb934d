"""What the kinds that write rows share: what is asked, and the plan of it."""

import re
from collections.abc import Iterator, Sequence

from expandcontract.changes import preflight, row_expressions, table_shape
from expandcontract.changes.compose import compose
from expandcontract.changes.row_expressions import RowExpression
from expandcontract.model.change import Change
from expandcontract.model.errors import BadExpression, UnsupportedShape
from expandcontract.model.names import parse_column, quote, sync_schema
from expandcontract.model.notes import Note, Words
from expandcontract.model.plan import Plan
from expandcontract.postgres import watchers
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Trial
from expandcontract.steps.parts import Part, Sentences
from expandcontract.steps.row_function import RowFunction

_SET = re.compile(r'\s*(?P<column>"(?:[^"]|"")+"|[^\s="]+)\s*=(?!=)\s*(?P<value>.+)', re.DOTALL)


def assigned(snapshot: Snapshot, written: Sequence[str]) -> list[tuple[Column, str]]:
    """Return the columns that are set, each with its expression, as `COL = EXPR` says.

    Raises BadExpression, NoSuchObject, and UnsupportedShape for a column that nobody may write, or of which
    the value says where a row lies.
    """
    found: list[tuple[Column, str]] = []
    for each in written:
        match = _SET.fullmatch(each)
        if match is None:
            raise BadExpression(f"--set {each!r} is not COL = EXPR.", why="As in UPDATE ... SET.")
        column = preflight.column(snapshot, parse_column(match["column"]))
        if any(column == other for other, _ in found):
            raise BadExpression(f"--set {each!r}: {quote(column.name)} is set twice.", why="Once is enough.")
        found.append(
            (column, _default(column) if match["value"].strip().upper() == "DEFAULT" else match["value"])
        )
        _examine(snapshot, column)
    return found


def _default(column: Column) -> str:
    return column.default if column.default is not None else "NULL"


def _examine(snapshot: Snapshot, column: Column) -> None:
    name = quote(column.name)
    if column.generated or column.identity == "a":
        raise UnsupportedShape(
            f"{name} of {snapshot.table} is computed by PostgreSQL.", why="Nobody may set it."
        )
    if column.name in snapshot.relation.partition_keys:
        raise UnsupportedShape(
            f"{name} is a partition key of {snapshot.table}.", why="A row that got another value would move."
        )


def examine_kept(snapshot: Snapshot, written: Sequence[Column]) -> None:
    """Raise UnsupportedShape where what is kept of a row could not be given back to it."""
    table, key = snapshot.table, snapshot.primary_key
    if not key:
        raise UnsupportedShape(
            f"--keep needs a primary key, and {table} has none.", why="It names the row of what is kept."
        )
    named = [quote(column.name) for column in written if column.name in key]
    if named:
        raise UnsupportedShape(
            f"--keep cannot be: {', '.join(named)} is of the primary key of {table}.",
            why="It names the row of what is kept, and would be another one.",
        )
    children = [leaf.name.sql for leaf in snapshot.relation.leaves if leaf.name != table]
    if children and not snapshot.relation.partitioned:
        raise UnsupportedShape(
            f"--keep cannot be: {table} has children ({', '.join(children)}).",
            why="A key of the table names rows of its own alone.",
        )


def trial(snapshot: Snapshot, expressions: Sequence[RowExpression], verb: str, what: str) -> Trial:
    """Return the question: whether PostgreSQL takes the statement, and what it makes of its expressions.

    `verb` is what stands before WHERE.
    """
    table_shape.examine(snapshot)
    made = row_expressions.statements(snapshot, expressions)
    where = expressions[0].text
    return Trial((f"EXPLAIN (COSTS OFF) {verb} WHERE ({where})", *made), row_expressions.QUERY, what)


def functions(
    change: Change, snapshot: Snapshot, expressions: Sequence[RowExpression], answer: Answer, ledger: str
) -> tuple[RowFunction, ...]:
    """Return the expressions as functions of the change: that of the condition, and those of what is set."""
    labels = ["where", *(f"set_{number}" for number in range(1, len(expressions)))]
    names = [(change.name, label) for label in labels]
    return row_expressions.read(snapshot, expressions, answer, names, sync_schema(ledger))


def plan(  # noqa: PLR0913 - what a plan of rows is made of
    change: Change,
    snapshot: Snapshot,
    part: Part,
    made: Sequence[RowFunction],
    about: str,
    *,
    claims: tuple[str, ...],
    keep: bool,
) -> Plan:
    """Return the plan of one sweep and the look after it; with `keep` rollback gives back what rows held."""
    stays = "" if keep else "Rows that were written stay as they are: nothing gives back what they held."
    back = "give back what rows held, and drop" if keep else "drop"
    rows_ = "" if keep else "; rows stay as they are"
    return compose(
        change,
        snapshot,
        (part,),
        Words(
            about=about,
            ready="no row is left that matches",
            contracted="",
            destroys="",
            broken="match still",
            stays=stays,
        ),
        Sentences(rollback=f"{back} what the expressions were parsed into{rows_}"),
        claims=claims,
        uses=row_expressions.used(made, claims),
    )


def fired(snapshot: Snapshot, verb: str) -> Iterator[Note]:
    """What the table's own triggers do meanwhile."""
    for trigger in snapshot.triggers:
        fires = trigger.on_update if verb == "UPDATE" else True
        if fires and trigger.enabled in ("O", "A") and not trigger.name.startswith(watchers.OURS):
            yield Note(
                "user-trigger",
                f"Trigger {quote(trigger.name)} ({trigger.function}) may fire for what is written, with its "
                "cost and effects.",
            )
