"""`ec.fleet-targets/1`: what an inventory resolves to."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field

from expandcontract.cli.redaction import redact
from expandcontract.cli.views.format import count, table
from expandcontract.cli.views.view import Part, View
from expandcontract.fleet.outcome import Outcome, worst
from expandcontract.fleet.probing import Identity
from expandcontract.fleet.target import Round, Target
from expandcontract.model.errors import EcError

REFUSED = 4


class TargetView(Part):
    """A target: the wave that it is in, its place there, where it is, and why it cannot take a change."""

    wave: str
    index: int
    name: str
    where: str
    labels: dict[str, str]
    fault: str | None
    code: str | None

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """A line."""
        return self.wave, str(self.index), self.name, self.where, self.fault or ""


class FleetTargetsView(View):
    """The targets of the waves, in the order in which they go."""

    schema_: Literal["ec.fleet-targets/1"] = Field("ec.fleet-targets/1", alias="schema")
    targets: tuple[TargetView, ...]
    exit_code: int

    @classmethod
    def of(
        cls,
        rounds: Sequence[Round],
        found: Sequence[Outcome[Identity]],
        twice: Sequence[tuple[Target, Target]],
    ) -> Self:
        """Read what was found."""
        errors = {each.target.name: _error(each) for each in found}
        same = {other.name: one.name for one, other in twice}
        views = [
            _view(each.wave.name, index, target, errors.get(target.name), same.get(target.name))
            for each in rounds
            for index, target in enumerate(each.targets)
        ]
        codes = [
            *(Outcome(each.target, error=_error(each)).exit_code for each in found),
            *([REFUSED] if same else []),
        ]
        return cls(targets=tuple(views), exit_code=worst(codes))

    def text(self) -> str:
        """Return a line each, and how many there are."""
        faults = sum(each.fault is not None for each in self.targets)
        end = f"{count(len(self.targets), 'target')}; {count(faults)} cannot take a change." if faults else (
            f"{count(len(self.targets), 'target')}, each of them can take a change."
        )  # fmt: skip
        return "\n".join([*table([each.row for each in self.targets]), end])


def _error(found: Outcome[Identity]) -> EcError | None:
    return found.error or (found.answer.fault if found.answer else None)


def _view(wave: str, index: int, target: Target, error: EcError | None, same: str | None) -> TargetView:
    faults = [f"the same database as {same}"] if same is not None else []
    faults += [redact(f"{error.message} {error.why}".strip())] if error is not None else []
    return TargetView(
        wave=wave,
        index=index,
        name=target.name,
        where=target.where,
        labels=dict(target.labels),
        fault="; ".join(faults) or None,
        code=None if error is None else error.code,
    )
