"""Which tables a change can be made of, by what it does to them. Pure."""

from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum, auto

from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import quote
from expandcontract.model.step import Purpose, Step, Sweep
from expandcontract.postgres.catalog.snapshot import Snapshot


class Need(StrEnum):
    """What a change does beside altering a table as a whole, its constraints or its indexes."""

    #: It adds, renames or drops columns.
    COLUMNS = auto()
    #: A sweep looks at all rows.
    LOOKS = auto()
    #: A sweep writes rows.
    WRITES = auto()
    #: A trigger fires for what the application writes.
    FIRES = auto()


_KINDS = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "c": "a composite type",
    "i": "an index",
    "t": "a TOAST table",
}
#: PostgreSQL's limit; dropped columns count until the table is rewritten.
_MOST_COLUMNS = 1600
#: How many of many are named in a sentence.
_NAMED = 3


def examine(snapshot: Snapshot, needs: Collection[Need] = (), *, apart: bool = False) -> None:
    """Raise UnsupportedShape when it is not a table that this can be done to; `apart` is what can be done to
    a partition by itself, or to a child.
    """
    family = () if apart else _family(snapshot)
    for sentence, remedy in (*_table(snapshot), *family, *_by_need(snapshot, needs)):
        raise UnsupportedShape(sentence, why=remedy)


def needs_of(steps: Iterable[Step], *, columns: bool, trigger: bool) -> frozenset[Need]:
    """Return what a change needs of its table: by its steps, whether it is about `columns`, and whether it
    has a `trigger`.
    """
    sweeps = [step.action for step in steps if isinstance(step.action, Sweep)]
    found = {
        Need.COLUMNS: columns,
        Need.FIRES: trigger,
        Need.LOOKS: bool(sweeps),
        Need.WRITES: any(sweep.purpose == Purpose.COPY for sweep in sweeps),
    }
    return frozenset(need for need, is_so in found.items() if is_so)


def _table(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    relation, table = snapshot.relation, snapshot.table
    if relation.kind in _KINDS:
        yield f"{table} is {_KINDS[relation.kind]}.", "Only tables hold rows that can be carried."
    if relation.system:
        yield f"{table} belongs to the system.", "PostgreSQL's own tables are not changed."
    if relation.persistence == "t":
        yield f"{table} is a temporary table.", "No other session can see it."


def _family(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    relation, table = snapshot.relation, snapshot.table
    if relation.partition_of is not None:
        yield (
            f"{table} is a partition of {relation.partition_of}.",
            f"Change the parent; its columns are those of every partition: {relation.partition_of}.",
        )
    if relation.inherits_from and relation.partition_of is None:
        yield (
            f"{table} inherits from {', '.join(map(str, relation.inherits_from))}.",
            "Change the parent; the children follow.",
        )


#: Why what is on another server is in the way.
_ELSEWHERE = {
    Need.FIRES: "Their rows are on another server, where no trigger of this one fires.",
    Need.LOOKS: "Their rows are on another server, and no sweep of this one sees them.",
    Need.COLUMNS: "Their columns are on another server, where nothing would be changed.",
}


def _by_need(snapshot: Snapshot, needs: Collection[Need]) -> Iterator[tuple[str, str]]:
    relation, table = snapshot.relation, snapshot.table
    foreign = [leaf.name.sql for leaf in relation.leaves if leaf.foreign]
    if foreign:
        for need, why in _ELSEWHERE.items():
            if need in needs:
                yield f"{table} has foreign partitions: {', '.join(foreign)}.", why
    if Need.LOOKS in needs and relation.access_method not in (None, "heap"):
        yield f"{table} uses the access method {relation.access_method}.", "The sweep walks heap blocks."
    if Need.WRITES in needs and relation.update_rules:
        yield (
            f"{table} has rules ON UPDATE: {', '.join(map(quote, relation.update_rules))}.",
            "A rule rewrites our statements as well. Use a trigger in its place.",
        )
    if Need.COLUMNS in needs:
        yield from _columns(snapshot)
    if Need.WRITES in needs and relation.unidentified:
        names = ", ".join(map(str, relation.unidentified[:_NAMED]))
        yield (
            f"PostgreSQL refuses every UPDATE of {names}: published, and without replica identity.",
            f"ALTER TABLE {relation.unidentified[0]} REPLICA IDENTITY FULL, or give it a primary key.",
        )


def _columns(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    relation, table = snapshot.relation, snapshot.table
    if relation.typed:
        yield f"{table} is a typed table (CREATE TABLE OF).", "Its columns are those of the type: ALTER TYPE."
    if relation.attributes >= _MOST_COLUMNS:
        yield (
            f"{table} has {relation.attributes} columns, of which {len(snapshot.columns)} are not dropped.",
            f"PostgreSQL allows {_MOST_COLUMNS} and counts dropped ones, until the table is made anew.",
        )
