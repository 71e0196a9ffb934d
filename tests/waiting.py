"""Waiting for what another session, task or process has to bring about."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

#: What has not come by then never will.
SECONDS = 60.0


async def until(condition: Callable[[], object | Awaitable[object]], *beside: "asyncio.Task[object]") -> None:
    """Wait until `condition`, which may be a coroutine function, returns something true.

    Where one of the tasks `beside`, which have to bring it about, fails, its error is raised: waiting on
    would only hide it.
    """
    async with asyncio.timeout(SECONDS):
        while True:
            found = condition()
            if await found if inspect.isawaitable(found) else found:
                return
            for task in beside:
                if task.done():
                    task.result()
            await asyncio.sleep(0.01)
