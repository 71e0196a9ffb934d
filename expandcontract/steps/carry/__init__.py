"""What a column has and its new side must get: one file per trait."""

from expandcontract.steps.carry.checks import Checks
from expandcontract.steps.carry.comment import Comment
from expandcontract.steps.carry.default import Default
from expandcontract.steps.carry.filled import Filled
from expandcontract.steps.carry.foreign_keys import ForeignKeys
from expandcontract.steps.carry.indexes import Indexes
from expandcontract.steps.carry.not_null import NotNull
from expandcontract.steps.carry.privileges import Privileges
from expandcontract.steps.carry.statistics import Statistics
from expandcontract.steps.carry.storage import Storage
from expandcontract.steps.carry.subject import Subject, Trait
from expandcontract.steps.carry.triggers import Triggers
from expandcontract.steps.carry.views import Views

#: In the order of settling, and of what contract does before it hides: what takes long comes before the
#: rules, from which on writes may be refused. Indexes come after the rows: one on the new column would cost
#: every row its HOT update. A foreign key comes after them: without an index each DELETE of a parent reads
#: the whole table.
TRAITS: tuple[Trait, ...] = (
    Storage(),
    Indexes(),
    Checks(),
    NotNull(),
    Filled(),
    ForeignKeys(),
    Statistics(),
    Privileges(),
    Comment(),
    Default(),
    Triggers(),
    Views(),
)

#: What concerns the old side alone, where the new one is not of as many columns: nothing says which of them
#: an index is for.
UNEVEN: tuple[Trait, ...] = (NotNull(), Default())

__all__ = ["TRAITS", "UNEVEN", "Subject", "Trait"]
