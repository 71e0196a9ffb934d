"""What the kinds that write rows share: what is asked, and the plan of it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from expandcontract.changes import outside, preflight, row_expressions, table_shape
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

#: What a foreign key says of a row that is deleted, and what that means for the rows that refer to it.
_ACTIONS = {
    "CASCADE": "its rows that refer to one are deleted with it, in the same transaction",
    "SET NULL": "its rows that refer to one are updated with it, in the same transaction",
    "SET DEFAULT": "its rows that refer to one are updated with it, in the same transaction",
}


@dataclass(frozen=True)
class Setting:
    """What rows that match get: the columns, each with its expression, or with itself where a program makes
    the value; `expressions` are the condition, and what is evaluated by the server.
    """

    assigned: tuple[tuple[Column, str], ...]
    expressions: tuple[RowExpression, ...]

    @property
    def columns(self) -> list[Column]:
        """The columns that are set."""
        return [column for column, _ in self.assigned]

    def update(self, snapshot: Snapshot) -> str:
        """Return the UPDATE of the clone, as it stands before WHERE."""
        listed = ", ".join(f"{quote(column.name)} = ({text})" for column, text in self.assigned)
        return f"UPDATE pg_temp.ec_clone AS {quote(snapshot.table.name)} SET {listed}"


def setting(snapshot: Snapshot, written: Sequence[str], where: str, *, outside: bool) -> Setting:
    """Return what `--set` and `--where` say; values that are made `outside` are none of the server's.

    Raises BadExpression, NoSuchObject, and UnsupportedShape for a column that nobody may write, or of which
    the value says where a row lies.
    """
    found = (_named if outside else _assigned)(snapshot, written)
    made = [] if outside else [RowExpression(text, column.type, "--set") for column, text in found]
    return Setting(tuple(found), (condition(where), *made))


def condition(where: str) -> RowExpression:
    """Return what `--where` says."""
    return RowExpression(where, "boolean", "--where")


def _assigned(snapshot: Snapshot, written: Sequence[str]) -> list[tuple[Column, str]]:
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


def _named(snapshot: Snapshot, written: Sequence[str]) -> list[tuple[Column, str]]:
    """Return the columns of which a program makes the values, as `COL` alone says, each with itself as SQL.

    Raises what `_assigned` does, and UnsupportedShape for an array.
    """
    for each in written:
        if _SET.fullmatch(each) is not None:
            raise BadExpression(
                f"--set {each!r} says what --transform makes.", why="It names a column, and no value."
            )
    found = _assigned(snapshot, [f"{each} = {each}" for each in written])
    for column, _ in found:
        outside.examine_type(column.type)
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


def referring(snapshot: Snapshot, *, keep: bool) -> Iterator[Note]:
    """What becomes of rows that refer to one that is deleted."""
    kept = "; of them nothing is kept" if keep else ""
    for key in snapshot.constraints:
        if not key.inbound or key.kind != "f":
            continue
        who = f"{key.table} refers to {snapshot.table} by foreign key {quote(key.name)}"
        action = _ACTIONS.get(key.on_delete)
        if action is not None:
            yield Note.hazard("referring", f"{who}: {action}{kept}.", about=f"{key.table}.{key.name}")
        else:
            yield Note("referred-to", f"{who}: the backfill stops at a row that one of its rows refers to.")
