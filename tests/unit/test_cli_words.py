from datetime import timedelta

import pytest

from expandcontract.cli import parse
from expandcontract.cli.commands import ack, tune
from expandcontract.cli.entry import run
from expandcontract.cli.views.format import count, percent, seconds, table
from expandcontract.model.errors import UsageError

COUNTS = [("500", 500), ("20k", 20_000), ("1.5M", 1_500_000), (None, None)]


@pytest.mark.parametrize(("text", "number"), COUNTS)
def test_counts(text: str | None, number: int | None) -> None:
    """A count is a whole number, k and M are understood."""
    assert parse.count("--batch", text) == number


@pytest.mark.parametrize("text", ["0", "-1", "few", "1.5", "20K", "1k5", ""])
def test_no_counts(text: str) -> None:
    """The option and the value are named."""
    with pytest.raises(UsageError, match=f"--batch {text}"):
        parse.count("--batch", text)


def test_durations() -> None:
    """As PostgreSQL writes them; an error names the option."""
    assert parse.duration("--timeout", "5min") == timedelta(minutes=5)
    with pytest.raises(UsageError, match="--timeout"):
        parse.duration("--timeout", "5")


def test_tune_reads_a_change_and_wishes() -> None:
    """The change may be left out; `auto` takes a wish back."""
    assert tune.read(["c", "batch=500", "max-rate=20k"]) == ("c", {"batch": 500, "max_rate": 20_000.0})
    assert tune.read(["batch=auto"]) == (None, {"batch": None})


@pytest.mark.parametrize("words", [[], ["c"], ["c", "d", "batch=1"], ["speed=9"], ["batch=x"], ["batch="]])
def test_tune_refuses(words: list[str]) -> None:
    """What cannot be tuned, and what is no value."""
    with pytest.raises(UsageError):
        tune.read(words)


def test_ack_reads_a_change_and_a_gate() -> None:
    """The change may be left out."""
    assert ack.read(["soak"]) == (None, "soak")
    assert ack.read(["c", "soak"]) == ("c", "soak")
    with pytest.raises(UsageError):
        ack.read(["a", "b", "c"])


SECONDS = [
    (0.04, "0.0 s"),
    (9.94, "9.9 s"),
    (42.4, "42 s"),
    (60, "1 min"),
    (200, "3 min 20 s"),
    (7500, "2 h 5 min"),
    (86400 * 2, "2 d"),
    (86400 * 2 + 3600, "2 d 1 h"),
]


@pytest.mark.parametrize(("value", "text"), SECONDS)
def test_seconds(value: float, text: str) -> None:
    """A duration has at most two units."""
    assert seconds(value) == text


def test_numbers_and_tables() -> None:
    """Thousands are grouped, percent never rounds up to all, columns are aligned."""
    assert (count(1, "row"), count(1000, "row"), count(1200)) == ("1 row", "1,000 rows", "1,200")
    assert count(2, "mismatch", "mismatches") == "2 mismatches"
    assert percent(0.9999) == "99 %"
    assert table([("a", "bb", "c"), ("aaa", "b", "")], "  ") == ["  a    bb  c", "  aaa  b"]
    assert table([]) == []


def test_a_duty_gets_its_grants(capsys: pytest.CaptureFixture[str]) -> None:
    """For a role of any name, quoted where it has to be; without a database."""
    assert run(["init", "--sql", "--role", "approver=Ann Smith", "--ledger-schema", "ec"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        'GRANT USAGE ON SCHEMA ec TO "Ann Smith";',
        'GRANT SELECT ON ec.status_v1, ec.summary_v1, ec.sample_v1 TO "Ann Smith";',
        'GRANT EXECUTE ON FUNCTION ec.acknowledge(bigint, text, text, text, text) TO "Ann Smith";',
    ]
