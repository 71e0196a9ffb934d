"""W6: kill -9 at every named point of the whole life of a change, then the same command again."""

from collections import Counter

import pytest

from tests.chaos import life
from tests.chaos.life import EXAMPLES, LIVES
from tests.chaos.nursery import DIED, ENDED
from tests.chaos.theatre import Played, Theatre, require_same
from tests.rotation import part

#: Acts after which there is no way back, or less of one.
GRAVE = ("contract", "undo", "purge", "rollback")
#: Every beginning of a life, each once.
ACTS = tuple(dict.fromkeys(acts[: length + 1] for acts in LIVES for length in range(len(acts))))
#: What the applications write between the kill and the second run differs from what they write after each
#: act.
MEANWHILE = 20


#: Each act once, after the shortest life that leads to it.
FIRST = tuple({acts[-1]: acts for acts in reversed(ACTS)}.values())


def _points(played: Played) -> list[tuple[str, int]]:
    """Return each point that the last act reaches, for its first time and for its last."""
    counted = Counter(played.points)
    return [(point, time) for point, times in counted.items() for time in dict.fromkeys((1, times))]


def _of_each_action(theatre: Theatre, played: Played) -> list[tuple[str, int]]:
    """Leave out the points of a step where another one of the section has the same action: what happens
    between them is the runner's, which does not know what a step is about.
    """
    kept: dict[object, tuple[str, int]] = {}
    for point, time in _points(played):
        section, _, moment = point.partition(".")
        step, _, moment = moment.rpartition(".")
        action = theatre.actions(played.example).get((section, step))
        kept.setdefault((point if action is None else (section, action, moment), time == 1), (point, time))
    return list(kept.values())


@pytest.mark.parametrize("acts", FIRST, ids="-".join)
def test_a_killed_act_is_finished_by_the_same_command(theatre: Theatre, acts: tuple[str, ...]) -> None:
    """At the points of every action: the act comes to the same, with what the applications wrote meanwhile,
    and writes no row twice. In each commit at a quarter of them, where the way back stays open at a
    sixteenth; the slow test below is at half of all points.
    """
    played = theatre.played("to", acts)
    points = _of_each_action(theatre, played)
    for point, time in part(points, 4 if played.verb in GRAVE else 16):
        _kill_and_go_on(theatre, played, point, time)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("example", ["rename", "swap"])
@pytest.mark.parametrize("verb", GRAVE)
def test_what_is_grave_may_be_killed_whatever_the_kind(theatre: Theatre, example: str, verb: str) -> None:
    """The same of the other ways in which a pair comes about, at one in 24 points in each commit."""
    (acts,) = (acts for acts in FIRST if acts[-1] == verb)
    played = theatre.played(example, acts)
    for point, time in part(_points(played), 24):
        _kill_and_go_on(theatre, played, point, time)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("acts", ACTS, ids="-".join)
def test_an_act_may_be_killed_at_every_point(theatre: Theatre, example: str, acts: tuple[str, ...]) -> None:
    """At every point there is: half of them in each commit; of a second act of its kind, and of other kinds,
    an eighth.
    """
    played = theatre.played(example, acts)
    points = _points(played)
    for point, time in part(points, 2 if example == "to" and acts in FIRST else 8):
        _kill_and_go_on(theatre, played, point, time)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("example", ["rename", "to"])
def test_a_killed_start_or_backfill_can_be_rolled_back(theatre: Theatre, example: str) -> None:
    """Wherever it died, the way back is open, leaves nothing behind, and keeps what was written."""
    changed = EXAMPLES[example]
    for acts, every in ((("start",), 8), (("start", "backfill"), 40)):
        played = theatre.played(example, acts)
        theatre.set(example, acts[:0])
        before = theatre.watch(lambda application: life.after(application, changed))
        for point, time in part(_points(played), every):
            theatre.set(example, acts[:-1])
            unwritten = theatre.watch(lambda application: life.values(application, changed))
            assert theatre.nursery.run(theatre.url, example, acts[-1], kill=(point, time)).how == DIED
            written = theatre.watch(lambda application: life.write(application, changed, MEANWHILE))
            back = theatre.nursery.run(theatre.url, example, "rollback")
            now = theatre.watch(lambda application: life.after(application, changed))
            if point == "start.created":  # it was never begun
                continue
            assert (back.how, back.error) == (ENDED, None), f"{point} ({time}): {back.error}"
            assert now.catalog == before.catalog, f"{point} ({time})"
            assert now.values == {row: sides[-1:] for row, sides in unwritten.items()} | {
                row: [value] for row, value in written.values.items()
            }, f"{point} ({time})"


def test_every_kind_of_point_is_reached(theatre: Theatre) -> None:
    """The list of points is the program's own: each phase, each kind of step and each part of the sweep has
    some.
    """
    points = {point for acts in ACTS for point in theatre.played("to", acts).points}
    parts = {point.rpartition(".")[2] for point in points}
    assert parts >= {
        "created", "begun", "acted", "recorded", "done", "laid", "leased", "before", "after", "committed",
        "finished", "bound", "compared",
    }  # fmt: skip
    assert {point.partition(".")[0] for point in points} >= {
        "start", "expand", "dual_write", "copy", "backfill", "verify", "compare", "contract", "undo", "keep",
        "rollback", "purge",
    }  # fmt: skip
    assert len(points) > 60


def _kill_and_go_on(theatre: Theatre, played: Played, point: str, time: int) -> None:
    """Kill the last act at a point, let the applications write, give the same command again, and compare."""
    where = f"killed in {' '.join(played.acts)} of {played.example}, at {point} ({time})"
    theatre.set(played.example, played.acts[:-1])
    killed = theatre.nursery.run(theatre.url, played.example, played.verb, kill=(point, time))
    assert killed.how == DIED, f"{where}: it was not, {killed}"
    changed = EXAMPLES[played.example]
    written = theatre.watch(lambda application: life.write(application, changed, MEANWHILE))
    again = theatre.nursery.run(theatre.url, played.example, played.verb)
    assert (again.how, again.error) == (ENDED, None), f"{where}: {again.error}"
    now = theatre.watch(lambda application: life.after(application, changed))
    assert played.after is not None
    try:
        require_same(now, played.after, written)
    except AssertionError as error:
        error.add_note(where)
        raise
