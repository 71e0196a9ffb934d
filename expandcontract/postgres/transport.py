"""How what is said to the server travels: by which TLS, and whether the certificate was looked at."""

import socket
import ssl
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.postgres.message import driver
from expandcontract.postgres.query import rows

#: As the server has it. Behind a pooler that is the way from there.
_SERVER = "SELECT ssl, version, cipher FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()"


@dataclass(frozen=True)
class Transport:
    """A connection, from our end. `version` and `cipher` are None without TLS.

    `verified` says whether the server's certificate was checked: against authorities, and `by_name` whether
    it is the host's. `server_version` is the TLS that the server sees, None without.
    """

    by_socket: bool
    version: str | None = None
    cipher: str | None = None
    verified: bool = False
    by_name: bool = False
    server_version: str | None = None

    def __str__(self) -> str:
        if self.by_socket:
            return "a unix socket, which leaves no machine"
        if self.version is None:
            return "no TLS: who is in between reads and alters everything"
        checked = (
            "the server's certificate is verified, with its name"
            if self.by_name
            else "the server's certificate is verified, not its name"
            if self.verified
            else "the server's certificate is not verified: who is in between may be the server"
        )
        return f"{self.version}, {self.cipher}; {checked}"


async def look(conn: AsyncConnection) -> Transport:
    """Return how a connection travels."""
    raw = await driver(conn)
    # The driver has no public way to its own end.
    own = raw._transport  # type: ignore[attr-defined]  # noqa: SLF001
    at, wrapped = own.get_extra_info("socket"), own.get_extra_info("ssl_object")
    seen = {row[0]: row[1] for row in await rows(conn, _SERVER)}.get(True)
    if wrapped is None:
        return Transport(at is not None and at.family == socket.AF_UNIX, server_version=seen)
    cipher = wrapped.cipher()
    verified = wrapped.context.verify_mode == ssl.CERT_REQUIRED
    return Transport(
        by_socket=False,
        version=wrapped.version(),
        cipher=cipher[0] if cipher else None,
        verified=verified,
        by_name=verified and wrapped.context.check_hostname,
        server_version=seen,
    )
