"""A trigger that notes who writes rows that a rule will refuse. It changes nothing, and refuses nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from expandcontract.model.change import Change
from expandcontract.model.names import RelationName, dollar_quote, remark, shorten, sync_schema, trigger_name
from expandcontract.model.phases import Stage
from expandcontract.model.step import LockMode, Step, Transactional, Upkeep
from expandcontract.model.upkeep import KeptUp
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps import row_trigger, tables
from expandcontract.steps.parts import Part
from expandcontract.steps.row_function import RowFunction
from expandcontract.steps.sync.notes import note_use


@dataclass(frozen=True)
class Breaches:
    """What is noted: writes on `on`, the table or its children, of rows that break `rule`. `broken_by` is
    true of them: a function of a row, parsed once, which may raise; or, as text over NEW, what cannot.
    """

    change: str
    on: tuple[RelationName, ...]
    broken_by: RowFunction | str
    rule: str
    trigger: str
    schema: str

    @property
    def functions(self) -> tuple[RelationName, ...]:
        """Every function, in the order in which they are made."""
        return (self.function,) if isinstance(self.broken_by, str) else (self.broken_by.name, self.function)

    @property
    def function(self) -> RelationName:
        """The function of the trigger."""
        return RelationName(self.schema, self.trigger)


def judging(
    change: Change, snapshot: Snapshot, columns: Sequence[str], body: str, ledger_schema: str
) -> RowFunction:
    """Return the function of these columns that is true of rows which break a rule; `body` names them."""
    types = {each.name: each.type for each in snapshot.columns}
    name = RelationName(sync_schema(ledger_schema), shorten(f"{change.name}_breaks"))
    return RowFunction(name, tuple((each, types[each]) for each in columns), "boolean", body, named=True)


def of(
    change: Change, snapshot: Snapshot, broken_by: RowFunction | str, rule: str, ledger_schema: str
) -> Breaches:
    """Return what notes who writes rows of the snapshot's table that `change` will have refused."""
    trigger, schema = trigger_name(change.name), sync_schema(ledger_schema)
    return Breaches(change.name, snapshot.triggered, broken_by, rule, trigger, schema)


def part(breaches: Breaches) -> Part:
    """Return what notes from dual_write on until contract, and again after undo."""
    by = breaches.broken_by
    parsed, gone = ((), ()) if isinstance(by, str) else (by.create(), (by.drop(),))
    stand = (*parsed, _create(breaches), *_trigger(breaches))
    function = (f"DROP FUNCTION IF EXISTS {breaches.function.sql}()", *gone)
    down = row_trigger.drop(breaches.trigger, breaches.on)
    drop = (*down, *function)
    put_up = Transactional(stand, tables.locks(LockMode.SHARE_ROW_EXCLUSIVE, *breaches.on))
    again = Transactional(
        (*row_trigger.drop(breaches.trigger, breaches.on), *stand), tables.access_exclusive(*breaches.on)
    )
    name = f"rows that break {breaches.rule}"
    return Part(
        dual_write=(
            Step("note_writers", "+", f"note from now on who writes {name}", put_up, makes=Upkeep.SYNC),
        ),
        repair=(
            Step(
                "restore:ready",
                "~",
                f"put back what notes who writes {name}",
                again,
                makes=Upkeep.SYNC,
                restores=(Stage.BEFORE_READY, Stage.READY),
            ),
        ),
        contract=drop,
        undo=stand,
        rollback=drop,
        beside=function,
        below=breaches.on[1:],
        upkeep=(KeptUp(breaches.trigger, breaches.functions),),
    )


def _create(breaches: Breaches) -> str:
    note = note_use(breaches.change, breaches.schema, "old", ready=True)
    # What the rule calls may raise, which it is not to do before the rule stands.
    by = breaches.broken_by
    condition = "true" if isinstance(by, str) else by.of("NEW")
    told = (
        f"Notes who writes rows that will be refused: {breaches.rule}. It changes no row, and never makes a "
    )
    body = f"""
{remark(f"{told}makes a write fail.")}
BEGIN
    IF {condition} THEN
        {note}
    END IF;
    RETURN NEW;
EXCEPTION WHEN OTHERS THEN
    RETURN NEW;
END
"""
    signature = f"{breaches.function.sql}() RETURNS trigger LANGUAGE plpgsql"
    return f"CREATE OR REPLACE FUNCTION {signature} AS {dollar_quote(body)}"


def _trigger(breaches: Breaches) -> tuple[str, ...]:
    # Whoever keeps such a rule does not even call the function.
    by = breaches.broken_by
    when = by if isinstance(by, str) else ""
    return row_trigger.create(breaches.trigger, breaches.function, breaches.on, when=when)
