"""A trigger that gives a column a value where a row comes without one, and a sweep for the rows that are
there: from dual_write until contract, from which on code gives it.
"""

from dataclasses import dataclass, replace

from expandcontract.model.names import (
    RelationName,
    dollar_quote,
    of_row,
    qualify_type,
    quote,
    remark,
    shorten,
)
from expandcontract.model.phases import Stage
from expandcontract.model.step import Purpose, Step, Sweep
from expandcontract.model.upkeep import KeptUp
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps import keep_on_rollback
from expandcontract.steps.keep_on_rollback import Keeping
from expandcontract.steps.parts import Part
from expandcontract.steps.row_function import RowFunction
from expandcontract.steps.row_trigger import RowTrigger
from expandcontract.steps.sync import predicates
from expandcontract.steps.sync.notes import note_use


@dataclass(frozen=True)
class Filling:
    """What fills `column` of the snapshot's table for `change`: `value`, of other columns of the row. Where
    none is `needed`, as the column stays without NOT NULL, a NULL that the expression makes is a value too.
    Where the column `goes` with a rollback, that keeps what code gave it.
    """

    change: str
    snapshot: Snapshot
    column: str
    value: RowFunction
    trigger: str
    schema: str
    needed: bool = True
    goes: bool = False

    @property
    def keeping(self) -> Keeping | None:
        """What a rollback keeps; of what may be another value each time nobody can tell who gave it."""
        if not self.goes or self.value.opaque:
            return None
        conditions = (f"{self.own.sql}({self._given(row)})" for row in ("t", "NEW", "OLD"))
        wanted, left, held = conditions
        return Keeping(
            change=self.change,
            table=self.snapshot.table.sql,
            old=next((name for name, _ in self.value.columns), ""),
            new=self.column,
            wanted=wanted,
            left=left,
            held=held,
            trigger=self.trigger,
            tables=tuple(table.sql for table in self.snapshot.triggered),
            key=tuple(self.snapshot.primary_key),
            schema=self.schema,
            own_path=True,
            make=_tells(self),
            gone=(f"DROP FUNCTION IF EXISTS {self.own.sql}({self._types})",),
        )

    @property
    def own(self) -> RelationName:
        """The function that tells whether a value is another one than the expression makes."""
        return RelationName(self.schema, shorten(f"{self.change}_own"))

    def _given(self, row: str) -> str:
        return ", ".join(of_row(row, name) for name in (self.column, *dict(self.value.columns)))

    @property
    def _types(self) -> str:
        return ", ".join(map(qualify_type, (self.value.result, *dict(self.value.columns).values())))

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
    keeping = filling.keeping
    sentence = f"give {name} a value from now on where a row comes without one, whoever writes"
    return Part(
        dual_write=(trigger.put_up("fill_new", sentence),),
        backfill=(_copy(filling),),
        verify=(_look(filling),),
        repair=tuple(
            trigger.put_back(when, f"gives {name} a value", stage)
            for when, stage in (("filling", Stage.BEFORE_READY), ("ready", Stage.READY))
        )
        + (() if keeping is None else (keep_on_rollback.stop(keeping),)),
        contract=drop,
        undo=replace(trigger, make=(_create(filling),)).up,
        before_rollback=() if keeping is None else keep_on_rollback.steps(keeping),
        rollback=(*(() if keeping is None else keep_on_rollback.drop(keeping)), *drop, value.drop()),
        beside=(*(() if keeping is None else keeping.gone), trigger.function_gone, value.drop()),
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


def _tells(filling: Filling) -> tuple[str, ...]:
    """Return what makes the function that a rollback asks of each row. Where the expression fails for a row
    the value is nobody's but code's: a condition of a trigger must fail no write.
    """
    arguments = [f"${n}" for n, _ in enumerate(filling.value.columns, 2)]
    made = f"{filling.value.name.sql}({', '.join(arguments)})"
    same = predicates.same("$1", made, type_=filling.value.result)
    body = f"""
BEGIN
    RETURN $1 IS DISTINCT FROM NULL AND NOT {same};
EXCEPTION WHEN OTHERS THEN
    RETURN $1 IS DISTINCT FROM NULL;
END
"""
    types = filling._types  # noqa: SLF001 - of this file
    returns = "RETURNS pg_catalog.bool LANGUAGE plpgsql"
    return (
        f"CREATE OR REPLACE FUNCTION {filling.own.sql}({types}) {returns} AS {dollar_quote(body)}",
        f"GRANT EXECUTE ON FUNCTION {filling.own.sql}({types}) TO PUBLIC",
    )


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
