"""What somebody asked for, and the two sides of it. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from expandcontract.model.names import RelationName


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
    """One column of a pair.

    `default` is the column's own default as SQL (schema-qualified), or None. `volatile_default` says that it
    makes a new value at each call, so that it cannot be compared with.
    """

    column: str
    type: str
    not_null: bool = False
    default: str | None = None
    volatile_default: bool = False


@dataclass(frozen=True, kw_only=True)
class Further(Side):
    """One more column of a new side, with what makes it of the old column, a function."""

    forward: RelationName
    plain_equality: bool = False


@dataclass(frozen=True)
class Pair:
    """An old and a new column with the expressions between them; where one becomes several, `more` are the
    others of the new side, in the order in which `back` takes them.

    `forward` and `back` are None where the other side's raw value is used (a rename), and otherwise the
    qualified names of scalar SQL functions. `fills_null` says that forward makes a value of NULL. `one_way`
    says that nothing goes back. `plain_equality` says that for the new (and old) type `IS NOT DISTINCT FROM`
    means identical.
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

    @property
    def new_columns(self) -> tuple[str, ...]:
        """The names of the new side until contract."""
        return (self.new.column, *(each.column for each in self.more))

    @property
    def computed_outside(self) -> bool:
        """Whether only a program outside of the database can make the new side's value."""
        return self.mode == Mode.FILL and self.forward is None

    @property
    def identity(self) -> bool:
        """Whether both sides hold the very same value."""
        return self.forward is None and not self.one_way
