"""What autogenerate looks at: the user's tables, nothing of ours."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from expandcontract.settings.single import ledger_schema

#: As `context.configure` takes them.
IncludeName = Callable[[str | None, str, Mapping[str, str | None]], bool]
IncludeObject = Callable[[Any, str | None, str, bool, Any], bool]


class Filters:
    """The two filters of one run, each asked before the user's own, which sees what passes."""

    def __init__(
        self, connection: Connection, name: IncludeName | None, object_: IncludeObject | None
    ) -> None:
        self.connection = connection
        self._users_name, self._users_object = name, object_

    def include_name(self, name: str | None, type_: str, parents: Mapping[str, str | None]) -> bool:
        """Say whether something of that name is read from the database."""
        if type_ == "schema" and name == ledger_schema():
            return False
        return self._users_name is None or self._users_name(name, type_, parents)

    def include_object(
        self,
        object_: Any,  # noqa: ANN401 - any item of a schema
        name: str | None,
        type_: str,
        reflected: bool,  # noqa: FBT001 - Alembic's signature
        compare_to: Any,  # noqa: ANN401
    ) -> bool:
        """Say whether a thing is compared."""
        return self._users_object is None or self._users_object(object_, name, type_, reflected, compare_to)
