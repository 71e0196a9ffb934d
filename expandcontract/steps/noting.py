"""A trigger that notes who writes a column which is to go, and changes nothing."""

from dataclasses import dataclass

from expandcontract.model.names import RelationName, qualify_constant, quote
from expandcontract.model.plan import LockMode, Step, Transactional
from expandcontract.postgres.catalog.column import Column
from expandcontract.steps import tables
from expandcontract.steps.parts import Part
from expandcontract.steps.sync import predicates
from expandcontract.steps.sync.notes import note_use


@dataclass(frozen=True)
class Noting:
    """What is noted: writes of `column` on `on`, the table or its children, for `change`. Where its default
    is more than a constant, an INSERT tells nothing.
    """

    change: str
    on: tuple[RelationName, ...]
    column: Column
    trigger: str
    schema: str

    @property
    def function(self) -> RelationName:
        """The function of the trigger."""
        return RelationName(self.schema, self.trigger)


def part(noting: Noting) -> Part:
    """Return what notes from dual_write on until contract, and again after undo."""
    stand = (_create(noting), *_triggers(noting))
    drop = _drop(noting)
    put_up = Transactional(stand, tables.locks(LockMode.SHARE_ROW_EXCLUSIVE, *noting.on))
    again = Transactional((*_drop_triggers(noting), *stand), tables.access_exclusive(*noting.on))
    name = quote(noting.column.name)
    return Part(
        dual_write=(Step("note_writers", "+", f"note from now on who writes {name}", put_up),),
        repair=(Step("restore:ready", "~", f"put back what notes who writes {name}", again),),
        contract=drop,
        undo=stand,
        rollback=drop,
        also_locked=noting.on[1:],
    )


def _create(noting: Noting) -> str:
    column, default = quote(noting.column.name), noting.column.default
    constant = "NULL" if default is None else qualify_constant(default)

    def altered(from_: str) -> str:
        same = predicates.same(
            f"NEW.{column}", from_, plain=noting.column.plain_equality, type_=noting.column.type
        )
        return f"NOT {same}"

    # NULL has no type of its own to compare with.
    given = f"NEW.{column} IS NOT NULL" if default is None else altered(str(constant))
    inserted = "false" if constant is None else given
    updated = altered(f"OLD.{column}")
    note = note_use(noting.change, noting.schema, "old", ready=True)
    return f"""CREATE OR REPLACE FUNCTION {noting.function.sql}() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Notes who writes {column}, which is to go. It changes no row, and never makes a write fail.
BEGIN
    IF (CASE WHEN TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN {inserted} ELSE {updated} END) THEN
        {note}
    END IF;
    RETURN NEW;
END
$ec$"""


def _triggers(noting: Noting) -> tuple[str, ...]:
    name, call = quote(noting.trigger), f"FOR EACH ROW EXECUTE FUNCTION {noting.function.sql}()"
    return (
        f"GRANT EXECUTE ON FUNCTION {noting.function.sql}() TO PUBLIC",
        *(
            statement
            for table in noting.on
            for statement in (
                f"CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON {table.sql} {call}",
                f"ALTER TABLE {table.sql} ENABLE ALWAYS TRIGGER {name}",
            )
        ),
    )


def _drop_triggers(noting: Noting) -> tuple[str, ...]:
    return tuple(f"DROP TRIGGER IF EXISTS {quote(noting.trigger)} ON {table.sql}" for table in noting.on)


def _drop(noting: Noting) -> tuple[str, ...]:
    return (*_drop_triggers(noting), f"DROP FUNCTION IF EXISTS {noting.function.sql}()")
