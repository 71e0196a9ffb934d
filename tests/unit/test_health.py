"""What doctor says of an open change."""

from dataclasses import replace

import pytest

from expandcontract.engine import health
from expandcontract.model.live import Leaf
from expandcontract.model.phases import Phase, State, Status
from expandcontract.model.records import Holder, PhaseRecord, Wish
from expandcontract.model.situation import Situation
from tests.unit.situations import NOW, live, phases, proof, situation, sweep

HOLDER = Holder("backfill", "db-1", 77, "ann", NOW, alive=True)
COPYING = situation(phases=phases(2, running=True), copy=sweep(25), proof=None, holders=(HOLDER,))
FAILED = replace(
    COPYING,
    holders=(),
    phases={
        **COPYING.phases,
        Phase.BACKFILL: PhaseRecord(Phase.BACKFILL, Status.FAILED, NOW, error="disk full"),
    },
)
NEVER_COPIED = Leaf(2, "p2", trigger_intact=True, swept=False)

WRONG = {
    "failed": (FAILED, "Phase backfill failed: disk full", "ec backfill"),
    "trigger off": (situation(live=live(sync_faults=("It is off.",))), "It is off.", "ec backfill"),
    "spoiled": (situation(proof=proof(differences=("p9 was attached",))), "p9 was attached", "ec backfill"),
    "left out": (situation(live=live(leaves=(NEVER_COPIED,))), "p2 was never copied", "ec backfill"),
    "hidden": (
        situation(state=State.HIDDEN, live=live(sync_faults=("It is off.",))), "It is off.",
        "ec doctor --repair",
    ),
    "a copy": (situation(live=live(is_copy=True)), "this is a copy", "ec rollback"),
}  # fmt: skip

WAITS = {
    "paused": (replace(COPYING, wish=Wish(paused=True, paused_by="bob")), "Paused by bob", "ec resume"),
    "nobody": (replace(COPYING, holders=()), "Nobody is at work on phase backfill", "ec backfill"),
    "dead": (
        replace(COPYING, holders=(replace(HOLDER, alive=False),)), "is gone, and nobody is", "ec backfill",
    ),
    "held back": (
        replace(COPYING, copy=sweep(25, throttled_by="replica-lag 9 s")), "replica-lag 9 s", "ec status",
    ),
    "a gate": (situation(new_code_at=None), "shut for contract: new-code-seen", "ec gates"),
    "not ready": (COPYING, "Not ready yet", "ec status"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "says", "next_"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_needs_attention(given: Situation, says: str, next_: str) -> None:
    """It is said with the command that mends it, also where the change waits besides."""
    found = health.of(replace(given, wish=Wish(paused=True)))
    assert (found.well, found.waits) == (False, False)
    assert says in found.sentence
    assert found.next.startswith(next_)


@pytest.mark.parametrize(("given", "says", "next_"), WAITS.values(), ids=WAITS.keys())
def test_what_waits_is_not_all_well(given: Situation, says: str, next_: str) -> None:
    """Nothing is wrong, and the change does not go on: why, and what lets it."""
    found = health.of(given)
    assert (found.well, found.waits) == (True, True)
    assert says in found.sentence
    assert found.next.startswith(next_)


def test_a_lock_that_others_hold_is_named() -> None:
    """Whoever has held one for long is who a step would wait for."""
    found = health.of(situation(), ["pid 9 (report) has held AccessShareLock for 300 s"])
    assert found.waits
    assert "pid 9 (report)" in found.sentence


def test_a_change_that_may_be_contracted_is_well() -> None:
    """Nothing is wrong and it waits for nothing but its operator."""
    assert health.of(situation()) == health.Finding(
        situation().name, well=True, sentence="What keeps its sides in sync stands."
    )
