"""What follows from a situation by itself."""

import pytest

from expandcontract.model.phases import Phase, Section, Stage, State
from expandcontract.model.situation import Situation
from expandcontract.model.step import Purpose, Step, Sweep, Transactional
from tests.unit.situations import READY_AT, phases, plan, situation

STAGES = {
    "planned": (situation(started=False, phases=phases(0)), Stage.NOT_STARTED, Phase.EXPAND, False),
    "expanding": (situation(phases=phases(0, running=True)), Stage.BEFORE_READY, Phase.EXPAND, False),
    "copying": (situation(phases=phases(2, running=True)), Stage.BEFORE_READY, Phase.BACKFILL, False),
    "ready": (situation(phases=phases(3)), Stage.READY, Phase.VERIFY, True),
    "proven": (situation(phases=phases(4)), Stage.READY, Phase.CONTRACT, True),
    "hidden": (situation(phases=phases(5), state=State.HIDDEN), Stage.HIDDEN, Phase.CONTRACT, False),
    "purged": (situation(phases=phases(5), state=State.PURGED), Stage.PURGED, Phase.CONTRACT, False),
    "gone": (situation(phases=phases(2), state=State.ROLLED_BACK), Stage.ROLLED_BACK, Phase.BACKFILL, False),
}


@pytest.mark.parametrize(("given", "stage", "phase", "ready"), STAGES.values(), ids=STAGES.keys())
def test_stage_and_phase(given: Situation, stage: Stage, phase: Phase, ready: bool) -> None:
    """State and phases together say in which column of the table of verbs a change stands."""
    assert (given.stage, given.phase, given.ready) == (stage, phase, ready)


def test_ready_since() -> None:
    """New code may be deployed since the backfill is done."""
    assert situation(phases=phases(2)).ready_at is None
    assert situation(phases=phases(3)).ready_at == READY_AT


def test_what_has_nothing_to_compare_is_ready_when_contract_is_all_that_is_left() -> None:
    """The phase backfill is over before that; with something to compare, it is ready then."""
    hide = Step("hide", "~", "Hide it.", Transactional(()), becomes=State.HIDDEN)
    look = Step("look", "=", "Look.", Sweep(Purpose.COMPARE, "public.users", "false"))
    for verify, was_ready in (((), False), ((look,), True)):
        sections = {Section.VERIFY: verify, Section.CONTRACT: (hide,)}
        bare = plan(pair=None, upkeep=(), sections=sections)
        over, all_over = (situation(plan=bare, phases=phases(number)) for number in (3, 4))
        assert (over.backfilled, over.was_ready) == (True, was_ready)
        assert (all_over.backfilled, all_over.was_ready) == (True, True)
