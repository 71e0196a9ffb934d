"""pg_service.conf: parameters of connections by name, as libpq reads them. The driver knows one place of it,
some parameters not at all, and takes a percent sign in a password for something else.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from expandcontract.model.errors import UsageError

#: Where packages look for the file of the whole machine, after PGSYSCONFDIR.
_SYSTEM = (Path("/etc/postgresql-common"), Path("/etc/sysconfig/pgsql"))
_NAME = "pg_service.conf"


def look_up(service: str | None, file: str | None) -> Mapping[str, str]:
    """Return the parameters of a service: of PGSERVICE when none is named. Without either there are none.

    It is looked for in `file`, else in PGSERVICEFILE, else in ~/.pg_service.conf, and then in that of the
    machine. Raises UsageError.
    """
    name = service or os.environ.get("PGSERVICE")
    if not name:
        return {}
    places = _places(file or os.environ.get("PGSERVICEFILE"))
    for place in places:
        found = _section(place, name)
        if found is not None:
            return found
    raise UsageError(
        f"There is no service {name}.",
        why=f"Looked for in {', '.join(map(str, places)) or 'no file: there is none'}.",
    )


def _places(named: str | None) -> list[Path]:
    """Return the files that are there, the strongest first."""
    if named and not Path(named).is_file():
        raise UsageError(f"The service file {named} is not there.")
    first = Path(named) if named else Path.home() / f".{_NAME}"
    system = os.environ.get("PGSYSCONFDIR")
    rest = (Path(system),) if system else _SYSTEM
    return [place for place in (first, *(folder / _NAME for folder in rest)) if place.is_file()]


def _section(place: Path, name: str) -> Mapping[str, str] | None:
    """Return the parameters of a section; None where the file has none of that name."""
    try:
        lines = place.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The service file {place} cannot be read.", why=type(error).__name__) from None
    headings = [number for number, line in enumerate(lines) if line.strip() == f"[{name}]"]
    return dict(_parameters(place, lines, headings[0] + 1)) if headings else None


def _parameters(place: Path, lines: list[str], start: int) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(map(str.strip, lines[start:]), start + 1):
        if line.startswith("["):
            return
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals:
            # The line may be a password.
            raise UsageError(f"Line {number} of {place} is not KEY=VALUE.")
        yield key.strip(), value
