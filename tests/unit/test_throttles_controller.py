"""The controller, simulated over hours of made-up signals: the clock is a number."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from expandcontract.throttles.controller import EASY, HELD_REREAD_SECONDS, LEAST_SHARE, Controller
from expandcontract.throttles.limits import MEGABYTE
from expandcontract.throttles.reading import Reading, ReadingKind
from expandcontract.throttles.wal import Wal

#: Hours of signals take a while; an example that fails is told as it is.
BRIEFLY = settings(deadline=None, max_examples=8, phases=(Phase.explicit, Phase.reuse, Phase.generate))

MINUTE, HOUR = 60.0, 3600.0
BATCH_SECONDS, READ_SECONDS, REST_SECONDS = 0.05, 0.005, 0.2

Signals = Callable[[float], tuple[Reading, ...]]


@dataclass
class Simulation:
    """A worker that does as the controller says, in a time that passes only when something is done."""

    signals: Signals
    controller: Controller = field(default_factory=Controller)
    wrote: Callable[[float], None] = lambda _: None
    now: float = 0.0
    batches: list[float] = field(default_factory=list)
    stuck: list[float] = field(default_factory=list)
    shares: list[tuple[float, float]] = field(default_factory=list)

    def run(self, until: float) -> "Simulation":
        """Work until then."""
        while self.now < until:
            if self.controller.is_stale(self.now):
                self._read()
            self.controller, decision = self.controller.ask(self.now)
            if decision.wait:
                assert decision.reason
                self.now += REST_SECONDS
                continue
            if decision.because_stuck:
                self.stuck.append(self.now)
            self._write()
        return self

    def _read(self) -> None:
        at = self.now
        self.controller = self.controller.read(self.signals(at), at)
        self.shares.append((at, self.controller.share))
        self.now += READ_SECONDS

    def _write(self) -> None:
        self.batches.append(self.now)
        self.now += BATCH_SECONDS
        self.wrote(self.now)
        self.now += self.controller.pause_seconds(BATCH_SECONDS)

    @property
    def longest_gap(self) -> float:
        """The longest time without a batch."""
        moments = [0.0, *self.batches, self.now]
        return max(later - sooner for sooner, later in pairwise(moments))


def budget(value: float, threshold: float = 10.0, *, growth: float = 0.0) -> Reading:
    """Return the reading of a budget."""
    return Reading("replica-lag", value, threshold, "s", growth=growth)


def gauge(value: float) -> Reading:
    """Return the reading of a gauge whose threshold is 1."""
    return Reading("active-sessions", value, 1.0, kind=ReadingKind.GAUGE)


BROKEN = Reading.unreadable("replica-lag", "hidden")
FREE, OVER, CLOSED = (
    budget(1.0),
    budget(11.0),
    Reading("schedule", 1, 0, kind=ReadingKind.CALENDAR, words="is closed"),
)
STATES = st.lists(
    st.tuples(st.floats(1, 20 * MINUTE), st.sampled_from([FREE, OVER, BROKEN, gauge(0.1), gauge(9.0)])),
    min_size=1,
    max_size=10,
)


def story(states: list[tuple[float, Reading]]) -> Signals:
    """Return signals that are in one state after the other, and free in the end."""

    def signals(at: float) -> tuple[Reading, ...]:
        for seconds, reading in states:
            if at < seconds:
                return (reading,)
            at -= seconds
        return (FREE,)

    return signals


@BRIEFLY
@given(STATES)
def test_no_signal_stops_the_work_for_ever(states: list[tuple[float, Reading]]) -> None:
    """Whatever signals say for hours: a minute does not pass by without a batch, and a stuck one is rare."""
    end = sum(seconds for seconds, _ in states)
    done = Simulation(story(states)).run(end)
    assert done.longest_gap < MINUTE + 3
    gaps = [later - sooner for sooner, later in pairwise(done.stuck)]
    assert all(gap >= MINUTE for gap in gaps)


@BRIEFLY
@given(STATES)
def test_work_goes_on_by_itself(states: list[tuple[float, Reading]]) -> None:
    """When signals are free again the next batch comes at once, and soon all of the time is worked again."""
    end = sum(seconds for seconds, _ in states)
    done = Simulation(story(states)).run(end)
    done.run(end + 30)
    after = [moment for moment in done.batches if moment >= end]
    assert after[0] - end < 2
    assert done.controller.share == 1.0
    assert done.controller.ask(done.now)[1].reason is None


@BRIEFLY
@given(STATES)
def test_nothing_is_written_while_a_budget_is_exceeded(states: list[tuple[float, Reading]]) -> None:
    """From the reading that says so to the one that takes it back there is no batch, but for one a minute."""
    done = Simulation(story(states))
    end = sum(seconds for seconds, _ in states)
    while done.now < end:
        before = len(done.batches)
        done.run(done.now + 0.01)
        held = any(reading.holds_back for reading in done.controller.readings)
        assert not held or len(done.batches) == before or done.batches[-1] in done.stuck


def test_a_calendar_is_waited_for() -> None:
    """Outside of the windows of the week nothing is written, however long that takes."""
    done = Simulation(lambda at: (CLOSED,) if at < 8 * HOUR else ()).run(8 * HOUR + 1)
    assert not done.stuck
    assert 8 * HOUR <= done.batches[0] < 8 * HOUR + 2 * HELD_REREAD_SECONDS


def test_who_wishes_waits_for_ever() -> None:
    """Without a longest wait a budget that stays exceeded keeps the work back."""
    done = Simulation(lambda _: (OVER,), Controller(max_wait_seconds=None)).run(3 * HOUR)
    assert done.batches == []


def test_an_optional_signal_that_cannot_be_read_stops_nobody() -> None:
    """It counts as free."""
    broken = Reading.unreadable("replica-lag", "hidden", optional=True)
    assert Simulation(lambda _: (broken,)).run(60).longest_gap < 1


@dataclass
class Standby:
    """A standby that replays `speed` bytes a second but for when it is stopped, and the primary's WAL."""

    stops: list[tuple[float, float]]
    threshold: float
    batch_bytes: int
    speed: float
    wal: Wal = field(default_factory=Wal)
    written: int = 0
    replayed: float = 0.0
    at: float = 0.0

    def pass_by(self, now: float) -> None:
        """Replay until now."""
        begin = 0.0
        for pause, length in self.stops:
            stopped, again = begin + pause, begin + pause + length
            self._replay(min(now, stopped))
            self.at = max(self.at, min(now, again))
            begin = again
        self._replay(now)

    def _replay(self, until: float) -> None:
        if until > self.at:
            self.replayed = min(float(self.written), self.replayed + (until - self.at) * self.speed)
            self.at = until

    def wrote(self, now: float) -> None:
        """A batch was written until now."""
        self.pass_by(now)
        self.written += self.batch_bytes

    @property
    def behind(self) -> float:
        """In bytes."""
        return self.written - self.replayed

    def signals(self, now: float) -> tuple[Reading, ...]:
        """Return what the throttle would say."""
        self.pass_by(now)
        self.wal.note(now, self.written)
        return (budget(self.behind, self.threshold, growth=self.wal.growth),)


@BRIEFLY
@given(
    st.lists(st.tuples(st.floats(0.5, 60), st.floats(1, 120)), max_size=6),
    st.floats(8 * MEGABYTE, 256 * MEGABYTE),
    st.integers(100_000, 8 * MEGABYTE),
    st.floats(1.0, 4.0),
)
# Nothing is known of the WAL before the first batch, and the standby stops a second later.
@example([(1.0, 5.0)], 94.0 * MEGABYTE, 7 * MEGABYTE, 1.1)
def test_a_lag_exceeds_its_budget_by_no_more_than_one_batch(
    stops: list[tuple[float, float]], threshold: float, batch: int, faster: float
) -> None:
    """A standby that stops and goes on at any moments, or is slower than we are, is never further behind."""
    standby = Standby(stops, threshold, batch, speed=faster * batch / BATCH_SECONDS / 2)
    worst = 0.0

    def wrote(now: float) -> None:
        nonlocal worst
        standby.wrote(now)
        worst = max(worst, standby.behind)

    end = sum(sum(stop) for stop in stops) + 60
    done = Simulation(standby.signals, Controller(max_wait_seconds=None), wrote).run(end)
    assert worst <= threshold + batch
    assert end - done.batches[-1] < 3


@BRIEFLY
@given(st.floats(0, 1.5), st.floats(0, 8), st.floats(0, 1))
def test_a_gauge_is_steered_by_without_swinging(others: float, ours: float, seen: float) -> None:
    """Under a load that does not change, of which a part is ours, the share of the time comes to rest: after
    half a minute it does not move any more.
    """
    done = Simulation(lambda _: ())
    done.signals = lambda _: (gauge(others + ours * (seen + (1 - seen) * done.controller.share)),)
    done.run(5 * MINUTE)
    assert len({share for moment, share in done.shares if moment > 30}) == 1
    load = done.signals(done.now)[0].value
    share = done.controller.share
    assert load <= 1 or share == LEAST_SHARE
    assert load >= EASY or share in (1, LEAST_SHARE)


@BRIEFLY
@given(st.lists(st.floats(0, 3), min_size=10, max_size=600))
def test_a_gauge_never_stops_the_work(loads: list[float]) -> None:
    """At the highest load a sixteenth of the time is worked, so that a batch comes at least once a second."""
    done = Simulation(lambda at: (gauge(loads[int(at) % len(loads)]),)).run(10 * MINUTE)
    assert done.longest_gap < BATCH_SECONDS / LEAST_SHARE + 3 * READ_SECONDS
    assert all(LEAST_SHARE <= share <= 1 for _, share in done.shares)


def test_the_share_of_the_time_is_kept() -> None:
    """At half the share, half of the time is worked; the batch shrinks as well, but not to nothing."""
    controller = Controller().read((gauge(2.0),), 0.0)
    assert (controller.share, controller.batch_share) == (0.5, 0.5)
    assert controller.pause_seconds(0.05) == pytest.approx(0.05)
    for second in range(1, 10):
        controller = controller.read((gauge(2.0),), float(second))
    assert (controller.share, controller.batch_share) == (LEAST_SHARE, 0.25)


def test_the_reason_is_the_tightest() -> None:
    """Of several that hold back, the one that is exceeded most is told; what cannot be read before all."""
    controller = Controller().read((budget(11.0), budget(40.0), gauge(0.5)), 0.0)
    assert controller.ask(0.0)[1].reason == "replica-lag 40 s > 10 s"
    controller = controller.read((budget(40.0), BROKEN), 1.0)
    assert controller.ask(1.0)[1].reason == "replica-lag cannot be read: hidden"


def test_a_gauge_that_slows_is_told() -> None:
    """While less than all of the time is worked, its sentence is the reason."""
    controller = Controller().read((gauge(2.0),), 0.0)
    assert controller.ask(0.0)[1].reason == "active-sessions 2 > 1"


def fresh(readings: tuple[Reading, ...]) -> Iterator[float]:
    """Return for how long readings are relied on, to a hundredth of a second."""
    controller = Controller().read(readings, 0.0)
    yield next(step / 100 for step in range(1_000) if controller.is_stale(step / 100))


@pytest.mark.parametrize(
    ("reading", "seconds"),
    [
        (budget(0.0, growth=0.1), 1.5),
        (budget(4.0, growth=8.0), 0.75),
        (budget(5.1, growth=1.0), 0.0),
        (OVER, 0.2),
    ],
)
def test_what_is_nearly_used_up_is_read_more_often(reading: Reading, seconds: float) -> None:
    """Before the worst that may have happened since is over the budget, it is read again."""
    (found,) = fresh((reading,))
    assert found == pytest.approx(seconds, abs=0.011)


def test_without_readings_nothing_is_relied_on() -> None:
    """The first batch waits for the first readings."""
    assert Controller().is_stale(0.0)
    assert Controller().read_at == -inf
