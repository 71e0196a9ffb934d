"""Views that are to read something else in the place of columns, from contract on and until undo: what each
turn does about them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from expandcontract.model.names import RelationName, quote
from expandcontract.model.notes import Note
from expandcontract.model.step import Lock, LockMode, Step, Transactional, ViewLock
from expandcontract.postgres.catalog.view import View
from expandcontract.steps import tables, views, views_beside
from expandcontract.steps.parts import Part
from expandcontract.steps.reading import Reading
from expandcontract.steps.view_sql import hidden


@dataclass(frozen=True)
class Following:
    """`views` are of every level, each after those that it reads.

    `before` is what they are to read by the names of before contract, `after` by those of after it, and
    `back` what undo has them read again; None where what they said is kept. With `retyped` they get another
    type. `reads` is what a sentence says that a view does from contract on.
    """

    views: tuple[View, ...]
    before: Reading
    after: Reading
    back: Reading | None
    reads: str
    retyped: bool = False

    @cached_property
    def anew(self) -> tuple[View, ...]:
        """Those that PostgreSQL does not replace."""
        if self.retyped:
            return self.views
        found: dict[RelationName, View] = {}
        for view in self.views:
            if view.materialized and (view.direct or not found.keys().isdisjoint(view.reads)):
                found[view.name] = view
        return tuple(found.values())

    @cached_property
    def replaced(self) -> tuple[View, ...]:
        """Those that are replaced in their places: those above them know them by their OIDs, and go on."""
        if self.retyped:
            return ()
        anew = {view.name for view in self.anew}
        plain = (view for view in self.views if not view.materialized)
        return tuple(view for view in plain if view.direct or not anew.isdisjoint(view.reads))

    @property
    def named(self) -> tuple[View, ...]:
        """All that follow, each after those that it reads."""
        every = {*self.anew, *self.replaced}
        return tuple(view for view in self.views if view in every)

    @property
    def hidden(self) -> tuple[RelationName, ...]:
        """What stands for what there was before, from contract on."""
        return tuple(hidden(view.name) for view in (*self._kept, *self.anew))

    def part(self) -> Part:
        """Return all that it adds to a change: the turn comes after names are turned."""
        if not self.named:
            return Part()
        names = tuple(view.name for view in self.named)
        trusted = views.trusted(self.before.table, names)
        return Part(
            before_contract=self.prepared(),
            contract=(trusted, *self.turned()),
            before_undo=self.refreshed(),
            undo=(trusted, *self.returned()),
            rollback=self.left(),
            purge=self.dropped(),
            follows=names,
            hidden_views=self.hidden,
            views_anew=tuple(view.name for view in self.anew),
            notes=tuple(self.notes()),
        )

    def prepared(self) -> tuple[Step, ...]:
        """Steps of contract, before the turn and before any rule begins."""
        return (*self._made(), *(self._filled(view) for view in self._stored), *self._saved())

    def turned(self) -> tuple[str, ...]:
        """Statements of the turn, after columns have their new names."""
        return (views.turned(self.after, self.replaced, self.anew),) if self.named else ()

    def refreshed(self) -> tuple[Step, ...]:
        """Steps of undo, before the turn: what comes back has the rows of now."""
        return tuple(
            _fills(
                f"refresh:{view.name.sql}",
                f"fill hidden {quote(hidden(view.name).name)} anew",
                views_beside.filled_again(view),
            )
            for view in self._stored
        )

    def returned(self) -> tuple[str, ...]:
        """Statements of undo's turn, after columns have their old names again."""
        return (views.returned(self.back, self.replaced, self.anew),) if self.named else ()

    def left(self) -> tuple[str, ...]:
        """Statements that clear away what a contract left that died, where there is anything."""
        return (*views.dropped(self._kept), *views_beside.dropped(self.anew))

    def dropped(self) -> tuple[str, ...]:
        """Statements of purge."""
        return views.dropped(tuple(view for view in self.views if view in {*self._kept, *self.anew}))

    def notes(self) -> Iterator[Note]:
        """What the plan says of each."""
        for view in self.named:
            if view in self.anew:
                yield from self._of_anew(view)
            else:
                yield from self._of_replaced(view)

    def _of_replaced(self, view: View) -> Iterator[Note]:
        yield Note(
            "follows",
            f"View {view.name} {self.reads} from contract on, and shows it under the name that it has there; "
            "undo takes that back.",
        )
        if self.after.shown and view.writable:
            yield Note.hazard(
                "view-write",
                f"What is written through view {view.name} to what it shows so is refused from contract on: "
                "it is no column there any more. Let who writes through it write the table.",
                about=str(view.name),
            )

    def _of_anew(self, view: View) -> Iterator[Note]:
        was = quote(hidden(view.name).name)
        filled = ""
        if view.materialized:
            filled = (
                " Where it has rows it is filled before the turn, with no lock but a reader's: it takes its "
                "size once more until purge, and its readers see the rows of that moment. Undo fills the one "
                "of now again before it comes back."
            )
        yield Note(
            "follows",
            f"{view.called} is made anew by contract and {self.reads}, with everything that it has; the one "
            f"of now is called {was} until purge, and undo brings it back. What is granted on the new one "
            f"meanwhile goes with it.{filled}",
        )
        for other in view.others:
            yield Note.hazard(
                "on-view",
                f"{other} stands on {view.kind.lower()} {view.name}, goes on with the hidden one, and is in "
                "the way of purge: make it anew after contract.",
                about=other,
            )

    @property
    def _kept(self) -> tuple[View, ...]:
        return self.replaced if self.after.shown else ()

    @property
    def _stored(self) -> tuple[View, ...]:
        return tuple(view for view in self.anew if view.materialized)

    def _made(self) -> tuple[Step, ...]:
        if not self.anew:
            return ()
        names = ", ".join(quote(view.name.name) for view in self.anew)
        # In one transaction: default privileges may let others read what is made.
        make = Step(
            "views",
            "+",
            f"make {'others' if self.anew[1:] else 'another'} beside {names}",
            Transactional(
                (
                    views.trusted(self.before.table, [view.name for view in self.anew]),
                    views_beside.made(self.before, self.anew),
                    views_beside.owned(self.anew),
                ),
                (*_locks(self.anew), *tables.access_exclusive(self.before.table)),
            ),
            reverse=views_beside.dropped(self.anew),
        )
        return (make,)

    def _saved(self) -> tuple[Step, ...]:
        if not self._kept:
            return ()
        names = ", ".join(quote(view.name.name) for view in self._kept)
        return (
            Step(
                "views:keep",
                "+",
                f"keep what {names} {'say' if self._kept[1:] else 'says'}, for undo",
                Transactional(
                    (
                        views.trusted(self.before.table, [view.name for view in self._kept]),
                        views.kept(self.before, self._kept, self.anew),
                    )
                ),
                reverse=views.dropped(self._kept),
            ),
        )

    def _filled(self, view: View) -> Step:
        return _fills(
            f"fill:{view.name.sql}",
            f"fill the one beside {quote(view.name.name)}, while its tables are read and written",
            views_beside.filled(view),
        )


def _fills(id_: str, sentence: str, statement: str) -> Step:
    """Return the step that fills a materialized view: it takes time, and has the rows of now."""
    return Step(id_, "=", sentence, Transactional((statement,), patient=True), by_size=True, ages=True)


@dataclass(frozen=True)
class GoingAlong:
    """Views that go out of sight with what they read, and are dropped with it."""

    views: tuple[View, ...]

    def part(self) -> Part:
        """Return all that it adds to a change."""
        return Part(
            contract=(views.out_of_sight(self.views),),
            undo=(views.in_sight(self.views),),
            purge=views.dropped(self.views),
            goes_along=tuple(view.name for view in self.views),
            hidden_views=tuple(hidden(view.name) for view in self.views),
            notes=tuple(self.notes()),
        )

    def notes(self) -> Iterator[Note]:
        """What the plan says of each."""
        for view in self.views:
            yield Note(
                "view-goes",
                f"{view.called} goes along: contract hides it as {quote(hidden(view.name).name)}, with "
                "everything that it has, undo brings it back as it was, and purge drops it.",
            )
            for other in view.others:
                yield Note.hazard(
                    "on-view",
                    f"{other} stands on {view.kind.lower()} {view.name}, goes on with the hidden one, and is "
                    "in the way of purge: drop it, or make it anew, before.",
                    about=other,
                )


def _locks(found: tuple[View, ...]) -> tuple[Lock, ...]:
    return tuple(ViewLock(view.name.sql, LockMode.ACCESS_EXCLUSIVE, view=True) for view in found)
