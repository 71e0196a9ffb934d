"""`ec.conflicts/1`: the values that the ledger keeps for a change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Protocol, Self

from pydantic import Field

from expandcontract.cli.views.format import count, moment, table
from expandcontract.cli.views.view import Part, View


class KeptValueView(Protocol):
    """What the ledger gives."""

    @property
    def at(self) -> datetime:
        """When it was kept."""

    @property
    def kind(self) -> str:
        """Why."""

    @property
    def key(self) -> Any:  # noqa: ANN401 - JSON
        """Its row."""

    @property
    def old_value(self) -> str | None:
        """What the old side held."""

    @property
    def new_value(self) -> str | None:
        """What the new side held."""

    @property
    def application_name(self) -> str | None:
        """Who wrote."""

    @property
    def role(self) -> str | None:
        """As whom."""

    @property
    def sentence(self) -> str | None:
        """Why, in words."""


class ConflictView(Part):
    """One value. Without --show-values `old` and `new` are null."""

    at: datetime
    kind: str
    key: Any
    old: str | None
    new: str | None
    application: str | None
    role: str | None
    why: str | None

    @classmethod
    def of(cls, value: KeptValueView, *, values: bool) -> Self:
        """Read a value."""
        return cls(
            at=value.at,
            kind=value.kind,
            key=value.key,
            old=value.old_value if values else None,
            new=value.new_value if values else None,
            application=value.application_name,
            role=value.role,
            why=value.sentence,
        )

    def row(self, *, values: bool) -> tuple[str, ...]:
        """Return the columns of the text."""
        named = self.key.items() if isinstance(self.key, dict) else (("row", self.key),)
        place = " ".join(f"{name}={cell}" for name, cell in named)
        who = " as ".join(filter(None, (self.application, self.role)))
        sides = (f"{_spelled(self.old)} / {_spelled(self.new)}",) if values else ()
        return (moment(self.at), self.kind, place, *sides, who, self.why or "")


class ConflictsView(View):
    """How many values of each kind are kept, and the last of them; --export writes all."""

    schema_: Literal["ec.conflicts/1"] = Field("ec.conflicts/1", alias="schema")
    change: str
    counts: dict[str, int]
    newest: tuple[ConflictView, ...]
    values_shown: bool

    @classmethod
    def of(
        cls, change: str, counts: Mapping[str, int], newest: tuple[KeptValueView, ...], *, values: bool
    ) -> Self:
        """Read what the ledger keeps."""
        shown = tuple(ConflictView.of(value, values=values) for value in newest)
        return cls(change=change, counts=dict(counts), newest=shown, values_shown=values)

    def text(self) -> str:
        """Return the counts, then a line for each value."""
        if not self.counts:
            return f"{self.change}: no value was lost or kept aside."
        total = ", ".join(f"{count(number)} {kind}" for kind, number in self.counts.items())
        rows = [value.row(values=self.values_shown) for value in self.newest]
        left = sum(self.counts.values()) - len(self.newest)
        more = [f"  and {count(left)} before; --export FILE writes all"] if left else []
        return "\n".join([f"{self.change}: {total}", *table(rows, "  "), *more])


class RestoreView(View):
    """What became of the values that a rollback kept. `left`: the row is gone, or has changed since."""

    schema_: Literal["ec.restore/1"] = Field("ec.restore/1", alias="schema")
    change: str
    considered: int
    written: int
    refused: int
    left: int

    def text(self) -> str:
        """Return the numbers in a sentence."""
        if not self.considered:
            return f"{self.change}: no value is kept that was not considered already."
        parts = [f"{count(self.written)} of {count(self.considered, 'kept value')} given back"]
        parts += [f"{count(self.refused)} refused by the table"] if self.refused else []
        parts += [f"{count(self.left)} left: the row is gone or has changed since"] if self.left else []
        return f"{self.change}: {'; '.join(parts)}."


class ExportView(View):
    """How many values were written to a file."""

    schema_: Literal["ec.export/1"] = Field("ec.export/1", alias="schema")
    change: str
    file: str
    values: int

    def text(self) -> str:
        """Return the number."""
        return f"{self.change}: {count(self.values, 'value')} written to {self.file}."


def _spelled(value: str | None) -> str:
    return "NULL" if value is None else repr(value)
