"""What a change will cost in rows, bytes and minutes. Pure data."""

from dataclasses import dataclass

#: One worker's, as measured with two columns and an index on a small machine (docs/benchmarks.md).
ROWS_A_SECOND = 10_000


@dataclass(frozen=True)
class TableSize:
    """A table with all below it, as statistics know it. `rows` is None where it was never analyzed."""

    rows: int | None
    heap: int
    indexes: int
    index_count: int

    @property
    def about_rows(self) -> int:
        """Its rows, or as many as would be on its pages if each took 100 bytes."""
        return self.heap // 100 if self.rows is None else self.rows


@dataclass(frozen=True)
class Forecast:
    """What the plan costs up to contract, at most: `written` rows, bytes that are `read`, of `wal`, and of
    `disk` that it needs meanwhile; `minutes` at `rows_a_second` by one worker, throttled by nothing.

    `rows` and `bytes` are those of the table with its indexes now.
    """

    rows: int | None
    bytes: int
    written: int
    read: int
    wal: int
    disk: int
    minutes: float
    rows_a_second: int = ROWS_A_SECOND
