"""`ec.alembic-check/1`: what is wrong with revisions of Alembic."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field

from expandcontract.cli.views.view import Part, View

if TYPE_CHECKING:
    from expandcontract.alembic.chain import Finding


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
