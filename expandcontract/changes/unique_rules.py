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
from expandcontract.postgres.catalog.snapshot import Snapshot
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
            destroys="",
        ),
        Sentences(
            contract=f"{name} stands: {rule.written}",
            undo=f"drop {name}",
            rollback=f"close the change; nothing is left of {name}",
            purge=f"close the change: {name} stays",
        ),
        claims=rule.asked.columns,
    )
