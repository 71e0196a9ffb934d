"""Alembic's own connection, which idles while ec is at work on others for as long as that takes."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from expandcontract.alembic import turns

#: What was set is kept under the same name with this before it. Within a transaction it is of that
#: transaction; where there is none, as in Alembic's autocommit block, it is of the session: of that one only
#: which the driver knows, as a pooler's next statement may go to another one. Not by SELECT, of which the
#: protocol keeps a snapshot open until another statement comes: CREATE INDEX CONCURRENTLY would wait for it.
_KEPT, _LOCAL = "expandcontract", "name OPERATOR(pg_catalog.<>) 'idle_session_timeout'"
_SET = f"""DO $ec$ BEGIN
    PERFORM pg_catalog.set_config('{_KEPT}.' || name, setting, {_LOCAL}),
        pg_catalog.set_config(name, '0', {_LOCAL})
    FROM pg_catalog.pg_settings WHERE {{which}} AND setting OPERATOR(pg_catalog.<>) '0';
END $ec$"""
_SET_BACK = f"""DO $ec$ BEGIN
    PERFORM pg_catalog.set_config(name, kept, {_LOCAL}),
        pg_catalog.set_config('{_KEPT}.' || name, '', {_LOCAL})
    FROM (SELECT name, pg_catalog.current_setting('{_KEPT}.' || name, true) AS kept
          FROM pg_catalog.pg_settings WHERE {{which}}) s WHERE kept OPERATOR(pg_catalog.<>) '';
END $ec$"""
_WHICH = """(name OPERATOR(pg_catalog.=) 'idle_in_transaction_session_timeout'
        OR name OPERATOR(pg_catalog.=) 'idle_session_timeout'
        AND pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) {pid})"""


@contextmanager
def spared(connection: Connection | None) -> Iterator[None]:
    """Have the server not end a connection for being idle while the body runs, whatever the role or the
    database is set to. Nothing else of it changes, and it is outside of a transaction where it was.
    """
    # Who only asks for a target has closed it: env.py is over then.
    if connection is None or connection.closed:
        yield
        return
    which = _WHICH.format(pid=turns.known_pid(connection) or 0)
    _run(connection, _SET.format(which=which))
    try:
        yield
    finally:
        # Who lost the connection meanwhile hears of that from the next statement of Alembic's.
        with suppress(DBAPIError):
            _run(connection, _SET_BACK.format(which=which))


def _run(connection: Connection, statement: str) -> None:
    began = not connection.in_transaction()
    connection.exec_driver_sql(statement)
    if began:
        connection.commit()
