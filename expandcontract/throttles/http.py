"""The throttle `http`: the copy waits while a URL answers with another status than 200. A budget.

No redirect is followed: the 200 of a login page is no yes, and credentials go to nobody but the host that
they were given for.
"""

import asyncio
from base64 import b64encode
from http import HTTPStatus
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from expandcontract.throttles.reading import Reading

NAME = "http"
TIMEOUT_SECONDS = 1.0
#: Who does not know HEAD is asked with GET.
_NO_HEAD = (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED)


class _NoRedirect(HTTPRedirectHandler):
    """Makes of a redirect an answer like any other."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        """Follow nothing."""


def opener() -> OpenerDirector:
    """Return what opens a URL and follows no redirect: it raises HTTPError for one."""
    return build_opener(_NoRedirect)


async def read(url: str, *, optional: bool) -> Reading:
    """Ask once, for a second at most."""
    try:
        # The library waits this long for each step of the way; all of them together may not take longer.
        status = await asyncio.wait_for(asyncio.to_thread(_status, url), TIMEOUT_SECONDS + 0.2)
    except (OSError, TimeoutError, ValueError) as error:
        return Reading.unreadable(
            NAME, str(error) or "no answer in time", optional=optional, subject=shown(url)
        )
    return reading(status, url)


def reading(status: int, url: str) -> Reading:
    """Return what a status means."""
    return Reading(NAME, float(status != HTTPStatus.OK), 0.0, words=f"answered {status}", subject=shown(url))


def shown(url: str) -> str:
    """Return the URL without what may be secret: credentials and the query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def signed(url: str) -> tuple[str, dict[str, str]]:
    """Return the URL without the credentials in it, and the headers that carry them."""
    parts = urlsplit(url)
    headers = {"User-Agent": "ec"}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), headers


def _status(url: str) -> int:
    status = _ask(url, "HEAD")
    return _ask(url, "GET") if status in _NO_HEAD else status


def _ask(url: str, method: str) -> int:
    url, headers = signed(url)
    request = Request(url, method=method, headers=headers)  # noqa: S310 - settings take http and https only
    try:
        with opener().open(request, timeout=TIMEOUT_SECONDS) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code
