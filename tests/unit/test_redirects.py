"""Who asks a URL takes its own answer: a redirect is followed by nobody."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from expandcontract.engine.hook_call import call
from expandcontract.model.hooks import Facts, Hooks
from expandcontract.throttles import http

FACTS = Facts("0001_a", "rename-column", "public.t", "a", "b", "active", "somebody")


@contextmanager
def _serving(status: int, location: str = "") -> Iterator[tuple[str, list[str | None]]]:
    """Answer everything with `status`; give the URL, and the credentials of each request."""
    seen: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.append(self.headers.get("Authorization"))
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD = do_POST = _answer  # noqa: N815 - names that http.server calls

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_hook_that_is_sent_elsewhere_has_not_agreed(status: int) -> None:
    """The 200 of a login page is no yes, and neither body nor credentials reach another host."""
    with (
        _serving(200) as (elsewhere, seen),
        _serving(status, f"http://{elsewhere}/login") as (address, asked),
    ):
        calls = {"before_contract": f"http://me:secret@{address}/hook"}
        complaint = await call(Hooks(calls, timedelta(seconds=10)), "before_contract", FACTS)
    assert complaint == f"answered {status}"
    assert len(asked) == 1
    assert seen == []


@pytest.mark.parametrize("status", [302, 308])
async def test_the_throttle_takes_a_redirect_for_what_it_is(status: int) -> None:
    """A redirect is another status than 200: the copy waits."""
    with _serving(200) as (elsewhere, seen), _serving(status, f"http://{elsewhere}/") as (address, _):
        reading = await http.read(f"http://me:secret@{address}/", optional=False)
    assert reading.words == f"answered {status}"
    assert seen == []
