"""Foreign keys of the table that the column is part of."""

from expandcontract.model.names import RelationName, quote, shorten
from expandcontract.model.plan import LockMode, Step, Transactional
from expandcontract.postgres.catalog.constraint import Constraint
from expandcontract.steps import tables
from expandcontract.steps.carry.subject import Subject, Trait


class ForeignKeys(Trait):
    """NOT VALID first, then validated. The referenced table is locked first: its writers reach this one
    through it.
    """

    constrains = True

    def settle(self, subject: Subject) -> tuple[Step, ...]:
        return tuple(step for key in _keys(subject) for step in self._settle(subject, key))

    def _settle(self, subject: Subject, key: Constraint) -> tuple[Step, ...]:
        name = subject.new_name(key.name)
        # Before 18 a partitioned table takes no NOT VALID foreign key; it adopts those of its leaves, which
        # are valid by then, without a scan.
        by_leaf = subject.snapshot.relation.partitioned and subject.snapshot.server_version < 180000  # noqa: PLR2004
        steps: list[Step] = []
        for leaf in subject.snapshot.relation.leaves if by_leaf else ():
            steps += _add_and_validate(subject, key, leaf.name, shorten(f"{leaf.name.name}_{name}"))
        if by_leaf:
            steps.append(_add(subject, key, subject.table, name, valid=True))
        else:
            steps += _add_and_validate(subject, key, subject.table, name)
        return tuple(steps)

    def hide(self, subject: Subject) -> tuple[str, ...]:
        statements = []
        for key in _keys(subject):
            if not subject.pair.identity:
                statements.append(f"ALTER TABLE {subject.table.sql} DROP CONSTRAINT {quote(key.name)}")
            if subject.swap:
                statements.append(_rename(subject, subject.new_name(key.name), key.name))
        return tuple(statements)

    def unhide(self, subject: Subject) -> tuple[str, ...]:
        statements = []
        for key in _keys(subject):
            if subject.swap:
                statements.append(_rename(subject, key.name, subject.new_name(key.name)))
            if not subject.pair.identity:
                definition = key.definition.removesuffix(" NOT VALID")
                statements.append(
                    f"ALTER TABLE {subject.table.sql} ADD CONSTRAINT {quote(key.name)} {definition} NOT VALID"
                )
        return tuple(statements)

    def after_unhide(self, subject: Subject) -> tuple[Step, ...]:
        if subject.pair.identity:
            return ()
        return tuple(
            tables.validate(f"foreign_key:{key.name}:validate", subject.table, key.name)
            for key in _keys(subject)
            if key.validated and key.enforced
        )

    def also_locked(self, subject: Subject) -> tuple[RelationName, ...]:
        return tuple(key.other_table for key in _keys(subject) if key.other_table is not None)


def _keys(subject: Subject) -> list[Constraint]:
    constraints = subject.snapshot.constraints
    return [c for c in constraints if c.kind == "f" and not c.inbound and subject.column.name in c.columns]


def _add_and_validate(subject: Subject, key: Constraint, table: RelationName, name: str) -> tuple[Step, ...]:
    add = _add(subject, key, table, name, valid=not key.enforced)
    if not key.validated or not key.enforced:
        return (add,)
    return add, tables.validate(f"{add.id}:validate", table, name)


def _add(subject: Subject, key: Constraint, table: RelationName, name: str, *, valid: bool) -> Step:
    definition = _definition(subject, key) + ("" if valid else " NOT VALID")
    statements = [f"ALTER TABLE {table.sql} ADD CONSTRAINT {quote(name)} {definition}"]
    if key.comment is not None:
        statements.append(tables.comment_on("CONSTRAINT", f"{quote(name)} ON {table.sql}", key.comment))
    referenced = () if key.other_table is None else (key.other_table,)
    where = "" if table == subject.table else f":{table.name}"
    return Step(
        f"foreign_key:{key.name}{where}",
        "+",
        f"new rows must satisfy foreign key {quote(name)}",
        Transactional(tuple(statements), tables.locks(LockMode.SHARE_ROW_EXCLUSIVE, *referenced, table)),
    )


def _definition(subject: Subject, key: Constraint) -> str:
    listed = f"FOREIGN KEY {tables.column_list(key.columns)}"
    rest = key.definition.removesuffix(" NOT VALID").removeprefix(listed)
    if key.delete_set_columns:
        # ON DELETE SET NULL (columns), 15 and later, is the last part that can name our column.
        before = f" {tables.column_list(key.delete_set_columns)}"
        rest = rest.replace(before, f" {tables.column_list(subject.substituted(key.delete_set_columns))}")
    return f"FOREIGN KEY {tables.column_list(subject.substituted(key.columns))}{rest}"


def _rename(subject: Subject, name: str, to: str) -> str:
    return f"ALTER TABLE {subject.table.sql} RENAME CONSTRAINT {quote(name)} TO {quote(to)}"
