"""What a kind of change is: a spec that says what the user may ask for, and how the steps are composed."""

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from expandcontract.model.change import Change
from expandcontract.model.names import Target
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Judgement, Question


class Spec(BaseModel):
    """The fields of a kind, named as its command-line arguments. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


SpecT = TypeVar("SpecT", bound=Spec)


class Kind(ABC, Generic[SpecT]):
    """A kind of change. Compiling is pure: the snapshot and the judgement hold all that the server said."""

    name: ClassVar[str]
    help: ClassVar[str]
    spec: ClassVar[type[Spec]]

    @abstractmethod
    def target(self, spec: SpecT) -> Target:
        """Return the column that the change is about. Raises BadName."""

    @abstractmethod
    def slug(self, spec: SpecT) -> str:
        """Return the change's name without its number."""

    @abstractmethod
    def question(self, spec: SpecT, snapshot: Snapshot) -> Question:
        """Return what the server must be asked. Raises Refused where the snapshot shows already that the
        change cannot be.
        """

    @abstractmethod
    def compile(
        self, change: Change, spec: SpecT, snapshot: Snapshot, judgement: Judgement, ledger_schema: str
    ) -> Plan:
        """Return the plan. Raises Refused."""
