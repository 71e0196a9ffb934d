"""Durations in PostgreSQL's units."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expandcontract.model.durations import milliseconds, parse_duration, spell
from expandcontract.model.errors import BadSetting


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("250ms", timedelta(milliseconds=250)),
        ("5min", timedelta(minutes=5)),
        ("1.5h", timedelta(minutes=90)),
        (" 7 d ", timedelta(days=7)),
        ("100us", timedelta(microseconds=100)),
        ("0", timedelta(0)),
        ("0s", timedelta(0)),
    ],
)
def test_postgresqls_units(text: str, duration: timedelta) -> None:
    """Numbers with one of us, ms, s, min, h, d."""
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "5", "5m", "5 minutes", "-1s", "1e3s", "1h30min", "s", "5MIN", "1,5h"])
def test_what_is_not_a_duration(text: str) -> None:
    """A unit that PostgreSQL does not know, or none, is refused, with what may be written."""
    with pytest.raises(BadSetting) as refused:
        parse_duration(text)
    assert "250ms" in refused.value.why


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3650)))
def test_what_is_spelled_reads_the_same(duration: timedelta) -> None:
    """`ec` can read what it prints."""
    assert parse_duration(spell(duration)) == duration


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(days=7), "7d"),
        (timedelta(hours=36), "36h"),
        (timedelta(seconds=90), "90s"),
        (timedelta(milliseconds=100), "100ms"),
        (timedelta(microseconds=1), "1us"),
        (timedelta(0), "0"),
    ],
)
def test_spelled_in_the_largest_unit_that_divides(duration: timedelta, text: str) -> None:
    """As PostgreSQL prints its settings."""
    assert spell(duration) == text


def test_a_tiny_timeout_does_not_become_none() -> None:
    """PostgreSQL reads 0 as no timeout at all: whatever is above 0 stays above."""
    assert milliseconds(timedelta(microseconds=1)) == 1
    assert milliseconds(timedelta(0)) == 0
    assert milliseconds(timedelta(milliseconds=100)) == 100
    assert milliseconds(timedelta(milliseconds=100, microseconds=1)) == 101
