"""Views over the column, where it is asked that they follow it to the new side."""

from collections.abc import Iterator

from expandcontract.model.names import RelationName, quote
from expandcontract.model.notes import Note
from expandcontract.steps import views
from expandcontract.steps.carry.subject import Subject, Trait


class Views(Trait):
    """They read the new side from contract on, under the names that they show, and the old one after undo."""

    def hide(self, subject: Subject) -> tuple[str, ...]:
        found = following(subject)
        if not found:
            return ()
        turned = views.made_anew if makes_anew(subject) else views.replaced
        return (turned(subject.table, subject.hidden, subject.final, found),)

    def unhide(self, subject: Subject) -> tuple[str, ...]:
        found = following(subject)
        if not found:
            return ()
        if makes_anew(subject):
            return (views.brought_back(found),)
        return (views.replaced(subject.table, subject.new, subject.column.name, found),)

    def notes(self, subject: Subject) -> tuple[Note, ...]:
        return tuple(_notes(subject)) if subject.recreate_views else ()


def makes_anew(subject: Subject) -> bool:
    """Whether views get another type, so that others must take their places."""
    return subject.pair.new.type != subject.pair.old.type


def following(subject: Subject) -> tuple[RelationName, ...]:
    """Return the views that follow, each after those that it reads: where their types stay, those above them
    need not.
    """
    if not subject.recreate_views:
        return ()
    every = subject.snapshot.views
    return tuple(view.name for view in every if view.direct or makes_anew(subject))


def hidden(subject: Subject) -> tuple[RelationName, ...]:
    """Return what the views are called after contract that others take the places of."""
    return tuple(map(views.hidden, following(subject))) if makes_anew(subject) else ()


def _notes(subject: Subject) -> Iterator[Note]:
    old = quote(subject.column.name)
    anew, found = makes_anew(subject), following(subject)
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
