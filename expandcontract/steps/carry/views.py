"""Views over the old side, where it is asked that they follow it to the new one."""

from dataclasses import replace

from expandcontract.model.names import quote
from expandcontract.model.phases import State
from expandcontract.steps.carry.subject import Subject
from expandcontract.steps.following import Following
from expandcontract.steps.parts import Part
from expandcontract.steps.reading import Reading


def part(subject: Subject) -> Part:
    """They read the new side from contract on, under the names that they show, and the old one after undo."""
    found = following(subject)
    return Part() if found is None else found.part()


def following(subject: Subject) -> Following | None:
    """Return what becomes of views over the old side, once for all of its columns; None where nobody asks, or
    there are none.

    Where something leads back to each old column, that is what they read: they show what they showed.
    """
    pair = subject.pair
    if not subject.recreate_views or not subject.snapshot.views or subject.column.name != pair.old.column:
        return None
    if subject.shown:
        before = Reading(subject.table, pair.old_columns, shown=subject.shown)
        after = replace(before, columns=tuple(each.at(State.HIDDEN) for each in pair.olds))
        made_of = " and ".join(map(quote, pair.new_columns))
        reads = f"reads what --back makes of {made_of} in the place of {_olds(subject)}"
        return Following(subject.snapshot.views, before, after, reads)
    retyped = pair.new.type != pair.old.type
    return Following(
        subject.snapshot.views,
        Reading(subject.table, (subject.column.name,), by=subject.new),
        Reading(subject.table, (subject.hidden,), by=subject.final),
        f"reads the new column{f' as {pair.new.type}' if retyped else ''}",
        retyped,
    )


def _olds(subject: Subject) -> str:
    return " and ".join(map(quote, subject.pair.old_columns))
