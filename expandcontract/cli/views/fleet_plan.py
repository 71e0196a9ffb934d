"""`ec.fleet-plan/1`: a change compiled on many targets, grouped by its plans."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field

from expandcontract.cli.redaction import redact
from expandcontract.cli.views.error import ErrorView
from expandcontract.cli.views.format import count, table
from expandcontract.cli.views.view import Part, View
from expandcontract.fleet.index_file import Index
from expandcontract.fleet.outcome import Outcome, worst
from expandcontract.fleet.planning import Compiled, Group, difference

#: So many targets stand in a line.
FEW = 5


class GroupView(Part):
    """A distinct plan: `fingerprint` is what its targets have in common, `differs` what tells it from that of
    most targets, `acknowledge` the codes of its hazards.
    """

    fingerprint: str
    targets: tuple[str, ...]
    differs: tuple[str, ...]
    acknowledge: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return how many, which, and what is different there."""
        names = ", ".join(self.targets[:FEW]) + (", ..." if len(self.targets) > FEW else "")
        head = f"{count(len(self.targets), 'target')}: {self.fingerprint}  ({names})"
        hazards = [f"    to acknowledge: {', '.join(self.acknowledge)}"] if self.acknowledge else []
        return [head, *(f"    {each}" for each in self.differs), *hazards]


class RefusedView(Part):
    """A target on which the change cannot be planned."""

    target: str
    error: ErrorView


class MatrixEntry(Part):
    """One target as an outer engine asks for it: `ec fleet exec --wave WAVE --index INDEX`."""

    wave: str
    index: int
    target: str


class FleetPlanView(View):
    """The distinct plans, the one of most targets first, and the targets that refuse. `folder` is where SQL
    and index were written; `waves` has how many targets each wave has.
    """

    schema_: Literal["ec.fleet-plan/1"] = Field("ec.fleet-plan/1", alias="schema")
    change: str
    plans: tuple[GroupView, ...]
    refused: tuple[RefusedView, ...]
    waves: dict[str, int]
    targets: tuple[MatrixEntry, ...]
    folder: str | None
    exit_code: int

    @classmethod
    def of(
        cls,
        index: Index,
        groups: Sequence[Group],
        found: Sequence[Outcome[Compiled]],
        folder: str | None,
    ) -> Self:
        """Read what was compiled."""
        refused = [
            RefusedView(target=each.target.name, error=ErrorView.of(each.error))
            for each in sorted(found, key=lambda each: each.target.name)
            if each.error is not None
        ]
        entries = [
            MatrixEntry(wave=wave.name, index=at, target=entry.target)
            for wave in index.waves
            for at, entry in enumerate(wave.targets)
        ]
        return cls(
            change=index.change,
            plans=tuple(_group(each, groups[0]) for each in groups),
            refused=tuple(refused),
            waves={wave.name: len(wave.targets) for wave in index.waves},
            targets=tuple(entries),
            folder=folder,
            exit_code=worst(each.exit_code for each in found),
        )

    def text(self) -> str:
        """Return the plans, the refusals, and where it was written."""
        lines = [self.change, *(f"  {line}" for group in self.plans for line in group.lines())]
        rows = [
            (each.target, each.error.code, f"{each.error.message} {each.error.why}") for each in self.refused
        ]
        lines += (
            ["", f"{count(len(rows), 'target')} cannot take it:", *table(rows[:20], "  ")] if rows else []
        )
        if self.folder is not None:
            lines += ["", f"written to {self.folder}", f"next: ec fleet run {self.change}"]
        return "\n".join(lines)

    def matrix(self) -> str:
        """Return the targets as the matrix of a GitHub workflow."""
        entries = ", ".join(entry.model_dump_json() for entry in self.targets)
        return f'{{"include": [{entries}]}}'

    def indexes(self) -> str:
        """Return a line for each wave: its name and how many indexes it has."""
        return "\n".join(f"{wave}\t{size}" for wave, size in self.waves.items())


def _group(group: Group, first: Group) -> GroupView:
    return GroupView(
        fingerprint=group.alike,
        targets=tuple(sorted(target.name for target in group.targets)),
        differs=() if group is first else tuple(map(redact, difference(group, first))),
        acknowledge=tuple(note.code for note in group.plan.to_acknowledge),
    )
