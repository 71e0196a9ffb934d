"""The settings that a session of ours has, whoever set what for its role."""

import re
from functools import cache
from typing import Any

import asyncpg

from expandcontract.model.names import do

#: Our own search_path. What is temporary is looked for last: by itself a type in pg_temp comes before that of
#: pg_catalog.
OUR_PATH = "pg_catalog, pg_temp"
#: Under it the server writes every name with its schema.
NO_PATH = "SELECT pg_catalog.set_config('search_path', '', true)"

#: Whatever a role, a database or PGOPTIONS set, a session of ours behaves the same. `scope` says whether for
#: this transaction only. row_security = off turns silent filtering by policies into an error. A timeout of
#: the session's own would kill us between two statements of a step. What takes JSON apart the planner takes
#: for a thousand times more than it is: jit would compile for longer than it runs.
_SETTINGS = """
SELECT pg_catalog.set_config('statement_timeout', '{statement_timeout}', {scope}),
       pg_catalog.set_config('idle_in_transaction_session_timeout', '{silence}', {scope}),
       CASE WHEN pg_catalog.current_setting('server_version_num')::int >= {transaction_timeout_since}
            THEN pg_catalog.set_config('transaction_timeout', '0', {scope}) END,
       pg_catalog.set_config('lock_timeout', '{lock_timeout}', {scope}),
       pg_catalog.set_config('row_security', 'off', {scope}),
       pg_catalog.set_config('search_path', '{path}', {scope}),
       pg_catalog.set_config('synchronous_commit',
           CASE WHEN NOT {synchronous} THEN 'off'
                WHEN pg_catalog.current_setting('synchronous_commit') = 'off' THEN 'on'
                ELSE pg_catalog.current_setting('synchronous_commit') END, {scope}),
       pg_catalog.set_config('DateStyle', 'ISO, MDY', {scope}),
       pg_catalog.set_config('IntervalStyle', 'postgres', {scope}),
       pg_catalog.set_config('bytea_output', 'hex', {scope}),
       pg_catalog.set_config('extra_float_digits', '1', {scope}),
       pg_catalog.set_config('quote_all_identifiers', 'off', {scope}),
       pg_catalog.set_config('standard_conforming_strings', 'on', {scope}),
       pg_catalog.set_config('client_min_messages', 'warning', {scope}),
       pg_catalog.set_config('jit', 'off', {scope})
"""
_TRANSACTION_TIMEOUT_SINCE = 170000
#: The names of those settings.
NAMES = tuple(dict.fromkeys(re.findall(r"set_config\('(\w+)'", _SETTINGS)))
#: Each is one message: a role's timeout of a few milliseconds would end us between two.
BEGIN = ("BEGIN ISOLATION LEVEL READ COMMITTED", "SET LOCAL statement_timeout = 0")


#: The setting that has the search_path of the application where that is another than its role's: on a
#: connection that somebody lent, who set it there.
LENT_PATH = "ec.lent_path"
_OWN = f"""
BEGIN
    IF COALESCE(pg_catalog.current_setting('{LENT_PATH}', true), '') OPERATOR(pg_catalog.=) '' THEN
        {{default}};
    ELSE
        PERFORM pg_catalog.set_config('search_path', pg_catalog.current_setting('{LENT_PATH}'), true);
    END IF;
END
"""


def own_path(setting: str = "search_path", scope: str = "true") -> str:
    """Return the statement that gives a setting what the role, the database or the server says of
    search_path, or who lent the connection, as in a session of the application; for this transaction, or the
    session (`scope` is false).
    """
    if setting == "search_path":
        # Its value of before any SET; pg_settings puts together all that there is for it. What is lent
        # is a transaction.
        default = f"SET {'LOCAL' if scope == 'true' else 'SESSION'} search_path TO DEFAULT"
        return do(_OWN.format(default=default)) if scope == "true" else default
    lent = f"NULLIF(pg_catalog.current_setting('{LENT_PATH}', true), '')"
    return (
        f"SELECT pg_catalog.set_config('{setting}', COALESCE({lent}, s.reset_val), {scope}) "
        "FROM pg_catalog.pg_settings s WHERE s.name OPERATOR(pg_catalog.=) 'search_path'"
    )


@cache
def settings(
    lock_timeout: str, statement_timeout: str, *, local: bool, synchronous: bool, silence: str = "0"
) -> str:
    """Return the statement that puts our settings in force, for the transaction (`local`) or the session.

    Args:
        lock_timeout: in milliseconds; 0 for none.
        statement_timeout: in milliseconds; 0 for none.
        local: whether for this transaction only.
        synchronous: whether commits wait for the disk.
        silence: in milliseconds, after which the server ends a session that says nothing in a transaction;
            0 for never.
    """
    return _SETTINGS.format(
        path=OUR_PATH,
        silence=silence,
        lock_timeout=lock_timeout,
        statement_timeout=statement_timeout,
        scope=str(local).lower(),
        synchronous=str(synchronous).lower(),
        transaction_timeout_since=_TRANSACTION_TIMEOUT_SINCE,
    ).strip()


#: What a role may be limited by, on every version.
_LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout")
#: A pooler takes none of them.
_NOT_TAKEN = "08P01"


class Lifting:
    """Connects without the role's timeouts: even what a driver asks when it connects takes longer than some.

    Through a pooler they cannot be lifted, since its sessions are those of others too.
    """

    def __init__(self) -> None:
        self._lifted = dict.fromkeys(_LIMITS, "0")

    async def connect(  # noqa: D417 - the others are those of asyncpg
        self,
        *,
        server_settings: dict[str, str],
        **arguments: Any,  # noqa: ANN401 - those of asyncpg
    ) -> "asyncpg.Connection[Any]":
        """Connect as asyncpg.connect() does, and learn whether there is a pooler.

        Args:
            server_settings: ours go before them.
        """
        lifted = self._lifted  # another connection may learn of a pooler meanwhile
        try:
            connection: asyncpg.Connection[Any] = await asyncpg.connect(
                server_settings=lifted | server_settings, **arguments
            )
        except asyncpg.PostgresError as error:
            if not lifted or error.sqlstate != _NOT_TAKEN:
                raise
            self._lifted = {}
            return await self.connect(server_settings=server_settings, **arguments)
        if lifted and connection.get_server_version().major >= _TRANSACTION_TIMEOUT_SINCE // 10000:
            await connection.execute("SET transaction_timeout = 0")
        return connection
