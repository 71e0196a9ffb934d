"""A process of its own that takes part in a sweep, and dies or stops at a kill point: `python -m
tests.postgres.sweep_process JSON`.
"""

import asyncio
import itertools
import json
import os
import signal
import sys

from expandcontract.ledger.tables import Tables
from expandcontract.model import killpoints
from expandcontract.model.step import Purpose
from expandcontract.postgres.connect import Database
from expandcontract.sweep import Job, SweepOptions, walk
from tests.postgres.sweeping import Swept, action


def command(
    table: Swept, *, point: str = "", times: int = 1, how: str = "SIGKILL", batch: int = 100
) -> list[str]:
    """Return the command of a process that gets signal `how` when it reaches `point` for the `times`th
    time.
    """
    told = {
        "url": table.url, "change": table.job.change_id, "table": table.job.table, "purpose":
        table.job.purpose.value, "point": point, "times": times, "how": how, "batch": batch,
    }  # fmt: skip
    return [sys.executable, "-m", "tests.postgres.sweep_process", json.dumps(told)]


async def main(told: dict[str, str | int]) -> None:
    """Take part until the end of the sweep, or of this process."""
    counter = itertools.count(1)

    def at(point: str) -> None:
        if point == told["point"] and next(counter) == told["times"]:
            os.kill(os.getpid(), getattr(signal, str(told["how"])))

    killpoints.watch(at)
    database = Database(str(told["url"]))
    job = Job(
        int(told["change"]), "0001_things", 1, 1, action(Purpose(str(told["purpose"]))), int(told["table"])
    )
    await walk(database, Tables(), job, options=SweepOptions(batch=int(told["batch"])))
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
