"""A trigger that notes who writes a column or a table which is to go. It changes nothing, unless it was asked
to give the column a value where new code leaves it out.
"""

from dataclasses import dataclass, replace

from expandcontract.model.names import RelationName, dollar_quote, of_row, qualify_constant, quote, remark
from expandcontract.model.phases import Stage
from expandcontract.model.step import Upkeep
from expandcontract.model.upkeep import UNTIL_CONTRACT, KeptUp
from expandcontract.postgres.catalog.column import Column
from expandcontract.steps.parts import Part
from expandcontract.steps.row_function import RowFunction
from expandcontract.steps.row_trigger import RowTrigger
from expandcontract.steps.sync import predicates, rows
from expandcontract.steps.sync.notes import note_use


@dataclass(frozen=True)
class Noting:
    """What is noted: writes of `column` on `on`, the table or its children, for `change`; without one, all
    writes of rows. Where its default is more than a constant, or an identity, an INSERT tells nothing.
    `fill` makes a value for rows that come without one, until purge: the column is called `hidden` from
    contract on. `partition_keys` are the columns by which rows move to other partitions, which is no write.
    """

    change: str
    on: tuple[RelationName, ...]
    column: Column | None
    trigger: str
    schema: str
    fill: RowFunction | None = None
    hidden: str = ""
    partition_keys: tuple[str, ...] = ()

    @property
    def function(self) -> RelationName:
        """The function of the trigger."""
        return RelationName(self.schema, self.trigger)

    @property
    def what(self) -> str:
        """What goes, as SQL."""
        return self.on[0].sql if self.column is None else quote(self.column.name)


def part(noting: Noting) -> Part:
    """Return what notes from dual_write on until contract, and again after undo. What fills goes on until
    purge.
    """
    trigger, gone = _trigger(noting), _drop_functions(noting)
    drop = (*trigger.down, *gone)
    sentence = f"note from now on who writes {noting.what}"
    if noting.fill is None:
        return Part(
            dual_write=(trigger.put_up("note_writers", sentence),),
            repair=(trigger.put_back("ready", f"notes who writes {noting.what}", *UNTIL_CONTRACT),),
            contract=drop,
            undo=trigger.up,
            rollback=drop,
            beside=gone,
            below=noting.on[1:],
            upkeep=(KeptUp(noting.trigger, (noting.function,)),),
        )
    sentence = f"{sentence}, and give it a value where a row comes without one"
    behind, functions = _behind(noting), (noting.fill.name, noting.function)
    return Part(
        dual_write=(trigger.put_up("note_writers", sentence),),
        repair=(
            trigger.put_back("ready", f"gives a value to {noting.what}", *UNTIL_CONTRACT),
            _trigger(behind).put_back(
                "hidden", f"gives a value to {behind.what}", Stage.HIDDEN, makes=Upkeep.HIDDEN
            ),
        ),
        contract=_create(behind),
        undo=_create(noting),
        rollback=drop,
        beside=gone,
        purge=drop,
        below=noting.on[1:],
        upkeep=(KeptUp(noting.trigger, functions, functions, (*UNTIL_CONTRACT, Stage.HIDDEN)),),
    )


def _behind(noting: Noting) -> Noting:
    """Return what fills the column after contract, under its name by then, and notes nobody."""
    column = noting.column
    return replace(noting, column=None if column is None else replace(column, name=noting.hidden), hidden="")


def _create(noting: Noting) -> tuple[str, ...]:
    note = note_use(noting.change, noting.schema, "old", ready=True)
    # Of a row that is deleted there is no NEW, and without a row it would stay.
    row = "NEW" if noting.column is not None else "COALESCE(NEW, OLD)"
    noted = f"""
    IF {"true" if noting.column is None else _written(noting.column)} THEN
        {note}
    END IF;"""
    behind = noting.fill is not None and not noting.hidden
    column = noting.column
    arrives, leaves = (
        ("", "") if column is None else rows.moving(noting.change, column.name, noting.partition_keys)
    )
    signature = f"{noting.function.sql}() RETURNS trigger LANGUAGE plpgsql"
    does = "changes no row" if noting.fill is None else "gives it a value where a row comes without one"
    told = f"{'Of' if behind else 'Notes who writes'} {noting.what}, which is to go."
    body = f"""
{remark(f"{told} It {does}, and never makes a write fail.")}
BEGIN{arrives}{"" if behind else noted}{_filled(noting)}{leaves}
    RETURN {row};
END
"""
    function = f"CREATE OR REPLACE FUNCTION {signature} AS {dollar_quote(body)}"
    return (*(noting.fill.create() if noting.fill is not None else ()), function)


def _filled(noting: Noting) -> str:
    if noting.fill is None or noting.column is None:
        return ""
    column = of_row("NEW", noting.column.name)
    return f"""
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' AND {column} IS NOT DISTINCT FROM NULL THEN
        BEGIN
            {column} := {noting.fill.of("NEW")};
        EXCEPTION WHEN OTHERS THEN
            NULL;  -- the row goes without
        END;
    END IF;"""


def _written(noted: Column) -> str:
    """Return whether a write gives the column a value, as SQL."""
    column, default = of_row("NEW", noted.name), noted.default
    constant = "NULL" if default is None else qualify_constant(default)

    def altered(from_: str) -> str:
        same = predicates.same(column, from_, plain=noted.plain_equality, type_=noted.type)
        return f"NOT {same}"

    # NULL has no type of its own to compare with.
    given = f"{column} IS NOT NULL" if default is None else altered(str(constant))
    inserted = "false" if constant is None or noted.identity else given
    updated = altered(of_row("OLD", noted.name))
    return f"(CASE WHEN TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN {inserted} ELSE {updated} END)"


def _drop_functions(noting: Noting) -> tuple[str, ...]:
    fill = () if noting.fill is None else (noting.fill.drop(),)
    return (_trigger(noting).function_gone, *fill)


def _trigger(noting: Noting) -> RowTrigger:
    events = RowTrigger.ROWS if noting.column is not None else f"{RowTrigger.ROWS} OR DELETE"
    return RowTrigger(noting.trigger, noting.function, noting.on, _create(noting), events)
