"""Rests, simulated: a machine with some cores, others who want them, and a clock that is a number."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from math import exp, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expandcontract.throttles import courtesy
from expandcontract.throttles.rests import AT_FIRST, LONGEST, PER_TRANSACTION, Batch, Rests, measure, wished

#: What a batch costs by itself, and each row of it; and the way to the server and back.
BATCH_SECONDS, ROW_SECONDS, WAY_SECONDS = 0.0003, 5e-6, 0.0002
#: For how long a process keeps its core while others want it.
SLICE_SECONDS = 0.003


@dataclass
class Machine:
    """Some cores, on which `wanted` processes of others on average want one at the time given.

    `noise` is how much the cost of rows differs from batch to batch. `cold` is how much more a row costs
    after a rest, for each time that it is longer than its batch: others have used the caches meanwhile.
    """

    cores: int
    wanted: Callable[[float], float]
    noise: float = 0.1
    cold: float = 0.0
    way_seconds: float = WAY_SECONDS
    jitter_seconds: float = 0.0
    dice: random.Random = field(default_factory=lambda: random.Random(1))

    def batch(self, rows: int, ratio: float, at: float) -> Batch:
        """Write rows; return what is known of it when it has ended."""
        row = ROW_SECONDS * exp(self.dice.gauss(0, self.noise)) * (1 + self.cold * ratio)
        server = BATCH_SECONDS + rows * row + self._wait(at)
        way = self.way_seconds + self.dice.uniform(0, self.jitter_seconds)
        seconds = server + way + self._wait(at)
        return Batch(at + seconds, rows, seconds, server)

    def _wait(self, at: float) -> float:
        """Wait for a core, if all are taken."""
        others = round(self.dice.gauss(self.wanted(at), sqrt(self.wanted(at))))
        return self.dice.uniform(0, SLICE_SECONDS) * (others - self.cores + 1) if others >= self.cores else 0


def beside(transactions: int) -> Rests:
    """Return rests beside others who have this many transactions open."""
    rests = Rests()
    for _ in range(100):
        rests.saw(transactions)
    return rests


@dataclass
class Worker:
    """Writes batches and rests, as `Rests` says, in a time that passes only when something is done."""

    machine: Machine
    rests: Rests = field(default_factory=lambda: beside(0))
    now: float = 0.0
    rows: int = 0
    ratios: list[tuple[float, float]] = field(default_factory=list)

    def run(self, until: float) -> "Worker":
        """Work until then."""
        while self.now < until:
            ratio = self.rests.ratio
            rows = int((courtesy.batch_seconds(ratio) - BATCH_SECONDS) / ROW_SECONDS)
            batch = self.machine.batch(rows, ratio, self.now)
            self.rests.note(batch)
            self.rows += rows
            self.now = batch.at + self.rests.seconds_after(batch.seconds, batch.server_seconds)
            self.ratios.append((self.now, self.rests.ratio))
        return self

    def mean(self, since: float, of: Callable[[float], float] = float) -> float:
        """Return the average of the ratio, or `of` it, over the time since then."""
        spans = [(b - a, of(ratio)) for (a, ratio), (b, _) in pairwise(self.ratios) if a >= since]
        return sum(span * value for span, value in spans) / sum(span for span, _ in spans)


def load(processes: float) -> Callable[[float], float]:
    """Return one that does not change."""
    return lambda _: processes


def test_where_nothing_is_felt_batches_follow_one_another() -> None:
    """Beside an application on a machine with cores to spare there are hardly any rests, and most of the
    speed of a machine without others is reached.
    """
    alone = Worker(Machine(8, load(0))).run(12)
    beside = Worker(Machine(8, load(2))).run(12)
    assert beside.mean(3, lambda ratio: ratio < 0.5) > 0.95
    assert beside.rows > 0.8 * alone.rows


def test_where_all_cores_are_taken_rests_are_the_longest() -> None:
    """Within a second or two, and for as long as that lasts."""
    saturated = Worker(Machine(2, load(3))).run(20)
    assert saturated.mean(2, lambda ratio: ratio > 0.9 * LONGEST) > 0.95


def test_the_fuller_the_machine_the_longer_the_rests() -> None:
    """A machine in between has rests in between."""
    means = [Worker(Machine(2, load(wanted))).run(12).mean(since=3) for wanted in (0.5, 0.75, 1.3)]
    assert means == sorted(means)
    assert means[0] < 1
    assert means[2] > 7


def test_a_load_that_comes_is_felt_at_once_and_one_that_goes_soon() -> None:
    """The longest rests within two seconds; hardly any some seconds after the end of it."""
    worker = Worker(Machine(2, lambda at: 3.0 if 8 <= at < 18 else 0.2)).run(28)
    assert all(ratio < 1 for at, ratio in worker.ratios if 3 <= at < 8)
    busy = [ratio for at, ratio in worker.ratios if 10 <= at < 18]
    assert sum(ratio > 0.9 * LONGEST for ratio in busy) > 0.95 * len(busy)
    assert all(ratio < 1 for at, ratio in worker.ratios if at > 25)


@pytest.mark.parametrize("noise", [0.0, 0.2, 0.35])
def test_noise_is_nobody(noise: float) -> None:
    """That rows differ from batch to batch is no reason for long rests."""
    worker = Worker(Machine(4, load(0), noise=noise)).run(12)
    assert worker.mean(3, lambda ratio: ratio < 1) > 0.95


def test_a_hiccup_now_and_then_is_no_load() -> None:
    """A batch in a hundred that takes twenty times as long, for a checkpoint or so, changes little."""
    rests, dice = Rests(), random.Random(2)
    now = 0.0
    for _ in range(5_000):
        seconds = 0.002 * (20 if dice.random() < 0.01 else 1)
        now += seconds
        rests.note(Batch(now, 300, seconds + 0.0002, seconds))
    assert rests.ratio < LONGEST / 2


@pytest.mark.parametrize(("wanted", "felt"), [(0.2, False), (3, True)])
def test_from_afar_the_server_tells(wanted: float, felt: bool) -> None:
    """A network that takes twenty times as long as a batch, and never twice the same, neither hides that all
    cores are taken nor looks like it.
    """
    worker = Worker(Machine(2, load(wanted), way_seconds=0.04, jitter_seconds=0.02)).run(60)
    assert (worker.rests.ratio > 0.8 * LONGEST) == felt
    assert felt or worker.rests.ratio < 1


def test_the_way_of_a_client_far_away_is_rest_already() -> None:
    """What takes 40 ms on the network and 2 ms in the server rests for 16 ms at most: it has."""
    rests = Rests()
    for number in range(100):
        rests.note(Batch(number * 0.1, 100, 0.042, 0.002))
    rests.felt = LONGEST
    assert rests.seconds_after(0.042, 0.002) == 0
    assert rests.seconds_after(0.060, 0.020) == pytest.approx(0.160 - 0.040)


def test_rests_do_not_feed_themselves() -> None:
    """After a rest caches are cold and rows cost more, on an idle machine too: rests end all the same."""
    worker = Worker(Machine(4, load(0.1), cold=0.2))
    worker.rests.felt = LONGEST
    assert worker.run(12).ratios[-1][1] < 0.5


@pytest.mark.parametrize(
    ("transactions", "least"), [(0, 0), (1, PER_TRANSACTION), (8, LONGEST), (20, LONGEST)]
)
def test_the_more_transactions_are_open_the_longer_the_rests(transactions: int, least: float) -> None:
    """Statements that are over in a moment wait for batches that hardly wait for them. Who looks in now and
    then is spared without.
    """
    worker = Worker(Machine(8, load(1)), beside(transactions)).run(10)
    assert worker.rests.ratio == pytest.approx(least, abs=0.01)


def test_a_moment_of_others_is_not_all_that_is_known() -> None:
    """Beside a transaction in every other sample rests are half as long."""
    rests = Rests()
    rests.felt = 0.0
    for second in range(100):
        rests.saw(second % 2)
    assert rests.ratio == pytest.approx(PER_TRANSACTION / 2, rel=0.1)


def test_at_first_rests_are_short_and_known_within_a_moment() -> None:
    """Before anything is known they are some; the first batches tell."""
    rests = Rests()
    assert rests.ratio == AT_FIRST
    worker = Worker(Machine(2, load(3))).run(1)
    assert worker.rests.ratio > AT_FIRST


def test_what_is_done_is_said() -> None:
    """How much longer a batch takes or how much others do, and for how long it rests; or that it does not."""
    rests = beside(0)
    rests.felt, rests.stretch = 2.04, 1.42
    assert rests.words == "batches take 1.4x as long: rests 2.0x"
    rests.felt = 0.01
    assert rests.words == "nothing is felt: short batches, no rests"
    rests = beside(2)
    rests.felt = 0.0
    assert rests.words == "2.0 transactions at once: rests 2.0x"


BATCHES = st.builds(
    Batch,
    at=st.floats(0, 1e6),
    rows=st.integers(0, 5_000),
    seconds=st.floats(0, 100),
    server_seconds=st.floats(0, 100),
)


@given(st.lists(BATCHES, max_size=300))
def test_whatever_batches_take_rests_are_bounded(batches: list[Batch]) -> None:
    """Clocks that jump, batches of nothing, answers that took minutes: never negative, never beyond."""
    rests = Rests()
    for batch in batches:
        rests.note(batch)
        assert 0 <= rests.ratio <= LONGEST
        assert rests.stretch is None or rests.stretch >= 1


@given(st.floats(1, 1e9), st.floats(1, 1e9))
def test_more_is_never_less(one: float, other: float) -> None:
    """Who waits longer never rests less."""
    assert wished(min(one, other)) <= wished(max(one, other))


def test_batches_that_somebody_chose_too_long_rest_as_long_as_any() -> None:
    """A batch of 20 ms loses its core on any busy machine, so that none of them is undisturbed."""
    rests = Rests()
    for number in range(100):
        rests.note(Batch(number * 0.02, 5_000, 0.0205, 0.02))
    assert rests.ratio == LONGEST
    assert rests.words == "batches are too long to tell what is felt: rests 8.0x"


def test_few_batches_say_nothing() -> None:
    """A measure needs more than a handful, and none of rows that were not there."""
    assert measure([Batch(1.0, 100, 0.002, 0.001)] * 3) is None
    assert measure([Batch(1.0, 0, 0.002, 0.001)] * 100) is None
