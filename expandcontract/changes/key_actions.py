"""What a foreign key does with rows whose row of the other table goes, or gets another key."""

from enum import StrEnum


class KeyAction(StrEnum):
    """What happens to rows whose row of the other table is deleted, or gets another key."""

    NO_ACTION = "no-action"
    RESTRICT = "restrict"
    CASCADE = "cascade"
    SET_NULL = "set-null"
    SET_DEFAULT = "set-default"

    @property
    def sql(self) -> str:
        """As SQL."""
        return self.value.upper().replace("-", " ")


def actions(on_delete: KeyAction, on_update: KeyAction) -> str:
    """Return what follows REFERENCES."""
    return f"ON DELETE {on_delete.sql} ON UPDATE {on_update.sql}"
