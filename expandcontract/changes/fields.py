"""Fields that the specs of several kinds have."""

from typing import Any

from pydantic import Field


def positional(description: str) -> Any:  # noqa: ANN401 - as Field itself
    """Return a field that the command line takes by its place."""
    return Field(description=description, json_schema_extra={"positional": True})


def table() -> Any:  # noqa: ANN401 - as Field itself
    """Return the field of a table."""
    return positional("The table: [schema.]table")


def column() -> Any:  # noqa: ANN401 - as Field itself
    """Return the field of a column."""
    return positional("The column: [schema.]table.column")


def name() -> Any:  # noqa: ANN401 - as Field itself
    """Return the field of the name of what is made, where PostgreSQL chooses one."""
    return Field(default=None, description="Its name [as PostgreSQL would choose it]")


def keep() -> Any:  # noqa: ANN401 - as Field itself
    """Return the field of whether what rows held is kept."""
    return Field(
        default=False, description="Keep in the ledger what rows held before; ec rollback gives it back"
    )
