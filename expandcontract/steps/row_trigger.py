"""The trigger of a change without a pair: before each row, in every session, on a table and its children. It
stands from dual_write on until a turn takes it away.
"""

from dataclasses import dataclass
from typing import ClassVar

from expandcontract.model.names import RelationName, quote
from expandcontract.model.phases import Stage
from expandcontract.model.step import LockMode, OnTable, Step, Transactional, Upkeep
from expandcontract.steps import tables


@dataclass(frozen=True)
class RowTrigger:
    """A trigger `name` that calls `function` on the tables `on`, the first of which the others inherit from.
    `make` are the statements that make that function and what it calls. `when` is SQL over NEW, which spares
    others the call.
    """

    ROWS: ClassVar[str] = "INSERT OR UPDATE"

    name: str
    function: RelationName
    on: tuple[RelationName, ...]
    make: tuple[str, ...]
    events: str = ROWS
    when: str = ""

    @property
    def up(self) -> tuple[str, ...]:
        """The statements that put it up, for whoever may write the tables."""
        condition = f" WHEN ({self.when})" if self.when else ""
        call = f"FOR EACH ROW{condition} EXECUTE FUNCTION {self.function.sql}()"
        return (
            *self.make,
            f"GRANT EXECUTE ON FUNCTION {self.function.sql}() TO PUBLIC",
            *(
                statement
                for table in self.on
                for statement in (
                    OnTable(
                        f"CREATE TRIGGER {quote(self.name)} BEFORE {self.events} ON {table.sql} {call}",
                        table.sql,
                    ),
                    OnTable(f"ALTER TABLE {table.sql} ENABLE ALWAYS TRIGGER {quote(self.name)}", table.sql),
                )
            ),
        )

    @property
    def down(self) -> tuple[str, ...]:
        """The statements that take it down, where it stands."""
        return tuple(
            OnTable(f"DROP TRIGGER IF EXISTS {quote(self.name)} ON {table.sql}", table.sql)
            for table in self.on
        )

    @property
    def function_gone(self) -> str:
        """The statement that removes its function."""
        return f"DROP FUNCTION IF EXISTS {self.function.sql}()"

    def put_up(self, id_: str, sentence: str) -> Step:
        """Return the step of dual_write."""
        action = Transactional(self.up, tables.locks(LockMode.SHARE_ROW_EXCLUSIVE, *self.on))
        return Step(id_, "+", sentence, action, makes=Upkeep.SYNC)

    def put_back(self, when: str, what: str, *stages: Stage, makes: Upkeep = Upkeep.SYNC) -> Step:
        """Return the repair that puts it back in some stages; `what` says what it does."""
        action = Transactional((*self.down, *self.up), tables.access_exclusive(*self.on))
        return Step(f"restore:{when}", "~", f"put back what {what}", action, makes=makes, restores=stages)
