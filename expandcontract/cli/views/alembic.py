"""`ec.alembic-check/1`, `-target/1`, `-plan/1`: revisions of Alembic, before they are carried out."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field

from expandcontract.cli.views.view import Part, View

if TYPE_CHECKING:
    from expandcontract.alembic.chain import Finding
    from expandcontract.alembic.target import Target


class FindingView(Part):
    """What is wrong, in which file and on which line, why that matters, and what to do. `revision` is empty
    where it is about the models.
    """

    file: str
    line: int
    revision: str
    what: str
    why: str
    do: str


class AlembicCheckView(View):
    """What is wrong with the revisions of Alembic, and how many were looked at."""

    schema_: Literal["ec.alembic-check/1"] = Field("ec.alembic-check/1", alias="schema")
    revisions: int
    findings: tuple[FindingView, ...]

    @classmethod
    def of(cls, revisions: int, findings: "Sequence[Finding]") -> Self:
        """Read findings."""
        return cls(
            revisions=revisions,
            findings=tuple(
                FindingView(
                    file=str(each.revision.path or each.revision.id),
                    line=each.fault.line,
                    revision=each.revision.id,
                    what=each.fault.what,
                    why=each.fault.why,
                    do=each.fault.do,
                )
                for each in findings
            ),
        )

    def text(self) -> str:
        """Return a paragraph for each."""
        looked = f"{self.revisions:,} revision{'s' * (self.revisions != 1)}"
        if not self.findings:
            return f"{looked}: nothing is wrong."
        told = [
            "\n".join(
                [
                    f"{each.file}:{each.line}: {each.what}",
                    *([f"  why: {each.why}"] if each.why else []),
                    *([f"  do: {each.do}"] if each.do else []),
                ]
            )
            for each in self.findings
        ]
        return "\n".join([*told, f"{looked}: {len(told)} found."])


class ShutGateView(Part):
    """A gate that is shut: why, and a line that opens it. `waits`: it opens by itself."""

    name: str
    reason: str
    next: str
    waits: bool


class AlembicTargetView(View):
    """How far Alembic can upgrade now: `target` is what `alembic upgrade` may be told, a revision for each
    branch. `waiting` is the revision that cannot pass, for what `why` says of its `change`; `soaked_at` is
    when its soak is over. `behind` are the revisions behind it that are no contracts: with them a run to the
    head ends with an error.
    """

    schema_: Literal["ec.alembic-target/1"] = Field("ec.alembic-target/1", alias="schema")
    target: tuple[str, ...]
    current: tuple[str, ...]
    heads: tuple[str, ...]
    pending: tuple[str, ...]
    waiting: str | None
    change: str | None
    why: str
    gates: tuple[ShutGateView, ...]
    soaked_at: datetime | None
    behind: tuple[str, ...]

    @classmethod
    def of(cls, found: "Target") -> Self:
        """Read what was found."""
        shut = (
            ShutGateView(name=each.gate, reason=each.reason, next=each.next, waits=each.waits)
            for each in found.gates
        )
        return cls(
            target=found.target,
            current=found.current,
            heads=found.heads,
            pending=found.pending,
            waiting=found.waiting,
            change=found.change,
            why=found.why,
            gates=tuple(shut),
            soaked_at=found.soaked_at,
            behind=found.behind,
        )

    def text(self) -> str:
        """Return the target alone, for `$(ec alembic target)`."""
        return "\n".join(self.target)

    def in_the_way(self) -> str:
        """Return why it is not further; empty where it is."""
        if self.waiting is None:
            return ""
        said = f"{self.waiting} contracts {self.change}, which cannot be contracted now: {self.why}"
        nexts = dict.fromkeys(each.next for each in self.gates if each.next)
        behind = f"Behind it, and so not to be reached: {', '.join(self.behind)}." if self.behind else ""
        return "\n".join(filter(None, [said, behind, *(f"next: {each}" for each in nexts)]))


class AlembicPlanView(View):
    """The folders of plans that were written for changes that revisions begin."""

    schema_: Literal["ec.alembic-plan/1"] = Field("ec.alembic-plan/1", alias="schema")
    written: tuple[str, ...]

    def text(self) -> str:
        """Return them, one a line."""
        return "\n".join(self.written) or "Every change that a revision begins has its plan."
