"""A proxy before the server that loses the answer to a COMMIT, or moves the server away."""

import asyncio
import contextlib
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

COMMIT = b"COMMIT"
#: Ends the answer of a server that has no transaction any more.
READY = b"Z\x00\x00\x00\x05I"
#: How often somebody looks depends on the clock.
_WRITES = re.compile(rb"\b(INSERT|UPDATE|DELETE|CREATE|ALTER|DROP)\b")
#: Of a message: its type, and its length with itself.
HEADER = 5


class Proxy:
    """Passes everything on, and counts the messages that end in COMMIT, of transactions that wrote, and have
    `containing` in them. When the `lose`th was carried out, it cuts that connection instead of passing the
    answer on.
    """

    def __init__(
        self, server: Path, lose: int | None, delay_seconds: float = 0.0, containing: bytes = b""
    ) -> None:
        self._containing = containing
        self.commits = 0
        self._delay_seconds = delay_seconds
        self.lost = False
        self._server = server
        self._lose = lose
        self._cut: set[asyncio.StreamWriter] = set()

    async def serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Serve one client."""
        from_server, to_server = await asyncio.open_unix_connection(self._server)
        try:
            async with asyncio.TaskGroup() as both:
                there, back = _Way(to_server, self._delay_seconds), _Way(to_client, self._delay_seconds)
                going = [both.create_task(way.carry()) for way in (there, back)]
                going.append(both.create_task(self._up(from_client, there, to_client)))
                await self._down(from_server, back, to_client)
                await back.arrived()
                for each in going:
                    each.cancel()
        except* (OSError, asyncio.IncompleteReadError):
            pass  # one of them has gone
        finally:
            to_server.close()
            to_client.close()

    async def _up(self, client: asyncio.StreamReader, server: "_Way", back: asyncio.StreamWriter) -> None:
        # The first message has no type: that of a cancel request is the only one of its connection.
        length = await client.readexactly(4)
        server.send(length + await client.readexactly(int.from_bytes(length) - 4))
        wrote = False
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                header = await client.readexactly(HEADER)
                body = await client.readexactly(int.from_bytes(header[1:]) - 4)
                wrote = wrote or _WRITES.search(body) is not None
                ends = header[:1] == b"Q" and body.rstrip(b"\0; ").endswith(COMMIT)
                counts, wrote = ends and wrote, wrote and not ends
                if counts and self._containing in body:
                    self.commits += 1
                    if self.commits == self._lose:
                        self._cut.add(back)
                server.send(header + body)
        await server.arrived()
        server.close()

    async def _down(self, server: asyncio.StreamReader, back: "_Way", client: asyncio.StreamWriter) -> None:
        while answer := await server.read(65_536):
            if client in self._cut:
                if not answer.endswith(READY):
                    continue  # the server tells something on its way
                self.lost = True
                return
            back.send(answer)


class _Way:
    """One direction: what is sent arrives in order, each as long after it was sent as the way is."""

    def __init__(self, writer: asyncio.StreamWriter, delay_seconds: float) -> None:
        self._writer = writer
        self._delay_seconds = delay_seconds
        self._sent: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    def send(self, data: bytes) -> None:
        """Send, and do not wait."""
        self._sent.put_nowait((asyncio.get_running_loop().time() + self._delay_seconds, data))

    async def carry(self) -> None:
        """Let what was sent arrive, until cancelled."""
        while True:
            due, data = await self._sent.get()
            if self._delay_seconds:
                await asyncio.sleep(due - asyncio.get_running_loop().time())
            self._writer.write(data)
            self._sent.task_done()

    async def arrived(self) -> None:
        """Return when all that was sent has arrived."""
        await self._sent.join()

    def close(self) -> None:
        """Say that nothing more comes."""
        self._writer.close()


@asynccontextmanager
async def proxied(
    url: str, lose: int | None = None, *, delay_seconds: float = 0.0, containing: bytes = b""
) -> AsyncIterator[tuple[Proxy, str]]:
    """Serve a proxy before the server of `url` (on a unix socket); give it, and the URL that leads through
    it. With a delay, so far away is the server in each direction.
    """
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    name = f".s.PGSQL.{query['port'][0]}"
    with tempfile.TemporaryDirectory(prefix="ec-proxy-") as folder:
        proxy = Proxy(Path(query["host"][0]) / name, lose, delay_seconds, containing)
        listening = await asyncio.start_unix_server(proxy.serve, Path(folder) / name)
        async with listening:
            yield proxy, urlunsplit(parts._replace(query=f"host={folder}&port={query['port'][0]}"))
