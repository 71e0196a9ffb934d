"""SQLAlchemy's dialect as all of our connections speak it."""

from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.engine import Connection

#: For `create_async_engine`.
URL = "postgresql+expandcontract://"
#: What was compiled for one engine serves all others: each process has several, of one dialect.
COMPILED: dict[Any, Any] = {}
#: So does what was found out of how each type is sent and read.
_TYPES: "WeakKeyDictionary[Any, Any]" = WeakKeyDictionary()


class Dialect(PGDialect_asyncpg):
    """One like any other of its class, so that engines share what was compiled.

    By itself a dialect asks each server for its version, which the driver knows, and for settings that we
    set.
    """

    supports_statement_cache = True

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - those of SQLAlchemy
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._type_memos = _TYPES

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dialect)

    def __hash__(self) -> int:
        return hash(Dialect)

    def initialize(self, connection: Connection) -> None:
        """Take over what the driver knows."""
        version = connection.connection.driver_connection.get_server_version()  # type: ignore[union-attr]
        self.server_version_info = (version.major, version.minor)
        self._backslash_escapes = False  # standard_conforming_strings is on in our transactions


registry.register("postgresql.expandcontract", __name__, Dialect.__name__)
