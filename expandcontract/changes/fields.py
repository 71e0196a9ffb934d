"""Fields that the specs of several kinds have."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from expandcontract.model.names import parse_column


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


def _by_name(given: object) -> object:
    """Read `OLD=NEW`, as the command line has it, once for each."""
    if not isinstance(given, list | tuple):
        return given
    pairs = [str(each).partition("=") for each in given]
    if not all(equals for _, equals, _ in pairs):
        raise ValueError("write it as OLD=NEW")
    return {old: new for old, _, new in pairs}


#: Names by names, all as in SQL.
NewNames = Annotated[dict[str, str], BeforeValidator(_by_name)]


def names() -> Any:  # noqa: ANN401 - as Field itself
    """Return the field of the names that what goes along with a column gets."""
    return Field(
        default={},
        description="What an index or constraint that goes along is called from contract on: OLD=NEW",
        json_schema_extra={"metavar": "OLD=NEW"},
    )


def parsed(names: Mapping[str, str]) -> dict[str, str]:
    """Return them as the server has them. Raises BadName."""
    return {parse_column(old): parse_column(new) for old, new in names.items()}


def keep() -> Any:  # noqa: ANN401 - as Field itself
    """Return the field of whether what rows held is kept."""
    return Field(
        default=False, description="Keep in the ledger what rows held before; ec rollback gives it back"
    )
