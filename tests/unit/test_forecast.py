"""The forecast of a plan: what it counts, and that it is no part of what is reviewed."""

from dataclasses import replace

from expandcontract.cli.views.plan import ForecastView
from expandcontract.engine.forecasts import forecast, narrowed
from expandcontract.model.forecast import Forecast, TableSize
from expandcontract.model.phases import Section
from expandcontract.model.plan import Plan
from expandcontract.model.step import Purpose, Step, Sweep
from tests.unit.situations import plan

MILLION = TableSize(rows=1_000_000, heap=100_000_000, indexes=40_000_000, index_count=2)


def _swept() -> Plan:
    copy = Step("copy", "=", "Copy the rows.", Sweep(Purpose.COPY, "public.users", "true"), by_size=True)
    return plan(sections={**plan().sections, Section.BACKFILL: (copy,)})


def test_a_sweep_writes_each_row_and_reads_the_table() -> None:
    """Rows, WAL and disk grow with the table; time is that of writing and reading."""
    found = forecast(_swept(), MILLION)
    assert found is not None
    assert (found.rows, found.bytes) == (1_000_000, 140_000_000)
    assert found.written == 1_000_000
    assert found.read >= MILLION.heap
    assert found.wal > MILLION.heap
    assert 1 < found.minutes < 3


def test_what_is_instant_has_none() -> None:
    """Where no step takes time with the table's size there is nothing to tell."""
    instant = plan()
    sections = {Section.EXPAND: instant.steps(Section.EXPAND)}
    assert forecast(replace(instant, sections=sections), MILLION) is None


def test_a_table_that_nobody_analyzed() -> None:
    """Its rows are guessed from its pages, and the plan says that nobody counted them."""
    found = forecast(_swept(), replace(MILLION, rows=None))
    assert found is not None
    assert found.written == 1_000_000
    assert "nobody counted" in "\n".join(ForecastView.of(found).lines())


def test_only_rows_that_match_are_written() -> None:
    """A part of the rows takes as much less; the table is read all the same."""
    found = forecast(_swept(), MILLION)
    assert found is not None
    half = narrowed(found, 0.5)
    assert (half.written, half.read) == (500_000, found.read)
    assert half.minutes < found.minutes


def test_it_is_no_part_of_the_fingerprint() -> None:
    """Rows come and go without a second review."""
    told = replace(plan(), forecast=Forecast(1, 2, 3, 4, 5, 6, 7.0))
    assert told.fingerprint == plan().fingerprint
    assert told == plan()
