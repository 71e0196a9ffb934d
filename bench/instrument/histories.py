"""Finds migrations in folders, and has each read by what it is."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from instrument import python_history, rails_history, sql_history
from instrument.operations import Migration

#: Files of SQL that lead back.
_BACK = re.compile(r"(^U\d|[._-](down|undo|rollback|revert)\.sql$|/(revert|down|verify)/)", re.IGNORECASE)
_SUFFIXES = frozenset({".py", ".rb", ".sql"})
_UNREAD = "unread: the file"


def read(paths: Iterable[Path]) -> Iterator[Migration]:
    """Yield every migration, in the order of its path."""
    django = python_history.Django()
    for path in sorted(file for each in paths for file in (each.rglob("*") if each.is_dir() else (each,))):
        # Some have one file for each database: 01.sql.postgres beside 01.sql.sqlite.
        if not _SUFFIXES.intersection(path.suffixes[-2:]) or "sqlite" in path.suffix or not path.is_file():
            continue
        source = path.read_text(encoding="utf-8", errors="replace")
        try:
            done = list(_operations(path, source, django))
        except (SyntaxError, RecursionError):
            done = [_UNREAD]
        yield Migration(str(path), done)


def _operations(path: Path, source: str, django: python_history.Django) -> Iterator[str]:
    if ".sql" in path.suffixes[-2:]:
        if not _BACK.search(path.as_posix()):
            yield from sql_history.operations(source)
    elif path.suffix == ".rb":
        if "ActiveRecord::Migration" in source or "Gitlab::Database::Migration" in source:
            yield from rails_history.operations(source)
    elif "alembic" in source and "def upgrade" in source:
        yield from python_history.alembic(source)
    elif "migrations.Migration" in source or re.search(r"class Migration\(", source):
        yield from django.read(path.parent.parent.name, source)
