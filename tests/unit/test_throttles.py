"""What each throttle says of what it reads."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expandcontract.model.errors import BadSetting
from expandcontract.model.sizes import parse_size, spell_size
from expandcontract.throttles import (
    active_sessions,
    archive,
    courtesy,
    horizon,
    http,
    lock_waiters,
    nice_ratio,
    query,
    replica_lag,
    schedule,
    slot_wal,
    wal_rate,
)
from expandcontract.throttles.limits import MEGABYTE, Limits
from expandcontract.throttles.reading import Reading, ReadingKind
from expandcontract.throttles.rests import LONGEST
from expandcontract.throttles.signal import Moment
from expandcontract.throttles.signal_reader import NAMES, SIGNALS
from expandcontract.throttles.wal import Wal

LIMITS = Limits(max_lag=timedelta(seconds=2), max_lag_bytes=64 * MEGABYTE)


def moment(limits: Limits = LIMITS, at: float = 100.0, wal: Wal | None = None) -> Moment:
    """Return a moment."""
    return Moment(at, limits, wal or Wal())


def standby(**given: Any) -> dict[str, Any]:  # noqa: ANN401 - columns of the query
    """Return a row of a standby that has replayed everything."""
    return (
        {"name": "one", "state": "streaming", "seconds": None, "behind": 0, "position": 1_000}
        | given
        | _same(given)
    )


def _same(given: dict[str, Any]) -> dict[str, Any]:
    return {"unreplayed": given.get("behind", 0)}


def said(*readings: Reading) -> list[str]:
    """Return what holds back, in words."""
    return [reading.sentence for reading in readings if reading.holds_back]


def test_a_lag_is_told_with_number_limit_and_standby() -> None:
    """The sentence says how far behind which standby is, and what is allowed."""
    late = standby(seconds=2.5, behind=MEGABYTE)
    assert said(*replica_lag.readings([late], moment())) == ["replica-lag 2.5 s > 2 s (one)"]


def test_a_lag_in_bytes() -> None:
    """Where no time is known, the bytes decide."""
    late = standby(behind=80 * MEGABYTE)
    assert said(*replica_lag.readings([late], moment())) == ["replica-lag 80 MB > 64 MB (one)"]


def test_no_lag_is_none_only_where_the_positions_match() -> None:
    """A standby that has everything is not behind, whatever its last lag was; one that has not, is."""
    assert said(*replica_lag.readings([standby(seconds=99.0)], moment())) == []
    assert said(*replica_lag.readings([standby(seconds=99.0, behind=1)], moment())) != []


def test_a_standby_that_stands_still_gets_older() -> None:
    """The server keeps the last lag of a standby whose replay is paused; the age of what it has not replayed
    is known all the same.
    """
    wal = Wal()
    for second in range(100):
        wal.note(float(second), 1_000 * second)
    still = standby(seconds=0.01, behind=9_000, position=90_000)
    (time, _) = replica_lag.readings([still], moment(at=99.0, wal=wal))
    assert time.value == pytest.approx(8.0)


def test_a_named_standby_that_is_missing_stops_the_work() -> None:
    """It cannot be read, unless it was declared optional; others do not count."""
    named = replace(LIMITS, standbys=("two",))
    found = replica_lag.readings([standby(seconds=99.0, behind=1)], moment(named))
    assert said(*found) == ["replica-lag cannot be read (two): not connected"]
    optional = replace(named, optional=frozenset({replica_lag.NAME}))
    assert said(*replica_lag.readings([], moment(optional))) == []


def test_what_a_role_may_not_see() -> None:
    """Hidden standbys stop who asked for them by name; others are told."""
    hidden = standby(name=None, state=None, behind=None, position=None)
    (told,) = replica_lag.readings([hidden], moment())
    assert (told.optional, told.holds_back) == (True, False)
    assert "pg_monitor" in told.sentence
    (stops,) = replica_lag.readings([hidden], moment(replace(LIMITS, standbys=("one",))))
    assert stops.holds_back


def test_a_budget_says_how_long_it_can_be_relied_on() -> None:
    """In time a lag grows by a second a second; in bytes as fast as WAL was written at its fastest; not at
    all until it was seen to move.
    """
    wal = Wal()
    wal.note(0.0, 0)
    wal.note(1.0, 300 * MEGABYTE)
    now = moment(at=1.0, wal=wal)
    time, size = replica_lag.readings([standby(seconds=0.5, behind=4 * MEGABYTE, position=MEGABYTE)], now)
    assert time.fresh_seconds == pytest.approx(1.5)
    (nearly, _) = replica_lag.readings([standby(seconds=1.1, behind=1)], now)
    assert nearly.fresh_seconds == 0.0
    assert size.fresh_seconds == pytest.approx(60 / 450)
    _, unknown = replica_lag.readings([standby()], moment())
    assert unknown.fresh_seconds == 0.0
    wal = Wal()
    wal.note(0.0, 0)
    wal.note(1.0, MEGABYTE)
    _, slow = replica_lag.readings([standby()], moment(at=1.0, wal=wal))
    assert slow.fresh_seconds == pytest.approx(64 / 256)


@pytest.mark.parametrize(
    ("keep", "limit", "expected"),
    [
        (-1, None, []),
        (1024 * MEGABYTE, None, ["slot-wal 600 MB > 512 MB (s)"]),
        (1024 * MEGABYTE, 700 * MEGABYTE, []),
        (-1, 500 * MEGABYTE, ["slot-wal 600 MB > 500 MB (s)"]),
    ],
)
def test_a_slot(keep: int, limit: int | None, expected: list[str]) -> None:
    """Half of what the server keeps is the limit, unless there is one of our own."""
    row = {"name": "s", "retained": 600 * MEGABYTE, "keep": keep}
    assert said(*slot_wal.readings([row], moment(replace(LIMITS, max_slot_wal=limit)))) == expected


@pytest.mark.parametrize(
    ("name", "segment", "end"),
    [
        ("000000010000000000000003", 16 * MEGABYTE, 4 * 16 * MEGABYTE),
        ("0000000100000002000000FF", 16 * MEGABYTE, 3 * 2**32),
        ("000000010000000100000001", 64 * MEGABYTE, 2**32 + 2 * 64 * MEGABYTE),
        ("000000010000000000000003.00000028.backup", 16 * MEGABYTE, 4 * 16 * MEGABYTE),
        ("00000002.history", 16 * MEGABYTE, None),
        (None, 16 * MEGABYTE, None),
    ],
)
def test_the_name_of_a_segment_is_a_position(name: str | None, segment: int, end: int | None) -> None:
    """By the rule of xlog_internal.h; a history file has none."""
    assert archive.archived_until(name, segment) == end


def test_an_archive_that_fails() -> None:
    """The backlog counts whole segments and says that archiving fails; without archiving there is none."""
    limits = moment(replace(LIMITS, max_archive_backlog=64 * MEGABYTE))
    row: dict[str, Any] = {
        "archived": "000000010000000000000003",
        "failing": True,
        "mode": "on",
        "position": 160 * MEGABYTE + 5,
        "segment": 16 * MEGABYTE,
    }
    assert said(*archive.readings([row], limits)) == ["archive 96 MB > 64 MB (archiving fails)"]
    assert said(*archive.readings([{**row, "position": 128 * MEGABYTE}], limits)) == []
    assert archive.readings([{**row, "mode": "off"}], limits) == ()
    assert said(*archive.readings([{**row, "archived": None}], limits)) == [
        "archive cannot be read: archiving fails"
    ]


def test_who_waits_for_a_lock_is_named() -> None:
    """One is too many."""
    assert said(*lock_waiters.readings([], moment())) == []
    waiting = lock_waiters.readings([{"pid": 7, "name": "shop"}], moment())
    assert said(*waiting) == ["lock-waiters 1 waiting for a lock of ours (pid 7 shop)"]


def test_the_horizon_is_a_warning_or_a_gauge() -> None:
    """It never stops the work; with a limit it slows it."""
    row = {"who": "pid 7 report, idle in transaction", "seconds": 400.0}
    (warning,) = horizon.readings([row], moment())
    assert (warning.kind, warning.over, warning.holds_back) == (ReadingKind.NOTICE, True, False)
    (gauge,) = horizon.readings([row], moment(replace(LIMITS, max_horizon=timedelta(seconds=100))))
    assert (gauge.kind, gauge.utilization, gauge.holds_back) == (ReadingKind.GAUGE, 4.0, False)


def test_load_is_a_gauge() -> None:
    """Sessions and WAL per second never stop the work, unless they cannot be read."""
    limits = replace(LIMITS, max_active_sessions=10, max_wal_rate=MEGABYTE)
    (active,) = active_sessions.readings([{"active": 12, "hidden": 0}], moment(limits))
    assert (active.utilization, active.holds_back) == (1.2, False)
    (hidden,) = active_sessions.readings([{"active": 0, "hidden": 3}], moment(limits))
    assert hidden.holds_back
    wal = Wal()
    assert wal_rate.readings([], moment(limits, wal=wal)) == ()
    wal.note(98.0, 0)
    wal.note(100.0, 4 * MEGABYTE)
    (rate,) = wal_rate.readings([], moment(limits, wal=wal))
    assert (rate.value, rate.utilization) == (2.0, 2.0)


def test_nice() -> None:
    """This many times as long as the batch took."""
    assert nice_ratio.pause_seconds(2.0, 0.05) == pytest.approx(0.1)
    assert nice_ratio.reading(0.0) is None
    reading = nice_ratio.reading(2.0)
    assert reading is not None
    assert reading.sentence == "nice-ratio 2 (sleeps 2 times as long as it works)"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (0, []),
        (-1, []),
        (False, []),
        (3, ["query returned 3 > 0"]),
        (True, ["query returned true"]),
        (None, ["query cannot be read: it returned no value"]),
        ("x", ["query cannot be read: it returned neither a number nor a boolean"]),
    ],
)
def test_the_operators_query(found: object, words: list[str]) -> None:
    """Over zero or true holds back; what is no value cannot be read."""
    assert said(query.reading(found, optional=False)) == words


def test_a_url_is_shown_without_secrets() -> None:
    """Neither credentials nor the query string are in a sentence."""
    url = "https://ada:word@example.org/check?token=secret"
    assert said(http.reading(503, url)) == ["http answered 503 (https://example.org/check)"]
    assert said(http.reading(200, url)) == []


BERLIN = "Mon-Fri 22:00-06:00 Europe/Berlin"


@pytest.mark.parametrize(
    ("text", "now", "words"),
    [
        (BERLIN, datetime(2031, 1, 6, 21, 30, tzinfo=UTC), None),  # Monday 22:30
        (BERLIN, datetime(2031, 1, 6, 20, 30, tzinfo=UTC), "is closed until Mon 22:00 Europe/Berlin"),
        (BERLIN, datetime(2031, 7, 7, 20, 30, tzinfo=UTC), None),  # summer time
        (BERLIN, datetime(2031, 1, 11, 4, 0, tzinfo=UTC), None),  # Saturday 05:00 is Friday's window
        (BERLIN, datetime(2031, 1, 12, 4, 0, tzinfo=UTC), "is closed until Mon 22:00 Europe/Berlin"),
        ("Sat,Sun 00:00-24:00", datetime(2031, 1, 5, 23, 59, tzinfo=UTC), None),
        ("Sat,Sun 00:00-24:00", datetime(2031, 1, 6, 0, 0, tzinfo=UTC), "is closed until Sat 00:00 UTC"),
        ("12:00-13:00; Mon 01:00-02:00", datetime(2031, 1, 6, 1, 30, tzinfo=UTC), None),
        (
            "12:00-13:00; Mon 01:00-02:00",
            datetime(2031, 1, 6, 3, 0, tzinfo=UTC),
            "is closed until Mon 12:00 UTC",
        ),
        ("Fri-Mon 08:00-09:00", datetime(2031, 1, 5, 8, 30, tzinfo=UTC), None),
        ("", datetime(2031, 1, 5, 8, 30, tzinfo=UTC), None),
    ],
)
def test_windows_of_the_week(text: str, now: datetime, words: str | None) -> None:
    """Days, hours past midnight, time zones with their summer time; closed, it says when it opens."""
    reading = schedule.reading(schedule.parse(text), now)
    assert (None if reading is None else reading.words) == words
    assert reading is None or reading.holds_back


@pytest.mark.parametrize(
    "text", ["at night", "Mon 25:00-26:00", "22:00", "22:00-06:00 Europe/Berln", "Mo 1-2"]
)
def test_a_window_that_is_none(text: str) -> None:
    """What cannot be read is named, with an example."""
    with pytest.raises(BadSetting) as caught:
        schedule.parse(text)
    assert "Mon-Fri 22:00-06:00 Europe/Berlin" in caught.value.why


@given(
    st.datetimes(datetime(2030, 1, 1), datetime(2032, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - zones apart
    st.sampled_from(
        [BERLIN, "Sun 00:00-24:00 America/New_York", "23:59-00:01", "Sat-Mon 02:30-02:31 Europe/Berlin"]
    ),
)
def test_a_closed_schedule_opens(now: datetime, text: str) -> None:
    """From every moment there is a next opening within eight days, and it is open then."""
    (window,) = schedule.parse(text)
    begin, _ = window.next_opening(now)
    assert begin <= now + timedelta(days=8)
    assert schedule.reading((window,), max(begin, now)) is None


def test_wal_is_remembered_for_as_long_as_a_standby_may_be_behind() -> None:
    """Memory is bounded, and the age of a position stays right to a few seconds over hours."""
    wal = Wal()
    for step in range(10_000):
        wal.note(step * 1.0, step * 100)
    assert len(wal._seen) <= 2_001
    assert wal.behind_seconds(500_000, 10_000.0) == pytest.approx(5_000, abs=64)


@given(st.integers(0, 2**50))
def test_a_size_is_read_as_it_is_written(size: int) -> None:
    """In PostgreSQL's units, of 1024."""
    assert parse_size(spell_size(size)) == size


@pytest.mark.parametrize("text", ["64", "MB", "64mb", "-1MB", "64 MiB"])
def test_a_size_that_is_none(text: str) -> None:
    """A unit is needed, and spelt as PostgreSQL spells it."""
    with pytest.raises(BadSetting, match="is not a size"):
        parse_size(text)


@pytest.mark.parametrize(("busy", "words"), [(0, "0 sessions"), (1, "1 session"), (9, "9 sessions")])
def test_courtesy_is_due_while_somebody_is_at_work(busy: int, words: str) -> None:
    """How many they are is said; it holds nothing back by itself."""
    (reading,) = courtesy.readings([{"busy": busy}], moment())
    assert reading.sentence == f"courtesy beside {words}"
    assert reading.over == (busy > 0)
    assert not reading.holds_back


def test_the_longer_the_rests_the_shorter_the_batches() -> None:
    """Two milliseconds without rests, one with the longest."""
    assert courtesy.batch_seconds(0) == 0.002
    assert courtesy.batch_seconds(LONGEST) == 0.001


def test_wal_counts_as_time() -> None:
    """A batch that is quick and writes much is as long as its WAL."""
    assert courtesy.cost_seconds(0.001, 0) == 0.001
    assert courtesy.cost_seconds(0.001, courtesy.WAL_BYTES_PER_SECOND) == 1.0


def test_every_throttle_has_a_name_of_its_own() -> None:
    """A setting that names a throttle means one."""
    assert len(set(NAMES)) == len(NAMES) == len(SIGNALS) + 3
