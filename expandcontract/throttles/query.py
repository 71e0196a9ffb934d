"""The throttle `query`: the copy waits while a query of the operator's returns a value over zero, or true.

A budget. It is run in a transaction of its own that reads only, for a second at most.
"""

from typing import Any

from expandcontract.throttles.reading import Reading

NAME = "query"


def reading(found: Any, *, optional: bool) -> Reading:  # noqa: ANN401 - whatever the operator's query returns
    """Return what the first column of the first row means; `found` is None without a row, and for NULL."""
    if found is None:
        return Reading.unreadable(NAME, "it returned no value", optional=optional)
    try:
        value = float(found)
    except (TypeError, ValueError):
        return Reading.unreadable(NAME, "it returned neither a number nor a boolean", optional=optional)
    words = f"returned {'true' if value else 'false'}" if isinstance(found, bool) else f"returned {found} > 0"
    return Reading(NAME, value, 0.0, words=words)
