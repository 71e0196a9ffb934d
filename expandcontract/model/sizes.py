"""Sizes in PostgreSQL's units. Pure."""

import re

from expandcontract.model.errors import BadSetting

#: PostgreSQL's own unit names for memory (manual, "Parameter Names and Values"): powers of 1024.
UNITS = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")


def parse_size(text: str) -> int:
    """Read `64MB`, `1.5GB` into bytes. Raises BadSetting; a number without a unit is refused."""
    match = _SIZE.fullmatch(text)
    if match is None or match[2] not in UNITS:
        raise BadSetting(
            f"{text!r} is not a size.", why="Write a number and one of B, kB, MB, GB, TB: 64MB, 1.5GB."
        )
    return round(float(match[1]) * UNITS[match[2]])


def spell_size(size: int) -> str:
    """Return the size as PostgreSQL would write it: the largest unit that divides it."""
    unit = next(unit for unit in reversed(UNITS) if size % UNITS[unit] == 0)
    return f"{size // UNITS[unit]}{unit}"
