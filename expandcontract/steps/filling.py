"""A trigger that gives a column a value where a row comes without one, and a sweep for the rows that are
there: from dual_write until contract, from which on code gives it.
"""

from dataclasses import dataclass, replace

from expandcontract.model.names import RelationName, dollar_quote, of_row, quote, remark
from expandcontract.model.phases import Stage
from expandcontract.model.step import Purpose, Step, Sweep
from expandcontract.model.upkeep import KeptUp
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps.parts import Part
from expandcontract.steps.row_function import RowFunction
from expandcontract.steps.row_trigger import RowTrigger
from expandcontract.steps.sync.notes import note_use


@dataclass(frozen=True)
class Filling:
    """What fills `column` of the snapshot's table for `change`: `value`, of other columns of the row. Where
    none is `needed`, as the column stays without NOT NULL, a NULL that the expression makes is a value too.
    """

    change: str
    snapshot: Snapshot
    column: str
    value: RowFunction
    trigger: str
    schema: str
    needed: bool = True

    @property
    def function(self) -> RelationName:
        """The function of the trigger."""
        return RelationName(self.schema, self.trigger)

    @property
    def empty(self) -> str:
        """True of a row `t` that has no value yet. Of a composite value with a NULL in it IS NULL may be."""
        return f"t.{quote(self.column)} IS NOT DISTINCT FROM NULL"

    @property
    def left(self) -> str:
        """True of a row `t` that should have a value, and has none."""
        made = f" AND {self.value.of('t')} IS DISTINCT FROM NULL"
        return self.empty + ("" if self.needed else made)


def part(filling: Filling) -> Part:
    """Return what fills, and after it looks for rows that have no value still. What makes the value stays
    until purge.
    """
    name, value = quote(filling.column), filling.value
    trigger = RowTrigger(
        filling.trigger, filling.function, filling.snapshot.triggered, (*value.create(), _create(filling))
    )
    drop = (*trigger.down, trigger.function_gone)
    sentence = f"give {name} a value from now on where a row comes without one, whoever writes"
    return Part(
        dual_write=(trigger.put_up("fill_new", sentence),),
        backfill=(_copy(filling),),
        verify=(_look(filling),),
        repair=tuple(
            trigger.put_back(when, f"gives {name} a value", stage)
            for when, stage in (("filling", Stage.BEFORE_READY), ("ready", Stage.READY))
        ),
        contract=drop,
        undo=replace(trigger, make=(_create(filling),)).up,
        rollback=(*drop, value.drop()),
        beside=(trigger.function_gone, value.drop()),
        purge=(value.drop(),),
        below=trigger.on[1:],
        upkeep=(KeptUp(filling.trigger, (filling.function, value.name)),),
    )


def _copy(filling: Filling) -> Step:
    name, snapshot = quote(filling.column), filling.snapshot
    sweep = Sweep(
        Purpose.COPY,
        snapshot.table.sql,
        filling.empty,
        ((name, filling.value.of("t")),),
        key=tuple(map(quote, snapshot.primary_key)),
        own_path=True,
    )
    return Step("copy", "=", f"give {name} a value in rows that were there before", sweep, by_size=True)


def _look(filling: Filling) -> Step:
    key = tuple(map(quote, filling.snapshot.primary_key))
    sweep = Sweep(Purpose.COMPARE, filling.snapshot.table.sql, filling.left, key=key, own_path=True)
    sentence = f"look for rows that have no value in {quote(filling.column)} still"
    return Step("look", "=", sentence, sweep, by_size=True)


def _create(filling: Filling) -> str:
    column = of_row("NEW", filling.column)
    note = note_use(filling.change, filling.schema, "old", ready=True)
    told = "" if filling.needed else f" AND {column} IS DISTINCT FROM NULL"
    said = (
        f"Gives {quote(filling.column)} a value where a row comes without one. It never makes a write fail."
    )
    body = f"""
{remark(said)}
BEGIN
    IF {column} IS NOT DISTINCT FROM NULL THEN
        BEGIN
            {column} := {filling.value.of("NEW")};
        EXCEPTION WHEN OTHERS THEN
            NULL;  -- the look afterwards names such a row
        END;
        -- A row that was there before, and is not filled yet, says nothing of who writes it.
        IF (TG_OP OPERATOR(pg_catalog.=) 'INSERT'
            OR {of_row("OLD", filling.column)} IS DISTINCT FROM NULL){told} THEN
            {note}
        END IF;
    END IF;
    RETURN NEW;
EXCEPTION WHEN OTHERS THEN
    RETURN NEW;
END
"""
    signature = f"{filling.function.sql}() RETURNS trigger LANGUAGE plpgsql"
    return f"CREATE OR REPLACE FUNCTION {signature} AS {dollar_quote(body)}"
