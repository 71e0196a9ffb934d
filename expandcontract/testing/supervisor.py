"""The process that owns an embedded PostgreSQL server, so that nobody else's death leaves one behind.

Started by `expandcontract.testing.server` in a session of its own, with nothing but the standard library. It
creates the server's directory, is the server's parent, and answers one line of JSON to each line on its
standard input. When that input ends, for whatever reason (the owner closed it, crashed, or was killed with
SIGKILL), the server is shut down and the directory removed.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn

# PostgreSQL's names for its shutdown modes, and the signals the postmaster knows them by.
SHUTDOWN = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
START_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.01
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Supervisor:
    """One server, from the creation of its directory to its removal.

    `spec` holds `programs` (the folder of initdb and postgres), `base` (where the directory is created),
    `user` (uid and gid that PostgreSQL runs as, or null), `settings`, `password` (of the superuser, over TCP,
    or null) and `source` (connection string of a primary to copy, or null).
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.user: dict[str, Any] = {}
        self.directory = Path(tempfile.mkdtemp(prefix="ec-pg-", dir=spec["base"]))
        if spec["user"] is not None:
            uid, gid = spec["user"]
            self.user = {"user": uid, "group": gid, "extra_groups": []}
            os.chown(self.directory, uid, gid)
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.postmaster: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Make the data directory: a new one, or a copy of a running primary that will follow it."""
        if self.spec["source"] is None:
            self._initdb()
        else:
            self._run(
                *("pg_basebackup", "--dbname", self.spec["source"], "--pgdata", str(self.data)),
                *("--wal-method=stream", "--checkpoint=fast", "--no-sync", "--write-recovery-conf"),
            )
        settings = {**self.spec["settings"], "unix_socket_directories": str(self.directory)}
        with (self.data / "postgresql.conf").open("a") as conf:
            for name, value in settings.items():
                quoted = str(value).replace("\\", "\\\\").replace("'", "''")
                conf.write(f"{name} = '{quoted}'\n")

    def start(self) -> None:
        """Start the server and return when it accepts connections."""
        with self.log.open("ab") as log:
            self.postmaster = subprocess.Popen(
                [f"{self.spec['programs']}/postgres", "-D", str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - this process has one thread
                **self.user,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._accepts_connections():
            if self.postmaster.poll() is not None or time.monotonic() > deadline:
                self._fail("postgres", self.log.read_text(errors="replace"))
            time.sleep(POLL_SECONDS)

    def stop(self, mode: str) -> None:
        """Shut the server down in one of PostgreSQL's modes, harder when that takes too long."""
        if self.postmaster is None:
            return
        for step in (SHUTDOWN[mode], signal.SIGQUIT, signal.SIGKILL):
            self.postmaster.send_signal(step)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.postmaster.wait(STOP_SECONDS)
                break
        self.postmaster = None

    def remove(self) -> None:
        """Leave nothing behind."""
        self.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)

    def _initdb(self) -> None:
        arguments = ["--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        arguments += ["--auth-local=trust", "--auth-host=scram-sha-256", f"--pgdata={self.data}"]
        if self.spec["password"] is None:
            self._run("initdb", *arguments)
            return
        # Through a pipe: a password neither in the list of processes nor in a file.
        read_end, write_end = os.pipe()
        if self.spec["user"] is not None:
            os.fchown(read_end, *self.spec["user"])
        with os.fdopen(write_end, "w") as pipe:
            pipe.write(self.spec["password"] + "\n")
        try:
            self._run("initdb", *arguments, f"--pwfile=/dev/fd/{read_end}", pass_fds=(read_end,))
        finally:
            os.close(read_end)

    def _run(self, program: str, *arguments: str, pass_fds: tuple[int, ...] = ()) -> None:
        done = subprocess.run(
            [f"{self.spec['programs']}/{program}", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.directory,
            pass_fds=pass_fds,
            check=False,
            **self.user,
        )
        if done.returncode != 0:
            self._fail(program, done.stdout.decode(errors="replace"))

    def _fail(self, program: str, output: str) -> NoReturn:
        message = f"{program} of {self.spec['programs']} failed: {output.strip()[-2000:]}"
        raise RuntimeError(message)

    def _accepts_connections(self) -> bool:
        """Read the eighth line of postmaster.pid, the status that pg_ctl waits for as well."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        # A file of the server before this one may still lie there after an immediate shutdown.
        pid = str(self.postmaster.pid) if self.postmaster else ""
        return len(lines) == 8 and lines[0] == pid and lines[7].strip() == "ready"  # noqa: PLR2004


def die_with_parent() -> None:
    """Have the kernel shut the server down should this process be killed (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def reply(**answer: object) -> None:
    """Answer the owner."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def serve(supervisor: Supervisor) -> None:
    """Start the server and do what the owner asks, until it asks no more."""
    supervisor.create()
    supervisor.start()
    reply(directory=str(supervisor.directory), pid=supervisor.postmaster.pid if supervisor.postmaster else 0)
    for line in sys.stdin:
        command, mode = line.split()
        supervisor.stop(mode)
        if command == "stop":
            return
        supervisor.start()
        reply(pid=supervisor.postmaster.pid if supervisor.postmaster else 0)


def main() -> None:
    """Run until standard input ends."""
    os.umask(0o077)
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]  # a PGPORT of the owner is not meant for this server
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    supervisor = Supervisor(json.loads(sys.stdin.readline()))
    try:
        serve(supervisor)
    except RuntimeError as error:
        reply(error=str(error))
    finally:
        supervisor.remove()


if __name__ == "__main__":
    main()
