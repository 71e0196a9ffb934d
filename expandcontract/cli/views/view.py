"""What every view has: a schema name, JSON, and a text that is rendered from the same data."""

from abc import abstractmethod

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Data inside a view."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True, extra="forbid")


class View(Part):
    """An answer. Subclasses have a field `schema` with the name and version of their JSON."""

    @abstractmethod
    def text(self) -> str:
        """Return the answer for people."""

    def json_text(self) -> str:
        """Return the answer for programs: one document."""
        return self.model_dump_json(indent=2)

    def json_line(self) -> str:
        """Return the answer for programs on one line."""
        return self.model_dump_json()
