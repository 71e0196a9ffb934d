"""The folder of revisions as Alembic finds it, read without running env.py."""

import os
import tokenize
import tomllib
import traceback
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionMap
from alembic.util import CommandError

from expandcontract.alembic import revisions
from expandcontract.alembic.revisions import Revision
from expandcontract.model.errors import UsageError

INI, PYPROJECT = "alembic.ini", "pyproject.toml"


def find(given: str | None = None, folder: Path = Path()) -> Config | None:
    """Return Alembic's configuration as Alembic itself would find it: what was given, ALEMBIC_CONFIG, an
    alembic.ini in the folder or, for Alembic 1.16 and later, [tool.alembic] in its pyproject.toml. None
    without any.

    Raises UsageError where what was given is not there.
    """
    named = given or os.environ.get("ALEMBIC_CONFIG")
    if named is not None and not Path(named).is_file():
        raise UsageError(f"There is no {named}.", next="ec alembic check --config alembic.ini")
    ini = Path(named) if named is not None else folder / INI
    toml = ini.parent / PYPROJECT if ini.name != PYPROJECT else ini
    in_toml = toml.is_file() and _has_alembic(toml)
    if ini.name != PYPROJECT and ini.is_file():
        return Config(str(ini), toml_file=str(toml)) if in_toml and knows_toml() else Config(str(ini))
    if not in_toml:
        return None
    if not knows_toml():
        raise UsageError(f"{toml} has [tool.alembic], which Alembic reads from 1.16 on.")
    return Config(toml_file=str(toml))


def require(given: str | None = None) -> Config:
    """Return Alembic's configuration. Raises UsageError without any."""
    found = find(given)
    if found is None:
        raise UsageError(
            f"There is no {INI} here, and no [tool.alembic] in {PYPROJECT}.",
            why="Alembic is configured by one of them.",
            next="ec alembic check --config FOLDER/alembic.ini",
        )
    return found


def opened(config: Config) -> ScriptDirectory:
    """Return the folder of revisions, all of them loaded. Raises UsageError with the file where one cannot
    be.
    """
    try:
        script = ScriptDirectory.from_config(config)
        list(script.walk_revisions())
    except CommandError as error:
        raise UsageError(f"{error}".rstrip(".") + ".", why="Alembic says so.") from error
    except Exception as error:
        raise _unloaded(error) from error
    return script


def read(script: ScriptDirectory) -> list[Revision]:
    """Return what all revisions say, those that stand lowest first."""
    return [of_script(each) for each in reversed(list(script.walk_revisions()))]


def of_script(script: Script) -> Revision:
    """Return what a revision says; of one without a source (`sourceless`) nothing is known but its place."""
    path = Path(script.path)
    below = tuple(script._all_down_revisions)  # noqa: SLF001 - those that it depends on too
    if path.suffix != ".py":
        return Revision(script.revision, below, path=path)
    found = revisions.read(_text(path), id=script.revision, below=below, path=path)
    # Of the others nothing is told: in a long chain that would take longer than to read them.
    return replace(found, path=shown(path)) if found.speaks else found


def does_nothing(script: Script) -> bool:
    """Whether nothing is done by going up to a revision, such as one that merges others."""
    path = Path(script.path)
    return path.suffix == ".py" and revisions.does_nothing(_text(path))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:  # its first lines say how it is written
        with tokenize.open(path) as file:
            return file.read()


def below(revision_map: RevisionMap, ids: Iterable[str], known: Iterable[Revision] = ()) -> list[Revision]:
    """Return what these revisions say and all below them, those included that they depend on. Of `known` it
    is known already.
    """
    read_before = {each.id: each for each in known}
    found, waiting = dict[str, Revision](), list(ids)
    while waiting:
        script = revision_map.get_revision(waiting.pop())
        if isinstance(script, Script) and script.revision not in found:
            found[script.revision] = read_before.get(script.revision) or of_script(script)
            waiting.extend(found[script.revision].below)
    return list(found.values())


def shown(path: Path) -> Path:
    """Return a path as it is told: from the working directory on where it is below that."""
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path


def _has_alembic(path: Path) -> bool:
    try:
        return "alembic" in tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML.", why=str(error)) from error


def knows_toml() -> bool:
    """Whether this Alembic can be configured in pyproject.toml."""
    import inspect

    return "toml_file" in inspect.signature(Config).parameters


def _unloaded(error: Exception) -> UsageError:
    if isinstance(error, SyntaxError) and error.filename:
        return UsageError(f"{error.filename}:{error.lineno} is no Python: {error.msg}.")
    last = traceback.extract_tb(error.__traceback__)[-1]
    return UsageError(
        f"{last.filename}:{last.lineno} {type(error).__name__}: {error}".rstrip(".") + ".",
        why="Alembic loads every revision to know which one is below which.",
    )
