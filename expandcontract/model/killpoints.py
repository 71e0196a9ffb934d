"""Named points at which a process may die, so that a test can make it die there."""

from collections.abc import Callable

_at: Callable[[str], None] | None = None


def reach(point: str) -> None:
    """Say that `point` was reached, such as `expand.add_column.recorded`. Does nothing outside of tests."""
    if _at is not None:
        _at(point)


def watch(at: Callable[[str], None] | None) -> None:
    """Call `at` with every point that is reached from now on (None: no longer)."""
    global _at  # noqa: PLW0603 - one process, one watcher, only in tests
    _at = at
