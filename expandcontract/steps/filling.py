"""A trigger that gives a column a value where a row comes without one, and a sweep for the rows that are
there: from dual_write until contract, from which on code gives it.
"""

from dataclasses import dataclass

from expandcontract.model.names import RelationName, dollar_quote, quote, remark
from expandcontract.model.phases import Stage
from expandcontract.model.step import LockMode, Purpose, Step, Sweep, Transactional, Upkeep
from expandcontract.model.upkeep import KeptUp
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps import row_trigger, tables
from expandcontract.steps.parts import Part
from expandcontract.steps.row_function import RowFunction
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
    """Return what fills, and after it looks for rows that have no value still."""
    on, name = filling.snapshot.triggered, quote(filling.column)
    stand = (_create(filling), *row_trigger.create(filling.trigger, filling.function, on))
    down = row_trigger.drop(filling.trigger, on)
    value = filling.value.create()
    put_up = Transactional((*value, *stand), tables.locks(LockMode.SHARE_ROW_EXCLUSIVE, *on))
    again = Transactional((*down, *value, *stand), tables.access_exclusive(*on))
    drop = (*down, f"DROP FUNCTION IF EXISTS {filling.function.sql}()")
    sentence = f"give {name} a value from now on where a row comes without one, whoever writes"
    return Part(
        dual_write=(Step("fill_new", "+", sentence, put_up, makes=Upkeep.SYNC),),
        backfill=(_copy(filling),),
        verify=(_look(filling),),
        repair=tuple(
            Step(
                f"restore:{when}",
                "~",
                f"put back what gives {name} a value",
                again,
                makes=Upkeep.SYNC,
                restores=(stage,),
            )
            for when, stage in (("filling", Stage.BEFORE_READY), ("ready", Stage.READY))
        ),
        contract=drop,
        undo=stand,
        rollback=(*drop, filling.value.drop()),
        beside=(drop[-1], filling.value.drop()),
        purge=(filling.value.drop(),),
        below=on[1:],
        upkeep=(KeptUp(filling.trigger, (filling.function, filling.value.name)),),
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
    column = f"NEW.{quote(filling.column)}"
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
            OR OLD.{quote(filling.column)} IS DISTINCT FROM NULL){told} THEN
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
