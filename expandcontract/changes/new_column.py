"""What PostgreSQL makes of a column that is asked for: its type, its default, and whether it rewrites."""

from collections.abc import Iterator

from expandcontract.changes import fills, hazards, preflight, row_expressions
from expandcontract.changes.key_actions import KeyAction, actions
from expandcontract.changes.row_expressions import RowExpression
from expandcontract.model.change import Change
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import RelationName, quote
from expandcontract.model.notes import Note
from expandcontract.postgres.catalog.snapshot import Referred, Snapshot
from expandcontract.postgres.clone import Answer, Answers, Trial, reference
from expandcontract.postgres.clone.new_type import NOTHING_BUT_A_TYPE
from expandcontract.postgres.expression import single
from expandcontract.steps.new_column import NewColumn
from expandcontract.steps.row_function import RowFunction

#: A partitioned table takes a foreign key that is NOT VALID from 18 on.
_NOT_VALID_OF_PARTITIONED_SINCE = 180000
_FILE = "pg_catalog.pg_relation_filenode('pg_temp.ec_clone'::pg_catalog.regclass)"
#: What the clone has by now, and whether its file changed with the type alone and with all of it.
_ASKED = f"""
SELECT pg_catalog.format_type(a.atttypid, a.atttypmod),
       CASE WHEN a.attcollation <> y.typcollation THEN
            (SELECT pg_catalog.format('%I.%I', n.nspname, l.collname) FROM pg_catalog.pg_collation l
             JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace WHERE l.oid = a.attcollation) END,
       pg_catalog.pg_get_expr(d.adbin, d.adrelid),
       (SELECT pg_catalog.count(DISTINCT f.file) FROM pg_temp.ec_file f WHERE f.place < 2) > 1,
       (SELECT pg_catalog.count(DISTINCT f.file) FROM pg_temp.ec_file f) > 1,
       pg_catalog.pg_get_expr(k.conbin, k.conrelid),
       k.conkey <> ARRAY[a.attnum],
       CASE WHEN y.typtype = 'd' THEN pg_catalog.format_type(y.typbasetype, y.typtypmod) END,
       r.nspname, r.relname, r.columns, r.rest, f.body, f.opaque
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = a.attrelid AND k.conname = 'ec_check'
LEFT JOIN ({row_expressions.QUERY}) AS f (body, opaque) ON true
LEFT JOIN (
    SELECT n.nspname, c.relname, pg_catalog.regexp_replace(
               pg_catalog.pg_get_constraintdef(k.oid), '^.*ec_other(?=\\()', '') AS rest,
           (SELECT o.attname FROM pg_catalog.pg_attribute o
            WHERE o.attrelid = k.confrelid AND o.attnum = k.confkey[1]) AS columns
    FROM pg_catalog.pg_constraint k, pg_temp.ec_found e
    JOIN pg_catalog.pg_class c ON c.oid = e.found JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE k.conrelid = 'pg_temp.ec_clone'::pg_catalog.regclass AND k.conname = 'ec_key'
) r ON true
WHERE a.attrelid = 'pg_temp.ec_clone'::pg_catalog.regclass
ORDER BY a.attnum DESC LIMIT 1
"""


def trial(  # noqa: PLR0913 - what a column may be asked for with
    snapshot: Snapshot,
    name: str,
    type_: str,
    *,
    default: str | None,
    generated: str | None,
    check: str | None,
    fill: str | None = None,
    references: str | None = None,
    on_delete: KeyAction = KeyAction.NO_ACTION,
    on_update: KeyAction = KeyAction.NO_ACTION,
) -> Trial:
    """Return the question. Raises BadExpression for what is more than one type or expression."""
    kept, alter = "INSERT INTO pg_temp.ec_file SELECT", "ALTER TABLE pg_temp.ec_clone"
    add = f"{alter} ADD COLUMN {quote(name)} {single(type_, 'TYPE')}"
    statements = [
        NOTHING_BUT_A_TYPE.format(type=type_).strip(),
        f"CREATE TEMPORARY TABLE ec_file AS SELECT 0 AS place, {_FILE} AS file",
        add,
        f"{kept} 1, {_FILE}",
    ]
    more = f"DEFAULT ({single(default, '--default')})" if default is not None else ""
    if generated is not None:
        more = f"GENERATED ALWAYS AS ({single(generated, '--generated')}) VIRTUAL"
    if more:
        statements += [f"{alter} DROP COLUMN {quote(name)}", f"{add} {more}", f"{kept} 2, {_FILE}"]
    if check is not None:
        statements.append(f"{alter} ADD CONSTRAINT ec_check CHECK ({single(check, '--check')})")
    if fill is not None:
        update = f"UPDATE pg_temp.ec_clone AS {quote(snapshot.table.name)} SET {quote(name)}"
        statements.append(f"EXPLAIN (COSTS OFF) {update} = ({single(fill, '--fill')})")
        statements += [
            *row_expressions.statements(snapshot, filling(type_, fill)),
            fills.by_writers(snapshot),
        ]
    statements += _key(name, references, actions(on_delete, on_update))
    ruled = (check and f"CHECK ({check})", references and f"REFERENCES {references}")
    said = " ".join(filter(None, (type_, more, *ruled, fill and f"--fill {fill}")))
    return Trial(tuple(statements), _ASKED, f"column {quote(name)} {said}")


def _key(name: str, references: str | None, acts: str) -> list[str]:
    """Return what makes the foreign key to a copy of the other table, and keeps which one that is."""
    if references is None:
        return ["CREATE TEMPORARY TABLE ec_found AS SELECT NULL::pg_catalog.oid AS found"]
    return reference.statements((name,), references, acts)


def referred(answer: Answer) -> tuple[Referred, ...]:
    """Return what the column refers to, where it does."""
    ((*_, schema, table, column, _, _, _),) = answer.rows if isinstance(answer, Answers) else ()
    if schema is None or table is None or column is None:
        return ()
    return (Referred(RelationName(schema, table), (column,)),)


def filling(type_: str, fill: str | None) -> list[RowExpression]:
    """Return the expression that fills rows, where there is one; the type is as somebody wrote it."""
    return [] if fill is None else [RowExpression(fill, type_, "--fill", wrote=True)]


def filled_by(
    change: Change, snapshot: Snapshot, type_: str, fill: str | None, answer: Answer, schema: str
) -> RowFunction | None:
    """Return what fills rows as a function of the change in `schema`."""
    ((*_, body, opaque),) = answer.rows if isinstance(answer, Answers) else ()
    if fill is None:
        return None
    return fills.value(change, snapshot, type_, fill, Answers(((body, opaque),)), schema)


def read(name: str, answer: Answer, *, generated: bool) -> tuple[NewColumn, bool]:
    """Return the column, without its rules, and whether its check looks at other columns as well.

    Raises UnsupportedShape for a type that rewrites the table by itself.
    """
    found = answer.rows if isinstance(answer, Answers) else ()
    ((type_, collation, expression, type_rewrites, rewrites, check, others, base, _, _, _, rest, *_),) = found
    if type_rewrites == "True":
        raise UnsupportedShape(
            f"Adding a column of type {type_} rewrites the table under a lock that stops everybody.",
            why="PostgreSQL does so for a domain with constraints.",
            next=f"Ask for {base}, with the domain's rule as --check",
        )
    column = NewColumn(
        name=name,
        type=str(type_),
        collation=collation,
        default=None if generated else expression,
        generated=expression if generated else None,
        volatile=rewrites == "True",
        check=check,
        references=rest,
    )
    return column, others == "True"


def examine_rules(snapshot: Snapshot, column: NewColumn) -> None:
    """Raise UnsupportedShape where the column cannot be UNIQUE or refer to another, or would hold one value
    in all rows of a table in which no two may have the same.
    """
    partitioned = snapshot.relation.partitioned
    if column.references and partitioned and snapshot.server_version < _NOT_VALID_OF_PARTITIONED_SINCE:
        raise UnsupportedShape(
            f"{snapshot.table} has partitions.",
            why="Before PostgreSQL 18 it takes no foreign key without a scan that stops writes.",
        )
    if not column.unique:
        return
    if snapshot.relation.partitioned:
        raise UnsupportedShape(
            f"{snapshot.table} is partitioned: what is UNIQUE there must have the partition key in it.",
            why="PostgreSQL looks for an equal value in one partition alone.",
        )
    if column.default is not None and not column.volatile:
        raise UnsupportedShape(
            f"Every row of {snapshot.table} would have the same {quote(column.name)}, which is UNIQUE.",
            why=f"{column.default} is one value for all of them.",
            next="a default that is another one in each row, such as gen_random_uuid(), or none",
        )


def notes(snapshot: Snapshot, column: NewColumn, *, check_of_more: bool) -> Iterator[Note]:
    """What the plan must say of a column more, and of what its rules may do to old code."""
    name = quote(column.name)
    yield from hazards.of_adding(snapshot)
    if column.default is not None and not column.volatile and not preflight.is_constant(column.default):
        yield Note(
            "one-default",
            f"{column.default} is evaluated once, at expand: every row that is there by then has that value.",
        )
    if column.swept:
        yield Note(
            "own-default",
            f"{column.default} is another value in each row: rows that are there have none in {name} until "
            "the backfill has passed, and a row that is given NULL meanwhile is filled as well.",
        )
    if column.check is not None and check_of_more and column.default is not None:
        yield Note.hazard(
            "check-of-old-code",
            f"CHECK ({column.check}) looks at other columns than {name} too: a write of old code, which "
            f"leaves {name} at its default, may be refused from the backfill on.",
        )
