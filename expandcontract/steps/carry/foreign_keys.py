"""Foreign keys of the table that the column is part of."""

from collections.abc import Iterator, Sequence

from expandcontract.model.names import RelationName, quote, shorten
from expandcontract.model.notes import Note
from expandcontract.model.step import LockMode, OnTable, Step, Transactional
from expandcontract.postgres.catalog.constraint import Constraint
from expandcontract.postgres.catalog.index import Index
from expandcontract.steps import tables
from expandcontract.steps.carry import indexes
from expandcontract.steps.carry.subject import Subject
from expandcontract.steps.parts import Part
from expandcontract.steps.references import Reference


def part(subject: Subject) -> Part:
    """Of the new side from contract on: NOT VALID first, then validated. The referenced table is locked
    first: its writers reach this one through it.
    """
    keys = _keys(subject)
    twins = [] if subject.pair.uneven else [key for key in keys if key.name not in subject.left]
    return Part(
        before_contract=tuple(step for key in twins for step in _begin(subject, key)),
        contract=tuple(statement for key in keys for statement in _contract(subject, key)),
        undo=tuple(_undo(subject, keys, twins)),
        after_undo=tuple(_after_undo(subject, keys)),
        also_locked=tuple(key.other_table for key in keys if key.other_table is not None),
        refused=tuple(_broken(subject, key) for key in twins if _found_before(subject, key)),
        enforces=tuple(
            f"A row that breaks foreign key {quote(subject.final_name(key.name))} is refused."
            for key in twins
            if key.enforced
        ),
        notes=(*_notes(subject, twins), *(_ends(subject, key) for key in keys if key not in twins)),
    )


def _begin(subject: Subject, key: Constraint) -> tuple[Step, ...]:
    name, definition = subject.new_name(key.name), _substituted(subject, key)
    if _by_leaf(subject):
        return _through_leaves(subject, key, name, definition)
    return _add_and_validate(subject, key, subject.table, name, definition)


def _contract(subject: Subject, key: Constraint) -> Iterator[str]:
    if not _stays(subject, key):
        yield tables.drop_constraint(subject.table, key.name)
    elif subject.takes(key.name):
        yield _rename(subject, key.name, subject.hidden_name(key.name))
    if subject.takes(key.name) and key.name not in subject.left:
        yield _rename(subject, subject.new_name(key.name), key.name)


def _undo(subject: Subject, keys: Sequence[Constraint], twins: Sequence[Constraint]) -> Iterator[str]:
    for key in twins:
        yield f"ALTER TABLE {subject.table.sql} DROP CONSTRAINT {quote(subject.final_name(key.name))}"
    for key in keys:
        if _stays(subject, key) and subject.takes(key.name):
            yield _rename(subject, subject.hidden_name(key.name), key.name)
        if not _stays(subject, key) and not _by_leaf(subject):
            yield from _statements(key, subject.table, key.name, _bare(key), valid=not key.enforced)


def _after_undo(subject: Subject, keys: Sequence[Constraint]) -> Iterator[Step]:
    for key in keys:
        if _stays(subject, key):
            continue
        if _by_leaf(subject):
            yield from _through_leaves(subject, key, key.name, _bare(key))
        elif key.validated and key.enforced:
            yield tables.validate(f"foreign_key:{key.name}:validate", subject.table, key.name)


def _notes(subject: Subject, keys: Sequence[Constraint]) -> Iterator[Note]:
    for key in keys:
        if key.validated and key.enforced and not _found_before(subject, key):
            yield Note(
                "foreign-key-not-counted",
                f"Rows that break foreign key {quote(subject.final_name(key.name))} are not looked for "
                f"before contract: {key.other_table} cannot be read by the table's owner and by this role, "
                "or compares values in a way of its own. PostgreSQL finds them at contract, which is then "
                "taken back.",
            )


def _ends(subject: Subject, key: Constraint) -> Note:
    rule = f"Foreign key {quote(key.name)}, {_bare(key)},"
    broken = "stops at its validation where rows break it by then"
    if key.name in subject.left:
        return subject.left_behind(rule, broken)
    return Note.hazard("foreign-key-dropped", subject.ends(rule, "--references", broken), about=key.name)


def _keys(subject: Subject) -> list[Constraint]:
    constraints = subject.snapshot.constraints
    return [c for c in constraints if c.kind == "f" and not c.inbound and subject.owns(c.columns)]


def _found_before(subject: Subject, key: Constraint) -> bool:
    """Whether rows that break it can be told before contract: a rule that PostgreSQL then checks."""
    plain = all(each.startswith("OPERATOR(pg_catalog.") for each in key.operators)
    # The type of a schema of its own is written with that.
    known = subject.pair.identity or (plain and "." not in subject.pair.new.type)
    return key.validated and key.enforced and key.readable and known


def _broken(subject: Subject, key: Constraint) -> str:
    """Return SQL that is true of a row `t` whose new side refers to nothing."""
    assert key.other_table is not None  # noqa: S101 - a foreign key
    equal = key.operators if subject.pair.identity else ("OPERATOR(pg_catalog.=)",) * len(key.columns)
    return Reference(
        subject.substituted(key.columns),
        key.other_table,
        key.other_columns,
        equal,
        full=key.match == "FULL",
        partitioned=key.other_partitioned,
    ).broken()


def _stays(subject: Subject, key: Constraint) -> bool:
    """Whether the hidden side keeps its foreign key.

    Only where it cannot fail a write, and where an index is left by which a DELETE of a parent finds its
    rows: without one it would read the whole table once more.
    """
    return subject.pair.identity and any(_finds(subject, key, index) for index in subject.snapshot.indexes)


def _finds(subject: Subject, key: Constraint, index: Index) -> bool:
    left = subject.column.name not in index.columns or not indexes.dropped(subject, index)
    leading = set(index.key_columns[: len(key.columns)])
    return left and index.valid and " WHERE " not in index.definition and leading == set(key.columns)


def _by_leaf(subject: Subject) -> bool:
    """Whether a foreign key must come through the leaves.

    Before 18 a partitioned table takes no NOT VALID foreign key; it adopts those of its leaves, which are
    valid by then, without a scan.
    """
    return subject.snapshot.relation.partitioned and subject.snapshot.server_version < 180000  # noqa: PLR2004


def _through_leaves(subject: Subject, key: Constraint, name: str, definition: str) -> tuple[Step, ...]:
    steps: list[Step] = []
    for leaf in subject.snapshot.relation.leaves:
        steps += _add_and_validate(subject, key, leaf.name, shorten(f"{leaf.name.name}_{name}"), definition)
    return (*steps, _add(subject, key, subject.table, name, definition, valid=True))


def _add_and_validate(
    subject: Subject, key: Constraint, table: RelationName, name: str, definition: str
) -> tuple[Step, ...]:
    add = _add(subject, key, table, name, definition, valid=not key.enforced)
    if not key.validated or not key.enforced:
        return (add,)
    return add, tables.validate(f"{add.id}:validate", table, name)


def _add(
    subject: Subject, key: Constraint, table: RelationName, name: str, definition: str, *, valid: bool
) -> Step:
    referenced = () if key.other_table is None else (key.other_table,)
    where = "" if table == subject.table else f":{table.name}"
    return Step(
        f"foreign_key:{key.name}{where}",
        "+",
        f"new rows must satisfy foreign key {quote(name)}",
        Transactional(
            tuple(_statements(key, table, name, definition, valid=valid)),
            tables.locks(LockMode.SHARE_ROW_EXCLUSIVE, *referenced, table),
        ),
        reverse=(tables.drop_constraint(table, name),),
    )


def _statements(
    key: Constraint, table: RelationName, name: str, definition: str, *, valid: bool
) -> list[str]:
    timing = "" if valid else " NOT VALID"
    statements = [f"ALTER TABLE {table.sql} ADD CONSTRAINT {quote(name)} {definition}{timing}"]
    if key.comment is not None:
        statements.append(tables.comment_on("CONSTRAINT", f"{quote(name)} ON {table.sql}", key.comment))
    return [OnTable(each, table.sql) for each in statements]


def _bare(key: Constraint) -> str:
    return key.definition.removesuffix(" NOT VALID")


def _substituted(subject: Subject, key: Constraint) -> str:
    """The definition with the new column in the old one's place."""
    listed = f"FOREIGN KEY {tables.column_list(key.columns)}"
    rest = _bare(key).removeprefix(listed)
    if key.delete_set_columns:
        # ON DELETE SET NULL (columns), 15 and later, is the last part that can name our column.
        before = f" {tables.column_list(key.delete_set_columns)}"
        rest = rest.replace(before, f" {tables.column_list(subject.substituted(key.delete_set_columns))}")
    return f"FOREIGN KEY {tables.column_list(subject.substituted(key.columns))}{rest}"


def _rename(subject: Subject, name: str, to: str) -> str:
    return f"ALTER TABLE {subject.table.sql} RENAME CONSTRAINT {quote(name)} TO {quote(to)}"
