"""rename-table: both names are live and can be written until contract; nothing is copied."""

from typing import ClassVar

from expandcontract.changes import fields, stand_in
from expandcontract.changes.compose import compose
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.errors import NameTaken
from expandcontract.model.names import RelationName, Target, parse_name, parse_table, slug
from expandcontract.model.notes import Words
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer
from expandcontract.steps.parts import Sentences
from expandcontract.steps.view import StandIn


class RenameTableSpec(Spec):
    """`ec start rename-table users accounts`."""

    table: str = fields.table()
    new_name: str = fields.positional("Its new name")


class RenameTable(Kind[RenameTableSpec]):
    """The table has its new name from expand on; a view stands under the old one until contract."""

    name: ClassVar[str] = "rename-table"
    group: ClassVar[str] = "Tables"
    help: ClassVar[str] = "Give a table a new name."
    spec: ClassVar[type[Spec]] = RenameTableSpec

    def target(self, spec: RenameTableSpec) -> Target:
        target = parse_table(spec.table)
        if parse_name(spec.new_name) == target.table:
            raise NameTaken(
                f"The new name of {target} equals the old one.", why="Unquoted names fold to lower case."
            )
        return target

    def slug(self, spec: RenameTableSpec) -> str:
        return slug(f"rename table {parse_table(spec.table).table}")

    def compile(
        self, change: Change, spec: RenameTableSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        del judgement, ledger_schema
        stand_in.examine(snapshot)
        old, new = snapshot.table, RelationName(snapshot.table.schema, parse_name(spec.new_name))
        stand_in.examine_table_name(snapshot, new.name)
        moved = StandIn(old, new, snapshot, {}, stays_aside=True)
        return compose(
            change,
            snapshot,
            (
                stand_in.part(
                    moved, f"rename {old} to {new}, with a view under the old name", stand_in.naming(snapshot)
                ),
            ),
            Words(
                about=f"-> {new}",
                ready=f"{new} is the table, and {old} a view of it",
                contracted=f"{old} is gone, and {new} is the table",
            ),
            Sentences(
                contract=f"drop the view {old}",
                undo=f"put the view {old} up again",
                rollback=f"give {old} its name back",
                purge="close the change: nothing is left to drop",
            ),
            claims=None,
            aside=new,
            final=new,
        )


KIND = RenameTable()
