"""Versions of an application, and what is asked of them: `web>=42`. Pure."""

import re
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from expandcontract.model.errors import BadSetting

_REQUIREMENT = re.compile(r"\s*(?P<application>[^<>=!~,\s]+)\s*>=\s*(?P<version>[^<>=!~,\s]+)\s*")


@dataclass(frozen=True)
class Requirement:
    """Every instance of `application` must be at `version` or later."""

    application: str
    version: str

    def __str__(self) -> str:
        return f"{self.application}>={self.version}"

    def met_by(self, version: str) -> bool:
        """Whether a version is late enough. One that has no order, such as a commit's hash, is not."""
        found = _parsed(version)
        return found is not None and found >= Version(self.version)


def comparable(version: str) -> bool:
    """Whether a version has an order: an integer, or what PEP 440 calls a version."""
    return _parsed(version) is not None


def parse_requirements(text: str) -> tuple[Requirement, ...]:
    """Read `web>=42, worker>=1.3`. Raises BadSetting."""
    return tuple(_requirement(part) for part in text.split(",") if part.strip())


def _requirement(text: str) -> Requirement:
    match = _REQUIREMENT.fullmatch(text)
    if match is None or not comparable(match["version"]):
        raise BadSetting(
            f"{text.strip()!r} does not say which version is required.",
            why="Write APPLICATION>=VERSION, with an integer or a version as PEP 440 has them: web>=42.",
        )
    return Requirement(match["application"], match["version"])


def _parsed(version: str) -> Version | None:
    try:
        return Version(version)
    except InvalidVersion:
        return None
