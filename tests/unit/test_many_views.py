"""However many views follow a change: what is done about them in one transaction, and what waits for it."""

import re
from collections.abc import Sequence

import pytest

from expandcontract.model.names import RelationName
from expandcontract.model.phases import Section
from expandcontract.model.step import Step, Transactional, ViewLock
from expandcontract.postgres import locks as ladder
from expandcontract.postgres.catalog.view import View, ViewPart
from expandcontract.steps.following import Following, GoingAlong
from expandcontract.steps.parts import Part, Sentences, sections
from expandcontract.steps.reading import Reading

TABLE = RelationName("public", "people")
MANY = 120
#: As PostgreSQL writes a small view, and one over five tables with sixty columns.
SMALL, LARGE = 90, 1700
#: What is done in one transaction takes some ten milliseconds: so many small views, and so many large ones.
MOST = {SMALL: 20, LARGE: 2}
SAID = Sentences("rolled back", "contracted", "undone", "purged")


def _views(length: int, *, stored: bool) -> tuple[View, ...]:
    """Return views of two levels: each second one reads the one before."""
    found: list[View] = []
    for number in range(MANY):
        reads = (found[-1].name,) if number % 2 else ()
        name = RelationName("public", f"view_{number}")
        parts = (ViewPart("INDEX", RelationName("public", f"index_{number}")),) if stored else ()
        found.append(View(name, not reads, reads=reads, materialized=stored, parts=parts, length=length))
    return tuple(found)


def _following(found: Sequence[View], *, retyped: bool = False, shown: str = "") -> Part:
    before = Reading(TABLE, ("fax",), by="" if shown else "telefax", shown=(shown,) if shown else ())
    after = Reading(TABLE, ("~ec_fax",), by=before.by, shown=before.shown)
    return Following(tuple(found), before, after, "reads it", retyped).part()


PARTS = {
    "replaced": lambda length: _following(_views(length, stored=False)),
    "replaced by what is made": lambda length: _following(_views(length, stored=False), shown="(1)"),
    "made anew": lambda length: _following(_views(length, stored=False), retyped=True),
    "stored": lambda length: _following(_views(length, stored=True)),
    "going along": lambda length: GoingAlong(_views(length, stored=False)).part(),
}


def _steps(part: Part, section: Section) -> tuple[Step, ...]:
    hides = Part(contract=("hide",), undo=("unhide",), purge=("drop",))
    return sections(TABLE, (part, hides), SAID)[section]


def _named(step: Step) -> set[str]:
    assert isinstance(step.action, Transactional)
    return set(re.findall(r"\bview_\d+\b", " ".join((*step.action.statements, *step.reverse))))


@pytest.mark.parametrize("length", MOST)
@pytest.mark.parametrize("which", PARTS)
@pytest.mark.parametrize("section", [Section.CONTRACT, Section.UNDO])
def test_a_turn_does_nothing_about_views_and_no_other_step_much(
    section: Section, which: str, length: int
) -> None:
    """The turn locks none and names none. Each step before and after it is about a few, as many as take some
    milliseconds, and together they are about all.
    """
    steps = _steps(PARTS[which](length), section)
    about: set[str] = set()
    for step in steps:
        locked = [lock.relation for lock in step.locks if isinstance(lock, ViewLock)]
        if step.becomes is not None:
            assert not locked
            assert not _named(step)
            continue
        makes = not step.id.startswith(("views:exchange", "views:drop", "views:hide", "views:show"))
        # With as many of before, which those read.
        most = 2 * MOST[length] if makes else 2 * MOST[SMALL]
        assert len(locked) <= most
        assert len(_named(step)) <= most
        about |= _named(step)
    kept = 2 if which.startswith("replaced") else 1  # those above one that is replaced go on
    assert len(about) == MANY // kept


@pytest.mark.parametrize("section", [Section.CONTRACT, Section.UNDO])
@pytest.mark.parametrize("which", PARTS)
def test_whatever_views_are_made_to_read_before_a_turn_can_be_taken_back(
    section: Section, which: str
) -> None:
    """Where the turn does not come about they are as they were: each step before it says how."""
    for step in _steps(PARTS[which](SMALL), section):
        if step.becomes is not None:
            break
        assert step.reverse or step.ages, step.id


def test_readers_of_views_are_locked_before_what_they_read() -> None:
    """In every step, as their own readers lock them: the locks are given the other way round to the ladder,
    which takes the last of the views first, and the table after all views.
    """
    found = _views(SMALL, stored=True)
    order = {view.name.sql: number for number, view in enumerate(found)}
    for section in (Section.CONTRACT, Section.UNDO):
        for step in _steps(_following(found), section):
            views = [order[lock.relation] for lock in step.locks if isinstance(lock, ViewLock)]
            assert views == sorted(views)
            tables = [lock.relation for lock in step.locks if not isinstance(lock, ViewLock)]
            assert tables in ([], [TABLE.sql])
            assert [lock.relation for lock in step.locks][len(views) :] == tables


def test_what_alters_no_table_locks_none() -> None:
    """To exchange the names of views, readers of the views wait, and those of the table do not."""
    (step, *_) = (s for s in _steps(PARTS["stored"](SMALL), Section.CONTRACT) if "exchange" in s.id)
    (lock,) = ladder.statements(step.locks)
    assert "LOCK TABLE" not in lock
    assert "view_0" in lock
