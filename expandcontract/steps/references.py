"""Rows that break a foreign key: they refer to nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from expandcontract.model.names import RelationName, quote


@dataclass(frozen=True)
class Reference:
    """What a foreign key says of the rows that have `columns`: they are to be found as `other_columns` of
    `other`, compared by `operators` (as SQL). `full`: with all of them, or none (MATCH FULL).
    """

    columns: Sequence[str]
    other: RelationName
    other_columns: Sequence[str]
    operators: Sequence[str]
    full: bool = False
    partitioned: bool = False

    def broken(self) -> str:
        """Return a predicate over `t` that is true of rows that break it."""
        own = [f"t.{quote(column)}" for column in self.columns]
        same = " AND ".join(
            f"o.{quote(other)} {operator} {column}"
            for column, other, operator in zip(own, self.other_columns, self.operators, strict=True)
        )
        # A child by inheritance has no part in it.
        only = "" if self.partitioned else "ONLY "
        nothing = f"NOT EXISTS (SELECT FROM {only}{self.other.sql} o WHERE {same})"
        filled = " AND ".join(f"{column} IS NOT NULL" for column in own)
        if not self.full or len(own) == 1:
            return f"{filled} AND {nothing}"
        # Of a row that has all of them, or breaks it by one that is missing, nothing is found.
        some = " OR ".join(f"{column} IS NOT NULL" for column in own)
        return f"({some}) AND {nothing}"
