"""Rates, estimates, and the throttle for a rate that somebody asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

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
    meter.note(6.0, 600, 60)
    assert meter.eta_seconds(100) == pytest.approx(10)


def test_rows_without_a_move_of_the_checkpoint_promise_nothing() -> None:
    """A window that takes longer than the estimate has seen leaves it out: one move is no rate."""
    meter = Meter()
    for second in range(20):
        meter.note(float(second), 1_000 * second, 10 if second >= 3 else 0)
    assert meter.rows_per_second == pytest.approx(1_000)
    assert meter.eta_seconds(100) is None


@dataclass
class Copying:
    """A copy of many hours, second by second. `said` is what the meter estimated, beside the time it took."""

    left: float
    meter: Meter = field(default_factory=Meter)
    clock: float = 0.0
    done: float = 0.0
    said: list[tuple[float, float | None]] = field(default_factory=list)

    def run(self, seconds: int, rate: Callable[[int], float], *, paused: bool = False) -> None:
        """Let this many seconds pass at a rate of blocks; checkpoints move in steps of 40 blocks."""
        for second in range(seconds):
            self.clock += 1
            self.done += 0 if paused else rate(second)
            seen = int(self.done // 40 * 40)
            self.meter.note(self.clock, round(self.done * 60), seen, paused=paused)
            self.said.append((self.clock, self.meter.eta_seconds(round(self.left) - seen)))

    def between(self, first: float, end: float) -> list[float | None]:
        """Return what was estimated in a span of time."""
        return [eta for at, eta in self.said if first < at <= end]

    def within(self, first: float, end: float, finish: float, factor: float) -> bool:
        """Say whether every estimate of a span was right, up to a factor."""
        return all(
            eta is not None and 1 / factor <= (finish - at) / eta <= factor
            for at, eta in self.said
            if first < at <= end
        )


def _uneven(rate: float) -> Callable[[int], float]:
    random = Random(7)  # the same unevenness each time
    return lambda _second: rate * random.uniform(0.7, 1.3)


def test_an_estimate_over_hours_of_uneven_work() -> None:
    """Ten seconds after the start, and for hours, it is right within a quarter."""
    copying = Copying(left=3 * 3600 * 500)
    copying.run(2 * 3600, _uneven(500))
    assert copying.between(0, 5) == [None] * 5
    assert copying.within(10, 7200, finish=3 * 3600, factor=1.25)


def test_an_estimate_is_gone_while_a_copy_is_paused_and_right_when_it_goes_on() -> None:
    """A pause of an hour leaves no trace: none meanwhile, and ten seconds after the resume the right one."""
    copying = Copying(left=4 * 3600 * 500)
    copying.run(3600, _uneven(500))
    copying.run(3600, _uneven(500), paused=True)
    copying.run(3600, _uneven(500))
    assert set(copying.between(3600, 7205)) == {None}
    assert copying.within(7210, 10_800, finish=5 * 3600, factor=1.25)


def test_nobody_knows_when_a_stuck_throttle_opens() -> None:
    """Half a minute after the last batch there is no estimate, whether one batch a minute is done or none."""
    copying = Copying(left=2 * 3600 * 500)
    copying.run(1800, _uneven(500))
    copying.run(3600, lambda _second: 0)
    assert set(copying.between(1832, 5400)) == {None}
    copying.run(3600, lambda second: 40 if second % 60 == 0 else 0)
    assert set(copying.between(5400, 9000)) == {None}
    copying.run(600, _uneven(500))
    assert copying.within(9080, 9600, finish=9000 + 2 * 3600 - 1800 - 2400 / 500, factor=1.25)


def test_an_estimate_counts_waits_that_come_and_go() -> None:
    """A throttle that holds for 20 of 40 seconds doubles the estimate; it does not come and go with it."""
    copying = Copying(left=3600 * 500)
    copying.run(3600, lambda second: 500 if second % 40 < 20 else 0)
    assert copying.within(60, 3600, finish=7200, factor=1.6)


def test_an_estimate_follows_a_change_of_pace() -> None:
    """Tuned to a tenth, it is right within a minute, and no estimate before is longer than it was right."""
    copying = Copying(left=2 * 3600 * 500)
    copying.run(3600, _uneven(500))
    copying.run(3600, _uneven(50))
    assert copying.within(3665, 7200, finish=3600 + 36_000, factor=1.3)


def test_a_meter_forgets() -> None:
    """A day of readings takes no more room than a minute of them."""
    meter = Meter()
    for second in range(24 * 3600):
        meter.note(float(second), second, second)
    assert len(meter._samples) <= 62


@given(
    st.lists(st.tuples(st.integers(1, 500), st.floats(0, 0.5)), min_size=1, max_size=50),
    st.floats(10, 10_000),
)
def test_nobody_writes_faster_than_the_rate(batches: list[tuple[int, float]], limit: float) -> None:
    """Whoever waits as told has taken the time that the rows are worth, after each pause."""
    throttle, clock, rows = MaxRate(limit), 100.0, 0
    for written, seconds in batches:
        began, clock = clock, clock + seconds
        throttle.note(written, began)
        rows += written
        clock += throttle.pause_seconds(clock)
        assert rows / (clock - 100.0) <= limit * 1.000001


@given(
    st.lists(st.tuples(st.floats(0.1, 1.0), st.floats(0, 0.01)), min_size=50, max_size=80),
    st.floats(100, 100_000),
)
def test_what_was_asked_for_is_reached(batches: list[tuple[float, float]], limit: float) -> None:
    """Batches that take up to all of the time that they are worth, and clocks that wake up late, are no loss:
    95 % of the rate is written.
    """
    throttle, clock, rows = MaxRate(limit), 100.0, 0
    for part, late in batches:
        began, clock = clock, clock + part * 0.05
        throttle.note(round(0.05 * limit), began)
        rows += round(0.05 * limit)
        clock += throttle.pause_seconds(clock) + late
    assert rows / (clock - 100.0) >= 0.95 * limit


def test_a_pause_of_another_cause_is_not_made_up_for() -> None:
    """After a minute in which nothing was written, the next second writes no more than any other."""
    throttle = MaxRate(100)
    throttle.note(50, 10.0)
    throttle.note(100, 70.0)
    assert throttle.pause_seconds(70.5) == pytest.approx(0.5)


def test_a_rate_says_what_holds_the_work_back() -> None:
    """While it is waited for: what is measured, beside what was asked for. Afterwards nothing."""
    throttle = MaxRate(100)
    throttle.note(300, 10.0)
    assert throttle.pause_seconds(10.5) == pytest.approx(2.5)
    assert throttle.sentence(10.5) == "max-rate 100 of 100 rows/s"
    throttle.note(100, 20.0)  # slower than it might be
    throttle.note(80, 21.5)
    assert throttle.sentence(21.6) == "max-rate 78 of 100 rows/s"
    assert throttle.sentence(24.0) is None


def test_without_a_limit_nothing_waits() -> None:
    """No limit: no pause and no sentence."""
    throttle = MaxRate(None)
    throttle.note(10**9, 1.0)
    assert throttle.pause_seconds(1.0) == 0
    assert throttle.sentence(1.0) is None


def test_the_tightest_reading_is_told() -> None:
    """Of several throttles the one that is used up most is named."""
    slow, fine = Reading("replica-lag", 3, 2, "s"), Reading("max-rate", 10, 100, "rows/s")
    assert tightest([fine, slow]) is slow
    assert tightest([]) is None
    assert fine.sentence == "max-rate 10 rows/s <= 100 rows/s"
    assert Reading("x", 1, 0, "s").holds_back
