"""A backfill in a process of its own that kills itself at a kill point: `python -m
tests.acceptance.backfill_process URL CHANGE POINT TIMES`.
"""

import asyncio
import itertools
import os
import signal
import sys
import time
from pathlib import Path

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import backfill
from expandcontract.model import killpoints
from expandcontract.model.events import ignore
from expandcontract.postgres.connect import Database
from tests.acceptance.cycle import POLICY

#: A folder in which processes wait for each other when they have their first chunk.
MEETING = "EC_TEST_MEETING"


async def killed_at(url: str, change: str, point: str, times: int, *, meeting: Path | None = None) -> int:
    """Run it until it kills itself at the point; return how it ended."""
    command = (sys.executable, "-m", "tests.acceptance.backfill_process", url, change, point, str(times))
    environment = os.environ | ({} if meeting is None else {MEETING: str(meeting)})
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    return await process.wait()


def _meet() -> None:
    folder = Path(os.environ[MEETING])
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < 2:
        time.sleep(0.01)


async def main(url: str, change: str, point: str, times: int) -> None:
    """Backfill, until the point is reached this many times."""
    counter = itertools.count(1)

    def watch(name: str) -> None:
        if name == "chunk.leased" and MEETING in os.environ:
            _meet()
        if name == point and next(counter) == times:
            os.kill(os.getpid(), signal.SIGKILL)

    killpoints.watch(watch)
    context = Context(Database(url), POLICY, ignore, "the operator")
    await backfill.backfill(context, change, backfill.BackfillOptions(batch=20, workers=2))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
