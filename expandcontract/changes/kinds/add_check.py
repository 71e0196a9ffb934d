"""add-check: a CHECK that rows are counted against first, and that refuses from contract on."""

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from expandcontract.changes import constraints, preflight, table_shape
from expandcontract.changes.compose import compose
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.chosen_names import chosen
from expandcontract.model.errors import BadExpression
from expandcontract.model.names import parse_table, quote, slug
from expandcontract.model.notes import Note, Words
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Answers, Trial
from expandcontract.postgres.expression import single
from expandcontract.steps import breaches, rules
from expandcontract.steps.parts import Part

#: What a rollback does.
_NOTED = "nobody is noted any more who writes rows that break it"
#: A row for each column that the CHECK names, or one without any; with the functions of the user that look up
#: names along the search_path of whoever calls them.
_CHECK = """
SELECT pg_catalog.pg_get_expr(c.conbin, c.conrelid), a.attname,
       (SELECT pg_catalog.string_agg(DISTINCT p.oid::pg_catalog.regprocedure::pg_catalog.text, ', ')
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_proc p ON d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                                 AND p.oid = d.refobjid
        JOIN pg_catalog.pg_language l ON l.oid = p.prolang AND l.lanname NOT IN ('c', 'internal')
        WHERE d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objid = c.oid
          AND p.prosqlbody IS NULL AND NOT EXISTS (
              SELECT FROM pg_catalog.unnest(p.proconfig) s(setting) WHERE s.setting LIKE 'search_path=%'))
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
        table_shape.examine(snapshot)
        # Not validated, nothing of it is evaluated.
        add = f"ADD CONSTRAINT ec_check CHECK ({single(spec.check, '--check')}) NOT VALID"
        return Trial((f"ALTER TABLE pg_temp.ec_clone {add}",), _CHECK, f"--check {spec.check!r}")

    def compile(
        self, change: Change, spec: AddCheckSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        expression, columns, loose = _understood(spec, judgement)
        told = columns[0] if len(columns) == 1 else ""
        name = chosen(snapshot.table.name, told, "check", snapshot.taken_names)
        if spec.name is not None:
            name = constraints.free_name(snapshot, spec.name)
        rule, broken = f"CHECK ({spec.check})", f"({expression}) IS FALSE"
        computed = any(preflight.column(snapshot, each).generated for each in columns)
        by = breaches.judging(change, snapshot, columns, f"RETURN {broken}", ledger_schema)
        noted = None if computed else breaches.of(change, snapshot, by, rule, ledger_schema)
        return compose(
            change,
            snapshot,
            (
                *(() if noted is None else (breaches.part(noted),)),
                rules.looked_for(snapshot, broken, rule),
                rules.constraint(snapshot.table, name, f"CHECK ({expression})", rule=rule),
                Part(notes=tuple(_notes(loose))),
            ),
            Words(
                about=f"{quote(name)}: {rule}",
                ready=f"nothing is refused yet; code must keep {rule} from contract on",
                contracted=f"{quote(name)} refuses rows that break it",
                destroys="",
                broken=f"break {rule}",
            ),
            rules.sentences(name) if noted is None else replace(rules.sentences(name), rollback=_NOTED),
            claims=columns,
        )


def _notes(loose: str) -> Iterator[Note]:
    if loose:
        yield Note(
            "search-path",
            f"{loose}: without a search_path of its own, which each session that writes brings along. Rows "
            "are counted and validated along the one that the server gives to the role that runs ec. To pin "
            "it: ALTER FUNCTION ... SET search_path = ...",
        )


def _understood(spec: AddCheckSpec, judgement: Answer) -> tuple[str, tuple[str, ...], str]:
    """Return the expression as the server writes it, the columns that it names, and the functions whose
    meaning rests on the search_path of their caller.
    """
    rows = judgement.rows if isinstance(judgement, Answers) else ()
    columns = tuple(str(column) for _, column, _ in rows if column is not None)
    if not columns:
        raise BadExpression(
            f"--check {spec.check!r} names no column of the table.", why="It would hold of all rows or none."
        )
    return str(rows[0][0]), columns, str(rows[0][2] or "")


KIND = AddCheck()
