"""`ec.gates/1`: the conditions of contract."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field

from expandcontract.cli.views.format import table
from expandcontract.cli.views.view import Part, View
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict


class GateView(Part):
    """One gate. `next` is a line to copy; `waived_by` says who opened a soft gate by `ec ack`.

    `blind`: it could not look, so that what it did not see may be there all the same. It is open nonetheless
    unless `open` says otherwise.
    """

    name: str
    open: bool
    blind: bool
    hard: bool
    reason: str
    next: str
    waived_by: str | None

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """Read a verdict."""
        return cls(
            name=verdict.gate,
            open=verdict.open,
            blind=verdict.blind,
            hard=verdict.hard,
            reason=verdict.reason,
            next="" if verdict.open else verdict.next,
            waived_by=verdict.waived_by,
        )

    @property
    def word(self) -> str:
        """What the listing says: `blind` of a gate that is open for want of sight."""
        if not self.open:
            return "shut"
        return "blind" if self.blind and self.waived_by is None else "open"


class GatesView(View):
    """All gates of one change. `contractable` says that contract would go on now."""

    schema_: Literal["ec.gates/1"] = Field("ec.gates/1", alias="schema")
    change: str
    contractable: bool
    gates: tuple[GateView, ...]

    @classmethod
    def of(cls, situation: Situation, verdicts: Sequence[Verdict]) -> Self:
        """Read the verdicts on a situation."""
        return cls(
            change=situation.name,
            contractable=situation.ready and all(verdict.open for verdict in verdicts),
            gates=tuple(map(GateView.of, verdicts)),
        )

    def text(self) -> str:
        """Return the listing, and what follows from it."""
        return f"{self.listing()}\n\n{self._sentence()}"

    def listing(self) -> str:
        """Return a line for each gate, and under a shut one the line that opens it."""
        rows = [(gate.word, gate.name, _kind(gate), gate.reason) for gate in self.gates]
        lines = [self.change]
        for gate, line in zip(self.gates, table(rows, indent="  "), strict=True):
            lines.append(line)
            if gate.next:
                lines.append(f"        next: {gate.next}")
        return "\n".join(lines)

    def _sentence(self) -> str:
        blind = [gate.name for gate in self.gates if gate.word == "blind"]
        unseen = f" {len(blind)} blind: {', '.join(blind)}." if blind else ""
        if self.contractable:
            said = "No gate is shut." if blind else "Every gate is open."
            return f"{said}{unseen} next: ec contract {self.change}"
        shut = [gate.name for gate in self.gates if not gate.open]
        if not shut:
            return "The change is not at contract."
        told = f"{len(shut)} shut: {', '.join(shut)}.{unseen}"
        return f"{told} A soft gate also opens with ec ack; a hard one never does."


def _kind(gate: GateView) -> str:
    kind = "hard" if gate.hard else "soft"
    return f"{kind}, waived by {gate.waived_by}" if gate.waived_by else kind
