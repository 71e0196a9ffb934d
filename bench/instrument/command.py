"""`ec` as a process of its own, for what only a process has: resident memory."""

import asyncio
import os
import sys

from instrument.copies import Subject

#: A process inherits the peak of the one that started it (the kernel keeps it over exec), so a small one
#: does.
LAUNCHER = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
#: Neither settings nor change plans lie there.
NOWHERE = "/"
#: ru_maxrss is in kilobytes, on macOS in bytes.
UNIT = 1 if sys.platform == "darwin" else 1024


class CommandFailedError(Exception):
    """`ec` did not end with 0."""


def words(*verb: str) -> tuple[str, ...]:
    """Return what runs `ec`."""
    return (sys.executable, "-m", "expandcontract", *verb)


def environment(subject: Subject) -> dict[str, str]:
    """Return the variables that say which database."""
    return {**os.environ, "EC_DATABASE_URL": subject.url}


async def resident_bytes(subject: Subject, *verb: str) -> int:
    """Run `ec` without courtesy to this process, and return the most memory that it had.

    Raises CommandFailedError.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "-c", LAUNCHER, *words(*verb),
        cwd=NOWHERE,
        env={**environment(subject), "EC_THROTTLE_OFF": "courtesy"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, talk = await process.communicate()
    if process.returncode:
        raise CommandFailedError(f"`ec {' '.join(verb)}`: {talk.decode(errors='replace')}")
    return int(out) * UNIT
