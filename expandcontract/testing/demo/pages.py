"""The pages of the demo's database, served by a process of their own while it is played."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from expandcontract.testing.operator import CommandFailedError
from expandcontract.testing.supervisor import die_with_parent


@asynccontextmanager
async def served(url: str) -> AsyncIterator[str]:
    """Serve the pages of a database, and give their address. Raises CommandFailedError where that fails."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "expandcontract", "serve", "--listen", "127.0.0.1:0",
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "EC_DATABASE_URL": url, "EC_LOG_FORMAT": "json"},
        process_group=0,  # an interrupt at the terminal is for the demo, which then ends it
        preexec_fn=die_with_parent,
    )  # fmt: skip
    assert process.stderr is not None  # noqa: S101 - for the type checker
    try:
        told = json.loads(await process.stderr.readline() or "{}")
        if "address" not in told:
            raise CommandFailedError(f"ec serve: {told.get('message', 'it ended')} {told.get('next', '')}")
        heard = asyncio.create_task(_heard(process.stderr))
        yield str(told["address"])
        heard.cancel()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _heard(stream: asyncio.StreamReader) -> None:
    """Read on, so that nobody waits for a pipe that is full."""
    while await stream.readline():
        pass
