"""Indexes that use the column, and the UNIQUE constraints that they back."""

from collections.abc import Iterator
from dataclasses import replace

from expandcontract.model.names import RelationName, quote, shorten
from expandcontract.model.plan import LockMode, Note, Step, Transactional
from expandcontract.postgres.catalog.index import Index
from expandcontract.steps import tables
from expandcontract.steps.carry.subject import Subject, Trait


class Indexes(Trait):
    """Built concurrently.

    A UNIQUE twin is a deferrable constraint until contract: a second plain unique index is checked while an
    upsert of old code still negotiates on the first, and fails it (23505).
    Just before contract a plain one is built beside it and takes its place in the transaction that hides.
    Where no constraint can hold the twin (an expression, a predicate), it is built only then.
    """

    constrains = True

    def settle(self, subject: Subject) -> tuple[Step, ...]:
        return tuple(
            step for index in _carried(subject) if not _late(index) for step in _settle(subject, index)
        )

    def before_hide(self, subject: Subject) -> tuple[Step, ...]:
        return tuple(
            _build(subject, index, subject.table, _stand_in(subject, index), f"index:{index.name}:plain")
            for index in _carried(subject)
            if _exchanged(index)
        )

    def hide(self, subject: Subject) -> tuple[str, ...]:
        return tuple(s for index in _indexes(subject) for s in _hide(subject, index))

    def before_unhide(self, subject: Subject) -> tuple[Step, ...]:
        return tuple(
            Step(
                f"index:{index.name}",
                "+",
                f"build the unique index {quote(index.name)} of the old side again",
                tables.create_index(
                    subject.table, _again(index), subject.hidden_definitions[index.name], unique=True
                ),
                by_size=True,
            )
            for index in _indexes(subject)
            if _dropped(subject, index) and index.valid
        )

    def unhide(self, subject: Subject) -> tuple[str, ...]:
        return tuple(s for index in _indexes(subject) for s in _unhide(subject, index))

    def unsettle(self, subject: Subject) -> tuple[str, ...]:
        return tuple(
            _unsettle(subject, index)
            for index in _carried(subject)
            if not _late(index) and not _built_anew(index)
        )

    def after_unhide(self, subject: Subject) -> tuple[Step, ...]:
        if self.waits_for_contract(subject):
            return ()
        # Until then the old side's index, of which the new one follows, keeps values unique.
        return tuple(
            replace(step, id=f"twin:{step.id}")
            for index in _carried(subject)
            if _built_anew(index)
            for step in _settle(subject, index)
        )

    def notes(self, subject: Subject) -> tuple[Note, ...]:
        return tuple(note for index in _indexes(subject) for note in _notes(subject, index))


def _notes(subject: Subject, index: Index) -> Iterator[Note]:
    name = quote(index.name)
    if index.tablespace is not None:
        space = quote(index.tablespace)
        yield Note(
            "tablespace", f"Index {name} lies in tablespace {space}; its twin is built in the default one."
        )
    if not index.valid:
        yield Note("index-invalid", f"Index {name} is invalid and is not carried.")
    elif index.name not in subject.definitions and index.unique:
        sentence = f"UNIQUE {name} does not fit the new type and is not carried: from contract on nothing "
        sentence += f"keeps values of {quote(subject.final)} unique."
        yield Note.hazard("unique-dropped", sentence, about=index.name)
    elif index.name not in subject.definitions:
        yield Note("index-dropped", f"Index {name} does not fit the new type and is not carried.")
    elif index.unique:
        yield Note(
            "upsert-race",
            f"While a twin of {name} is built, two sessions that upsert the same new value at the same "
            "moment may see one 23505, which a retry mends.",
        )
        if _twin_is_deferrable(index):
            yield Note(
                "upsert",
                f"New code cannot upsert with ON CONFLICT on {quote(subject.new)} before contract: the twin "
                f"of {name} is deferrable until then.",
            )


def _indexes(subject: Subject) -> list[Index]:
    return [index for index in subject.snapshot.indexes if subject.column.name in index.columns]


def _carried(subject: Subject) -> list[Index]:
    return [index for index in _indexes(subject) if index.valid and index.name in subject.definitions]


def _plain_columns(index: Index) -> bool:
    # ADD CONSTRAINT ... USING INDEX takes neither expressions nor predicates; INCLUDE and other options it
    # does take.
    return index.constraint is not None or (
        "WHERE" not in index.definition and index.definition.count("(") == 1
    )


def _twin_is_deferrable(index: Index) -> bool:
    return index.unique and not index.deferrable and _plain_columns(index)


def _late(index: Index) -> bool:
    return index.unique and not _plain_columns(index)


def _exchanged(index: Index) -> bool:
    return _twin_is_deferrable(index) or _late(index)


def _dropped(subject: Subject, index: Index) -> bool:
    """Whether contract drops it from the hidden side.

    It could make a write fail: refuse a value that only back makes of two, or be checked while an upsert of
    new code still negotiates on the new side's index.
    """
    return index.unique and not (subject.pair.identity and index.deferrable)


def _built_anew(index: Index) -> bool:
    """Whether the twin must be built once more after undo: a constraint cannot become deferrable."""
    return _twin_is_deferrable(index) and index.constraint is not None


def _again(index: Index) -> str:
    return shorten(f"~ec_u_{index.name}")


def _stand_in(subject: Subject, index: Index) -> str:
    return shorten(f"~ec_p_{subject.final_name(index.name)}")


def _build(subject: Subject, index: Index, table: RelationName, name: str, id_: str) -> Step:
    return Step(
        id_,
        "+",
        f"build {'unique ' if index.unique else ''}index {quote(name)} without stopping anybody",
        tables.create_index(table, name, subject.definitions[index.name], unique=index.unique),
        by_size=True,
    )


def _settle(subject: Subject, index: Index) -> tuple[Step, ...]:
    name = subject.new_name(index.name)
    if subject.snapshot.relation.partitioned:
        return _settle_partitioned(subject, index, name)
    build = _build(subject, index, subject.table, name, f"index:{index.name}")
    statements = []
    if index.unique:
        timing = "DEFERRABLE INITIALLY " + ("DEFERRED" if index.deferred else "IMMEDIATE")
        statements.append(
            f"ALTER TABLE {subject.table.sql} ADD CONSTRAINT {quote(name)} UNIQUE USING INDEX {quote(name)} "
            f"{timing}"
        )
    statements += _decorate(subject, index, name)
    if not statements:
        return (build,)
    mode = LockMode.ACCESS_EXCLUSIVE if index.unique else LockMode.SHARE_UPDATE_EXCLUSIVE
    finish = Step(
        f"index:{index.name}:finish",
        "~",
        f"{quote(name)} becomes a UNIQUE constraint, deferrable until contract"
        if index.unique
        else f"settings of {quote(name)}",
        Transactional(tuple(statements), tables.locks(mode, subject.table)),
    )
    return build, finish


def _settle_partitioned(subject: Subject, index: Index, name: str) -> tuple[Step, ...]:
    # CREATE INDEX on the parent adopts a matching index of each leaf instead of building one, so its SHARE
    # lock is brief.
    steps = [
        _build(
            subject,
            index,
            leaf.name,
            shorten(f"{leaf.name.name}_{name}"),
            f"index:{index.name}:{leaf.name.name}",
        )
        for leaf in subject.snapshot.relation.leaves
        if not leaf.foreign
    ]
    statements = (
        f"CREATE INDEX {quote(name)} ON {subject.table.sql} USING {subject.definitions[index.name]}",
        *_decorate(subject, index, name),
    )
    attach = Step(
        f"index:{index.name}",
        "+",
        f"index {quote(name)} of the whole table adopts those of its partitions",
        Transactional(statements, tables.locks(LockMode.SHARE, subject.table)),
    )
    return (*steps, attach)


def _decorate(subject: Subject, index: Index, name: str) -> list[str]:
    qualified = RelationName(subject.table.schema, name).sql
    statements = [
        f"ALTER INDEX {qualified} ALTER COLUMN {number} SET STATISTICS {target}"
        for number, target in index.statistics
    ]
    if index.comment is not None:
        statements.append(tables.comment_on("INDEX", qualified, index.comment))
    if index.constraint_comment is not None:
        statements.append(
            tables.comment_on("CONSTRAINT", f"{quote(name)} ON {subject.table.sql}", index.constraint_comment)
        )
    return statements


def _hide(subject: Subject, index: Index) -> list[str]:
    table = subject.table.sql
    statements = []
    carried = index in _carried(subject)
    if _dropped(subject, index):
        statements.append(_drop(subject, index))
    elif subject.swap:
        statements.append(_rename(subject, index.name, subject.hidden_name(index.name)))
    if carried and _exchanged(index):
        name = subject.new_name(index.name)
        final = subject.final_name(index.name)
        if not _late(index):
            statements.append(f"ALTER TABLE {table} DROP CONSTRAINT {quote(name)}")
        statements.append(_rename(subject, _stand_in(subject, index), final))
        if index.constraint is not None:
            statements.append(
                f"ALTER TABLE {table} ADD CONSTRAINT {quote(final)} UNIQUE USING INDEX {quote(final)}"
            )
        statements += _decorate(subject, index, final)
    elif carried and subject.swap:
        statements.append(_rename(subject, subject.new_name(index.name), index.name))
    return statements


def _unhide(subject: Subject, index: Index) -> list[str]:
    statements = []
    carried = index in _carried(subject)
    if carried and _late(index):
        # It is built again by the next contract.
        statements.append(
            f"DROP INDEX {RelationName(subject.table.schema, subject.final_name(index.name)).sql}"
        )
    elif carried and _exchanged(index):
        final, new = subject.final_name(index.name), subject.new_name(index.name)
        if _built_anew(index):
            statements.append(f"ALTER TABLE {subject.table.sql} DROP CONSTRAINT {quote(final)}")
        else:
            statements.append(
                f"ALTER TABLE {subject.table.sql} ADD CONSTRAINT {quote(new)} UNIQUE USING INDEX "
                f"{quote(final)} DEFERRABLE INITIALLY IMMEDIATE"
            )
    elif carried and subject.swap:
        statements.append(_rename(subject, index.name, subject.new_name(index.name)))
    if _dropped(subject, index) and index.valid:
        statements.append(_rename(subject, _again(index), index.name))
        if index.constraint is not None:
            timing = _timing(index)
            statements.append(
                f"ALTER TABLE {subject.table.sql} ADD CONSTRAINT {quote(index.name)} UNIQUE USING INDEX "
                f"{quote(index.name)}{timing}"
            )
        statements += _decorate(subject, index, index.name)
    elif subject.swap and not _dropped(subject, index):
        statements.append(_rename(subject, subject.hidden_name(index.name), index.name))
    return statements


def _unsettle(subject: Subject, index: Index) -> str:
    name = subject.new_name(index.name)
    if index.unique:
        return f"ALTER TABLE {subject.table.sql} DROP CONSTRAINT {quote(name)}"
    return f"DROP INDEX {RelationName(subject.table.schema, name).sql}"


def _timing(index: Index) -> str:
    if not index.deferrable:
        return ""
    return " DEFERRABLE INITIALLY " + ("DEFERRED" if index.deferred else "IMMEDIATE")


def _drop(subject: Subject, index: Index) -> str:
    if index.constraint is not None:
        return f"ALTER TABLE {subject.table.sql} DROP CONSTRAINT {quote(index.constraint)}"
    return f"DROP INDEX {RelationName(subject.table.schema, index.name).sql}"


def _rename(subject: Subject, name: str, to: str) -> str:
    return f"ALTER INDEX {RelationName(subject.table.schema, name).sql} RENAME TO {quote(to)}"
