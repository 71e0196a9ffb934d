"""What a gate says of a situation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """What a gate says: open or shut, the reason in words, and one line to copy.

    `blind`: the gate could not look, so that what it did not see may be there all the same. `waits`: one that
    is shut opens by itself, with time or as the deploy goes on.
    """

    gate: str
    hard: bool
    open: bool
    reason: str
    next: str = ""
    waived_by: str | None = None
    blind: bool = False
    waits: bool = False
