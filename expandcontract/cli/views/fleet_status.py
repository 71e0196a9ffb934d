"""`ec.fleet-status/1`: where a change is on many targets."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field

from expandcontract.cli.redaction import redact
from expandcontract.cli.views.format import count, percent, rate, seconds, table
from expandcontract.cli.views.view import Part, View
from expandcontract.engine.state_words import OVER
from expandcontract.fleet.looking import AT_WORK, NOT_STARTED, QUIET, WORDS, Seen, rank

#: So many are told line by line; programs get all.
WORST = 20


class SeenView(Part):
    """A change on a target. `state` is one of the words of a state, or says that there is no ledger, or that
    it is not started; `detail` is what is in the way. What is counted is of the sweep that is under way, and
    null where nobody sweeps or nobody knows.
    """

    target: str
    wave: str
    change: str | None
    state: str
    detail: str
    blocks_done: int | None
    blocks_total: int | None
    rows: int | None
    rows_per_second: float | None
    eta_seconds: float | None
    workers: int

    @classmethod
    def of(cls, seen: Seen, wave: str) -> Self:
        """Read what was seen."""
        counted = {name: getattr(seen, name) for name in COUNTED}
        return cls(
            target=seen.target.name,
            wave=wave,
            change=seen.change,
            state=seen.word,
            detail=redact(seen.detail),
            **counted,
        )

    @property
    def row(self) -> tuple[str, str, str, str]:
        """A line."""
        return self.target, self.change or "", self.state, self.detail or self.progress

    @property
    def progress(self) -> str:
        """How far a sweep is, where somebody sweeps."""
        if not self.workers or not self.blocks_total or self.blocks_done is None:
            return ""
        parts = [percent(self.blocks_done / self.blocks_total), *rate(self.rows_per_second)]
        parts += [] if self.eta_seconds is None else [f"about {seconds(self.eta_seconds)} left"]
        return ", ".join(parts)


#: What is told of a sweep.
COUNTED = ("blocks_done", "blocks_total", "rows", "rows_per_second", "eta_seconds", "workers")


class FleetStatusView(View):
    """How many are in each state, the worst first, and each of them, the worst first."""

    schema_: Literal["ec.fleet-status/1"] = Field("ec.fleet-status/1", alias="schema")
    states: dict[str, int]
    targets: tuple[SeenView, ...]

    @classmethod
    def of(cls, found: Sequence[Seen], waves: dict[str, str]) -> Self:
        """Read what was seen; `waves` says in which wave a target is."""
        ordered = sorted(found, key=rank)
        counted = Counter(each.word for each in ordered)
        views = [SeenView.of(each, waves.get(each.target.name, "")) for each in ordered]
        return cls(states={word: counted[word] for word in WORDS if counted[word]}, targets=tuple(views))

    @property
    def goes_on(self) -> bool:
        """Whether anybody is at work."""
        return any(word in AT_WORK for word in self.states)

    def text(self) -> str:
        """Return a line for each state, then the worst targets."""
        states = table([(word, count(number)) for word, number in self.states.items()])
        loud = [each for each in self.targets if each.state not in SILENT]
        lines = table([each.row for each in loud[:WORST]], "  ")
        more = [f"  and {count(len(loud) - WORST)} more: ec fleet status --json"] if len(loud) > WORST else []
        return "\n".join([*states, *([""] if lines else []), *lines, *more])


#: Nobody has to do anything about these.
SILENT = frozenset({*OVER, NOT_STARTED, QUIET})
