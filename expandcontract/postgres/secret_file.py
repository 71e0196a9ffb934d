"""Files that hold a secret: a password, a URL, a token. Read when needed: they are replaced meanwhile."""

import os
import stat
from pathlib import Path

from expandcontract.model.errors import BadSetting


def read(path: Path, setting: str) -> str:
    """Return what the file holds, without the line end that an editor left.

    Raises BadSetting, which names the `setting` and the file: it cannot be read, is empty, or is anybody's
    to read or write. A group may read it, as orchestrators give files to containers.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read().decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "It is not text."
        raise BadSetting(f"{setting}: {path} cannot be read.", why=f"{reason}") from None
    _refuse_open(path, setting, mode)
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise BadSetting(f"{setting}: {path} is empty.")
    return text


def exposed(mode: int) -> str | None:
    """Return in words what others may do with a file of this mode; None where that is nothing."""
    if mode & (stat.S_IWOTH | stat.S_IWGRP):
        return "others may write it"
    return "every user may read it" if mode & stat.S_IROTH else None


def _refuse_open(path: Path, setting: str, mode: int) -> None:
    reason = exposed(mode) if stat.S_ISREG(mode) else None
    if reason is not None:
        raise BadSetting(
            f"{setting}: {path} is not used: {reason}.",
            why="What is in it is a secret. Of a mounted secret, the mode is set where it is mounted "
            "(defaultMode: 0440, with an fsGroup).",
            next=f"chmod 600 {path}",
        )
