"""Views over the column, where it is asked that they follow it to the new side."""

from collections.abc import Iterator

from expandcontract.model.names import RelationName, quote
from expandcontract.model.notes import Note
from expandcontract.steps import views
from expandcontract.steps.carry.subject import Subject
from expandcontract.steps.parts import Part


def part(subject: Subject) -> Part:
    """They read the new side from contract on, under the names that they show, and the old one after undo."""
    if not subject.recreate_views:
        return Part()
    notes, found = tuple(_notes(subject)), _following(subject)
    if not found:
        return Part(notes=notes)
    table, column = subject.table, subject.column.name
    if _makes_anew(subject):
        return Part(
            contract=(
                views.trusted(table, found),
                views.made_anew(table, subject.hidden, subject.final, found),
            ),
            undo=(views.brought_back(found),),
            purge=views.dropped(found),
            follows=found,
            hidden_views=tuple(map(views.hidden, found)),
            notes=notes,
        )
    return Part(
        contract=(views.trusted(table, found), views.replaced(table, subject.hidden, subject.final, found)),
        undo=(views.trusted(table, found), views.replaced(table, subject.new, column, found)),
        follows=found,
        notes=notes,
    )


def _makes_anew(subject: Subject) -> bool:
    """Whether views get another type, so that others must take their places."""
    return subject.pair.new.type != subject.pair.old.type


def _following(subject: Subject) -> tuple[RelationName, ...]:
    """Return the views that follow, each after those that it reads: where their types stay, those above them
    need not.
    """
    every = subject.snapshot.views
    return tuple(view.name for view in every if view.direct or _makes_anew(subject))


def _notes(subject: Subject) -> Iterator[Note]:
    old = quote(subject.column.name)
    anew, found = _makes_anew(subject), _following(subject)
    for view in subject.snapshot.views:
        if view.name not in found:
            continue
        if not anew:
            yield Note(
                "follows",
                f"View {view.name} reads the new column from contract on, and shows it under the name that "
                "it has there; undo takes that back.",
            )
            continue
        yield Note(
            "follows",
            f"View {view.name} is made anew by contract with {subject.pair.new.type}, and everything that it "
            f"has; the one of now is called {quote(views.hidden(view.name).name)} until purge, and undo "
            "brings it back. What is granted on the new one meanwhile goes with it.",
        )
        for other in view.others:
            yield Note.hazard(
                "on-view",
                f"{other} stands on view {view.name}, goes on with the hidden one, and is in the way of "
                "purge: make it anew after contract.",
                about=other,
            )
    for each in subject.snapshot.dependents:
        if each.kind == "materialized view":
            yield Note.hazard(
                "materialized-view",
                f"Materialized view {each.name} reads {old}, and is not recreated: it would have to be "
                "filled, and be empty for its readers until then. It goes on with the hidden column, and is "
                "in the way of purge: after contract make another one on the new column, and exchange them.",
                about=each.name,
            )
