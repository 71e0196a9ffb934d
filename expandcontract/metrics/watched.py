"""What the series of one database are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from expandcontract.ledger.tally import Tally
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict


@dataclass(frozen=True)
class WatchedChange:
    """A change as it is now, in one word (`state`), with what its gates say and what its history comes to."""

    situation: Situation
    state: str
    verdicts: Sequence[Verdict] = ()
    tally: Tally | None = None


@dataclass(frozen=True)
class WatchedDatabase:
    """A database as it was looked at, which took `seconds`. `changes` is None where it could not be reached.

    `states` counts all of its changes by their words, also those that have left `changes`.
    """

    name: str
    seconds: float
    changes: Sequence[WatchedChange] | None = None
    states: Mapping[str, int] = field(default_factory=dict)
