"""Calls a hook: a command for the shell, or a POST with JSON. Says what is wrong with its answer, if so."""

import asyncio
import json
import os
import signal
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from tempfile import TemporaryFile
from typing import IO
from urllib.error import HTTPError
from urllib.request import Request

from expandcontract.model.durations import spell
from expandcontract.model.hooks import Facts, Hooks, inherited
from expandcontract.model.presence import TRACEPARENT, trace_id
from expandcontract.throttles.http import opener, signed

#: This much of the end of a command's output is told.
_TOLD_BYTES = 500


async def call(hooks: Hooks, hook: str, facts: Facts) -> str | None:
    """Return None when the hook agrees (exit code 0, status 2xx), else in words why not."""
    target, timeout = hooks.calls[hook], hooks.timeout
    if target.startswith(("http://", "https://")):
        return await _posted(target, json.dumps(facts.body(hook)), timeout)
    environment = inherited(os.environ, hooks) | facts.environment(hook)
    return await _run(target, environment, timeout)


async def _posted(url: str, body: str, timeout: timedelta) -> str | None:  # noqa: ASYNC109 - as above
    seconds = timeout.total_seconds()
    try:
        # The library waits this long for each step of the way; all of them together may not take longer.
        status = await asyncio.wait_for(asyncio.to_thread(_post, url, body, seconds), seconds + 0.2)
    except TimeoutError:
        return f"no answer within {spell(timeout)}"
    except (OSError, ValueError) as error:
        return str(error) or "no answer"
    return None if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES else f"answered {status}"


def _post(url: str, body: str, seconds: float) -> int:
    address, headers = signed(url)
    request = Request(  # noqa: S310 - call() takes http and https only
        address,
        data=body.encode(),
        method="POST",
        headers={**headers, **_trace(), "Content-Type": "application/json"},
    )
    try:
        with opener().open(request, timeout=seconds) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


def _trace() -> dict[str, str]:
    """Return the header that lets whoever answers join the trace that this run is part of."""
    return {TRACEPARENT.lower(): os.environ[TRACEPARENT]} if trace_id() else {}


async def _run(command: str, environment: dict[str, str], timeout: timedelta) -> str | None:  # noqa: ASYNC109 - as above
    # A file, not a pipe: a pipe that a child keeps open would have to be waited for.
    with TemporaryFile() as output:
        # A group of its own: it ends as a whole, and Ctrl-C is for `ec` to answer.
        process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
        try:
            code = await asyncio.wait_for(process.wait(), timeout.total_seconds())
        except TimeoutError:
            return f"no end within {spell(timeout)}{_tail(output)}"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        return None if code == 0 else f"{_ended(code)}{_tail(output)}"


def _ended(code: int) -> str:
    return f"exit code {code}" if code > 0 else f"ended by signal {-code}"


def _tail(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _TOLD_BYTES))
    text = output.read().decode(errors="replace").strip()
    return f": {text}" if text else ""
