"""`ec.log/1`: who did what, when, how long it took and why."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, Protocol, Self

from pydantic import Field

from expandcontract.cli.redaction import redact
from expandcontract.cli.views.format import moment, table
from expandcontract.cli.views.story import told
from expandcontract.cli.views.view import Part, View


class LogLine(Protocol):
    """What the ledger gives: an event, or a step of the journal."""

    @property
    def at(self) -> datetime:
        """When."""

    @property
    def kind(self) -> str:
        """What: the kind of an event, or `step`."""

    @property
    def who(self) -> str:
        """Who; empty for steps."""

    @property
    def data(self) -> Mapping[str, Any]:
        """The rest."""

    @property
    def role(self) -> str | None:
        """The role that logged in, where that is known."""

    @property
    def address(self) -> str | None:
        """From where; None for a local connection."""

    @property
    def by(self) -> str:
        """Who, by their own word and by the server's."""


class EntryView(Part):
    """One line of history."""

    at: datetime
    kind: str
    who: str
    role: str | None = None
    address: str | None = None
    data: dict[str, Any]
    by: str = Field("", exclude=True)

    def row(self) -> tuple[str, str, str, str]:
        """Return the columns of the text."""
        return moment(self.at), self.by, self.kind, redact(told(self.kind, self.data))


class LogView(View):
    """The history of one change, the oldest first."""

    schema_: Literal["ec.log/1"] = Field("ec.log/1", alias="schema")
    change: str
    entries: tuple[EntryView, ...]

    @classmethod
    def of(cls, change: str, entries: Iterable[LogLine]) -> Self:
        """Read the ledger's entries."""
        views = (
            EntryView(
                at=e.at, kind=e.kind, who=e.who, role=e.role, address=e.address, data=dict(e.data), by=e.by
            )
            for e in entries
        )
        return cls(change=change, entries=tuple(views))

    def text(self) -> str:
        """Return a line for each entry."""
        return "\n".join([self.change, *table([entry.row() for entry in self.entries], "  ")])
