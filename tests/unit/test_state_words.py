"""Where a change is, in one word: a table of situations."""

from dataclasses import replace
from datetime import timedelta

import pytest

from expandcontract import gates
from expandcontract.engine.state_words import OVER, BlockKind, StateWord, Told, told
from expandcontract.model.activity import Activity
from expandcontract.model.events import Blocker, Build
from expandcontract.model.phases import Phase, State, Status
from expandcontract.model.records import Holder, NewestStep, PhaseRecord, Wish
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


def test_an_index_that_waits_for_older_transactions() -> None:
    """It is said for whom."""
    blocker = Blocker(412, "report", "app", "idle in transaction", timedelta(minutes=30), "")
    build = Build("ix", 77, "waiting for old snapshots", 1, 3, "lockers", 65.0, blocker)
    newest = NewestStep("expand", "add_column", "started", s.NOW - timedelta(minutes=1))
    begun = s.situation(
        phases=s.phases(0, running=True), newest_step=newest, holders=(ALIVE,), activity=Activity((build,))
    )
    # No build of the step's own: the step is one that takes a lock, and takes long.
    assert _told(begun).word == StateWord.WAITING_FOR_LOCK
    assert _told(replace(begun, newest_step=replace(newest, since=s.NOW))).word == StateWord.RUNNING


def _told(found: Situation) -> Told:
    return told(found, gates.judge_all(found))
