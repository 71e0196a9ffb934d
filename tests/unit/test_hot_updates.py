"""What spoils the HOT ratio, judged from what the ledger and the server say."""

from dataclasses import replace

import pytest

from expandcontract.engine.hot_updates import spoilers
from expandcontract.model.activity import Activity, Horizon
from expandcontract.model.situation import Situation
from tests.unit.situations import Field, live, phases, situation, sweep

REPORT = Horizon("pid 411 (report, app, active)", 5_000, 720.0)
SLOT = Horizon("replication slot branch", 5_000)


def _copying(
    hot: float | None = 0.4, rows: int | None = 6_000, per_block: int = 60, **seen: Field
) -> Situation:
    """Return a copy half way, with this many rows on a page of 100."""
    return situation(
        phases=phases(2, running=True),
        copy=sweep(50, hot_ratio=hot, rows=per_block * 50),
        live=live(rows=rows),
        activity=replace(Activity(), **seen),
    )


def test_nothing_spoils_what_is_high() -> None:
    """A copy whose updates are mostly HOT needs no explanation, whoever holds the horizon."""
    assert spoilers(_copying(hot=0.85, horizon=(REPORT,))) == ()
    assert spoilers(_copying(hot=None, horizon=(REPORT,))) == ()


def test_what_is_over_is_not_explained() -> None:
    """Who is there now was not there then; and a few rows say nothing."""
    assert spoilers(replace(_copying(), copy=sweep(100, hot_ratio=0.1))) == ()
    assert spoilers(_copying(per_block=10)) == ()
    assert spoilers(replace(_copying(), activity=None)) == ()


def test_an_index_on_the_new_column_is_named() -> None:
    """It takes an entry for each row, whatever else there is."""
    (sentence,) = spoilers(_copying(new_indexes=("public.users_early",)))
    assert sentence == "index public.users_early on display_name takes an entry for each row"


def test_who_holds_the_horizon_back_is_named() -> None:
    """A session with its age in seconds, a slot with its age in transactions."""
    assert spoilers(_copying(horizon=(REPORT, SLOT))) == (
        "pid 411 (report, app, active) keeps dead rows for 720 s, so that pages are not pruned",
        "replication slot branch keeps dead rows for 5,000 transactions, so that pages are not pruned",
    )


@pytest.mark.parametrize(
    "young", [replace(REPORT, seconds=1.0), replace(REPORT, transactions=3), replace(SLOT, transactions=3)]
)
def test_whoever_came_a_moment_ago_spoils_nothing(young: Horizon) -> None:
    """Every session holds the horizon for the moment of a statement."""
    (sentence,) = spoilers(_copying(horizon=(young,)))
    assert "no room" in sentence


@pytest.mark.parametrize(
    ("per_page", "words"),
    [
        (226, "about 226 rows lie on a page, which has line pointers for 291: an updated row takes two"),
        (60, "the rows grow, and their pages have no room left"),
        (7, "only about 7 rows lie on a page: one has to leave it before the next has room"),
    ],
)
@pytest.mark.parametrize("known", [True, False], ids=["statistics", "no statistics"])
def test_no_room_is_told_from_how_many_rows_lie_on_a_page(per_page: int, words: str, known: bool) -> None:
    """By the statistics, and without any by the rows that were written."""
    given = _copying(rows=per_page * 100 if known else None, per_block=max(per_page, 20))
    if per_page == 7 and not known:
        given = replace(given, copy=sweep(500, 1_000, hot_ratio=0.4, rows=3_500))
    assert spoilers(given) == (words,)
