"""A trigger that notes who writes rows that a rule will refuse. It changes nothing, and refuses nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from expandcontract.model.change import Change
from expandcontract.model.names import RelationName, dollar_quote, remark, shorten, sync_schema, trigger_name
from expandcontract.model.upkeep import UNTIL_CONTRACT, KeptUp
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps.parts import Part
from expandcontract.steps.row_function import RowFunction
from expandcontract.steps.row_trigger import RowTrigger
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
    by, trigger = breaches.broken_by, _trigger(breaches)
    gone = (trigger.function_gone, *(() if isinstance(by, str) else (by.drop(),)))
    name = f"rows that break {breaches.rule}"
    return Part(
        dual_write=(trigger.put_up("note_writers", f"note from now on who writes {name}"),),
        repair=(trigger.put_back("ready", f"notes who writes {name}", *UNTIL_CONTRACT),),
        contract=(*trigger.down, *gone),
        undo=trigger.up,
        rollback=(*trigger.down, *gone),
        beside=gone,
        below=breaches.on[1:],
        upkeep=(KeptUp(breaches.trigger, breaches.functions),),
    )


def _trigger(breaches: Breaches) -> RowTrigger:
    by = breaches.broken_by
    parsed = () if isinstance(by, str) else by.create()
    return RowTrigger(
        breaches.trigger,
        breaches.function,
        breaches.on,
        (*parsed, _create(breaches)),
        # Whoever keeps such a rule does not even call the function.
        when=by if isinstance(by, str) else "",
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
