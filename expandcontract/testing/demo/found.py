"""What the demo has found when it ends. Pure data."""

from dataclasses import dataclass
from typing import Any

from expandcontract.testing.demo.apps import App
from expandcontract.testing.demo.comparison import Comparison
from expandcontract.testing.timeline import Timeline


@dataclass(frozen=True)
class Sizes:
    """Bytes of the heap, of the indexes that were there from the start, and of all indexes."""

    heap: int
    indexes: int
    all_indexes: int


@dataclass(frozen=True)
class Found:
    """All that the last screen shows."""

    timeline: Timeline
    apps: tuple[App, App]
    status: dict[str, Any]
    before: Sizes
    after: Sizes
    comparison: Comparison
    seconds: float

    @property
    def good(self) -> bool:
        """No error, no row wrong, and both applications wrote: without that there was nothing to see."""
        errors = sum(len(app.errors) for app in self.apps)
        mismatches = self.status["phases"]["verify"]["mismatches"]
        return (
            not errors and not mismatches and not self.comparison.wrong and all(a.writes for a in self.apps)
        )
