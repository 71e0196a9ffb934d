"""One question to a database, over a connection that is made for it: no pool, no settings, one answer."""

from typing import Any

import asyncpg

from expandcontract.model.errors import EcError, NotConnected
from expandcontract.model.presence import mark, named
from expandcontract.postgres.address import Address
from expandcontract.postgres.sqlstate import server_message, sqlstate, translate

#: A server that says nothing is waited for no longer.
SECONDS = 10.0
_REFUSALS = (OSError, TimeoutError, ValueError, asyncpg.InterfaceError, asyncpg.InternalClientError)


async def ask(address: Address, query: str, *arguments: str | None) -> str | None:
    """Return the only column of the only row of `query`, a text. Who asks may do no harm: it is read-only.

    Raises NotConnected, and what the server says as an error of ours, whose cause has its SQLSTATE.
    """
    settings = {"application_name": named("ec"), "default_transaction_read_only": "on"}
    if address.options is not None:
        settings["options"] = address.options
    try:
        connection = await asyncpg.connect(
            **address.connect_arguments(),
            server_settings=settings,
            timeout=address.connect_timeout_seconds or SECONDS,
            command_timeout=SECONDS,
            statement_cache_size=0,
        )
    except (*_REFUSALS, asyncpg.PostgresError) as error:
        raise _not_connected(address, error) from error
    try:
        found: Any = await connection.fetchval(f"{query} {mark()}", *arguments)
    except asyncpg.PostgresError as error:
        raise translate(error) from error
    except _REFUSALS as error:
        raise _not_connected(address, error) from error
    finally:
        await connection.close(timeout=1)
    return None if found is None else str(found)


def state_of(error: EcError) -> str | None:
    """Return the SQLSTATE that an error of `ask` came from."""
    return None if error.__cause__ is None else sqlstate(error.__cause__)


def _not_connected(address: Address, error: Exception) -> NotConnected:
    message, why = server_message(error)
    text = " ".join(filter(None, (message or type(error).__name__, why)))
    said = text.replace(address.password, "***") if address.password else text
    return NotConnected(f"Cannot connect to {address}.", why=said, next="ec doctor")
