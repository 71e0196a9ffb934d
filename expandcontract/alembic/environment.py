"""What env.py hands to `context.configure`."""

from collections.abc import Callable, Iterator
from typing import Any

from alembic import context as alembic_context
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from expandcontract.alembic.migration_run import Said, going

#: Under this key of the migration context's options stands what was said here.
KEY = "expandcontract"


def options(
    connection: Connection | None = None,
    *,
    database_url: str | None = None,
    on_shut: str = "stop",
) -> dict[str, Any]:
    """Return what `context.configure` needs beside the project's own arguments.

    Args:
        connection: the one that is handed to it; None offline.
        database_url: the database, where the connection's own URL is not the way for `ec`.
        on_shut: what happens before a contract whose gates are shut: "stop" ends the run there where nothing
            but contracts comes after it, "fail" always ends it with an error.
    """
    said = Said(database_url or _url(connection), on_shut)
    # Nothing public gives the function that chooses the steps.
    found = getattr(alembic_context, "_proxy", None)
    if connection is not None and connection.dialect.name == "postgresql" and found is not None:
        found.context_opts["fn"] = _wrapped(found.context_opts["fn"], said)
    return {KEY: said}


def _wrapped(fn: Callable[..., Any], said: Said) -> Callable[..., Iterator[Any]]:
    """Return what chooses the same steps, and looks at all of them before the first one runs."""

    def steps(revision: Any, context: MigrationContext) -> Iterator[Any]:  # noqa: ANN401 - Alembic's own
        yield from going(list(fn(revision, context)), said)

    return steps


def _url(connection: Connection | None) -> str | None:
    if connection is None:
        return None
    return connection.engine.url.render_as_string(hide_password=False)
