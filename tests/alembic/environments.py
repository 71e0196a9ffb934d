"""Environments of their own, for versions of Alembic and others that the tests do not run on themselves."""

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: They are kept for the next run, on disk.
FOLDER = Path(os.environ.get("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())) / "expandcontract-environments"


def newest_python() -> str:
    """Return the newest Python on this machine that can be relied on to have wheels."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for minor in (14, 13, 12):
        for python in (f"python3.{minor}", *map(str, root.glob(f"versions/3.{minor}.*/bin/python"))):
            if _works(python, minor):
                return python
    return sys.executable


def _works(python: str, minor: int) -> bool:
    says = f"import venv, sys; sys.exit(sys.version_info[:2] != (3, {minor}))"
    try:
        return subprocess.run([python, "-c", says], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def environment(python: str, *requirements: str) -> str:
    """Return the Python of an environment with `ec`, as it is here, and those requirements. It is made once.

    What they do not pin is as in constraints.txt, so that a run today is one of tomorrow.
    """
    pinned = {_name(each) for each in requirements if "==" in each}
    constraints = [
        line
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#") and _name(line) not in pinned
    ]
    says = (python, str(ROOT), (ROOT / "pyproject.toml").read_text(), *requirements, *constraints)
    home = FOLDER / hashlib.sha256("\n".join(says).encode()).hexdigest()[:16]
    if not home.exists():
        _make(home, python, requirements, constraints)
    return str(home / "bin" / "python")


def source(requirement: str) -> Path:
    """Return the folder of a package's source as it was released, with its tests. It is fetched once."""
    home = FOLDER / f"source-{requirement}"
    if not home.exists():
        FOLDER.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as beside:
            name = _name(requirement)
            _pip("download", "--no-deps", "--no-binary", name, "--dest", beside, requirement)
            (archive,) = Path(beside).glob("*.tar.gz")
            with tarfile.open(archive) as packed:
                packed.extractall(beside, filter="data")
            if not home.exists():
                (Path(beside) / archive.name.removesuffix(".tar.gz")).rename(home)
    return home


def _name(requirement: str) -> str:
    return re.split(r"[\s\[<>=!;]", requirement, maxsplit=1)[0].lower()


def _make(home: Path, python: str, wanted: Sequence[str], constraints: Sequence[str]) -> None:
    """Make it beside its place, and move it there whole: another worker may be at it, too."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as beside:
        made, file = Path(beside) / "made", Path(beside) / "constraints.txt"
        file.write_text("\n".join(constraints))
        subprocess.run([python, "-m", "venv", "--without-pip", str(made)], check=True)
        where = ("--python", str(made / "bin" / "python"))
        _pip(*where, "install", "--no-compile", "--constraint", str(file), "--editable", str(ROOT), *wanted)
        if not home.exists():
            made.rename(home)


def _pip(*words: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", *words],
        env={key: value for key, value in os.environ.items() if key != "PIP_CONSTRAINT"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        pytest.skip(f"needs an index of packages that pip reaches: {ran.stderr.strip().splitlines()[-1:]}")
