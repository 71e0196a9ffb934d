"""A trigger that notes who writes a column or a table which is to go, and changes nothing."""

from dataclasses import dataclass

from expandcontract.model.names import RelationName, qualify_constant, quote
from expandcontract.model.step import LockMode, Step, Transactional
from expandcontract.postgres.catalog.column import Column
from expandcontract.steps import tables
from expandcontract.steps.parts import Part
from expandcontract.steps.sync import predicates
from expandcontract.steps.sync.notes import note_use


@dataclass(frozen=True)
class Noting:
    """What is noted: writes of `column` on `on`, the table or its children, for `change`; without one, all
    writes of rows. Where its default is more than a constant, or an identity, an INSERT tells nothing.
    """

    change: str
    on: tuple[RelationName, ...]
    column: Column | None
    trigger: str
    schema: str

    @property
    def function(self) -> RelationName:
        """The function of the trigger."""
        return RelationName(self.schema, self.trigger)

    @property
    def what(self) -> str:
        """What goes, as SQL."""
        return self.on[0].sql if self.column is None else quote(self.column.name)


def part(noting: Noting) -> Part:
    """Return what notes from dual_write on until contract, and again after undo."""
    stand = (_create(noting), *_triggers(noting))
    drop = _drop(noting)
    put_up = Transactional(stand, tables.locks(LockMode.SHARE_ROW_EXCLUSIVE, *noting.on))
    again = Transactional((*_drop_triggers(noting), *stand), tables.access_exclusive(*noting.on))
    name = noting.what
    return Part(
        dual_write=(Step("note_writers", "+", f"note from now on who writes {name}", put_up),),
        repair=(Step("restore:ready", "~", f"put back what notes who writes {name}", again),),
        contract=drop,
        undo=stand,
        rollback=drop,
        also_locked=noting.on[1:],
    )


def _create(noting: Noting) -> str:
    note = note_use(noting.change, noting.schema, "old", ready=True)
    # Of a row that is deleted there is no NEW, and without a row it would stay.
    row = "NEW" if noting.column is not None else "COALESCE(NEW, OLD)"
    return f"""CREATE OR REPLACE FUNCTION {noting.function.sql}() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Notes who writes {noting.what}, which is to go. It changes no row, and never makes a write fail.
BEGIN
    IF {"true" if noting.column is None else _written(noting.column)} THEN
        {note}
    END IF;
    RETURN {row};
END
$ec$"""


def _written(noted: Column) -> str:
    """Return whether a write gives the column a value, as SQL."""
    column, default = quote(noted.name), noted.default
    constant = "NULL" if default is None else qualify_constant(default)

    def altered(from_: str) -> str:
        same = predicates.same(f"NEW.{column}", from_, plain=noted.plain_equality, type_=noted.type)
        return f"NOT {same}"

    # NULL has no type of its own to compare with.
    given = f"NEW.{column} IS NOT NULL" if default is None else altered(str(constant))
    inserted = "false" if constant is None or noted.identity else given
    updated = altered(f"OLD.{column}")
    return f"(CASE WHEN TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN {inserted} ELSE {updated} END)"


def _triggers(noting: Noting) -> tuple[str, ...]:
    events = "INSERT OR UPDATE" if noting.column is not None else "INSERT OR UPDATE OR DELETE"
    name, call = quote(noting.trigger), f"FOR EACH ROW EXECUTE FUNCTION {noting.function.sql}()"
    return (
        f"GRANT EXECUTE ON FUNCTION {noting.function.sql}() TO PUBLIC",
        *(
            statement
            for table in noting.on
            for statement in (
                f"CREATE TRIGGER {name} BEFORE {events} ON {table.sql} {call}",
                f"ALTER TABLE {table.sql} ENABLE ALWAYS TRIGGER {name}",
            )
        ),
    )


def _drop_triggers(noting: Noting) -> tuple[str, ...]:
    return tuple(f"DROP TRIGGER IF EXISTS {quote(noting.trigger)} ON {table.sql}" for table in noting.on)


def _drop(noting: Noting) -> tuple[str, ...]:
    return (*_drop_triggers(noting), f"DROP FUNCTION IF EXISTS {noting.function.sql}()")
