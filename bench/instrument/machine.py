"""What was measured on, and how much processor time a server has used."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

from expandcontract.testing.server import Server

#: A file system in memory, on Linux, and how much room sections need there.
MEMORY, ROOM_BYTES = Path("/dev/shm"), 4 << 30  # noqa: S108 - servers make directories of their own there
#: What differs from PostgreSQL's defaults; fsync stays on. Checkpoints come between the runs.
SETTINGS = {
    "shared_buffers": "512MB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
}


def memory() -> Path | None:
    """Return where a server's files can lie in memory; None where there is no room."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES else None


def describe(server: Server) -> str:
    """Return a sentence about the machine, the server and the program."""
    version = _said(str(server.bin("postgres")), "--version").split()[-1]
    settings = ", ".join(f"{name} = {value}" for name, value in SETTINGS.items())
    where = f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}"
    files = "in memory" if server.directory.is_relative_to(MEMORY) else "on disk"
    return f"PostgreSQL {version} with {settings}, its files {files}; {where}; commit {_commit()}."


def _commit() -> str:
    here = Path(__file__).parent
    commit = _said("git", "-C", str(here), "rev-parse", "--short", "HEAD")
    changed = _said(
        "git", "-C", str(here), "status", "--porcelain", "--untracked-files=no", "../../expandcontract"
    )
    return f"{commit or 'unknown'}{' with changes' if changed else ''}"


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository
        return ""


def cpu_seconds(server: Server) -> float | None:
    """Return the processor time of all processes that the server ever had (proc(5)); None but on Linux."""
    try:
        postmaster = _times(Path(f"/proc/{server.pid}/stat"))
    except OSError:
        return None
    # utime, stime, and those of the children that have ended: backends, and what else it had started.
    ticks = sum(postmaster[1:5])
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent, user, system, *_ = _times(stat)
        except OSError:
            continue  # it has just ended
        if parent == server.pid:
            ticks += user + system
    return ticks / os.sysconf("SC_CLK_TCK")


def _times(stat: Path) -> tuple[int, int, int, int, int]:
    """Return the parent, and utime, stime, cutime and cstime in ticks."""
    fields = stat.read_text().rpartition(")")[2].split()  # the name before it may contain anything
    return int(fields[1]), int(fields[11]), int(fields[12]), int(fields[13]), int(fields[14])
