"""`ec.fleet-status/1`: where a change is on many targets."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field

from expandcontract.cli.redaction import redact
from expandcontract.cli.views.format import count, table
from expandcontract.cli.views.view import Part, View
from expandcontract.fleet.looking import WORDS, Seen, rank

#: So many are told line by line; programs get all.
WORST = 20


class SeenView(Part):
    """A change on a target. `state` is one of the words of a state, `detail` what is in the way."""

    target: str
    wave: str
    change: str | None
    state: str
    detail: str

    @property
    def row(self) -> tuple[str, str, str, str]:
        """A line."""
        return self.target, self.change or "", self.state, self.detail


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
        views = [
            SeenView(
                target=each.target.name,
                wave=waves.get(each.target.name, ""),
                change=each.change,
                state=each.word,
                detail=redact(each.detail),
            )
            for each in ordered
        ]
        return cls(states={word: counted[word] for word in WORDS if counted[word]}, targets=tuple(views))

    @property
    def goes_on(self) -> bool:
        """Whether anybody is at work."""
        return any(word in AT_WORK for word in self.states)

    def text(self) -> str:
        """Return a line for each state, then the worst targets."""
        states = table([(word, count(number)) for word, number in self.states.items()])
        quiet = [each for each in self.targets if each.state not in QUIET]
        lines = table([each.row for each in quiet[:WORST]], "  ")
        more = (
            [f"  and {count(len(quiet) - WORST)} more: ec fleet status --json"] if len(quiet) > WORST else []
        )
        return "\n".join([*states, *([""] if lines else []), *lines, *more])


#: Nobody has to do anything about these.
QUIET = frozenset({"finished", "purged", "rolled back", "not started"})
#: Somebody is at work on these.
AT_WORK = frozenset({"running", "held back", "waiting for a lock", "waiting for snapshots"})
