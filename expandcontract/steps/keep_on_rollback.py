"""What rollback keeps of the new side: a sweep, and triggers for what is written after it was there.

The sweep reads each row once. A row that is written later, or that moves to where the sweep has been, is kept
by the write itself, in its transaction: so whatever is removed under the lock was kept by then, and the lock
is held for no look at the rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from expandcontract.model.change import Pair
from expandcontract.model.names import keeping_triggers, literal, quote
from expandcontract.model.phases import Section, State
from expandcontract.model.plan import Plan
from expandcontract.model.step import (
    Lock,
    LockMode,
    Occasion,
    Purpose,
    Step,
    Sweep,
    Transactional,
    Upkeep,
)
from expandcontract.steps.sync import predicates


@dataclass(frozen=True)
class Keeping:
    """What is kept of a pair, and by what. `trigger` is the sync trigger's name, `tables` those that have it
    (as SQL), `key` the columns that name a row; `ledger` is the ledger's schema, `schema` that of the
    functions.
    """

    change: str
    pair: Pair
    trigger: str
    tables: tuple[str, ...]
    key: tuple[str, ...]
    schema: str
    ledger: str

    @property
    def triggers(self) -> tuple[str, str]:
        """Their names."""
        return keeping_triggers(self.trigger)


def steps(keeping: Keeping) -> tuple[Step, ...]:
    """Return the steps before the removal; a rollback without them discards."""
    new = quote(keeping.pair.new.column)
    return (
        Step(
            "keep_writes",
            "+",
            f"keep in the ledger what is written to {new} from now on",
            Transactional(
                tuple(s for table in keeping.tables for s in _triggers(keeping, table)),
                _locks(keeping, LockMode.SHARE_ROW_EXCLUSIVE),
            ),
            makes=Upkeep.KEEPING,
        ),
        Step("keep", "=", f"keep in the ledger what only {new} holds", _sweep(keeping), by_size=True),
    )


def stop(keeping: Keeping) -> Step:
    """Take the triggers away: after contract they would speak of columns with other names."""
    return Step(
        "stop_keeping",
        "-",
        f"keep no more of what is written to {quote(keeping.pair.new.column)}: the rollback was given up",
        Transactional(drop(keeping), _locks(keeping, LockMode.ACCESS_EXCLUSIVE)),
        occasion=Occasion.GIVEN_UP,
    )


def drop(keeping: Keeping) -> tuple[str, ...]:
    """Return the statements that remove the triggers, whether or not they are there."""
    return tuple(
        f"DROP TRIGGER IF EXISTS {quote(name)} ON {table}"
        for table in keeping.tables
        for name in keeping.triggers
    )


def _triggers(keeping: Keeping, table: str) -> tuple[str, ...]:
    pair, (holds, gives_up) = keeping.pair, keeping.triggers
    left, held = _only_new(pair, "NEW"), _only_new(pair, "OLD")
    return (
        *_trigger(keeping, table, holds, "INSERT OR UPDATE", left),
        # Else restore would give back a value that new code itself took back before the removal.
        *_trigger(keeping, table, gives_up, "UPDATE", f"{held} AND NOT ({left})"),
    )


def _trigger(keeping: Keeping, table: str, name: str, events: str, when: str) -> tuple[str, str]:
    # After the row is written: it is what is there then, whichever other triggers fire. SHARE ROW EXCLUSIVE.
    arguments = (
        keeping.change,
        "seen" if keeping.pair.computed_outside else "all",
        keeping.pair.old.column,
        keeping.pair.new.column,
        *keeping.key,
    )
    function = f"{quote(keeping.schema)}.keep_new({', '.join(map(literal, arguments))})"
    create = f"CREATE OR REPLACE TRIGGER {quote(name)} AFTER {events} ON {table} FOR EACH ROW"
    return (
        f"{create} WHEN ({when}) EXECUTE FUNCTION {function}",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {quote(name)}",
    )


def _only_new(pair: Pair, row: str) -> str:
    """Of what a program outside of the database computes nobody can tell who wrote it."""
    new = predicates.new_values(pair, row)
    return predicates.new_given(pair, new) if pair.computed_outside else predicates.only_new(pair, row)


def _sweep(keeping: Keeping) -> Sweep:
    pair = keeping.pair
    wanted = (
        predicates.written_by_new_code(pair, "t", keeping.change, keeping.ledger)
        if pair.computed_outside
        else predicates.only_new(pair, "t")
    )
    return Sweep(
        Purpose.KEEP,
        pair.table.sql,
        wanted,
        key=tuple(quote(column) for column in keeping.key),
        old=quote(pair.old.column),
        new=quote(pair.new.column),
    )


def completed(plan: Plan, ledger: str) -> Plan:
    """Return a plan whose rollback keeps all that it removes: one that an earlier program made did not."""
    if plan.sides.more or any(step.makes == Upkeep.KEEPING for step in plan.steps(Section.ROLLBACK)):
        return plan
    keeping = of(plan, ledger)
    rollback = (*steps(keeping), *(_with_drops(step, keeping) for step in _removing(plan)))
    repair = (*plan.steps(Section.REPAIR), stop(keeping))
    return replace(plan, sections={**plan.sections, Section.ROLLBACK: rollback, Section.REPAIR: repair})


def of(plan: Plan, ledger: str) -> Keeping:
    """Return what is kept of a plan's pair."""
    return Keeping(
        change=plan.change.name,
        pair=plan.sides,
        trigger=plan.trigger,
        # The sync trigger stands on just what its step locks.
        tables=tuple(lock.relation for step in plan.steps(Section.DUAL_WRITE) for lock in step.locks),
        key=tuple(plan.catalog.get("primary_key", ())),
        schema=f"{ledger}_sync",
        ledger=ledger,
    )


def _locks(keeping: Keeping, mode: LockMode) -> tuple[Lock, ...]:
    return tuple(Lock(table, mode) for table in keeping.tables)


def _removing(plan: Plan) -> Sequence[Step]:
    return [step for step in plan.steps(Section.ROLLBACK) if not step.keeps]


def _with_drops(step: Step, keeping: Keeping) -> Step:
    # Before the column: their conditions name it.
    if step.becomes != State.ROLLED_BACK or not isinstance(step.action, Transactional):
        return step
    action = replace(step.action, statements=(*drop(keeping), *step.action.statements))
    return replace(step, action=action)
