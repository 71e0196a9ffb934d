"""An expression over the columns of a row as a function: parsed once, so that no search_path changes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from expandcontract.model.names import RelationName, of_row, qualify_type, quote

_NONE: Mapping[str, str] = {}


@dataclass(frozen=True)
class RowFunction:
    """A function of `columns` (name and type). `body` is what the server made of the expression, as it writes
    a standard body; its arguments have names where it uses those, and are `$1`, `$2` ... otherwise.

    `settings` are what must be set for it to mean the same in every session, as SQL. `opaque` says that it
    calls what may be another value at each call, or is not PostgreSQL's own.
    """

    name: RelationName
    columns: tuple[tuple[str, str], ...]
    result: str
    body: str
    named: bool
    opaque: bool = False
    settings: tuple[str, ...] = ()
    label: str = field(default="", compare=False)

    def create(self) -> tuple[str, ...]:
        """Return the statements that make it, for who may write the table. Volatile, as nobody says more of
        it: PostgreSQL puts the expression in its place all the same, unless something has to be set.
        """
        arguments = ", ".join(
            f"{quote(name)} {qualify_type(type_)}" if self.named else qualify_type(type_)
            for name, type_ in self.columns
        )
        settings = "".join(f"SET {each} " for each in self.settings)
        returns = f"RETURNS {qualify_type(self.result)} LANGUAGE sql {settings}{self.body}"
        return (
            f"CREATE OR REPLACE FUNCTION {self.name.sql}({arguments}) {returns}",
            f"GRANT EXECUTE ON FUNCTION {self._signature} TO PUBLIC",
        )

    def drop(self) -> str:
        """Return what removes it, whether or not it is there."""
        return f"DROP FUNCTION IF EXISTS {self._signature}"

    def of(self, row: str, instead: Mapping[str, str] = _NONE) -> str:
        """Return its value for a row of that alias; `instead` has other SQL for some of its columns."""
        values = (instead.get(name, of_row(row, name)) for name, _ in self.columns)
        return f"{self.name.sql}({', '.join(values)})"

    def uses(self, columns: Mapping[str, object]) -> bool:
        """Return whether it looks at one of these columns."""
        return any(name in columns for name, _ in self.columns)

    @property
    def _signature(self) -> str:
        return f"{self.name.sql}({', '.join(qualify_type(type_) for _, type_ in self.columns)})"
