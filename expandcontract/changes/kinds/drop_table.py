"""drop-table: a table that no code uses any more, hidden first and dropped by purge."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from expandcontract.changes import following_views, stand_in, table_shape
from expandcontract.changes.compose import compose
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import (
    RelationName,
    hidden_name,
    parse_table,
    quote,
    slug,
    sync_schema,
    trigger_name,
)
from expandcontract.model.notes import Note, Words
from expandcontract.model.plan import Plan
from expandcontract.model.site import Site
from expandcontract.postgres.catalog.constraint import Constraint
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer
from expandcontract.steps import inbound_keys, noting
from expandcontract.steps.noting import Noting
from expandcontract.steps.parts import Part, Sentences
from expandcontract.steps.view import rename

#: A partitioned table takes a foreign key that is NOT VALID from 18 on.
_NOT_VALID_OF_PARTITIONED_SINCE = 180000


class DropTableSpec(Spec):
    """`ec start drop-table faxes`."""

    table: str = Field(description="The table: [schema.]table", json_schema_extra={"positional": True})
    drop_views: bool = Field(default=False, description=following_views.DROP_VIEWS)


class DropTable(Kind[DropTableSpec]):
    """Contract takes foreign keys to it off one by one and hides it; every row comes back by undo."""

    name: ClassVar[str] = "drop-table"
    group: ClassVar[str] = "Tables"
    help: ClassVar[str] = "Drop a table."
    spec: ClassVar[type[Spec]] = DropTableSpec

    def slug(self, spec: DropTableSpec) -> str:
        return slug(f"drop table {parse_table(spec.table).table}")

    def compile(
        self, change: Change, spec: DropTableSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        del judgement
        table = snapshot.table
        _examine(snapshot)
        hidden = RelationName(table.schema, hidden_name(table.name))
        stand_in.examine_table_name(snapshot, hidden.name, ours=True)
        trigger = trigger_name(change.name)
        notes = Noting(change.name, snapshot.triggered, None, trigger, sync_schema(ledger_schema))
        views = following_views.of_dropped(snapshot, drop=spec.drop_views)
        goes = Part(
            contract=(rename(table, hidden),),
            undo=(rename(hidden, table),),
            purge=(f"DROP TABLE {hidden.sql}",),
            notes=tuple(_notes(views.without(snapshot))),
        )
        return compose(
            change,
            snapshot,
            (
                noting.part(notes),
                *(inbound_keys.part(table, key) for key in _keys(snapshot)),
                *views.around(goes),
            ),
            Words(
                about=f"without {table}",
                ready=f"code may leave {table} alone",
                contracted=f"{table} is hidden as {hidden}",
                destroys=f"{table} with its rows",
            ),
            Sentences(
                contract=f"hide {table} as {quote(hidden.name)}",
                undo=f"bring {table} back, with every row",
                rollback=f"leave {table} as it was",
                purge=f"drop {hidden} with its rows: there is no way back from here",
            ),
            claims=None,
            final=hidden,
            others=_referring(snapshot),
        )


def _keys(snapshot: Snapshot) -> list[Constraint]:
    return [each for each in snapshot.constraints if each.inbound and each.table != snapshot.table]


def _referring(snapshot: Snapshot) -> tuple[Site, ...]:
    """The tables whose keys undo makes again, as they are named; one that is dropped is not missed."""
    found: dict[RelationName, dict[str, None]] = {}
    for key in _keys(snapshot):
        found.setdefault(key.table, {}).update(dict.fromkeys(key.columns))
    return tuple(Site(table, uses=tuple(columns), may_go=True) for table, columns in found.items())


def _examine(snapshot: Snapshot) -> None:
    relation, table = snapshot.relation, snapshot.table
    if relation.partition_of is not None:
        raise UnsupportedShape(
            f"{table} is a partition of {relation.partition_of}.",
            why="Make a table of its own of it first: ALTER TABLE "
            f"{relation.partition_of} DETACH PARTITION {table} CONCURRENTLY",
        )
    children = [leaf.name.sql for leaf in relation.leaves if leaf.name != table]
    if children and not relation.partitioned:
        raise UnsupportedShape(
            f"{', '.join(children)} inherits from {table}.",
            why=f"Its rows would go with it. First, of each: ALTER TABLE {children[0]} NO INHERIT {table}",
        )
    table_shape.examine(snapshot)
    if snapshot.server_version < _NOT_VALID_OF_PARTITIONED_SINCE:
        for key in _keys(snapshot):
            if key.table.sql in snapshot.whole.partitioned:
                raise UnsupportedShape(
                    f"{key.table}, which has partitions, refers to {table} by foreign key {quote(key.name)}.",
                    why="Before PostgreSQL 18 undo could not make it again without a scan that stops writes. "
                    f"Drop it first: ALTER TABLE {key.table} DROP CONSTRAINT {quote(key.name)}",
                )


def _notes(snapshot: Snapshot) -> Iterator[Note]:
    table = snapshot.table
    for key in _keys(snapshot):
        yield Note(
            "foreign-key",
            f"Foreign key {quote(key.name)} of {key.table} is dropped by contract: from then on nothing "
            f"keeps its values in step with {table}, and undo needs each of them to be there again.",
        )
    for each in snapshot.whole.dependents:
        if each.kind == "function body":
            yield Note(
                "dependent:function body",
                f"Function {each.name} names {table} in its text: gate mentions asks for it before contract.",
            )
        else:
            yield Note(
                f"dependent:{each.kind}",
                f"{each.kind} {each.name} uses {table}: it goes on with the hidden table, and purge waits "
                "until it does not.",
            )
    owned = [name.sql for column in snapshot.columns for name in column.owned_sequences]
    if owned:
        yield Note("sequence", f"{', '.join(owned)} goes with {table} at purge.")
    if snapshot.relation.publications:
        names = ", ".join(map(quote, snapshot.relation.publications))
        yield Note(
            "publication",
            f"{table} is published by {names}: subscribers keep theirs. Take it out of the publication "
            "first, since a write after contract would come under the hidden name.",
        )
    if snapshot.relation.partitioned:
        yield Note(
            "partitions", f"Partitions of {table} keep their names while it is hidden; purge drops them."
        )
    yield Note(
        "truncate",
        f"Who empties {table} by TRUNCATE, or only reads it, is not noted by the trigger; statements tell.",
    )


KIND = DropTable()
