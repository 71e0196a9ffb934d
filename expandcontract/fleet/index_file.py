"""The index file of a fleet's plan: each wave's targets in their order, each with the plan that was seen.

It is written once, by `ec fleet plan`, and passed on: a target that comes later moves no other one.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from expandcontract.fleet.target import Round, Target
from expandcontract.model.errors import BadFleetFile

SCHEMA: Literal["ec.fleet-index/1"] = "ec.fleet-index/1"
FILE = "fleet.json"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Entry(_Part):
    """A target: `fingerprint` is that of its plan, `plan` what targets with the same plan have in common.
    Both are None where it could not be compiled.
    """

    target: str
    fingerprint: str | None = None
    plan: str | None = None


class IndexedWave(_Part):
    """A wave: the index of a target is its place here."""

    name: str
    targets: tuple[Entry, ...]


class Index(_Part):
    """The whole file."""

    schema_: Literal["ec.fleet-index/1"] = Field(SCHEMA, alias="schema")
    change: str
    waves: tuple[IndexedWave, ...]

    @property
    def entries(self) -> dict[str, Entry]:
        """Every target by its name."""
        return {entry.target: entry for wave in self.waves for entry in wave.targets}

    @property
    def plans(self) -> frozenset[str]:
        """What was seen: the plans of all targets."""
        return frozenset(entry.plan for entry in self.entries.values() if entry.plan is not None)


def write(index: Index, folder: Path) -> Path:
    """Write the file into the folder of a change; return where it is."""
    path = folder / FILE
    text = json.dumps(index.model_dump(mode="json", by_alias=True), indent=1, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")
    return path


def read(path: Path) -> Index:
    """Read the file. Raises BadFleetFile."""
    try:
        return Index.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadFleetFile(
            f"{path} cannot be read.", why=error.strerror or "", next="ec fleet plan"
        ) from error
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, details["loc"]))
        raise BadFleetFile(
            f"{path} is no index of a fleet: {place or 'it'}: {details['msg']}.", next="ec fleet plan"
        ) from None


def find(phases: Path, change: str) -> Index | None:
    """Return the index of a change; None where it has none."""
    path = phases / change / FILE
    return read(path) if path.is_file() else None


def of_rounds(rounds: Sequence[Round]) -> Index:
    """Return the order that the inventory has now, without plans."""
    waves = (
        IndexedWave(name=each.wave.name, targets=tuple(Entry(target=target.name) for target in each.targets))
        for each in rounds
    )
    return Index(change="", waves=tuple(waves))


def at(index: Index, wave: str | None, number: int, targets: Sequence[Target]) -> tuple[Target, Entry]:
    """Return the target at a place of a wave; the only wave may be left out. Raises BadFleetFile."""
    found = _wave(index, wave)
    if not 0 <= number < len(found.targets):
        count = len(found.targets)
        raise BadFleetFile(
            f"There is no index {number} in the wave {found.name!r}: it has {count} targets.",
            why=f"They are counted from 0 to {count - 1}." if count else "",
            next="ec fleet targets",
        )
    entry = found.targets[number]
    target = next((each for each in targets if each.name == entry.target), None)
    if target is None:
        raise BadFleetFile(
            f"{entry.target!r}, index {number} of the wave {found.name!r}, is not in the inventory any more.",
            why="The index file was written before it went.",
            next="ec fleet targets",
        )
    return target, entry


def _wave(index: Index, name: str | None) -> IndexedWave:
    names = ", ".join(wave.name for wave in index.waves)
    if name is None:
        if len(index.waves) == 1:
            return index.waves[0]
        raise BadFleetFile("An index counts within a wave.", why=f"--wave is one of {names}.")
    found = next((wave for wave in index.waves if wave.name == name), None)
    if found is None:
        raise BadFleetFile(f"There is no wave {name!r}.", why=f"There are {names}.", next="ec fleet targets")
    return found
