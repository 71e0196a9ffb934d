"""Says once a second that a step is still under way of which the server tells nothing, such as VALIDATE."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from expandcontract.engine.leased_work import Work
from expandcontract.model.events import StepRunning
from expandcontract.model.phases import Section
from expandcontract.model.step import Step

EVERY_SECONDS = 1.0


@asynccontextmanager
async def telling(work: Work, section: Section, step: Step) -> AsyncIterator[None]:
    """Tell for how long the body has run, where the step takes time with the size of the table."""
    if not step.by_size:
        yield
        return
    clock = asyncio.create_task(_tell(work, section, step))
    try:
        yield
    finally:
        clock.cancel()


async def _tell(work: Work, section: Section, step: Step) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        seconds = time.monotonic() - began
        work.context.listen(StepRunning(work.name, section, step.id, step.sentence, seconds))
