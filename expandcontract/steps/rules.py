"""Rules without a pair of columns: rows that break one are found before it refuses anything, and it begins at
contract without a scan under a lock that stops anybody.
"""

from collections.abc import Sequence

from expandcontract.model.names import RelationName, quote
from expandcontract.model.plan import LockMode, Purpose, Step, Sweep, Transactional
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps import tables
from expandcontract.steps.parts import Part


def looked_for(snapshot: Snapshot, broken_by: str, rule: str) -> Part:
    """Return what looks for rows that will be refused from contract on, of which `rule` tells.

    `broken_by` is a predicate over the alias `t` that is true of them.
    """
    sweep = Sweep(
        Purpose.COMPARE,
        snapshot.table.sql,
        broken_by,
        key=tuple(quote(column) for column in snapshot.primary_key),
    )
    look = Step("look", "=", f"look for rows that break {rule}", sweep, by_size=True)
    return Part(verify=(look,))


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
