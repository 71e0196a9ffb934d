"""What the kinds share that put a view in the place of a table: its shape, its steps, and what it cannot."""

from collections.abc import Iterator

from expandcontract.changes import preflight, table_shape
from expandcontract.model.errors import NameTaken, UnsupportedShape
from expandcontract.model.names import RelationName, check, quote
from expandcontract.model.notes import Note
from expandcontract.model.phases import Stage
from expandcontract.model.step import LockMode, Step, Transactional
from expandcontract.postgres.catalog import body
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps import tables
from expandcontract.steps.parts import Part
from expandcontract.steps.view import SECURITY_INVOKER_SINCE, StandIn

#: server_version_num of 17.0.
_MERGE_INTO_VIEWS_SINCE = 170000


def examine(snapshot: Snapshot) -> None:
    """Raise UnsupportedShape where a view cannot stand for the table."""
    table_shape.examine(snapshot)
    if snapshot.whole.row_security and snapshot.server_version < SECURITY_INVOKER_SINCE:
        raise UnsupportedShape(
            f"{snapshot.table} has row-level security.",
            why="Before PostgreSQL 15 a view reads rows with the rights of its owner, whom no policy holds.",
        )


def examine_table_name(snapshot: Snapshot, name: str, *, ours: bool = False) -> None:
    """Raise BadName or NameTaken where the table cannot have that name."""
    check(name)
    if name in snapshot.taken_names or name in snapshot.whole.types:
        what = "relation, type or constraint"
        raise NameTaken(
            f"{RelationName(snapshot.table.schema, name)} is the name of another {what} already.",
            why="A table, its row type and its indexes share their names with all others of the schema.",
        )
    if not ours:
        preflight.examine_not_ours(name)


def part(stand_in: StandIn, sentence: str, notes: Iterator[Note]) -> Part:
    """Return what puts the view up at expand, takes it down at contract, and back again at undo."""
    final = stand_in.base if stand_in.stays_aside else stand_in.name
    return Part(
        expand=(
            Step(
                "aside",
                "~",
                sentence,
                Transactional(stand_in.put_up(), tables.access_exclusive(stand_in.name)),
            ),
        ),
        repair=(
            Step(
                "restore:view",
                "+",
                f"make the view {stand_in.name} again",
                Transactional(
                    stand_in.put_up_again(), tables.locks(LockMode.SHARE_UPDATE_EXCLUSIVE, stand_in.base)
                ),
                restores=(Stage.BEFORE_READY, Stage.READY),
            ),
        ),
        contract=stand_in.take_down(),
        undo=stand_in.again(),
        rollback=(stand_in.back(),),
        notes=(*_hazards(stand_in.snapshot, stand_in.base, final), *notes),
    )


def _hazards(snapshot: Snapshot, called: RelationName, final: RelationName) -> Iterator[Note]:
    """What does not work while the view stands, and what was found in the catalog that may do it."""
    table = snapshot.table
    merge = " MERGE INTO it," if snapshot.server_version < _MERGE_INTO_VIEWS_SINCE else ""
    yield Note.hazard(
        "view",
        f"From expand until contract {table} is a view. SELECT, INSERT, UPDATE, DELETE, ON CONFLICT "
        f"(columns), RETURNING and FOR UPDATE go on through it. These fail under that name:{merge} COPY FROM "
        "and TO, TRUNCATE, ON CONFLICT ON CONSTRAINT, GROUP BY the primary key alone, TABLESAMPLE, xmin, "
        "ctid and tableoid, WHERE CURRENT OF, new foreign keys, indexes and triggers, ALTER TABLE; and "
        "pg_get_serial_sequence finds nothing. A framework that looks up primary keys in the catalog when it "
        "starts, as ActiveRecord does, finds none under that name: name it in the model. Other migrations of "
        "the table wait.",
    )
    if snapshot.whole.row_security and snapshot.whole.column_readers:
        roles = ", ".join(snapshot.whole.column_readers)
        yield Note.hazard(
            "column-privileges",
            f"{roles} may read some columns of {table} only. Since it has row-level security, the view asks "
            "for the rights of whoever reads it, and for those of all its columns: from expand until "
            f"contract their reads under that name are refused. GRANT SELECT ON {table} to them first, or "
            "have them use the other name.",
        )
    if snapshot.relation.publications:
        names = ", ".join(map(quote, snapshot.relation.publications))
        yield Note.hazard(
            "publication",
            f"{table} is published by {names}: from expand on its changes come under its other name, and a "
            "subscriber that has no table of that name stops. Rename it there in the same moment, and once "
            f"more whenever the name changes here (at contract it is {final}). A slot whose subscriber has "
            "stopped retains WAL: ec doctor names it.",
        )
    for function in (*snapshot.row_functions.taking, *snapshot.row_functions.returning):
        yield Note.hazard(
            "row-function",
            f"Function {function} takes or returns rows of {table}: the type goes with the table. Rows that "
            "are read through the view are of another type, and are not taken; nor is the function found for "
            "them.",
            about=function,
        )
    for trigger in snapshot.triggers:
        if body.names(body.without_comments(trigger.source), "tg_table_name"):
            yield Note.hazard(
                "table-name",
                f"Trigger {quote(trigger.name)} ({trigger.function}) uses TG_TABLE_NAME: from expand on that "
                f"is {called.name}, however the table was written.",
                about=trigger.name,
            )
    children = [leaf.name.sql for leaf in snapshot.relation.leaves if leaf.name != table]
    if children and not snapshot.relation.partitioned:
        yield Note("only", f"{table} has children ({', '.join(children)}): ONLY has no meaning for the view.")


KINDS_BY_TEXT = "function body"


def naming(snapshot: Snapshot) -> Iterator[Note]:
    """Functions whose text names the table: they go on through the view, and fail without it."""
    for each in snapshot.whole.dependents:
        if each.kind == KINDS_BY_TEXT:
            yield Note(
                "dependent:function body",
                f"Function {each.name} names {snapshot.table} in its text: through the view it goes on, as "
                "far as it does nothing of the above. Gate mentions asks for it before contract.",
            )
