"""What history keeps of what a listener hears."""

from datetime import timedelta

from expandcontract.engine.diary import THROTTLED_EVERY_SECONDS, Diary, EventEntry
from expandcontract.model.errors import GateShut, Mismatches
from expandcontract.model.events import (
    Blocker,
    Event,
    LockHeld,
    LockTried,
    Notice,
    Progress,
    StepDone,
    StepStarted,
    WaitingForSnapshots,
)
from expandcontract.model.phases import Section

USERS = ("public.users",)
BLOCKER = Blocker(411, "billing", "app", "idle in transaction", timedelta(seconds=70), "SELECT 'secret'")
STARTED = StepStarted("c", Section.CONTRACT, "hide", "Hide it.")
DONE = StepDone("c", Section.CONTRACT, "hide", 1.0)
PLACE = {"section": "contract", "step": "hide"}


class Told:
    """A diary on a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.heard: list[Event] = []
        self.diary = Diary(self.heard.append, lambda: self.now)

    def hear(self, *events: Event, after: float = 0.0) -> list[EventEntry]:
        """Let time pass, let it hear, and return what is due then."""
        self.now += after
        for event in events:
            self.diary(event)
        return self.diary.take()


def _progress(reason: str | None) -> Progress:
    return Progress("c", "copy", 0, 0, 10, 0.0, 100, None, reason, None)


def _tried(felt: float, *blockers: Blocker) -> LockTried:
    return LockTried(USERS, "ACCESS EXCLUSIVE", 1, 1.0, blockers, felt)


def test_it_hands_on_what_it_hears() -> None:
    """Whoever listened before hears everything, in order."""
    told = Told()
    told.hear(STARTED, _progress(None), DONE)
    assert told.heard == [STARTED, _progress(None), DONE]


def test_a_lock_is_told_with_its_tries() -> None:
    """One entry: how often it was tried for, the longest that others can have felt, who was in the way."""
    told = Told()
    held = LockHeld(USERS, "ACCESS EXCLUSIVE", 2, held_seconds=0.003, felt_seconds=0.01)
    assert told.hear(STARTED, _tried(0.1, BLOCKER), held, DONE) == [
        (
            "locked",
            {
                **PLACE,
                "relations": ["public.users"],
                "mode": "ACCESS EXCLUSIVE",
                "tries": 2,
                "felt_seconds": 0.1,
                "held_by": ["client backend billing (app, idle in transaction)"],
                "held_seconds": 0.003,
            },
        )
    ]


def test_a_lock_that_was_not_had_is_told_at_the_end() -> None:
    """Also when the verb fails for it, once, before what it failed with."""
    told = Told()
    told.hear(STARTED, _tried(0.1))
    told.diary.failed("contract", GateShut("shut", why="soak: 1 h"))
    told.diary.close()
    assert [kind for kind, _ in told.diary.take()] == ["not locked", "refused"]
    assert told.diary.take() == []


def test_a_wait_is_told_from_its_first_moment() -> None:
    """For whom, each of them once, and without their statements."""
    told = Told()
    told.hear(STARTED, WaitingForSnapshots("hide", (BLOCKER,)))
    told.hear(WaitingForSnapshots("hide", (BLOCKER, BLOCKER)), after=4)
    ((kind, data),) = told.hear(DONE, after=3)
    assert kind == "waited"
    assert data == {
        **PLACE,
        "seconds": 7.0,
        "waited_for": ["client backend billing (app, idle in transaction)"],
    }


def test_throttled_time_is_summed_by_throttle() -> None:
    """Readings differ from second to second: their throttle counts. Time between two sweeps does not."""
    told = Told()
    told.hear(_progress("replica-lag 2.5 s > 2 s (standby-1)"))
    told.hear(_progress("replica-lag 3 s > 2 s (standby-1)"), after=1)
    told.hear(_progress("max-rate 20k rows/s"), after=2)
    told.hear(_progress(None), after=4)
    assert told.hear(_progress(None), after=9) == []
    told.diary.close()
    assert told.diary.take() == [
        ("throttled", {"by": "replica-lag", "seconds": 3.0}),
        ("throttled", {"by": "max-rate", "seconds": 4.0}),
    ]


def test_throttled_time_is_told_while_it_lasts() -> None:
    """About once a minute: a process that is killed has not lost more of it."""
    told = Told()
    due = [told.hear(_progress("archive 2 > 1"), after=1.0) for _ in range(200)]
    written = [entry for entries in due for entry in entries]
    assert len(written) == int(200 / THROTTLED_EVERY_SECONDS)
    assert sum(data["seconds"] for _, data in written) > 200 - 2 * THROTTLED_EVERY_SECONDS


def test_why_is_kept_of_gates_alone() -> None:
    """What stopped a verb is told with its code; the rows that it names are not."""
    told = Told()
    told.diary.failed("verify", Mismatches("3 rows do not match.", why="Rows: id=secret"))
    told.diary.failed("contract", GateShut("soak is shut.", why="soak: 1 h left"))
    assert told.diary.take() == [
        ("stopped", {"verb": "verify", "code": "EC501", "message": "3 rows do not match."}),
        (
            "refused",
            {"verb": "contract", "code": "EC310", "message": "soak is shut.", "why": "soak: 1 h left"},
        ),
    ]


def test_notices_are_not_a_log_file() -> None:
    """Of a process that says something a thousand times history keeps a hundred."""
    told = Told()
    assert len(told.hear(*[Notice("c", str(number)) for number in range(1000)])) == 100
