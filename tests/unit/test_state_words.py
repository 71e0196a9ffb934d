"""Where a change is, in one word: a table of situations."""

from dataclasses import replace
from datetime import timedelta

import pytest

from expandcontract import gates
from expandcontract.engine.state_words import OVER, Blocked, BlockKind, StateWord, Told, told
from expandcontract.model.phases import Phase, State, Status
from expandcontract.model.records import Holder, PhaseRecord, Waits, Wish
from expandcontract.model.situation import Situation
from tests.unit import situations as s

ALIVE = Holder("backfill", "db-7", 411, "ada", s.NOW + timedelta(seconds=8), alive=True)
DEAD = replace(ALIVE, until=s.NOW - timedelta(minutes=3), alive=False)
PAUSED = Wish(paused=True, paused_by="ada", paused_at=s.NOW - timedelta(minutes=1))
COPYING = {
    "phases": s.phases(2, running=True), "copy": s.sweep(40, active_at=s.NOW), "compare": None, "proof": None,
}  # fmt: skip
FAILED = {**s.phases(2), Phase.BACKFILL: PhaseRecord(Phase.BACKFILL, Status.FAILED, error="out of disk")}
SEEN = {"new_code_at": s.NOW - timedelta(hours=1)}


@pytest.mark.parametrize(
    ("found", "word", "kind"),
    [
        (s.situation(phases=s.phases(2)), StateWord.NOBODY, BlockKind.DEAD),
        (s.situation(**COPYING), StateWord.NOBODY, BlockKind.DEAD),
        (s.situation(**COPYING, holders=(DEAD,)), StateWord.NOBODY, BlockKind.DEAD),
        (s.situation(**COPYING, holders=(DEAD,), wish=PAUSED), StateWord.NOBODY, BlockKind.DEAD),
        (s.situation(phases=FAILED), StateWord.FAILED, BlockKind.HUMAN),
        (s.situation(phases=FAILED, holders=(ALIVE,)), StateWord.RUNNING, None),
        (s.situation(**COPYING, holders=(ALIVE,), wish=PAUSED), StateWord.PAUSED, BlockKind.PAUSED),
        (
            s.situation(**COPYING | {"copy": s.sweep(40, throttled_by="max-rate")}, holders=(ALIVE,)),
            StateWord.HELD_BACK,
            BlockKind.THROTTLED,
        ),
        (s.situation(**COPYING, holders=(ALIVE,)), StateWord.RUNNING, None),
        (s.situation(new_code_at=None), StateWord.READY_TO_DEPLOY, BlockKind.HUMAN),
        (s.situation(old_writers=(s.writer(),)), StateWord.WAITING_FOR_GATES, BlockKind.HUMAN),
        (s.situation(), StateWord.MAY_BE_CONTRACTED, BlockKind.HUMAN),
        (s.situation(phases=s.phases(3)), StateWord.NOBODY, BlockKind.DEAD),
        (s.situation(live=s.live(sync_faults=("The trigger is gone.",))), StateWord.FAILED, BlockKind.HUMAN),
        (s.situation(state=State.HIDDEN, phases=s.phases(5), hidden_at=s.NOW), StateWord.HIDDEN, None),
        (
            s.situation(state=State.HIDDEN, phases=s.phases(5), hidden_at=s.NOW - timedelta(days=9)),
            StateWord.HIDDEN,
            BlockKind.HUMAN,
        ),
        (s.situation(state=State.FINISHED), StateWord.FINISHED, None),
        (s.situation(state=State.PURGED, phases=s.phases(5)), StateWord.PURGED, None),
        (s.situation(state=State.ROLLED_BACK, phases=s.phases(0)), StateWord.ROLLED_BACK, None),
    ],
)
def test_in_one_word(found: Situation, word: StateWord, kind: BlockKind | None) -> None:
    """And what it waits for; what goes on by itself, or is over, waits for nothing."""
    made = _told(found)
    assert (made.word, made.blocked and made.blocked.kind) == (word, kind)
    assert made.worker_alive == any(holder.alive for holder in found.holders)
    assert made.word not in OVER or made.blocked is None


@pytest.mark.parametrize(
    ("kind", "word"),
    [("lock", StateWord.WAITING_FOR_LOCK), ("snapshot", StateWord.WAITING_FOR_SNAPSHOTS)],
)
def test_who_is_at_work_says_what_he_waits_for(kind: str, word: StateWord) -> None:
    """And since when; of one who died it is not asked any more."""
    waits = Waits(kind, s.NOW - timedelta(minutes=1), "client backend report (app, idle in transaction)")
    begun = s.situation(phases=s.phases(0, running=True), holders=(DEAD, replace(ALIVE, waits=waits)))
    assert _told(begun).word == word
    assert _told(begun).blocked == Blocked(BlockKind(kind), waits.detail, waits.since)
    assert _told(replace(begun, holders=(replace(DEAD, waits=waits),))).word == StateWord.NOBODY


def _told(found: Situation) -> Told:
    return told(found, gates.judge_all(found))
