"""A file of rows: CSV, or JSON lines, by its suffix. Written row by row."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from expandcontract.model.errors import UsageError

Row: TypeAlias = Mapping[str, Any]
_JSON_LINES = (".jsonl", ".ndjson")


@contextmanager
def written(path: str) -> Iterator[Callable[[Row], None]]:
    """Give what takes a row and writes it. A file that is there is written over; only its owner may read it.

    Raises UsageError before anything else is done: the suffix is not valid, or the file cannot be written.
    """
    form = Path(path).suffix.lower()
    if form not in {".csv", *_JSON_LINES}:
        raise UsageError(
            f"--export {path}: the suffix says neither CSV nor JSON lines.",
            why="Write FILE.csv or FILE.jsonl.",
        )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise UsageError(f"--export {path} cannot be written: {error.strerror}.") from None
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        yield _json_lines(file) if form in _JSON_LINES else _csv(file)


def is_csv(path: str) -> bool:
    """Say whether the file's suffix asks for CSV."""
    return Path(path).suffix.lower() == ".csv"


def _json_lines(file: TextIO) -> Callable[[Row], None]:
    def write(row: Row) -> None:
        file.write(json.dumps(dict(row), ensure_ascii=False) + "\n")

    return write


def _csv(file: TextIO) -> Callable[[Row], None]:
    """The header comes with the first row."""
    begun = False

    def write(row: Row) -> None:
        nonlocal begun
        if not begun:
            file.write(_line(list(row)))
            begun = True
        file.write(_line([_cell(value) for value in row.values()]))

    return write


def _cell(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _line(cells: Sequence[str | None]) -> str:
    """Every value in quotes, NULL without any: COPY ... CSV reads it back, and tells '' from NULL."""
    return ",".join("" if cell is None else '"' + cell.replace('"', '""') + '"' for cell in cells) + "\r\n"
