"""Views that are to read something else in the place of columns, from contract on and until undo: what each
of the two does about them, right before its turn.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from expandcontract.model.names import RelationName, quote
from expandcontract.model.notes import Note
from expandcontract.model.step import Lock, LockMode, Step, Transactional, ViewLock
from expandcontract.postgres.catalog.view import View
from expandcontract.steps import tables, views, views_beside
from expandcontract.steps.parts import Part
from expandcontract.steps.reading import Reading
from expandcontract.steps.view_sql import hidden, some_made, some_renamed, some_replaced
from expandcontract.steps.views import Instead

#: How many views a sentence names.
_NAMED = 4


@dataclass(frozen=True)
class Following:
    """`views` are of every level, each after those that it reads.

    `before` is what they are to read by the names of before contract, `after` by those of after it. Undo has
    them read the column of before again, or gives them what they said, where they read an expression. With
    `retyped` they get another type. `reads` is what a sentence says that a view does from contract on.
    """

    views: tuple[View, ...]
    before: Reading
    after: Reading
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
        """Return all that it adds to a change."""
        if not self.named:
            return Part()
        return Part(
            before_contract=(*self._made(), *map(self._filled, self._stored), *self._saved()),
            turning=(*self._replaced(), *self._exchanged()),
            before_undo=tuple(map(self._filled_again, self._stored)),
            returning=(*self._given_back(), *self._exchanged_back()),
            after_undo=tuple(self._cleared()),
            rollback=self._left(self.views),
            purge=views.dropped(tuple(view for view in self.views if view in {*self._kept, *self.anew})),
            follows=tuple(view.name for view in self.named),
            hidden_views=self.hidden,
            views_anew=tuple(view.name for view in self.anew),
            notes=tuple(self.notes()),
        )

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

    def _made(self) -> Iterator[Step]:
        made: set[View] = set()
        for number, some in enumerate(some_made(self.anew), 1):
            read = tuple(view for view in self._read_by(some) if view in made)
            made.update(some)
            # In one transaction: default privileges may let others read what is made.
            yield Step(
                _id("views", number),
                "+",
                f"make {'others' if some[1:] else 'another'} beside {_listed(some)}",
                Transactional(
                    (
                        self._trusted(some),
                        views_beside.made(self.before, some, read),
                        views_beside.owned(some),
                    ),
                    self._locks((*read, *some)),
                ),
                reverse=views_beside.dropped(some),
            )

    def _filled(self, view: View) -> Step:
        return _fills(
            f"fill:{view.name.sql}",
            f"fill the one beside {quote(view.name.name)}, while its tables are read and written",
            views_beside.filled(view),
        )

    def _saved(self) -> Iterator[Step]:
        for number, some in enumerate(some_made(self._kept), 1):
            yield Step(
                _id("views:keep", number),
                "+",
                f"keep what {_listed(some)} {'say' if some[1:] else 'says'}, for undo",
                Transactional((self._trusted(some), views.kept(self.before, some, self.anew))),
                reverse=views.dropped(some),
            )

    def _replaced(self) -> Iterator[Step]:
        """What is made beside has no name of its own yet."""
        for number, some in enumerate(some_replaced(self.replaced), 1):
            instead = Instead(self._read_by(some), "called", "beside")
            yield Step(
                _id("views:read", number),
                "~",
                f"replace {_listed(some)}: {'each' if some[1:] else 'it'} {self.reads}",
                self._reading(self.before, some, instead),
                reverse=self._reading_back(self.before, some, instead.back),
            )

    def _exchanged(self) -> Iterator[Step]:
        for number, some in enumerate(some_renamed(self.anew), 1):
            yield Step(
                _id("views:exchange", number),
                "~",
                f"exchange {_listed(some)} and what was made beside, by their names",
                Transactional((views.exchanged(some),), _locks(some)),
                reverse=(views.exchanged_back(some),),
            )

    def _filled_again(self, view: View) -> Step:
        return _fills(
            f"refresh:{view.name.sql}",
            f"fill hidden {quote(hidden(view.name).name)} anew",
            views_beside.filled_again(view),
        )

    def _given_back(self) -> Iterator[Step]:
        """What was there before has a hidden name still."""
        for number, some in enumerate(some_replaced(self.replaced), 1):
            instead = Instead(self._read_by(some), "called", "hidden")
            statements = self._reading_back(self.after, some, instead)
            locks = _locks(some) if self._kept else self._locks((*instead.views, *some))
            yield Step(
                _id("views:read", number),
                "~",
                f"replace {_listed(some)} by what {'they' if some[1:] else 'it'} said before contract",
                Transactional(statements, locks),
                reverse=self._reading(self.after, some, instead.back).statements,
            )

    def _exchanged_back(self) -> Iterator[Step]:
        for number, some in enumerate(some_renamed(self.anew), 1):
            yield Step(
                _id("views:exchange", number),
                "~",
                f"give {_listed(some)} of before contract {'their names' if some[1:] else 'its name'} again",
                Transactional((views.exchanged_back(some),), _locks(some)),
                reverse=(views.exchanged(some),),
            )

    def _cleared(self) -> Iterator[Step]:
        last_first = tuple(reversed((*self._kept, *self.anew)))
        for number, some in enumerate(some_renamed(last_first), 1):
            yield Step(
                _id("views:drop", number),
                "-",
                f"drop what stood for {_listed(some)} meanwhile",
                Transactional(self._left(some[::-1])),
            )

    def _left(self, some: Sequence[View]) -> tuple[str, ...]:
        """Statements that clear away what is beside views, where there is anything."""
        kept, anew = (tuple(view for view in some if view in each) for each in (self._kept, self.anew))
        return (*views.dropped(kept), *views_beside.dropped(anew))

    def _reading(self, reading: Reading, some: Sequence[View], instead: Instead) -> Transactional:
        statements = (self._trusted(some), views.read_instead(reading, some, instead))
        return Transactional(statements, self._locks((*instead.views, *some)))

    def _reading_back(self, reading: Reading, some: Sequence[View], instead: Instead) -> tuple[str, ...]:
        if self._kept:
            return (self._trusted(some), views.as_kept(some))
        return self._reading(reading.back, some, instead).statements

    def _read_by(self, some: Sequence[View]) -> tuple[View, ...]:
        """Those made anew that some views read, and are none of those."""
        read = {name for view in some for name in view.reads}
        return tuple(view for view in self.anew if view.name in read and view not in some)

    def _trusted(self, some: Sequence[View]) -> str:
        return views.trusted(self.before.table, [view.name for view in some])

    def _locks(self, found: Sequence[View]) -> tuple[Lock, ...]:
        """Columns have other names for a moment."""
        every = tuple(view for view in self.views if view in found)
        return (*_locks(every), *tables.access_exclusive(self.before.table))


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
            turning=tuple(self._hidden()),
            returning=tuple(self._shown()),
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

    def _hidden(self) -> Iterator[Step]:
        for number, some in enumerate(some_renamed(self.views), 1):
            yield Step(
                _id("views:hide", number),
                "~",
                f"hide {_listed(some)}",
                Transactional((views.out_of_sight(some),), _locks(some)),
                reverse=(views.in_sight(some),),
            )

    def _shown(self) -> Iterator[Step]:
        for number, some in enumerate(some_renamed(self.views), 1):
            yield Step(
                _id("views:show", number),
                "~",
                f"give {_listed(some)} {'their names' if some[1:] else 'its name'} again",
                Transactional((views.in_sight(some),), _locks(some)),
                reverse=(views.out_of_sight(some),),
            )


def _id(of: str, number: int) -> str:
    return of if number == 1 else f"{of}:{number}"


def _listed(found: Sequence[View]) -> str:
    names = [quote(view.name.name) for view in found]
    more = len(names) - _NAMED
    if more <= 1:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED])} and {more} more"


def _locks(found: Sequence[View]) -> tuple[Lock, ...]:
    return tuple(ViewLock(view.name.sql, LockMode.ACCESS_EXCLUSIVE, view=True) for view in found)
