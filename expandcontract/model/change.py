"""What somebody asked for, and the two sides of it. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from expandcontract.model.names import RelationName
from expandcontract.model.phases import State


class Mode(StrEnum):
    """How the two sides are held together (see docs/explanation/sync-trigger.md)."""

    #: forward (and back) are immutable: the new side is what forward says, row by row, and verify proves it.
    MIRROR = "mirror"
    #: forward is applied once, to a row that has no value yet, and again when the old side changes.
    FILL = "fill"


class Unfit(StrEnum):
    """What happens to a value that the other side cannot hold."""

    #: The write that brings it is refused.
    REFUSE = "refuse"
    #: The write goes on, the value is kept in `conflict`, and contract stays shut.
    RECORD = "record"
    #: A value fits when the expression makes anything of it; what that loses is lost at purge.
    ACCEPT = "accept"


@dataclass(frozen=True)
class Change:
    """One thing to alter. `spec` holds the kind's own fields, validated by the kind."""

    name: str
    kind: str
    spec: Mapping[str, Any]


@dataclass(frozen=True)
class Side:
    """One column of a pair. It knows both of its names: `column` until contract, and `after` from then on,
    empty where that is the same.

    `default` is the column's own default as SQL (schema-qualified), or None. `volatile_default` says that it
    makes a new value at each call, so that it cannot be compared with.
    """

    column: str
    type: str
    not_null: bool = False
    default: str | None = None
    volatile_default: bool = False
    after: str = ""

    def at(self, state: State) -> str:
        """Return what it is called while the change is in `state`."""
        return self.after or self.column if state in (State.HIDDEN, State.PURGED) else self.column


@dataclass(frozen=True, kw_only=True)
class Further(Side):
    """One more column of a new side, with what makes it of the old side, a function."""

    forward: RelationName
    plain_equality: bool = False


@dataclass(frozen=True, kw_only=True)
class FurtherOld(Side):
    """One more column of an old side, with what makes it of the new side, a function; None where nothing
    leads back.
    """

    back: RelationName | None
    plain_equality: bool = False


@dataclass(frozen=True)
class Read:
    """A column of the row, of neither side, at which an expression of a pair looks."""

    column: str
    type: str
    plain_equality: bool = False


@dataclass(frozen=True)
class Pair:
    """An old and a new column with the expressions between them. Where one becomes several, `more` are the
    others of the new side, in the order in which `back` takes them; where several become one, `old_more` are
    the others of the old side, in the order in which `forward` takes them.

    The first column of each side has names of its own, as it had before a side could be of several: stored
    plans are read as they are, and have the fingerprints that they had. Whoever means a side asks for `olds`
    or `news`.

    `forward` and `back` are None where the other side's raw value is used (a rename), and otherwise the
    qualified names of scalar SQL functions. `fills_null` says that forward makes a value of NULL. `one_way`
    says that nothing goes back. `plain_equality` says that for the new (and old) type `IS NOT DISTINCT FROM`
    means identical.

    `reads` are the columns beside the pair that forward takes after the old side's, all of its functions
    alike, and `back_reads` those that back takes after the new side's.
    """

    table: RelationName
    old: Side
    new: Side
    mode: Mode = Mode.MIRROR
    forward: RelationName | None = None
    back: RelationName | None = None
    one_way: bool = False
    fills_null: bool = False
    old_plain_equality: bool = False
    new_plain_equality: bool = False
    unfit: Unfit = Unfit.REFUSE
    more: tuple[Further, ...] = ()
    old_more: tuple[FurtherOld, ...] = ()
    reads: tuple[Read, ...] = ()
    back_reads: tuple[Read, ...] = ()

    @property
    def beside(self) -> tuple[Read, ...]:
        """The columns of neither side at which forward or back looks."""
        return tuple({each.column: each for each in (*self.reads, *self.back_reads)}.values())

    @property
    def olds(self) -> tuple[Side, ...]:
        """The columns of the old side."""
        return (self.old, *self.old_more)

    @property
    def news(self) -> tuple[Side, ...]:
        """The columns of the new side."""
        return (self.new, *self.more)

    @property
    def old_columns(self) -> tuple[str, ...]:
        """The names of the old side until contract."""
        return tuple(each.column for each in self.olds)

    @property
    def new_columns(self) -> tuple[str, ...]:
        """The names of the new side until contract."""
        return tuple(each.column for each in self.news)

    @property
    def uneven(self) -> bool:
        """Whether one side is of more columns than the other, so that nothing says which of them a rule is
        for.
        """
        return bool(self.more or self.old_more)

    @property
    def gives_null(self) -> bool:
        """Whether a row may come without a value for a column of the old side that is NOT NULL: the new side,
        which is made of other columns or has left that rule behind, is not all NOT NULL from contract on.
        """
        return any(o.not_null for o in self.olds) and not all(n.not_null for n in self.news)

    @property
    def computed_outside(self) -> bool:
        """Whether only a program outside of the database can make the new side's value."""
        return self.mode == Mode.FILL and self.forward is None

    @property
    def identity(self) -> bool:
        """Whether both sides hold the very same value."""
        return self.forward is None and not self.one_way
