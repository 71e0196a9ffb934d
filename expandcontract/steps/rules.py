"""Rules without a pair of columns: rows that break one are found before it refuses anything, and it begins at
contract without a scan under a lock that stops anybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from expandcontract.model.chosen_names import chosen
from expandcontract.model.names import RelationName, do, literal, quote
from expandcontract.model.notes import Note
from expandcontract.model.step import LockMode, Purpose, Step, Sweep, Transactional
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps import tables
from expandcontract.steps.parts import Part, Sentences


def looked_for(snapshot: Snapshot, broken_by: str, rule: str) -> Part:
    """Return what looks for rows that will be refused from contract on, of which `rule` tells.

    `broken_by` is a predicate over the alias `t` that is true of them.
    """
    return Part(verify=(_look(snapshot, broken_by, rule),))


def _look(snapshot: Snapshot, broken_by: str, rule: str) -> Step:
    key = tuple(quote(column) for column in snapshot.primary_key)
    # What the rule calls is looked up as where the application writes, and as where it is validated.
    sweep = Sweep(Purpose.COMPARE, snapshot.table.sql, broken_by, key=key, own_path=True)
    return Step("look", "=", f"look for rows that break {rule}", sweep, by_size=True)


def sentences(name: str) -> Sentences:
    """Return what the turns of a change that adds a constraint are called."""
    return Sentences(
        contract=f"{quote(name)} stands, and all rows keep it",
        undo=f"drop {quote(name)}",
        rollback="nothing was added yet",
        purge=f"close the change: {quote(name)} stays",
    )


def constraint(
    table: RelationName,
    name: str,
    definition: str,
    *,
    rule: str = "",
    lock: LockMode = LockMode.ACCESS_EXCLUSIVE,
    others: Sequence[RelationName] = (),
) -> Part:
    """Return a constraint that contract brings into force: NOT VALID first, then validated, which stops
    nobody; undo drops it. Where a later step of contract fails it is taken back.

    `rule` are the user's words for the definition. `lock` is what ADD CONSTRAINT needs, of `others` as well,
    such as what a foreign key refers to.
    """
    said = rule or definition
    add = Step(
        f"rule:{name}",
        "+",
        f"new rows must keep {quote(name)}: {said}",
        Transactional(
            (f"ALTER TABLE {table.sql} ADD CONSTRAINT {quote(name)} {definition} NOT VALID",),
            tables.locks(lock, *others, table),
        ),
        reverse=(tables.drop_constraint(table, name),),
    )
    return Part(
        before_contract=(add, tables.validate(f"rule:{name}:validate", table, name)),
        undo=(tables.drop_constraint(table, name),),
        also_locked=tuple(others),
        enforces=(f"A row that breaks {quote(name)} is refused: {said}.",),
    )


def not_null(snapshot: Snapshot, column: Column) -> Part:
    """Return NOT NULL that contract brings into force, and undo drops.

    From 18 on it is a constraint that is NOT VALID at first; before, a validated CHECK spares SET NOT NULL
    its scan, and goes in the same transaction.
    """
    table, name = snapshot.table, quote(column.name)
    called = chosen(table.name, column.name, "not_null", snapshot.taken_names)
    *before, last = tables.not_null(table, column.name, called, snapshot.server_version)
    # What takes no time belongs into the turn itself, what looks at all rows before it.
    instant = isinstance(last.action, Transactional) and not last.action.patient
    return Part(
        before_contract=tuple(before) if instant else (*before, last),
        contract=last.action.statements if isinstance(last.action, Transactional) and instant else (),
        undo=(f"ALTER TABLE {table.sql} ALTER COLUMN {name} DROP NOT NULL",),
        enforces=(f"A row without a value in {name} is refused: NOT NULL.",),
    )


def renamed(table: RelationName, old: str, new: str, notes: tuple[Note, ...]) -> Part:
    """Return another name for a constraint; rollback gives it the old one back."""
    alter = f"ALTER TABLE {table.sql} RENAME CONSTRAINT"
    step = Step(
        "rename",
        "~",
        f"{quote(old)} is called {quote(new)}",
        Transactional((f"{alter} {quote(old)} TO {quote(new)}",), tables.access_exclusive(table)),
    )
    # Nothing may have been renamed yet.
    known = f"conrelid = {literal(table.sql)}::pg_catalog.regclass AND conname = {literal(new)}"
    back = do(
        f"BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE {known}) THEN "
        f"{alter} {quote(new)} TO {quote(old)}; END IF; END"
    )
    return Part(expand=(step,), rollback=(back,), notes=notes)


@dataclass(frozen=True)
class Standing:
    """A constraint that stands on the table. `others` are locked with it: what a foreign key refers to.
    `index` is what follows USING of the index that is a UNIQUE constraint, `timing` what follows its name.
    `broken_by` is a predicate over `t` that is true of rows that break it, empty where nobody can say: they
    are counted where validation meets one.
    """

    name: str
    definition: str
    validated: bool = True
    comment: str | None = None
    others: tuple[RelationName, ...] = ()
    index: str = ""
    timing: str = ""
    broken_by: str = ""


def validated(snapshot: Snapshot, found: Standing) -> Part:
    """Return the scan for rows that break a constraint; rollback leaves it NOT VALID, as it was."""
    table, name = snapshot.table, quote(found.name)
    alter = f"ALTER TABLE {table.sql}"
    again = f"{alter} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {found.definition} NOT VALID"
    return Part(
        backfill=(tables.validate("validate", table, found.name),),
        repair=_counted(snapshot, found),
        rollback=(again, *_comment(table, found)),
        also_locked=found.others,
    )


def _counted(snapshot: Snapshot, found: Standing) -> tuple[Step, ...]:
    return (_look(snapshot, found.broken_by, quote(found.name)),) if found.broken_by else ()


def dropped(snapshot: Snapshot, found: Standing) -> Part:
    """Return what drops a constraint at contract, and makes it again for undo before anything is turned: not
    validated at first, or by an index that is built concurrently; taken back where rows break it.
    """
    table = snapshot.table
    drop = tables.drop_constraint(table, found.name)
    if found.index:
        return Part(contract=(drop,), before_undo=(_index(table, found),), undo=_by_index(table, found))
    add = f"ALTER TABLE {table.sql} ADD CONSTRAINT {quote(found.name)} {found.definition} NOT VALID"
    step = Step(
        f"rule:{found.name}",
        "+",
        f"new rows must keep {quote(found.name)} again: {found.definition}",
        Transactional((add, *_comment(table, found)), tables.access_exclusive(*found.others, table)),
        reverse=(drop,),
    )
    validate = (tables.validate(f"rule:{found.name}:validate", table, found.name),) if found.validated else ()
    return Part(
        repair=_counted(snapshot, found) if validate else (),
        contract=(drop,),
        before_undo=(step, *validate),
        also_locked=found.others,
    )


def _index(table: RelationName, found: Standing) -> Step:
    build = tables.create_index(table, found.name, found.index, unique=True)
    return Step(
        f"index:{found.name}",
        "+",
        f"build the index of {quote(found.name)} again",
        build,
        by_size=True,
        reverse=(f"DROP INDEX CONCURRENTLY IF EXISTS {RelationName(table.schema, found.name).sql}",),
    )


def _by_index(table: RelationName, found: Standing) -> tuple[str, ...]:
    name = quote(found.name)
    add = f"ALTER TABLE {table.sql} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}{found.timing}"
    return (add, *_comment(table, found))


def _comment(table: RelationName, found: Standing) -> tuple[str, ...]:
    if found.comment is None:
        return ()
    return (tables.comment_on("CONSTRAINT", f"{quote(found.name)} ON {table.sql}", found.comment),)
