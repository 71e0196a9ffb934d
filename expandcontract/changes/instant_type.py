"""A type that PostgreSQL gives a column at once: nothing is copied, and both versions of the code take it."""

from collections.abc import Iterator

from expandcontract.changes import preflight, table_shape
from expandcontract.changes.compose import compose as composed
from expandcontract.model.change import Change
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import quote
from expandcontract.model.notes import Note, Words
from expandcontract.model.plan import Plan
from expandcontract.model.step import LockMode, Step, Transactional
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Answers, Trial
from expandcontract.postgres.clone.new_type import NOTHING_BUT_A_TYPE
from expandcontract.postgres.expression import single
from expandcontract.steps import tables
from expandcontract.steps.parts import Part, Sentences

#: What PostgreSQL alters no type beneath.
_IN_THE_WAY = frozenset(
    {"view", "materialized view", "rule", "policy", "generated column", "trigger", "function"}
)
_ALTERED = """
SELECT pg_catalog.format_type(a.atttypid, a.atttypmod), y.typcollation <> 0, a.attcollation <> y.typcollation
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
WHERE a.attrelid = 'pg_temp.ec_clone'::pg_catalog.regclass AND a.attname = 'ec_type'
"""


def question(snapshot: Snapshot, name: str, type_: str) -> Trial:
    """Return what asks the server for the type. Raises Refused for a column that cannot have another."""
    table_shape.examine(snapshot)
    examine(snapshot, preflight.column(snapshot, name))
    statements = (
        NOTHING_BUT_A_TYPE.format(type=type_).strip(),
        f"ALTER TABLE pg_temp.ec_clone ADD COLUMN ec_type {single(type_, '--type')}",
    )
    return Trial(statements, _ALTERED, f"the type {type_!r}", at_once=True)


def compose(change: Change, snapshot: Snapshot, name: str, judgement: Answer) -> Plan:
    """Return the plan. That the server needs no look at the rows is asked of it on the empty copy."""
    column, named = preflight.column(snapshot, name), quote(name)
    ((type_, collatable, collated),) = judgement.rows if isinstance(judgement, Answers) else ()
    if collated == "True":
        raise UnsupportedShape(
            f"{type_} has a collation of its own: {named} keeps the one that it has.",
            why="Another order of the values is another change.",
            next="ec start change-type with --to or --swap",
        )
    if type_ == column.type:
        raise UnsupportedShape(
            f"{named} of {snapshot.table} is {type_} already.", state="Nothing was changed."
        )
    collation = f" COLLATE {column.collation}" if column.collation and collatable == "True" else ""
    to = f"{type_}{collation}"
    alter = f"ALTER TABLE {snapshot.table.sql} ALTER COLUMN {named} TYPE {to}"
    part = Part(
        expand=(
            Step(
                "type",
                "~",
                f"{named} is {type_}: no row is looked at, and no index built",
                Transactional((alter,), tables.access_exclusive(snapshot.table)),
            ),
            Step(
                "statistics",
                "=",
                f"the planner's statistics for {named}, which went with its type",
                Transactional(
                    (f"ANALYZE {snapshot.table.sql} ({named})",),
                    tables.locks(LockMode.SHARE_UPDATE_EXCLUSIVE, snapshot.table),
                    patient=True,
                ),
            ),
        ),
        notes=tuple(_notes(column, str(type_))),
    )
    return composed(
        change,
        snapshot,
        (part,),
        Words(
            about=f"{named} {column.type} -> {type_}, at once",
            ready=f"{named} is {type_}",
            contracted="",
            destroys="",
            stays=f"{named} stays {type_}.",
        ),
        Sentences(rollback=f"close the change: {named} stays {type_}"),
        claims=(name,),
    )


def _notes(column: Column, type_: str) -> Iterator[Note]:
    name = quote(column.name)
    yield Note.hazard(
        "type-stays",
        f"{name} is {type_} for old and new code from start on, and stays so: to make it {column.type} "
        "again every row has to be looked at, by a change-type of its own. Code that cannot take what "
        f"{type_} holds must not run any more.",
    )
    yield Note(
        "cached-plan",
        f"A statement that was prepared before and reads {name} fails once (cached plan must not change "
        "result type); most drivers prepare it again by themselves.",
    )


def examine(snapshot: Snapshot, column: Column) -> None:
    """Raise UnsupportedShape for what PostgreSQL refuses, or makes it look at rows."""
    name, table = quote(column.name), snapshot.table
    kinds = {
        "an identity": column.identity,
        "generated": column.generated,
        "a partition key": column.name in snapshot.relation.partition_keys,
    }
    for what in (each for each, is_so in kinds.items() if is_so):
        raise UnsupportedShape(f"{name} of {table} is {what}.", state="Nothing was changed.")
    for each in snapshot.dependents:
        if each.column == column.name and each.kind in _IN_THE_WAY:
            raise UnsupportedShape(
                f"PostgreSQL does not alter the type of {name} beneath {each.kind} {each.name}.",
                why="It would have to be dropped and made anew while nobody may use it.",
                state="Nothing was changed.",
                next="ec start change-type with --to, which goes on beside it",
            )
    for constraint in snapshot.constraints:
        if column.name in constraint.of_table:
            raise UnsupportedShape(
                f"Constraint {quote(constraint.name)} names {name}: with another type PostgreSQL checks "
                "every row against it while nobody may use the table.",
                state="Nothing was changed.",
                next="ec start change-type with --to or --swap, which validates it beside the application",
            )
