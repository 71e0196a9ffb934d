"""add-check: a CHECK that rows are counted against first, and that refuses from contract on."""

from typing import ClassVar

from pydantic import Field

from expandcontract.changes import constraints, preflight
from expandcontract.changes.compose import compose
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.chosen_names import chosen
from expandcontract.model.errors import BadExpression
from expandcontract.model.names import parse_table, quote, slug
from expandcontract.model.notes import Words
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Answers, Trial
from expandcontract.postgres.expression import single
from expandcontract.steps import rules

#: A row for each column that the CHECK names, or one without any.
_CHECK = """
SELECT pg_catalog.pg_get_expr(c.conbin, c.conrelid), a.attname
FROM pg_catalog.pg_constraint c
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
WHERE c.conrelid = 'pg_temp.ec_clone'::pg_catalog.regclass AND c.conname = 'ec_check'
ORDER BY a.attnum
"""


class AddCheckSpec(Spec):
    """`ec start add-check articles --check 'length(title) > 3'`."""

    table: str = Field(description="The table: [schema.]table", json_schema_extra={"positional": True})
    name: str | None = Field(
        None,
        description="The constraint's name; default: as PostgreSQL would choose",
        json_schema_extra={"positional": True},
    )
    check: str = Field(description="What must hold of every row, as in CHECK (...)")


class AddCheck(Kind[AddCheckSpec]):
    """Rows that break it are counted; contract begins with NOT VALID and validates."""

    name: ClassVar[str] = "add-check"
    group: ClassVar[str] = "Constraints"
    help: ClassVar[str] = "Add a CHECK to a table."
    spec: ClassVar[type[Spec]] = AddCheckSpec

    def slug(self, spec: AddCheckSpec) -> str:
        return slug(f"add {spec.name or 'check'} to {parse_table(spec.table).table}")

    def question(self, spec: AddCheckSpec, snapshot: Snapshot) -> Trial:
        preflight.examine_table(snapshot)
        # Not validated, nothing of it is evaluated.
        add = f"ADD CONSTRAINT ec_check CHECK ({single(spec.check, '--check')}) NOT VALID"
        return Trial((f"ALTER TABLE pg_temp.ec_clone {add}",), _CHECK, f"--check {spec.check!r}")

    def compile(
        self, change: Change, spec: AddCheckSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        del ledger_schema
        expression, columns = _understood(spec, judgement)
        told = columns[0] if len(columns) == 1 else ""
        name = chosen(snapshot.table.name, told, "check", snapshot.taken_names)
        if spec.name is not None:
            name = constraints.free_name(snapshot, spec.name)
        rule = f"CHECK ({spec.check})"
        return compose(
            change,
            snapshot,
            (
                rules.looked_for(snapshot, f"({expression}) IS FALSE", rule),
                rules.constraint(snapshot.table, name, f"CHECK ({expression})", rule=rule),
            ),
            Words(
                about=f"{quote(name)}: {rule}",
                ready=f"nothing is refused yet; code must keep {rule} from contract on",
                contracted=f"{quote(name)} refuses rows that break it",
                destroys="",
                broken=f"break {rule}",
            ),
            rules.sentences(name),
            claims=columns,
        )


def _understood(spec: AddCheckSpec, judgement: Answer) -> tuple[str, tuple[str, ...]]:
    """Return the expression as the server writes it, and the columns that it names."""
    rows = judgement.rows if isinstance(judgement, Answers) else ()
    columns = tuple(str(column) for _, column in rows if column is not None)
    if not columns:
        raise BadExpression(
            f"--check {spec.check!r} names no column of the table.", why="It would hold of all rows or none."
        )
    return str(rows[0][0]), columns


KIND = AddCheck()
