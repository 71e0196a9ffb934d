"""--recreate-views and --drop-views: what the options say, and what cannot be done."""

from dataclasses import dataclass, replace

from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import qualify_type, quote
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps.following import Following, GoingAlong
from expandcontract.steps.parts import Part
from expandcontract.steps.reading import Reading

_VIEWS = ("view", "materialized view")

RECREATE_VIEWS = "Have views over the column read the new one from contract on, and the old one after undo"
RECREATE_BY_BACK = "Have views over the old side show what --back makes of the new one, from contract on"
RECREATE_WITHOUT = "Have views that only show the column show NULL in its place, from contract on"
DROP_VIEWS = "Have views over it go with it: hidden by contract, brought back by undo, dropped by purge"


def examine_way_back(*, recreate: bool, one_way: bool) -> None:
    """Raise ValueError where views are to show what nothing makes."""
    if recreate and one_way:
        raise ValueError(
            "--recreate-views and --one-way exclude each other: nothing says what views are to show in the "
            "place of the old side"
        )


def examine(following: Following | None) -> None:
    """Raise UnsupportedShape where a rule of a view cannot say what it is to say."""
    if following is None:
        return
    for view in following.named:
        if following.after.shown and view.rules:
            rule, columns = view.rules[0], " and ".join(following.before.columns)
            raise UnsupportedShape(
                f"Rule {rule} of {view.kind.lower()} {view.name} names {columns}.",
                why="In a rule that writes, nothing but a column can stand in the place of one.",
                next=f"DROP RULE {rule} ON {view.name}, and make it again after contract; or leave "
                "--recreate-views out, and write the view anew by yourself.",
            )


@dataclass(frozen=True)
class Views:
    """What is done about views over what a change takes away: they follow, or go along, or none of both."""

    following: Following | None = None
    going: GoingAlong | None = None

    def without(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot without the views, which are said for themselves."""
        if self.following is None and self.going is None:
            return snapshot
        whole = replace(
            snapshot.whole, dependents=tuple(d for d in snapshot.whole.dependents if d.kind not in _VIEWS)
        )
        named = tuple(each for each in snapshot.dependents if each.kind not in _VIEWS)
        return replace(snapshot, whole=whole, dependents=named)

    def around(self, goes: Part) -> tuple[Part, ...]:
        """Return what goes as a part, with what becomes of views: they are dropped before it."""
        if self.going is not None:
            return self.going.part(), goes
        return (goes,) if self.following is None else (self.following.part(), goes)


def of_dropped(
    snapshot: Snapshot, column: Column | None = None, hidden: str = "", *, recreate: bool = False, drop: bool
) -> Views:
    """Return what becomes of the views over a column that is dropped, and `hidden` first, or over a table."""
    if drop and snapshot.views:
        return Views(going=GoingAlong(snapshot.views))
    if not recreate or column is None or not snapshot.views:
        return Views()
    collation = "" if column.collation is None else f" COLLATE {column.collation}"
    shown = (f"(NULL::{qualify_type(column.type)}{collation})",)
    before = Reading(snapshot.table, (column.name,), shown=shown, only_shown=True)
    reads = f"shows NULL in the place of {quote(column.name)}"
    following = Following(snapshot.views, before, replace(before, columns=(hidden,)), reads)
    examine(following)
    return Views(following=following)
