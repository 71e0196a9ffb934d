"""A table that a change works on, beside the one that names it. Pure data."""

from dataclasses import dataclass

from expandcontract.model.change import Pair
from expandcontract.model.names import RelationName


@dataclass(frozen=True)
class Site:
    """A table that a change works on; the first one names the change in messages.

    `claims` are the columns that no other open change may claim or use, None for the whole table; `uses` are
    those that none may claim, and any may use. `may_go` says that the table is not missed where somebody
    drops it. `pair` are columns that are held together here. `key` are the columns that name a row, None
    where nobody asks.
    """

    table: RelationName
    claims: tuple[str, ...] | None = ()
    uses: tuple[str, ...] = ()
    may_go: bool = False
    pair: Pair | None = None
    key: tuple[str, ...] | None = None
