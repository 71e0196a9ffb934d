"""Which statement counts to which phase."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expandcontract.testing.timeline import Latencies, Span, Timeline, percentile

LINE = Timeline(
    [Span("before", 0, 10), Span("expand", 10, 10.01), Span("backfill", 10.01, 20), Span("after", 20, 30)]
)


@pytest.mark.parametrize(
    ("started", "seconds", "name"),
    [
        (1, 1, "before"),
        (9.99, 0.015, "expand"),  # began before, waited for the lock
        (9.9, 0.5, "expand"),  # and beyond
        (10.005, 2, "expand"),
        (12, 1, "backfill"),
        (20, 0, "after"),
        (31, 1, None),
        (-2, 1, None),
    ],
)
def test_a_statement_counts_to_the_shortest_phase_that_it_met(
    started: float, seconds: float, name: str | None
) -> None:
    """A wait for the lock of a phase of 10 ms is not lost in the long phase beside it."""
    assert LINE.name(started, seconds) == name


def test_sums() -> None:
    """Each phase has its statements, its errors and its longest; phases without any are left out."""
    statements = [(1.0, 0.25), (2.0, 0.5), (3.0, 0.125), (12.0, 1.0)]
    assert LINE.latencies(statements, [(2.0, 0.5)]) == {
        "before": Latencies(3, 1, 0.25, 0.5, 0.5),
        "backfill": Latencies(1, 0, 1.0, 1.0, 1.0),
    }


@given(st.lists(st.floats(0, 1000), min_size=1), st.sampled_from([0.5, 0.9, 0.99, 0.999, 1.0]))
def test_a_percentile_is_the_least_value_that_enough_do_not_exceed(values: list[float], share: float) -> None:
    """Nearest rank, without interpolation: a value that was measured."""
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert sum(value <= found for value in ordered) >= share * len(ordered)
    assert sum(value < found for value in ordered) < share * len(ordered)
