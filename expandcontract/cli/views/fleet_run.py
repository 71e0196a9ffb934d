"""`ec.fleet-run/1`: what became of each target that a command was begun on."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field

from expandcontract.cli.redaction import redact
from expandcontract.cli.views.error import ErrorView
from expandcontract.cli.views.format import count, table
from expandcontract.cli.views.view import Part, View
from expandcontract.fleet.outcome import Outcome, worst
from expandcontract.model.situation import Situation

#: So many that failed are told line by line; programs get all.
MOST = 20


class OutcomeView(Part):
    """A target: `result` is done, `passed` where there was nothing to do, failed or stopped; `stage` is where
    the change is then.
    """

    target: str
    wave: str
    result: Literal["done", "passed", "failed", "stopped"]
    stage: str | None
    said: str
    error: ErrorView | None

    @property
    def row(self) -> tuple[str, str, str]:
        """A line."""
        code = "" if self.error is None else f"{self.error.code} "
        return self.target, self.result, f"{code}{self.said}"


class FleetRunView(View):
    """How far a command came: how many targets there are, and each that it was begun on.

    `left` are the targets that were not begun with. `exit_code` is that of the worst target.
    """

    schema_: Literal["ec.fleet-run/1"] = Field("ec.fleet-run/1", alias="schema")
    change: str | None
    targets: int
    results: dict[str, int]
    left: tuple[str, ...]
    stopped_in: str | None
    outcomes: tuple[OutcomeView, ...]
    exit_code: int

    @classmethod
    def of(
        cls,
        change: str | None,
        waves: dict[str, str],
        found: Sequence[Outcome[Situation]],
        stopped_in: str | None = None,
    ) -> Self:
        """Read what became of the targets; `waves` says in which one each target is."""
        views = [_view(each, waves) for each in found]
        counted = Counter(each.result for each in views)
        begun = {each.target.name for each in found}
        return cls(
            change=change,
            targets=len(waves),
            results=dict(sorted(counted.items())),
            left=tuple(name for name in waves if name not in begun),
            stopped_in=stopped_in,
            outcomes=tuple(views),
            exit_code=worst(each.exit_code for each in found),
        )

    def text(self) -> str:
        """Return those that did not get there, then the sum."""
        bad = [each for each in self.outcomes if each.error is not None]
        lines = table([each.row for each in bad[:MOST]])
        lines += [f"and {count(len(bad) - MOST)} more: --json tells all"] if len(bad) > MOST else []
        parts = [f"{count(number)} {result}" for result, number in self.results.items()]
        parts += [f"{count(len(self.left))} not begun with"] if self.left else []
        stopped = f" It stopped in the wave {self.stopped_in}." if self.stopped_in else ""
        head = f"{self.change}: " if self.change else ""
        return "\n".join(
            [*lines, f"{head}{count(self.targets, 'target')}: {', '.join(parts) or 'none'}.{stopped}"]
        )


def _view(found: Outcome[Situation], waves: dict[str, str]) -> OutcomeView:
    error = found.error
    return OutcomeView(
        target=found.target.name,
        wave=waves.get(found.target.name, ""),
        result=result(found),
        stage=None if found.answer is None else found.answer.stage.value,
        said=found.passed if error is None else redact(f"{error.message} {error.why}".strip()),
        error=None if error is None else ErrorView.of(error),
    )


def result(found: Outcome[Situation]) -> Literal["done", "passed", "failed", "stopped"]:
    """Return what became of a target in a word: what stopped goes on when the command is run again."""
    if found.error is None:
        return "passed" if found.passed else "done"
    return "stopped" if found.error.exit_code in STOPPED else "failed"


#: Exit codes of what goes on from where it is: stopped safely, SIGINT, SIGTERM.
STOPPED = (5, 130, 143)
