"""What is being done just now, told from the ledger and the server alone."""

from dataclasses import replace
from datetime import timedelta

from expandcontract.engine import under_way
from expandcontract.model.activity import Activity
from expandcontract.model.events import Build
from expandcontract.model.phases import Phase, Section, Status
from expandcontract.model.records import Holder, NewestStep
from expandcontract.model.situation import Situation
from expandcontract.model.step import Concurrent, Purpose, Step, Sweep, Transactional
from tests.unit.situations import NOW, Field, phases, plan, situation, sweep

INDEX = Step(
    "index:ix", "+", "index ix_new on display_name",
    Concurrent("CREATE INDEX CONCURRENTLY ix_new ON public.users (display_name)", "", "", "public.users"),
    by_size=True,
)  # fmt: skip
CHECK = Step(
    "check:x:validate", "=", "check all rows against x", Transactional(("VALIDATE",), ()), by_size=True
)
COPY = Step("copy", "=", "fill display_name", Sweep(Purpose.COPY, "public.users", "true"))
BUILD = Build("ix_new", 7, "building index: scanning table", 10, 100, "blocks", 5.0)


def _ago(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


HOLDER = Holder("backfill", "db-7", 411, "ada", NOW + _ago(9), alive=True, acquired_at=NOW - _ago(500))


def _settling(*done: str, **changes: Field) -> Situation:
    """Return a change whose rows are copied and whose new side is being settled by somebody who lives."""
    given = situation(
        plan=plan(sections={Section.BACKFILL: (COPY, INDEX, CHECK)}),
        phases=phases(2, running=True),
        steps_done=frozenset({"backfill.copy", *done}),
        holders=(HOLDER,),
        newest_step=NewestStep("backfill", "copy", "done", NOW - _ago(100)),
        activity=Activity(),
    )
    return replace(given, **changes)


def test_a_step_that_the_journal_has_as_begun() -> None:
    """One that cannot run in a transaction is journaled first; the server knows how far it is."""
    begun = NewestStep("backfill", "index:ix", "started", NOW - _ago(65))
    running = under_way.step(_settling(newest_step=begun, activity=Activity(builds=(BUILD,))))
    assert running is not None
    assert (running.step, running.seconds, running.build) == ("index:ix", 65.0, BUILD)
    assert under_way.place_in_section(_settling(), running) == (1, 2)


def test_a_build_of_somebody_else_is_not_ours() -> None:
    """Another index on the same table says nothing of this step."""
    begun = NewestStep("backfill", "index:ix", "started", NOW - _ago(65))
    other = Activity(builds=(replace(BUILD, index="theirs"),))
    running = under_way.step(_settling(newest_step=begun, activity=other))
    assert running is not None
    assert running.build is None


def test_a_step_whose_transaction_is_open() -> None:
    """It is in the journal only once it is done: it is the next one, since the one before ended."""
    ended = NewestStep("backfill", "index:ix", "done", NOW - _ago(130))
    running = under_way.step(_settling("backfill.index:ix", newest_step=ended))
    assert running is not None
    assert (running.step, running.sentence, running.seconds) == (CHECK.id, CHECK.sentence, 130.0)


def test_a_step_that_was_taken_up_again_began_with_its_holder() -> None:
    """Yesterday's end of the step before does not make today's run a day long."""
    ended = NewestStep("backfill", "index:ix", "done", NOW - _ago(86_400))
    running = under_way.step(_settling("backfill.index:ix", newest_step=ended))
    assert running is not None
    assert running.seconds == 500.0


def test_nobody_at_work() -> None:
    """A step that was begun by a process that is gone is not under way, unless the server goes on with it."""
    begun = NewestStep("backfill", "index:ix", "started", NOW - _ago(65))
    assert under_way.step(_settling(newest_step=begun, holders=())) is None
    adopted = under_way.step(_settling(newest_step=begun, holders=(), activity=Activity(builds=(BUILD,))))
    assert adopted is not None
    assert adopted.build == BUILD
    assert under_way.step(situation(newest_step=begun, holders=(HOLDER,), activity=None)) is None


def test_a_sweep_is_told_in_the_words_of_the_process() -> None:
    """A copy, then a comparison: pace, batch, throttle and estimate are those that the process measures."""
    record = sweep(25, rows_per_second=500.0, batch=1_000, eta_seconds=9.0, throttled_by="max-rate")
    copying = situation(phases=phases(2, running=True), copy=record, compare=None)
    told = under_way.sweep(copying)
    assert told is not None
    assert (told.stage, told.percent, told.batch, told.hot_ratio) == ("copy", 25.0, 1_000, 0.8)
    assert (told.rows_per_second, told.eta_seconds, told.throttled_by) == (500.0, 9.0, "max-rate")
    comparing = situation(phases=phases(3, running=True), compare=replace(record, hot_ratio=0.0))
    told = under_way.sweep(comparing)
    assert told is not None
    assert (told.stage, told.hot_ratio, told.throttled_by) == ("compare", None, "max-rate")


def test_no_sweep() -> None:
    """What is finished, failed or not begun is not under way."""
    assert under_way.sweep(situation()) is None
    assert under_way.sweep(situation(phases=phases(2, running=True))) is None
    failed = phases(2, running=True)
    failed[Phase.BACKFILL] = replace(failed[Phase.BACKFILL], status=Status.FAILED)
    assert under_way.sweep(situation(phases=failed, copy=sweep(25))) is None
