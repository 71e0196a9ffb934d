"""What `conflict` holds. The sync trigger writes it, through `note_conflict`, and the sweep before a
rollback and in a repair.
"""

from enum import StrEnum


class Kind(StrEnum):
    """Why a value is kept."""

    #: A write gave both sides and they disagreed; the new side won.
    BOTH_WRITTEN = "both written"
    #: The other side cannot hold the value (policy `record`). Contract stays shut.
    DOES_NOT_FIT = "does not fit"
    #: After contract: the hidden old side could not hold what the new side got, and undo would lose it.
    NOT_HELD = "not held by the hidden side"
    #: Only the new side held the value when it was rolled back.
    ONLY_NEW = "kept"
    #: The sides had drifted apart without the sync trigger; a repair filled the new side from the old one.
    OVERWRITTEN = "overwritten"
