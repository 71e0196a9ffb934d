"""The pyproject.toml that settings are read from, and how far it is trusted.

A file above the working directory may be somebody else's: under /tmp, or in a home directory that a team
shares. Its limits are taken; what would run a command, open a URL or send a query is not.
"""

import os
import stat
import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from expandcontract.model.errors import BadSetting

#: Settings that make `ec` run, open or ask something, by the table that they are in ("" for the outer one).
_ACTING: Mapping[str, frozenset[str]] = {
    "": frozenset(
        {"database_url", "database_url_file", "password_file", "direct_url", "standby", "fleet", "hooks"}
    ),
    "throttle": frozenset({"query", "http"}),
}
#: Settings that are paths of files.
_FILES = ("database_url_file", "password_file", "fleet")


class ProjectFile:
    """The nearest pyproject.toml, here or above, that has a table [tool.expandcontract].

    `doubt` says why it is not trusted; the empty string where it is.
    """

    def __init__(self, path: Path | None, values: Mapping[str, Any], *, doubt: str = "") -> None:
        self.path = path
        self.doubt = doubt
        self._table = values

    @classmethod
    def find(cls, start: Path) -> "ProjectFile":
        """Look in `start` and the folders above. Raises BadSetting for a file that is not TOML."""
        for folder in (start, *start.parents):
            path = folder / "pyproject.toml"
            if path.is_file() and (table := _table(path)) is not None:
                # Whoever works in a folder means what is there.
                return cls(path, table, doubt="" if folder == start else _doubt(path))
        return cls(None, {})

    @cached_property
    def values(self) -> dict[str, Any]:
        """The table by field name, without what is left out. Paths are relative to the file, so that `ec`
        works from every folder.
        """
        found = _underscored(self._table)
        for name, value in found.items():
            if isinstance(value, dict):
                found[name] = _underscored(value)
        if self.path is not None and isinstance(found.get("phases", ""), str):
            found["phases"] = str(self.path.parent / found.get("phases", "phases"))
        for name in _FILES:
            if self.path is not None and isinstance(found.get(name), str):
                found[name] = str(self.path.parent / found[name])
        for name in self.left_out:
            table, _, field = name.rpartition(".")
            del (found[table] if table else found)[field]
        return found

    @cached_property
    def left_out(self) -> tuple[str, ...]:
        """The settings of the file that are not used, as nobody knows who wrote them."""
        if not self.doubt:
            return ()
        outer = _underscored(self._table)
        tables = {"": outer, **{name: _underscored(v) for name, v in outer.items() if isinstance(v, dict)}}
        return tuple(
            f"{table}.{name}" if table else name
            for table, acting in _ACTING.items()
            for name in tables.get(table, {})
            if name in acting
        )


def _doubt(path: Path) -> str:
    """Return why somebody else may have written the file; the empty string where nobody else can."""
    for each in (path, path.parent):
        found = each.stat()
        if found.st_uid not in (os.geteuid(), 0):
            return f"{each} belongs to another user (uid {found.st_uid})"
        if stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX:
            continue  # others may add files there, and replace none of ours
        if found.st_mode & stat.S_IWOTH:
            return f"every user may write {each}"
        if found.st_mode & stat.S_IWGRP and not _own_group(found.st_gid):
            return f"a group may write {each} (gid {found.st_gid})"
    return ""


def _own_group(gid: int) -> bool:
    """Whether a group is this user's alone, as many systems make one for each."""
    import grp  # not everywhere where applications import expandcontract.orm

    if gid == 0:
        return True
    try:
        return gid == os.getegid() and len(grp.getgrgid(gid).gr_mem) <= 1
    except KeyError:
        return gid == os.getegid()


def _underscored(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key.replace("-", "_"): value for key, value in table.items()}


def _table(path: Path) -> Mapping[str, Any] | None:
    try:
        table = tomllib.loads(path.read_text()).get("tool", {}).get("expandcontract")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"{path} is not TOML.", why=str(error)) from error
    if table is not None and not isinstance(table, dict):
        raise BadSetting(f"tool.expandcontract in {path} is not a table.")
    return table
