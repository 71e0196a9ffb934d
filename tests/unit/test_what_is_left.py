"""How many rows are left, said honestly: of each shape of progress that a copy has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expandcontract.engine.allowed_verbs import what_is_left
from expandcontract.gates import backfilled
from tests.unit.situations import live, phases, situation, sweep


def test_an_unfinished_window_does_not_make_the_rest_larger_than_the_table() -> None:
    """Its rows are written and its blocks are not done: the statistics know better."""
    written = sweep(2, 1_000, rows=8_000)  # 60 rows a block; a window of 130 blocks is nearly done
    assert written.rows_left(60_000) == 52_000
    assert written.rows_left(None) is None


def test_later_the_rows_so_far_tell() -> None:
    """Without statistics from the first tenth on; with outdated ones as well."""
    assert sweep(250, 1_000).rows_left(None) == 45_000
    assert sweep(250, 1_000).rows_left(12_000) == 9_000  # of a table that was a fifth of that
    assert sweep(250, 1_000).rows_left(500_000) == 45_000


def test_before_the_first_block_the_statistics_tell() -> None:
    """A table that was never looked at says nothing."""
    assert sweep(0, 1_000).rows_left(60_000) == 60_000
    assert sweep(0, 1_000).rows_left(None) is None


def test_a_round_that_finds_nothing_has_nothing_left_to_write() -> None:
    """A repair looks at all blocks, and writes few rows."""
    assert sweep(500, 1_000, rows=3).rows_left(60_000) == 3


@given(
    per_block=st.integers(1, 226),
    blocks=st.integers(50, 100_000),
    done=st.floats(0.0, 0.99),
    window=st.floats(0.0, 0.1),
    drift=st.floats(0.8, 1.25),
)
def test_never_far_off(per_block: int, blocks: int, done: float, window: float, drift: float) -> None:
    """With statistics that are a fifth off, and a tenth of the table in unfinished windows, what is said is
    never more than half as much again as is left, and the unfinished tenth.
    """
    finished = int(blocks * done)
    begun = min(int(blocks * window), blocks - finished)
    rows = per_block * (finished + begun)
    said = sweep(finished, blocks, rows=rows).rows_left(round(per_block * blocks * drift))
    truth = per_block * blocks - rows
    assert said is not None
    assert said <= 1.5 * truth + 1.5 * per_block * begun + 1


@pytest.mark.parametrize(
    ("estimate", "words"), [(6_000, ", about 4,500 rows"), (None, ", about 4,500 rows"), (3_000, "")]
)
def test_the_sentence_has_blocks_exactly_and_rows_about(estimate: int | None, words: str) -> None:
    """Blocks are what the sweep counts; rows are said beside them."""
    told = what_is_left(situation(phases=phases(2, running=True), copy=sweep(25), live=live(rows=estimate)))
    assert told.startswith("75 of 100 blocks are left")
    assert words in told


def test_the_gate_says_what_the_verbs_say() -> None:
    """Of a window that is not finished too: there is one estimate."""
    copying = situation(
        phases=phases(2, running=True), copy=sweep(2, 1_000, rows=8_000), live=live(rows=60_000)
    )
    told = what_is_left(copying)
    assert told == "998 of 1,000 blocks are left, about 52,000 rows."
    verdict = backfilled.judge(copying)
    assert verdict is not None
    assert verdict.reason == told
