"""add-exclusion: refused, as PostgreSQL has no way to it that lets an application go on."""

from typing import ClassVar

from expandcontract.changes import fields, table_shape
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import parse_table, slug
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Answers, Trial
from expandcontract.postgres.descendants import tree

#: About how many rows the table has; -1 while nobody analyzed it.
_ROWS = f"""
WITH RECURSIVE {tree("SELECT pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid")}
SELECT pg_catalog.sum(c.reltuples)::pg_catalog.int8::text
FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.relation AND c.relkind = 'r'
"""


class AddExclusionSpec(Spec):
    """`ec start add-exclusion bookings 'gist (room WITH =, during WITH &&)'`."""

    table: str = fields.table()
    definition: str = fields.positional("What follows EXCLUDE USING: 'gist (room WITH =, during WITH &&)'")


class AddExclusion(Kind[AddExclusionSpec]):
    """Says why not, and up to which size it does no harm by hand."""

    name: ClassVar[str] = "add-exclusion"
    group: ClassVar[str] = "Constraints"
    help: ClassVar[str] = "Refused: says why, and up to which size it is harmless by hand."
    spec: ClassVar[type[Spec]] = AddExclusionSpec

    def slug(self, spec: AddExclusionSpec) -> str:
        return slug(f"exclude {parse_table(spec.table).table}")

    def question(self, spec: AddExclusionSpec, snapshot: Snapshot) -> Trial:
        del snapshot
        add = f"ALTER TABLE pg_temp.ec_clone ADD EXCLUDE USING {spec.definition}"
        return Trial((add,), _ROWS, f"EXCLUDE USING {spec.definition}")

    def compile(
        self,
        change: Change,
        spec: AddExclusionSpec,
        snapshot: Snapshot,
        judgement: Answer,
        ledger_schema: str,
    ) -> Plan:
        del change, ledger_schema
        table_shape.examine(snapshot)
        rows = int(judgement.rows[0][0] or -1) if isinstance(judgement, Answers) else -1
        size = f"has about {rows:,} rows" if rows >= 0 else "was not analyzed yet"
        raise UnsupportedShape(
            f"An exclusion constraint cannot be added to {snapshot.table} while an application uses it.",
            why="PostgreSQL has neither CONCURRENTLY nor NOT VALID for it: ADD CONSTRAINT reads every row "
            "under ACCESS EXCLUSIVE, and compares each with those before. That took 0.1 s for 1,000 rows and "
            f"1.4 s for 10,000 where it was measured; {snapshot.table} {size}.",
            state="Nothing was changed.",
            next="Up to some 1,000 rows: SET lock_timeout = '50ms'; "
            f"ALTER TABLE {snapshot.table} ADD EXCLUDE USING {spec.definition}",
        )


KIND = AddExclusion()
