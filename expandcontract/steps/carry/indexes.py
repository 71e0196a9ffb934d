"""Indexes that use the column, and the UNIQUE constraints that they back."""

from collections.abc import Iterator
from dataclasses import replace

from expandcontract.model.change import Mode, Unfit
from expandcontract.model.names import RelationName, dollar_quote, literal, quote, shorten
from expandcontract.model.notes import Note
from expandcontract.model.step import LockMode, Step, Transactional
from expandcontract.postgres.catalog.index import Index
from expandcontract.steps import indexes, tables
from expandcontract.steps.carry.subject import Subject
from expandcontract.steps.parts import Part
from expandcontract.steps.sync import predicates


def part(subject: Subject) -> Part:
    """Built concurrently.

    The twin of a unique one finds rows from ready on, but is not unique before contract: of two unique
    indexes an upsert negotiates on one only, and the other fails it (23505); a deferrable one fails every
    ON CONFLICT DO NOTHING without a target (55000). Until then the old side's own index keeps values unique.
    Contract builds the unique one beside it, and exchanges them in the transaction that hides. Undo does the
    same the other way round. docs/adr/0006 has what was measured.
    """
    every, carried = _indexes(subject), _carried(subject)
    exchanged = [index for index in carried if _exchanged(subject, index)]
    return Part(
        backfill=tuple(step for index in carried for step in _settle(subject, index)),
        before_contract=tuple(step for index in exchanged for step in _stand_in_steps(subject, index)),
        contract=tuple(s for index in every for s in _hide(subject, index)),
        before_undo=tuple(step for index in every for step in _before_unhide(subject, index)),
        undo=tuple(s for index in every for s in _unhide(subject, index)),
        notes=tuple(note for index in every for note in _notes(subject, index)),
    )


def _notes(subject: Subject, index: Index) -> Iterator[Note]:
    name = quote(index.name)
    if subject.pair.uneven:
        if index.unique and index.valid:
            yield Note.hazard("unique-dropped", subject.ends(f"UNIQUE {name}", "--unique"), about=index.name)
        return
    if index.name in subject.left:
        yield subject.left_behind(f"UNIQUE {name}")
        return
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
        yield from _unique_notes(subject, index)


def _unique_notes(subject: Subject, index: Index) -> Iterator[Note]:
    name, old, new = quote(index.name), quote(subject.column.name), quote(subject.new)
    race = (
        "two sessions that upsert the same new value at the same moment may see one 23505, which a retry "
        "mends"
    )
    if subject.unique_at_ready:
        yield Note(
            "upsert-race",
            f"From settling to contract {name} and its twin are both unique, so that new code can name "
            f"{new} in ON CONFLICT. An upsert negotiates on one of them: {race}.",
        )
    elif not index.deferrable:
        before = (
            ""
            if subject.swap
            else f"Until contract the twin of {name} is not unique: ON CONFLICT ({new}) of new code fails "
            f"(42P10). ON CONFLICT ({old}) works, and DO NOTHING without a target; or --upsert-new. "
        )
        yield Note.hazard(
            "upsert",
            f"{before}From the moment at which contract, or undo, has built the other side's unique index "
            f"until it commits or gives up, {race}.",
            about=index.name,
        )
    if not exact(subject):
        yield Note.hazard("unique-at-contract", _unique_at_contract(subject, index), about=index.name)


def _unique_at_contract(subject: Subject, index: Index) -> str:
    name, old, new = quote(index.name), quote(subject.column.name), quote(subject.new)
    if subject.pair.one_way:
        why = f"nothing leads back to {old}, so that nothing keeps {new} unique before"
    else:
        why = f"values that differ in {old} may be equal in {new}, and old code may write them until then"
    return (
        f"The twin of {name} is unique only from contract on: {why}. As long as there are equal ones, "
        "contract does not get through, and changes nothing."
    )


def exact(subject: Subject) -> bool:
    """Return whether two rows that are in sync cannot be equal on the new side and differ on the old one.

    Both must be what the other makes of them, and equal must mean identical: 1.0 and 1.00 are one number.
    """
    pair = subject.pair
    if pair.identity:
        return True
    strict = pair.mode == Mode.MIRROR and pair.back is not None and pair.unfit == Unfit.REFUSE
    return strict and pair.new_plain_equality


def dropped(subject: Subject, index: Index) -> bool:
    """Return whether contract drops an index from the hidden side.

    It could make a write fail: refuse a value that only back makes of two, or be checked while an upsert of
    new code still negotiates on the new side's index.
    """
    return index.unique and not (subject.pair.identity and index.deferrable)


def _indexes(subject: Subject) -> list[Index]:
    return [index for index in subject.snapshot.indexes if subject.owns(index.columns)]


def _carried(subject: Subject) -> list[Index]:
    return [index for index in _indexes(subject) if index.valid and index.name in subject.definitions]


def _exchanged(subject: Subject, index: Index) -> bool:
    """Whether its twin is not unique before contract."""
    return index.unique and not subject.unique_at_ready


def _again(index: Index) -> str:
    return shorten(f"~ec_u_{index.name}")


def _stand_in(subject: Subject, index: Index) -> str:
    return shorten(f"~ec_p_{subject.final_name(index.name)}")


def _finder(subject: Subject, index: Index) -> str:
    return shorten(f"~ec_l_{subject.new_name(index.name)}")


def _build(subject: Subject, id_: str, name: str, definition: str, *, unique: bool) -> Step:
    return indexes.build_on(id_, subject.table, name, definition, unique=unique)


def _settle(subject: Subject, index: Index) -> tuple[Step, ...]:
    name, definition = subject.new_name(index.name), subject.definitions[index.name]
    if subject.snapshot.relation.partitioned:
        return _settle_partitioned(subject, index, name)
    unique = index.unique and subject.unique_at_ready
    build = _build(subject, f"index:{index.name}", name, definition, unique=unique)
    statements = list(_as_constraint(subject, index, name)) if unique else []
    statements += _decorate(subject, index, name, unique=unique)
    if not statements:
        return (build,)
    mode = LockMode.ACCESS_EXCLUSIVE if unique else LockMode.SHARE_UPDATE_EXCLUSIVE
    sentence = f"{quote(name)} becomes a UNIQUE constraint" if unique else f"settings of {quote(name)}"
    finish = Transactional(tuple(statements), tables.locks(mode, subject.table))
    return build, Step(f"index:{index.name}:finish", "~", sentence, finish, brings=(quote(name),))


def _settle_partitioned(subject: Subject, index: Index, name: str) -> tuple[Step, ...]:
    twin = indexes.planned(subject.snapshot, name, subject.definitions[index.name])
    leaves = (
        indexes.build_on(
            f"index:{index.name}:{each.table.name}", each.table, each.name, each.definition, unique=False
        )
        for each in twin.parts
    )
    return (*leaves, indexes.adopt(f"index:{index.name}", twin, *_decorate(subject, index, name)))


def _stand_in_steps(subject: Subject, index: Index) -> tuple[Step, ...]:
    """The unique twin, beside the one that finds rows. Given up with the contract that it was built for:
    until that commits it may fail an upsert of old code.
    """
    name = _stand_in(subject, index)
    build = _build(subject, f"index:{index.name}:unique", name, subject.definitions[index.name], unique=True)
    build = _given_up(subject, build, name)
    if not index.deferrable:
        return (build,)
    add = f"ALTER TABLE {subject.table.sql} ADD CONSTRAINT {quote(name)} UNIQUE USING INDEX {quote(name)}"
    return (
        build,
        Step(
            f"index:{index.name}:deferrable",
            "~",
            f"{quote(name)} is checked as late as {quote(index.name)}",
            Transactional((f"{add}{index.timing}",), tables.access_exclusive(subject.table)),
            reverse=(f"ALTER TABLE {subject.table.sql} DROP CONSTRAINT IF EXISTS {quote(name)}",),
        ),
    )


def _given_up(subject: Subject, build: Step, name: str) -> Step:
    index = RelationName(subject.table.schema, name).sql
    return replace(build, reverse=(f"DROP INDEX CONCURRENTLY IF EXISTS {index}",))


def _hide(subject: Subject, index: Index) -> list[str]:
    statements = []
    carried = index in _carried(subject)
    if dropped(subject, index):
        statements.append(_drop(subject, index))
    elif subject.takes(index.name):
        statements.append(_rename(subject, index.name, subject.hidden_name(index.name), there=False))
    if carried and _exchanged(subject, index):
        final = subject.final_name(index.name)
        statements.append(_drop_index(subject, subject.new_name(index.name)))
        statements.append(_rename(subject, _stand_in(subject, index), final))
        if not index.deferrable:
            statements += _as_constraint(subject, index, final)
        statements += _column(subject, index, final, subject.new, subject.final)
        statements += _decorate(subject, index, final)
    elif carried and subject.takes(index.name):
        statements.append(_rename(subject, subject.new_name(index.name), index.name))
        statements += _column(subject, index, index.name, subject.new, subject.final)
        statements += _rename_leaves(subject, subject.new_name(index.name), index.name)
    if carried and index.clustered:
        statements.append(_mark(subject, subject.final_name(index.name)))
    return statements


def _before_unhide(subject: Subject, index: Index) -> Iterator[Step]:
    if dropped(subject, index) and index.valid:
        name = _again(index)
        build = Step(
            f"index:{index.name}",
            "+",
            f"build the unique index {quote(index.name)} of the old side again",
            tables.create_index(subject.table, name, subject.hidden_definitions[index.name], unique=True),
            by_size=True,
            unique=_may_be_equal(subject, index),
        )
        yield _given_up(subject, build, name)
    if index in _carried(subject) and _exchanged(subject, index):
        name = _finder(subject, index)
        definition = subject.final_definitions[index.name]
        yield _given_up(
            subject, _build(subject, f"index:{index.name}:finds", name, definition, unique=False), name
        )


def _may_be_equal(subject: Subject, index: Index) -> tuple[str, ...]:
    """Return the plain columns of a unique index of the hidden side, as SQL, in which back may have made rows
    equal.
    """
    plain = index.predicate is None and index.definition.count("(") == 1
    if subject.pair.identity or subject.pair.one_way or not plain:
        return ()
    called = predicates.hidden_names(subject.pair)
    return tuple(quote(called.get(column, column)) for column in index.key_columns)


def _unhide(subject: Subject, index: Index) -> list[str]:
    statements = []
    carried = index in _carried(subject)
    new = subject.new_name(index.name)
    if carried and _exchanged(subject, index):
        # The next contract builds it again.
        final = subject.final_name(index.name)
        statements.append(
            _drop_index(subject, final)
            if index.constraint is None
            else f"ALTER TABLE {subject.table.sql} DROP CONSTRAINT {quote(final)}"
        )
        statements.append(_rename(subject, _finder(subject, index), new))
        statements += _decorate(subject, index, new, unique=False)
    elif carried and subject.takes(index.name):
        statements.append(_rename(subject, index.name, new))
        statements += _column(subject, index, new, subject.final, subject.new)
        statements += _rename_leaves(subject, index.name, new)
    if dropped(subject, index) and index.valid:
        again = [
            _rename(subject, _again(index), index.name),
            *_old_names(subject, index),
            *_as_constraint(subject, index, index.name),
            *_decorate(subject, index, index.name),
            *([_mark(subject, index.name)] if index.clustered else []),
        ]
        statements += again if subject.pair.identity else [_where_built(subject, index, again)]
    elif subject.takes(index.name) and not dropped(subject, index):
        statements.append(_rename(subject, subject.hidden_name(index.name), index.name, there=False))
    if carried and index.clustered and not dropped(subject, index):
        # Somebody may have dropped it meanwhile.
        statements.append(_where_there(subject, index.name, [_mark(subject, index.name)]))
    return statements


def _mark(subject: Subject, name: str) -> str:
    # The next CLUSTER of the table orders its rows by it. SHARE UPDATE EXCLUSIVE.
    return f"ALTER TABLE {subject.table.sql} CLUSTER ON {quote(name)}"


def _where_built(subject: Subject, index: Index, statements: list[str]) -> str:
    """Back may make equal of two values that new code wrote: who accepts that has no unique index again."""
    return _where_there(subject, _again(index), statements)


def _where_there(subject: Subject, name: str, statements: list[str]) -> str:
    index = literal(RelationName(subject.table.schema, name).sql)
    body = "; ".join(statements)
    return "DO " + dollar_quote(
        f" BEGIN IF pg_catalog.to_regclass({index}) IS NOT NULL THEN {body}; END IF; END "
    )


def _as_constraint(subject: Subject, index: Index, name: str) -> tuple[str, ...]:
    if index.constraint is None:
        return ()
    add = f"ALTER TABLE {subject.table.sql} ADD CONSTRAINT {quote(name)} UNIQUE USING INDEX {quote(name)}"
    return (f"{add}{index.timing}",)


def _decorate(subject: Subject, index: Index, name: str, *, unique: bool = True) -> list[str]:
    statements = [*indexes.described(RelationName(subject.table.schema, name).sql, index)]
    if index.constraint_comment is not None and unique:
        statements.append(
            tables.comment_on("CONSTRAINT", f"{quote(name)} ON {subject.table.sql}", index.constraint_comment)
        )
    return statements


def _drop(subject: Subject, index: Index) -> str:
    # Somebody may have dropped it meanwhile, which a gate has named.
    if index.constraint is not None:
        return f"ALTER TABLE {subject.table.sql} DROP CONSTRAINT IF EXISTS {quote(index.constraint)}"
    return f"DROP INDEX IF EXISTS {RelationName(subject.table.schema, index.name).sql}"


def _drop_index(subject: Subject, name: str) -> str:
    return f"DROP INDEX {RelationName(subject.table.schema, name).sql}"


def _rename(subject: Subject, name: str, to: str, *, there: bool = True) -> str:
    exists = "" if there else "IF EXISTS "
    return f"ALTER INDEX {exists}{RelationName(subject.table.schema, name).sql} RENAME TO {quote(to)}"


def _old_names(subject: Subject, index: Index) -> Iterator[str]:
    """One of the old side that was built while that was hidden."""
    name = RelationName(subject.table.schema, index.name).sql
    for column, hidden in predicates.hidden_names(subject.pair).items():
        if column in index.plain_columns:
            yield f"ALTER TABLE {name} RENAME COLUMN {quote(hidden)} TO {quote(column)}"


def _column(subject: Subject, index: Index, name: str, column: str, to: str) -> tuple[str, ...]:
    """An index keeps the name that its column had when it was built: the catalog would show ours."""
    if not subject.swap or subject.column.name not in index.plain_columns:
        return ()
    index_name = RelationName(subject.table.schema, name).sql
    return (f"ALTER TABLE {index_name} RENAME COLUMN {quote(column)} TO {quote(to)}",)


def _rename_leaves(subject: Subject, name: str, to: str) -> Iterator[str]:
    if not subject.snapshot.relation.partitioned:
        return
    for leaf in subject.snapshot.relation.leaves:
        if not leaf.foreign:
            yield (
                f"ALTER INDEX {RelationName(leaf.name.schema, indexes.leaf_name(leaf.name, name)).sql} "
                f"RENAME TO {quote(indexes.leaf_name(leaf.name, to))}"
            )
