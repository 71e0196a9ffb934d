"""The way to a server: TLS that is asked for and told of, and passwords that are replaced meanwhile.

On Debian's PostgreSQL: the packaged ones are built without TLS.
"""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import doctor
from expandcontract.model.errors import NotConnected
from expandcontract.model.events import ignore
from expandcontract.model.policy import Policy
from expandcontract.postgres import connect
from expandcontract.postgres.connect import Database
from expandcontract.postgres.whereabouts import Whereabouts
from expandcontract.testing.server import DEBIAN, Server, available_versions
from tests.acceptance.pages import run_page
from tests.waiting import until

pytestmark = pytest.mark.slow

_WITH_TLS = next((v for v in available_versions() if (DEBIAN / f"{v}/bin/initdb").exists()), None)


def _certificate(folder: Path) -> Path:
    """Make a certificate of 127.0.0.1's own, and return it; the key lies beside it."""
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-keyout", "server.key", "-out", "server.crt", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder / "server.crt"


@pytest.fixture
def reached() -> Iterator[Server]:
    """Give a server that is reached over TCP, with a password, and without TLS so far."""
    if _WITH_TLS is None:
        pytest.skip("needs Debian's PostgreSQL")
    with Server.start(_WITH_TLS, {"fsync": "off"}, tcp=True) as server:
        yield server


async def _on(server: Server, *statements: str) -> None:
    connection = await asyncpg.connect(server.socket_url())
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def _with_tls(server: Server, certificate: Path) -> None:
    owner = server.data_directory.stat()
    for name in ("server.crt", "server.key"):
        placed = server.data_directory / name
        placed.write_bytes((certificate.parent / name).read_bytes())
        placed.chmod(0o600)
        os.chown(placed, owner.st_uid, owner.st_gid)
    await _on(server, "ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")

    async def is_on() -> bool:
        connection = await asyncpg.connect(server.socket_url())
        try:
            return bool(await connection.fetchval("SELECT current_setting('ssl') = 'on'"))
        finally:
            await connection.close()

    await until(is_on)


async def _told(url: str, *, require_tls: bool = True) -> str:
    """Return what doctor says of the way."""
    database = Database(Whereabouts(url, require_tls=require_tls))
    try:
        found = await doctor.examine(Context(database, Policy(), ignore, "the operator"))
    finally:
        await database.close()
    (transport,) = (each for each in found if each.subject in ("transport", "server") and (
        each.subject == "transport" or not each.well))  # fmt: skip
    return transport.sentence


async def test_tls_is_required_and_told_of(reached: Server, tmp_path: Path) -> None:
    """Without it there is no connection but by a unix socket; what is in force, and who looked at the
    certificate, doctor says.
    """
    certificate = _certificate(tmp_path)
    assert "no TLS" in await _told(reached.url(), require_tls=False)
    refused = await _told(reached.url())
    assert refused.startswith("Cannot connect to server 127.0.0.1")
    assert "TLS" in refused
    assert "unix socket" in await _told(reached.socket_url())
    await _with_tls(reached, certificate)
    assert "TLSv1.3" in (plain := await _told(reached.url()))
    assert "not verified" in plain
    checked = f"{reached.url()}?sslmode=verify-full&sslrootcert={certificate}"
    assert "certificate is verified, with its name" in await _told(checked)
    by_chain = f"{reached.url()}?sslmode=verify-ca&sslrootcert={certificate}"
    assert "certificate is verified, not its name" in await _told(by_chain)
    (tmp_path / "other").mkdir()
    other = _certificate(tmp_path / "other")
    stranger = await _told(f"{reached.url()}?sslmode=verify-full&sslrootcert={other}")
    assert stranger.startswith("Cannot connect to")


async def test_the_commands_of_the_page_run(reached: Server, tmp_path: Path) -> None:
    """From the first to the last, in one shell: the password is replaced, and TLS is in force at the end."""
    await _on(reached, "CREATE ROLE ec LOGIN PASSWORD 'one'", "CREATE DATABASE shop OWNER ec")
    certificate = _certificate(tmp_path)
    await _with_tls(reached, certificate)
    where = reached.url("shop", "ec")
    said = run_page(
        "security.md",
        {
            "/run/secrets": str(tmp_path),
            "postgresql://ec@db.internal/shop": where,
            "/etc/ssl/db-ca.pem": str(certificate),
            "PASSWORD '...'": "PASSWORD 'two'",
            "\nec doctor": "\nec init && ec doctor",
        },
        {
            "PASSWORD": "one",
            "NEW": "two",
            "PGHOST": str(reached.directory),
            "PGPORT": where.split(":")[-1][:-5],
        },
        reached,
        tmp_path,
    )
    assert "certificate is verified, with its name" in said


async def test_where_a_password_may_stand(
    reached: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A passfile, a service, a file, each by itself; a wrong one is refused, and not shown."""
    await _on(reached, "CREATE ROLE ec LOGIN PASSWORD 'right one'")
    url = reached.url(user="ec")
    monkeypatch.setenv("HOME", str(tmp_path))
    for path, text in (
        (".pgpass", "*:*:*:ec:right one\n"),
        (".pg_service.conf", "[mine]\nuser=ec\npassword=right one\n"),
        ("password", "right one\n"),
        ("wrong", "open-sesame"),
    ):
        (tmp_path / path).write_text(text)
        (tmp_path / path).chmod(0o600)
    with pytest.raises(NotConnected) as caught:
        await _reach(Whereabouts(url, password_file=tmp_path / "wrong"))
    assert "open-sesame" not in f"{caught.value.message} {caught.value.why}"
    await _reach(Whereabouts(url))
    (tmp_path / ".pgpass").unlink()
    with pytest.raises(NotConnected):
        await _reach(Whereabouts(url))
    await _reach(Whereabouts(f"{url}?service=mine"))
    await _reach(Whereabouts(url, password_file=tmp_path / "password"))
    (tmp_path / "url").write_text(url.replace("//ec@", "//ec:right%20one@"))
    (tmp_path / "url").chmod(0o600)
    await _reach(Whereabouts(url_file=tmp_path / "url"))


async def _reach(where: Whereabouts) -> None:
    database = Database(where)
    try:
        await database.server_version()
    finally:
        await database.close()


async def test_a_password_that_is_replaced_stops_nobody(
    reached: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is read for each connection, and one that comes a moment after the server's is waited for."""
    await _on(reached, "CREATE ROLE worker LOGIN PASSWORD 'one'")
    secret = tmp_path / "password"
    secret.write_text("one\n")
    secret.chmod(0o600)
    database = Database(Whereabouts(reached.url(user="worker"), password_file=secret))
    await database.server_version()
    await database.close()
    await _on(reached, "ALTER ROLE worker PASSWORD 'two'")
    refused = asyncio.Event()
    once = connect._connected_once

    async def noted(*arguments: object, **more: object) -> object:
        try:
            return await once(*arguments, **more)  # type: ignore[arg-type]
        except asyncpg.InvalidPasswordError:
            refused.set()
            raise

    monkeypatch.setattr(connect, "_connected_once", noted)
    waiting = asyncio.create_task(database.server_version())
    await refused.wait()
    secret.write_text("two\n")
    assert await waiting >= 140000
    await database.close()
    secret.write_text("three\n")
    fresh = Database(Whereabouts(reached.url(user="worker"), password_file=secret))
    with pytest.raises(NotConnected) as caught:
        await fresh.server_version()
    assert "three" not in f"{caught.value.message} {caught.value.why}"
    await fresh.close()
