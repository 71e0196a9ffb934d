"""A PgBouncer in transaction mode before a database of the server."""

import asyncio
import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from expandcontract.model.errors import NotConnected
from expandcontract.postgres.address import parse
from expandcontract.postgres.connect import Database
from expandcontract.testing.server import Server
from tests.waiting import until


async def answers(url: str) -> bool:
    """Whether a server can be reached there."""
    db = Database(url)
    try:
        return bool(await db.server_version())
    except NotConnected:
        return False
    finally:
        await db.close()


@asynccontextmanager
async def pooled(server: Server, database: str, backends: int = 1) -> AsyncIterator[str]:
    """Give the URL of a PgBouncer in transaction mode that has so many backends for all its clients."""
    if shutil.which("pgbouncer") is None:
        pytest.skip("needs pgbouncer")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    owner = server.directory.stat().st_uid
    with tempfile.TemporaryDirectory() as directory:
        configuration = Path(directory, "pgbouncer.ini")
        configuration.write_text(
            f"[databases]\n* = host={server.directory} port=5432 user=postgres\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = any\npool_mode = transaction\ndefault_pool_size = {backends}\n"
        )
        # It refuses to run as root; who owns the server's directory may enter it.
        user = ["-u", pwd.getpwuid(owner).pw_name] if os.getuid() == 0 else []
        process = await asyncio.create_subprocess_exec("pgbouncer", "-q", *user, str(configuration))
        url = f"postgresql://postgres@127.0.0.1:{port}/{parse(database).database}?sslmode=disable"
        try:
            await until(lambda: answers(url))
            yield url
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
