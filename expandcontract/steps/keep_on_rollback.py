"""What rollback keeps of a column that goes: a sweep, and triggers for what is written after it was there.

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
    OnTable,
    Purpose,
    Step,
    Sweep,
    Transactional,
    Upkeep,
)
from expandcontract.steps.sync import predicates


@dataclass(frozen=True)
class Keeping:
    """What is kept of a column that goes, and by what. `old` is the column that is kept with it, where there
    is one. `wanted` is true of a row `t` whose value is only there, `left` and `held` of NEW and OLD; with
    `seen` only what new code wrote counts. `trigger` is the change's own, `tables` those that have it (as
    SQL), `key` the columns that name a row; `schema` is that of the functions. `make` are the statements that
    make what the conditions call, and `gone` those that remove it.
    """

    change: str
    table: str
    old: str
    new: str
    wanted: str
    left: str
    held: str
    trigger: str
    tables: tuple[str, ...]
    key: tuple[str, ...]
    schema: str
    seen: bool = False
    own_path: bool = False
    make: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    @property
    def triggers(self) -> tuple[str, str]:
        """Their names."""
        return keeping_triggers(self.trigger)


def of_pair(  # noqa: PLR0913 - what it is made of
    pair: Pair,
    *,
    change: str,
    trigger: str,
    tables: tuple[str, ...],
    key: tuple[str, ...],
    schema: str,
    ledger: str,
) -> Keeping:
    """Return what is kept of a pair. Of what a program outside of the database computes nobody can tell who
    wrote it.
    """

    def only_new(row: str) -> str:
        new = predicates.new_values(pair, row)
        return predicates.new_given(pair, new) if pair.computed_outside else predicates.only_new(pair, row)

    wanted = (
        predicates.written_by_new_code(pair, "t", change, ledger) if pair.computed_outside else only_new("t")
    )
    return Keeping(
        change=change,
        table=pair.table.sql,
        old=pair.old.column,
        new=pair.new.column,
        wanted=wanted,
        left=only_new("NEW"),
        held=only_new("OLD"),
        trigger=trigger,
        tables=tables,
        key=key,
        schema=schema,
        seen=pair.computed_outside,
    )


def steps(keeping: Keeping) -> tuple[Step, ...]:
    """Return the steps before the removal; a rollback without them discards."""
    new = quote(keeping.new)
    return (
        Step(
            "keep_writes",
            "+",
            f"keep in the ledger what is written to {new} from now on",
            Transactional(
                (*keeping.make, *(s for table in keeping.tables for s in _triggers(keeping, table))),
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
        f"keep no more of what is written to {quote(keeping.new)}: the rollback was given up",
        Transactional(drop(keeping), _locks(keeping, LockMode.ACCESS_EXCLUSIVE)),
        occasion=Occasion.GIVEN_UP,
    )


def drop(keeping: Keeping) -> tuple[str, ...]:
    """Return the statements that remove the triggers, whether or not they are there."""
    triggers = (
        OnTable(f"DROP TRIGGER IF EXISTS {quote(name)} ON {table}", table)
        for table in keeping.tables
        for name in keeping.triggers
    )
    return (*triggers, *keeping.gone)


def _triggers(keeping: Keeping, table: str) -> tuple[str, ...]:
    (holds, gives_up), left, held = keeping.triggers, keeping.left, keeping.held
    return (
        *_trigger(keeping, table, holds, "INSERT OR UPDATE", left),
        # Else restore would give back a value that new code itself took back before the removal.
        *_trigger(keeping, table, gives_up, "UPDATE", f"{held} AND NOT ({left})"),
    )


def _trigger(keeping: Keeping, table: str, name: str, events: str, when: str) -> tuple[str, str]:
    # After the row is written: it is what is there then, whichever other triggers fire. SHARE ROW EXCLUSIVE.
    arguments = (
        keeping.change,
        "seen" if keeping.seen else "all",
        keeping.old,
        keeping.new,
        *keeping.key,
    )
    function = f"{quote(keeping.schema)}.keep_new({', '.join(map(literal, arguments))})"
    create = f"CREATE OR REPLACE TRIGGER {quote(name)} AFTER {events} ON {table} FOR EACH ROW"
    return (
        OnTable(f"{create} WHEN ({when}) EXECUTE FUNCTION {function}", table),
        OnTable(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {quote(name)}", table),
    )


def _sweep(keeping: Keeping) -> Sweep:
    return Sweep(
        Purpose.KEEP,
        keeping.table,
        keeping.wanted,
        key=tuple(quote(column) for column in keeping.key),
        old=quote(keeping.old) if keeping.old else "",
        new=quote(keeping.new),
        own_path=keeping.own_path,
    )


def completed(plan: Plan, ledger: str) -> Plan:
    """Return a plan whose rollback keeps all that it removes: one that an earlier program made did not."""
    if plan.sides.more or any(step.makes == Upkeep.KEEPING for step in plan.steps(Section.ROLLBACK)):
        return plan
    keeping = of(plan, ledger)
    own = {name.sql for name in plan.tables}
    made = (*steps(keeping), *(_with_drops(step, keeping) for step in _removing(plan)))
    rollback = tuple(step.telling(own) for step in made)
    repair = (*plan.steps(Section.REPAIR), stop(keeping).telling(own))
    return replace(plan, sections={**plan.sections, Section.ROLLBACK: rollback, Section.REPAIR: repair})


def of(plan: Plan, ledger: str) -> Keeping:
    """Return what is kept of a plan's pair, whichever program made it."""
    return of_pair(
        plan.sides,
        change=plan.change.name,
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
