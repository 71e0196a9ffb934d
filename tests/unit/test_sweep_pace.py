"""How large the next batch is, and which blocks a window covers."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from expandcontract.sweep.pace import Pace
from expandcontract.sweep.window import (
    PASS_ROWS,
    PASSES,
    BlockCounts,
    Pass,
    Strip,
    blocks_for,
    passes,
    plan,
    split,
    tapered,
)

MEASURED = st.lists(st.tuples(st.integers(0, 20_000), st.floats(0, 10)), max_size=40)


def adaptive() -> Pace:
    """Return the pace that a copy starts with."""
    return Pace.adaptive(1_000, 100, 20_000, 0.05)


@given(MEASURED)
def test_the_batch_stays_within_its_bounds(measured: list[tuple[int, float]]) -> None:
    """Whatever is measured, the batch is between floor and ceiling, and at most doubles or halves at each
    step.
    """
    pace = adaptive()
    for units, seconds in measured:
        following = pace.after(units, seconds)
        assert pace.floor <= following.batch <= pace.ceiling
        assert following.batch <= 2 * pace.batch
        assert 2 * following.batch >= pace.batch - 1
        pace = following


@given(st.floats(1_000, 390_000))
def test_the_batch_finds_the_target(rows_per_second: float) -> None:
    """At a steady speed a batch takes the target time after a few transactions, as far as the bounds let
    it.
    """
    pace = adaptive()
    for _ in range(20):
        pace = pace.after(pace.batch, pace.batch / rows_per_second)
    assert pace.batch == pytest.approx(min(max(rows_per_second * 0.05, 100), 20_000), rel=0.02)


@given(st.lists(st.booleans(), max_size=60))
@example([False] + [True] * 59)
def test_halving_ends_at_one_row_and_recovers(slow: list[bool]) -> None:
    """However often a batch was too slow, one row remains to be tried, and speed measured afterwards makes
    it grow again.
    """
    pace = adaptive()
    for was_slow in slow:
        pace = pace.halved() if was_slow else pace.after(pace.batch, 0.2)
        assert pace.batch >= 1
    for _ in range(60):
        pace = pace.after(pace.batch, pace.batch / 100_000)
    assert pace.batch == pytest.approx(5_000, rel=0.02)


def test_a_slow_batch_does_not_come_back_at_the_floor() -> None:
    """After a timeout the floor gives way: a row that takes a millisecond is not written a hundred at a
    time again.
    """
    pace = adaptive().halved(60)
    assert pace.batch == 30
    for _ in range(20):
        pace = pace.after(pace.batch, pace.batch * 0.001)
    assert pace.batch == 50


def test_a_batch_that_found_little_says_nothing() -> None:
    """A window with a few rows, written fast, does not change the pace; a slow one does."""
    pace = adaptive().after(1_000, 0.05)
    assert pace.after(3, 0.004) == pace
    assert pace.after(3, 1.0).batch < pace.batch


@given(st.integers(1, 50_000), MEASURED)
def test_a_fixed_batch_stays(batch: int, measured: list[tuple[int, float]]) -> None:
    """A batch that somebody fixed is left only after a timeout, and returns to what was asked for."""
    pace = Pace.steady(batch)
    for units, seconds in measured:
        pace = pace.after(units, seconds)
        assert pace.batch == batch
    pace = pace.halved()
    assert pace.batch == max(1, batch // 2)
    for _ in range(20):
        pace = pace.after(pace.batch, 0.1)
    assert pace.batch == batch


LOOKS = st.tuples(st.integers(0, 1_000), st.integers(1, 5_000), st.integers(1, 200)).flatmap(
    lambda run: st.integers(1, run[1] * run[2]).map(
        lambda wanted: BlockCounts(wanted, run[0], run[0] + run[1] - 1, run[2])
    )
)


@given(LOOKS, st.integers(1, 20_000), st.integers(1, 3))
def test_a_window_begins_where_there_is_something_to_do(look: BlockCounts, batch: int, strips: int) -> None:
    """Its strips follow each other without a gap, from the first block with a row to write, never behind
    the last.
    """
    window = plan(look, batch, strips)
    blocks = [block for strip in window.strips for block in range(strip.first, strip.end)]
    assert blocks == list(range(look.first, blocks[-1] + 1))
    assert blocks[-1] <= look.last
    assert 1 <= len(window.strips) <= strips
    assert 1 <= len(window.passes) <= PASSES
    assert (window.passes[0].places[0], window.passes[-1].places[1]) == (1, look.highest + 1)


def _parts(share: Pass, run: Strip, batch: int) -> list[Strip]:
    parts = [share.part(run, batch)]
    while parts[-1].end < run.end:
        parts.append(share.part(Strip(parts[-1].end, run.end), batch))
    return parts


@given(LOOKS, st.integers(1, 20_000))
def test_transactions_cover_a_window_and_none_is_larger_than_a_batch(look: BlockCounts, batch: int) -> None:
    """Where rows lie evenly, unless a single block holds more; and none is left with a few rows."""
    window = plan(look, batch, 1)
    (strip,) = window.strips
    for share in window.passes:
        parts = _parts(share, strip, batch)
        assert [part.end for part in parts[:-1]] == [part.first for part in parts[1:]]
        assert (parts[0].first, parts[-1].end) == (strip.first, strip.end)
        sizes = [part.end - part.first for part in parts]
        assert max(sizes) - min(sizes) <= len(sizes)
        assert all(size == 1 or share.per_block * size <= batch for size in sizes)


@pytest.mark.parametrize(("highest", "batch"), [(55, 100), (55, 500), (55, 20_000), (185, 100), (7, 100)])
def test_small_batches_are_full_ones(highest: int, batch: int) -> None:
    """A batch of 100 rows writes about 100: what each costs is shared by all of them."""
    look = BlockCounts(highest * 100_000, 0, 99_999, highest)
    window = plan(look, batch, 1)
    (strip,) = window.strips
    parts = [(share, part) for share in window.passes for part in _parts(share, strip, batch)]
    assert (
        sum(share.rows(part) for share, part in parts) / len(parts) > (0.8 if batch == 100 else 0.6) * batch
    )


def test_dense_windows_take_passes_and_sparse_ones_do_not() -> None:
    """Where every row is written passes make room; where few are, one transaction finds room anyway."""
    assert passes(BlockCounts(10_000, 0, 99, 100)) == PASSES
    assert passes(BlockCounts(700, 0, 99, 7)) == 7
    assert passes(BlockCounts(1_000, 0, 99, 100)) == 1
    assert passes(BlockCounts(50, 0, 99, 1)) == 1
    assert passes(BlockCounts(10, 0, 0, 10)) == 1
    assert passes(BlockCounts(100, 0, 0, 100)) == 100 // PASS_ROWS


@given(st.integers(1, 291), st.integers(1, PASSES))
def test_passes_taper(highest: int, wished: int) -> None:
    """They follow each other without a gap, none is empty, and none has more places than the one before."""
    places = tapered(highest, min(wished, highest))
    assert [strip.first for strip in places[1:]] == [strip.end for strip in places[:-1]]
    assert (places[0].first, places[-1].end) == (1, highest + 1)
    sizes = [strip.end - strip.first for strip in places]
    assert min(sizes) >= 1
    assert sizes == sorted(sizes, reverse=True)
    assert highest > PASSES or len(places) >= min(wished, highest) // 2


def test_how_passes_taper() -> None:
    """A page of 55 rows loses 5 in the first pass, and the last has 2; one of 7 has a pass for each."""
    assert [strip.end - strip.first for strip in tapered(55, 16)] == [5] * 3 + [4] * 4 + [3] * 6 + [2] * 3
    assert len(tapered(7, 7)) == 7
    assert tapered(7, 1) == (Strip(1, 8),)


@given(st.integers(0, 100), st.integers(1, 100), st.integers(1, 10))
def test_parts_of_a_run_are_even(first: int, length: int, parts: int) -> None:
    """No part is empty, and no two differ by more than one block."""
    sizes = [strip.end - strip.first for strip in split(first, first + length, parts)]
    assert sum(sizes) == length
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 1


def test_blocks_for_a_batch() -> None:
    """A window is this many blocks that its first pass writes a batch, or several where batches are small."""
    assert blocks_for(10_000, 1, 4.1) == 2_000
    assert blocks_for(10_000, 2, 1.2) == 10_000
    assert blocks_for(10_000, 1, 0.1) == 10_000
    assert blocks_for(100, 1, 4.1) == 200
    assert blocks_for(1, 1, 1_000.0) == 1
    assert replace(Pace.steady(7), batch=1).exhausted
