"""A file of rows that do not match."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from expandcontract.cli import rows_file
from expandcontract.sweep.row_reader import MismatchFound

#: Columns of the file; one of a key that is called so gets another name.
_OURS = ("relation", "old", "new")


@contextmanager
def written(path: str, *, values: bool) -> Iterator[Callable[[MismatchFound], None]]:
    """Give what takes a row and writes it; in CSV each column of the key is one. Raises UsageError."""
    with rows_file.written(path) as write:
        yield lambda found: write(_row(found, values=values, flat=rows_file.is_csv(path)))


def _row(found: MismatchFound, *, values: bool, flat: bool) -> dict[str, Any]:
    named = {f"key.{name}" if name in _OURS else name: value for name, value in found.key.items()}
    key = named if flat else {"key": found.key}
    return {"relation": found.relation} | key | ({"old": found.old, "new": found.new} if values else {})
