"""A lifespan for FastAPI, Litestar and whatever else takes one: the check at the start, and heartbeats."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from expandcontract.orm.heartbeat import EVERY, beating
from expandcontract.orm.requirement import Models, require
from expandcontract.settings.single import ledger_schema

#: What frameworks take: a function of the application that gives a context manager.
Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]


def lifespan(  # noqa: PLR0913 - what a check and a heartbeat take
    engine: AsyncEngine | Engine,
    metadata: Models | None = None,
    *,
    application: str | None = None,
    version: str = "",
    instance: str | None = None,
    every: timedelta = EVERY,
    patience: timedelta = timedelta(0),
    whole: bool = True,
    schema: str | None = None,
    own: Lifespan | None = None,
) -> Lifespan:
    """Return a lifespan that checks the models before the application starts, and sends heartbeats while it
    runs.

        app = FastAPI(lifespan=lifespan(engine, Base.metadata, application="web", version="42"))
        app = Litestar(lifespan=[lifespan(engine, Base.metadata, application="web", version="42")])

    Args:
        engine: the application's own, with asyncio, or without: then it is used in threads. It is not
            disposed of: that is for who made it.
        metadata: the models, as `require` takes them; without them nothing is checked.
        application: what `--require-version` calls it; without it no heartbeats are sent.
        version: that of this instance, as `heartbeat` takes it.
        instance: as `heartbeat` takes it.
        every: as `heartbeat` takes it.
        patience: as `require` takes it. A server that is not up in time may be killed meanwhile.
        whole: as `require` takes it.
        schema: as `require` takes it.
        own: the application's own lifespan. It begins after the check and ends after the last heartbeat, so
            that it may dispose of the engine; what it yields is the application's state.

    Starting raises what `require` raises, so that the server does not come up. Raises ValueError for an
    application without a version.
    """
    if application is not None and not version:
        raise ValueError("lifespan: an application needs its version")
    ledger = schema or ledger_schema()

    @asynccontextmanager
    async def living(app: Any = None) -> AsyncIterator[Any]:  # noqa: ANN401 - of any framework
        if metadata is not None:
            asked = partial(require, metadata=metadata, patience=patience, whole=whole, schema=ledger)
            await (asyncio.to_thread(asked, engine) if isinstance(engine, Engine) else asked(engine))
        async with (
            nullcontext() if own is None else own(app) as state,
            _beating(engine, application, version, instance, every, ledger),
        ):
            yield state

    return living


def _beating(
    engine: AsyncEngine | Engine,
    application: str | None,
    version: str,
    instance: str | None,
    every: timedelta,
    schema: str,
) -> AbstractAsyncContextManager[None]:
    if application is None:
        return nullcontext()
    return beating(
        engine, application=application, version=version, instance=instance, every=every, schema=schema
    )
