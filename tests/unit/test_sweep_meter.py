"""Rates, estimates, and the throttle for a rate that somebody asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expandcontract.sweep.meter import Meter
from expandcontract.throttles.max_rate import MaxRate
from expandcontract.throttles.reading import Reading, tightest


def test_the_rate_is_that_of_the_last_seconds() -> None:
    """What was fast long ago does not count."""
    meter = Meter()
    for second in range(60):
        meter.note(float(second), 1_000 * second if second < 30 else 30_000 + 10 * (second - 30), second)
    assert meter.rows_per_second == pytest.approx(10)
    assert meter.eta_seconds(120) == pytest.approx(120)


def test_an_estimate_waits_until_it_means_something() -> None:
    """Without progress, or after a moment only, there is none; when nothing is left it is 0."""
    meter = Meter()
    assert (meter.rows_per_second, meter.eta_seconds(5), meter.eta_seconds(0)) == (0.0, None, 0.0)
    meter.note(0.0, 0, 0)
    meter.note(1.0, 100, 10)
    assert meter.eta_seconds(100) is None
    meter.note(4.0, 400, 40)
    assert meter.eta_seconds(100) == pytest.approx(10)


@given(
    st.lists(st.tuples(st.integers(1, 500), st.floats(0, 0.5)), min_size=1, max_size=50),
    st.floats(10, 10_000),
)
def test_nobody_writes_faster_than_the_rate(batches: list[tuple[int, float]], limit: float) -> None:
    """Whoever waits as told has taken the time that the rows are worth, after each pause."""
    throttle, clock, rows = MaxRate(limit), 100.0, 0
    for written, seconds in batches:
        clock += seconds
        throttle.note(written, clock)
        rows += written
        clock += throttle.pause_seconds(clock)
        assert rows / (clock - 100.0) <= limit * 1.000001


def test_a_rate_says_what_holds_the_work_back() -> None:
    """While it has to be waited for, the reading is over its threshold, in words as well; afterwards it is
    not.
    """
    throttle = MaxRate(100)
    throttle.note(300, 10.0)
    reading = throttle.reading(10.0)
    assert reading is not None
    assert reading.holds_back
    assert reading.sentence == "max-rate 150 rows/s > 100 rows/s"
    assert throttle.pause_seconds(10.0) == pytest.approx(3)
    after = throttle.reading(14.0)
    assert after is not None
    assert not after.holds_back


def test_without_a_limit_nothing_waits() -> None:
    """No limit: no pause and no reading."""
    throttle = MaxRate(None)
    throttle.note(10**9, 1.0)
    assert throttle.pause_seconds(1.0) == 0
    assert throttle.reading(1.0) is None


def test_the_tightest_reading_is_told() -> None:
    """Of several throttles the one that is used up most is named."""
    slow, fine = Reading("replica-lag", 3, 2, "s"), Reading("max-rate", 10, 100, "rows/s")
    assert tightest([fine, slow]) is slow
    assert tightest([]) is None
    assert fine.sentence == "max-rate 10 rows/s <= 100 rows/s"
    assert Reading("x", 1, 0, "s").holds_back
