"""`ec.doctor/1`: what was looked at, and what needs attention."""

from collections.abc import Iterable
from typing import Literal, Protocol, Self

from pydantic import Field

from expandcontract.cli.redaction import redact
from expandcontract.cli.views.format import count
from expandcontract.cli.views.view import Part, View


class Finding(Protocol):
    """What the engine found."""

    @property
    def subject(self) -> str:
        """What was looked at."""

    @property
    def well(self) -> bool:
        """Whether it needs no attention."""

    @property
    def sentence(self) -> str:
        """How it is."""

    @property
    def next(self) -> str:
        """The line that mends it."""

    @property
    def waits(self) -> bool:
        """Whether nothing is wrong with it, and it does not go on all the same."""


class FindingView(Part):
    """One thing that was looked at. `next` is the line that mends it, or lets it go on.

    `waits`: nothing is wrong with it, and it does not go on all the same.
    """

    subject: str
    well: bool
    waits: bool
    sentence: str
    next: str

    def lines(self) -> list[str]:
        """Return the finding, and below it what mends it."""
        word = "LOOK" if not self.well else "wait" if self.waits else "ok  "
        line = f"{word}  {self.subject}: {self.sentence}"
        return [line, f"      next: {self.next}"] if self.next else [line]


class DoctorView(View):
    """All findings, from the connection outward."""

    schema_: Literal["ec.doctor/1"] = Field("ec.doctor/1", alias="schema")
    well: bool
    findings: tuple[FindingView, ...]

    @classmethod
    def of(cls, found: Iterable[Finding]) -> Self:
        """Read what the engine found; passwords are hidden."""
        findings = tuple(
            FindingView(
                subject=f.subject, well=f.well, waits=f.waits, sentence=redact(f.sentence), next=f.next
            )
            for f in found
        )
        return cls(well=all(finding.well for finding in findings), findings=findings)

    def text(self) -> str:
        """Return a line for each finding."""
        attention = [finding for finding in self.findings if not finding.well]
        waits = sum(finding.waits for finding in self.findings)
        last = "All is well."
        if attention:
            last = f"{count(len(attention), 'thing')} to look at."
        elif waits:
            last = f"Nothing is wrong. {count(waits, 'change')} {'waits' if waits == 1 else 'wait'}."
        return "\n".join([*(line for finding in self.findings for line in finding.lines()), "", last])
