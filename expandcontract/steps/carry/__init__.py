"""What a column has and its new side must get: one file per trait."""

from expandcontract.steps.carry import (
    asked,
    checks,
    comment,
    default,
    filled,
    foreign_keys,
    indexes,
    not_null,
    privileges,
    statistics,
    triggers,
    views,
)
from expandcontract.steps.carry.subject import Subject, Trait

#: In the order of settling, and of what contract does before it hides: what takes long comes before the
#: rules, from which on writes may be refused. Indexes come after the rows: one on the new column would cost
#: every row its HOT update. A foreign key comes after them: without an index each DELETE of a parent reads
#: the whole table.
TRAITS: tuple[Trait, ...] = (
    indexes.part,
    views.part,
    checks.part,
    not_null.part,
    filled.part,
    foreign_keys.part,
    asked.part,
    statistics.part,
    privileges.part,
    comment.part,
    default.part,
    triggers.part,
)

#: Where the new side is not of as many columns nothing says which of them an index, or a rule, is for: those
#: of the old side go at contract, and come back with it.
UNEVEN: tuple[Trait, ...] = (
    indexes.part,
    views.part,
    checks.part,
    not_null.part,
    foreign_keys.part,
    asked.part,
    comment.part,
    default.part,
)

__all__ = ["TRAITS", "UNEVEN", "Subject", "Trait"]
