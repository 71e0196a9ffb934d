"""UNIQUE and PRIMARY KEY: constraints whose index is built before the turn that brings them about."""

from collections.abc import Sequence
from dataclasses import dataclass

from expandcontract.changes.compose import compose
from expandcontract.changes.index_words import Asked
from expandcontract.model.change import Change
from expandcontract.model.errors import BadExpression, UnsupportedShape
from expandcontract.model.names import quote
from expandcontract.model.notes import Words
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps import tables, unique_indexes
from expandcontract.steps.carry.subject import not_null_name
from expandcontract.steps.parts import Part, Sentences


@dataclass(frozen=True)
class UniqueRule:
    """A constraint of a `kind` (UNIQUE, PRIMARY KEY) over what was `asked`, `written` as in ALTER TABLE."""

    kind: str
    asked: Asked
    written: str


def examine(snapshot: Snapshot, rule: UniqueRule, *, deferrable: bool = False) -> None:
    """Raise BadExpression where it is not over columns alone, and UnsupportedShape for what PostgreSQL does
    not attach to a partitioned table.
    """
    index = rule.asked.index
    if not index.definition.startswith(f"btree ({', '.join(rule.asked.keys)})") or not all(
        any(quote(column.name) == key for column in snapshot.columns) for key in rule.asked.keys
    ):
        raise BadExpression(
            f"{rule.kind} takes columns alone, in their own order: not {index.definition}.",
            why="Expressions, directions and operator classes are for a unique index.",
            state="Nothing was changed.",
            next=f"ec start add-index {index.table} '...' --unique",
        )
    if deferrable and index.leaves is not None:
        raise UnsupportedShape(
            f"{snapshot.table} is partitioned: a deferrable constraint cannot be put together from those of "
            "its partitions.",
            state="Nothing was changed.",
            next="Leave --deferrable out",
        )
    missing = [each for each in snapshot.relation.partition_keys if quote(each) not in rule.asked.keys]
    if missing:
        raise UnsupportedShape(
            f"{snapshot.table} is partitioned by {', '.join(map(quote, missing))}: {rule.kind} must have it.",
            why="Rows that are equal could lie in two partitions, and each has an index of its own.",
            state="Nothing was changed.",
        )


def refuse_second_key(snapshot: Snapshot) -> None:
    """Raise UnsupportedShape where the table has a primary key."""
    for index in snapshot.indexes:
        if index.primary:
            raise UnsupportedShape(
                f"{snapshot.table} has a primary key: {quote(index.name)} {index.constraint_definition}.",
                why="A table has one at most.",
                state="Nothing was changed.",
                next="ec start add-unique, for another key",
            )


def with_values(snapshot: Snapshot, rule: UniqueRule) -> list[Part]:
    """Return what looks for rows that a key takes not, and has its columns hold a value in each row."""
    index, keys = rule.asked.index, rule.asked.keys
    empty = [each for each in snapshot.columns if each.name in rule.asked.columns and not each.not_null]
    names = [quote(each.name) for each in empty]
    looks = [unique_indexes.look_for_nulls(snapshot, index, names)] if empty else []
    return [
        *looks,
        unique_indexes.look(snapshot, index, keys, nulls_distinct=True),
        *(_not_null(snapshot, column) for column in empty),
    ]


def _not_null(snapshot: Snapshot, column: Column) -> Part:
    table, name = snapshot.table, not_null_name(snapshot, column)
    return Part(
        before_contract=tables.not_null(table, column.name, name, snapshot.server_version),
        undo=(f"ALTER TABLE {table.sql} ALTER COLUMN {quote(column.name)} DROP NOT NULL",),
    )


def plan(change: Change, snapshot: Snapshot, rule: UniqueRule, parts: Sequence[Part]) -> Plan:
    """Return the plan of these parts."""
    name = quote(rule.asked.index.name)
    return compose(
        change,
        snapshot,
        (Part(notes=rule.asked.notes), *parts),
        Words(
            about=f"{name}: {rule.written}",
            ready=f"nothing is refused yet; code must keep {rule.written} from contract on",
            contracted=f"{name} refuses rows that break it",
        ),
        Sentences(
            contract=f"{name} stands: {rule.written}",
            undo=f"drop {name}",
            rollback=f"close the change; nothing is left of {name}",
            purge=f"close the change: {name} stays",
        ),
        claims=rule.asked.columns,
    )


def of_index(change: Change, snapshot: Snapshot, asked: Asked, *, nulls_distinct: bool) -> Plan:
    """Return the plan of a unique index alone."""
    index, name = asked.index, quote(asked.index.name)
    look = unique_indexes.look(snapshot, index, asked.keys, nulls_distinct=nulls_distinct)
    return compose(
        change,
        snapshot,
        (Part(notes=asked.notes), look, unique_indexes.bare(index)),
        Words(
            about=f"index {name} {index.definition}",
            ready="nothing that new code needs is missing",
            contracted=f"{name} refuses rows that are equal in it",
        ),
        Sentences(
            contract=f"{name} stays: from now on it refuses rows",
            undo=f"drop {name}, which refused rows",
            rollback=f"close the change; nothing is left of {name}",
            purge=f"close the change: {name} stays",
        ),
        claims=asked.columns,
    )
