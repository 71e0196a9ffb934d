"""Where lives begin: what a life has come to once is copied for the next one that begins with the same.

The ledger knows its database by its OID, and takes a copy for one. So the copy gets the OID of the first one,
which is gone by then. Whoever begins so finds what the verbs left behind, and none of the sessions or of the
memory of the process that gave them. It is not for where statements are counted: pg_stat_statements still has
what it counted in the database that had the OID before.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from tests.acceptance.catalog import Connection
from tests.conftest import CHEAPLY

#: A copy takes nine megabytes. Those that begin with the same stand mostly in one file.
MANY = 12


@dataclass(frozen=True)
class _Kept:
    """A copy of what a life came to, and the OID that its database had."""

    name: str
    oid: int


@dataclass
class _Shelf:
    """What is kept on one server, that was asked for last at the end."""

    kept: OrderedDict[Hashable, _Kept] = field(default_factory=OrderedDict)
    numbers: "count[int]" = field(default_factory=lambda: count(1))


_FREE = "SELECT NOT EXISTS (SELECT FROM pg_database WHERE oid = $1)"
_shelves: dict[tuple[str, str], _Shelf] = {}


async def begin(url: str, what: Hashable, play: Callable[[], Awaitable[None]]) -> None:
    """Bring the database at `url` to what `play` makes of it: by playing, or by a copy of what that came to.

    Args:
        url: of a database in which nothing was done yet and that nobody is connected to; as its superuser.
        what: tells what is played from everything else that is.
        play: does it, and leaves no session behind.
    """
    parts = urlsplit(url)
    shelf = _shelves.setdefault((parts.netloc, parts.query), _Shelf())
    async with _beside(url) as (server, name):
        kept = shelf.kept.get(what)
        if kept is not None and await server.fetchval(_FREE, kept.oid):
            shelf.kept.move_to_end(what)
            await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
            await server.execute(f"CREATE DATABASE {name} OID {kept.oid} TEMPLATE {kept.name} {CHEAPLY}")
            return
        await play()
        if kept is None:
            await _keep(server, shelf, what, name)


async def _keep(server: Connection, shelf: _Shelf, what: Hashable, name: str) -> None:
    copy = f"begun_{next(shelf.numbers)}"
    oid = await server.fetchval("SELECT oid FROM pg_database WHERE datname = $1", name)
    await server.execute(f"CREATE DATABASE {copy} TEMPLATE {name} {CHEAPLY}")
    shelf.kept[what] = _Kept(copy, oid)
    if len(shelf.kept) > MANY:
        _, oldest = shelf.kept.popitem(last=False)
        await server.execute(f"DROP DATABASE {oldest.name}")


@asynccontextmanager
async def _beside(url: str) -> AsyncIterator[tuple[Connection, str]]:
    """Give a session in another database of the server, and the name of this one."""
    parts = urlsplit(url)
    session: Connection = await asyncpg.connect(urlunsplit(parts._replace(path="/postgres")))
    try:
        yield session, unquote(parts.path[1:])
    finally:
        await session.close()
