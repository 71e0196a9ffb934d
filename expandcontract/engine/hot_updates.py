"""Why the copy's updates are not heap-only: what spoils it, in sentences. Pure.

An update is heap-only (HOT) when no index has to know of it and the new version of the row fits on its page.
So there are three things that can be in the way: an index on the new column, dead rows that must not be
pruned yet, and pages without room.
"""

from expandcontract.model.activity import Horizon
from expandcontract.model.records import SweepRecord
from expandcontract.model.situation import Situation

#: Below this ratio somebody should know why; of fewer rows a ratio says nothing.
LOW, ENOUGH_ROWS = 0.7, 1_000
#: Every batch is a transaction: whoever is older than this many holds back the pruning that the next pass
#: waits for. What has an age in time is worth a word only after some seconds.
OLD_TRANSACTIONS, OLD_SECONDS = 20, 5.0
#: MaxHeapTuplesPerPage, for pages of 8 kB. An updated row takes two line pointers until its page is vacuumed.
LINE_POINTERS = 291
#: Where fewer rows lie on a page, one of them must leave it before the next has room.
FEW_ROWS = 10


def spoilers(situation: Situation) -> tuple[str, ...]:
    """Return what keeps the updates of the copy that is under way from being HOT; nothing while most are."""
    copy, seen = situation.copy, situation.activity
    if copy is None or seen is None or copy.finished or copy.rows < ENOUGH_ROWS:
        return ()
    if copy.hot_ratio is None or copy.hot_ratio >= LOW:
        return ()
    column = situation.plan.new_column
    found = [f"index {name} on {column} takes an entry for each row" for name in seen.new_indexes]
    found += [_holds_back(holder) for holder in seen.horizon if _is_old(holder)]
    return tuple(found) or (_no_room(copy, situation.live.rows),)


def _is_old(holder: Horizon) -> bool:
    if holder.seconds is not None and holder.seconds < OLD_SECONDS:
        return False
    return holder.transactions >= OLD_TRANSACTIONS


def _holds_back(holder: Horizon) -> str:
    unit = "transactions" if holder.seconds is None else "s"
    age = holder.transactions if holder.seconds is None else holder.seconds
    return f"{holder.who} keeps dead rows for {age:,.0f} {unit}, so that pages are not pruned"


def _no_room(copy: SweepRecord, rows: int | None) -> str:
    """Say why pages have no room, from how many rows lie on one."""
    on_page = _rows_on_page(copy, rows)
    if on_page > LINE_POINTERS / 2:
        return (
            f"about {on_page:.0f} rows lie on a page, which has line pointers for {LINE_POINTERS}: "
            "an updated row takes two"
        )
    if on_page < FEW_ROWS:
        return f"only about {on_page:.0f} rows lie on a page: one has to leave it before the next has room"
    return "the rows grow, and their pages have no room left"


def _rows_on_page(copy: SweepRecord, rows: int | None) -> float:
    if rows:
        return rows / max(copy.blocks_total, 1)
    return copy.rows / max(copy.blocks_done, 1)
