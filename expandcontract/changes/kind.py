"""What a kind of change is: a spec that says what the user may ask for, and how the steps are composed."""

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, field_validator

from expandcontract.model.change import Change
from expandcontract.model.names import Target, parse_table, parse_target
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Referred, Snapshot
from expandcontract.postgres.clone import Answer, Question, Trial


class Spec(BaseModel):
    """The fields of a kind, named as its command-line arguments. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    @field_validator("*")
    @classmethod
    def _is_text(cls, given: object) -> object:
        """PostgreSQL knows no text with a zero byte in it."""
        every = given if isinstance(given, list | tuple) else (given,)
        if any("\0" in each for each in every if isinstance(each, str)):
            raise ValueError("a text cannot hold a zero byte")
        return given


#: In the order in which the help lists them.
GROUPS = ("Columns", "Constraints", "Indexes", "Tables", "Data")

SpecT = TypeVar("SpecT", bound=Spec)


class Kind(ABC, Generic[SpecT]):
    """A kind of change. Compiling is pure: the snapshot and the judgement hold all that the server said."""

    name: ClassVar[str]
    #: Under which heading the help lists it, one of GROUPS.
    group: ClassVar[str]
    help: ClassVar[str]
    spec: ClassVar[type[Spec]]
    #: Whether the change begins with a table that is not there yet: the question is then a Trial of the one
    #: statement that makes it, which the server runs and takes back.
    makes_table: ClassVar[bool] = False

    def target(self, spec: SpecT) -> Target:
        """Return the table that the change is about, with its column where there is one: what the field
        `column` or `table` of its spec names. Raises BadName.
        """
        named = spec.model_dump(include={"column", "table"})
        return parse_target(named["column"]) if "column" in named else parse_table(named["table"])

    def also(self, spec: SpecT) -> tuple[str, ...]:
        """Return the further columns of that table that it is about. Raises BadName."""
        del spec
        return ()

    def about_views(self, spec: SpecT) -> bool:
        """Return whether it does something about the views over its table, or its columns."""
        return any(spec.model_dump(include={"recreate_views", "drop_views"}).values())

    @abstractmethod
    def slug(self, spec: SpecT) -> str:
        """Return the change's name without its number."""

    def question(self, spec: SpecT, snapshot: Snapshot) -> Question | Trial | None:
        """Return what the server must be asked. Raises Refused where the snapshot shows already that the
        change cannot be.
        """
        del spec, snapshot
        return None

    def refers(self, spec: SpecT, judgement: Answer) -> tuple[Referred, ...]:
        """Return the other tables to which the change will make the table refer: the snapshot that is
        compiled has them, and so has the copy on which the plan is tried.
        """
        del spec, judgement
        return ()

    @abstractmethod
    def compile(
        self, change: Change, spec: SpecT, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        """Return the plan; `judgement` is what was said to the question. Raises Refused."""
