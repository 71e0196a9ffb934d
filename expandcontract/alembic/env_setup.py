"""Finds Alembic's env.py and puts what is needed into it, or says what that is."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from alembic.script import ScriptDirectory
from alembic.util import CommandError

from expandcontract.alembic import env_file, script_folder
from expandcontract.model.errors import UsageError


class State(StrEnum):
    """Whether env.py has what is needed."""

    READY = "ready"
    WRITTEN = "written"
    TO_WRITE = "to write"
    BY_HAND = "by hand"


@dataclass(frozen=True)
class EnvFile:
    """An env.py, and the difference that is needed, or what a person has to put where."""

    path: Path
    state: State
    told: str = ""


def look(config: str | None = None, *, write: bool = False) -> EnvFile | None:
    """Return what env.py needs, and write it where that is asked for; None where there is no Alembic.

    Raises UsageError where the folder of revisions is not there.
    """
    found = script_folder.find(config)
    if found is None:
        return None
    try:
        path = script_folder.shown(Path(ScriptDirectory.from_config(found).env_py_location))
    except CommandError as error:
        raise UsageError(f"{error}".rstrip(".") + ".", next="alembic init -t async migrations") from error
    if not path.is_file():
        raise UsageError(f"There is no {path}.", next="alembic init -t async migrations")
    before = path.read_bytes().decode("utf-8")
    try:
        after = env_file.edited(before)
    except (env_file.NotKnown, SyntaxError) as error:
        return EnvFile(path, State.BY_HAND, f"{path}: {error}\n\n{env_file.BY_HAND}\n")
    if after == before:
        return EnvFile(path, State.READY)
    if write:
        path.write_bytes(after.encode("utf-8"))
    told = env_file.difference(before, after, str(path))
    return EnvFile(path, State.WRITTEN if write else State.TO_WRITE, told)
