"""A lifespan: what is asked before an application starts, and what goes on while it runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from expandcontract.model.errors import WrongState
from expandcontract.orm import lifespan
from tests.acceptance.cycle import Life, living
from tests.orm.engines import async_engine, sync_engine
from tests.orm.test_requirement import GIVEN, NEW, OLD, RENAME
from tests.waiting import until

#: One that takes longer than this is given up, and a machine may be busy.
EVERY = timedelta(seconds=0.5)


async def _beats(life: Life) -> list[tuple[str, str, bool]]:
    return await life.rows("SELECT application, version, silent FROM expandcontract.fleet_v1 ORDER BY 1")


@pytest.mark.parametrize("threads", [False, True], ids=["asyncio", "threads"])
async def test_it_beats_while_the_application_runs(database: str, threads: bool) -> None:
    """After the check; on an engine without asyncio as well. Then it falls silent."""
    async with living(database, "rename-column", RENAME, GIVEN) as life, async_engine(database) as engine:
        with sync_engine(database) as plain:
            of = plain if threads else engine
            async with lifespan(of, OLD, application="web", version="42", every=EVERY)(None):

                async def beaten() -> bool:
                    return await _beats(life) == [("web", "42", False)]

                await until(beaten)

            async def silent() -> bool:
                return await _beats(life) == [("web", "42", True)]

            await until(silent)


async def test_an_application_with_the_wrong_models_does_not_come_up(database: str) -> None:
    """Neither its own lifespan begins, nor a heartbeat is sent."""
    begun = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[None]:
        begun.append(app)
        yield

    async with living(database, "rename-column", RENAME, GIVEN) as life, async_engine(database) as engine:
        await life.ready()
        await life.contract()
        entering = lifespan(engine, OLD, application="web", version="41", own=own)
        with pytest.raises(WrongState, match="ec undo"):
            async with entering(None):
                pass
        assert (begun, await _beats(life)) == ([], [])
        async with lifespan(engine, NEW, own=own)(None):
            assert begun == [None]


async def test_fastapi_takes_it_with_an_own_lifespan(database: str) -> None:
    """What that yields is the state of the application, as without ours. No heartbeat comes after it, as
    it may dispose of the engine.
    """
    order = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        order.append(app.title)
        yield {"greeting": "hello"}
        beating = [each.get_name() for each in asyncio.all_tasks()]
        order.append("beating" if "expandcontract heartbeat" in beating else "over")

    async with async_engine(database) as engine:
        whole = lifespan(engine, OLD, application="web", version="42", own=own)
        async with _served(FastAPI(title="mine", lifespan=whole)) as (said, state):
            assert (said, state, order) == ("lifespan.startup.complete", {"greeting": "hello"}, ["mine"])
            assert "expandcontract heartbeat" in [each.get_name() for each in asyncio.all_tasks()]
        assert order == ["mine", "over"]
        async with _served(FastAPI(lifespan=lifespan(engine, OLD))) as (said, state):
            assert (said, state) == ("lifespan.startup.complete", {})


async def test_a_server_is_told_why_an_application_does_not_come_up(database: str) -> None:
    """Its log has a traceback and no fields: the text has the code and the next command."""
    async with living(database, "rename-column", RENAME, GIVEN) as life, async_engine(database) as engine:
        await life.start()
        async with _served(FastAPI(lifespan=lifespan(engine, NEW))) as (said, _):
            assert said.startswith("lifespan.startup.failed")
            assert "EC404 This program has to wait" in said
            assert said.rstrip().endswith(f"Next: ec backfill {life.name}")


@asynccontextmanager
async def _served(app: FastAPI) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Start an application as an ASGI server does; give what it says then, and its state."""
    state: dict[str, Any] = {}
    to, of = asyncio.Queue[dict[str, Any]](), asyncio.Queue[Any]()
    serving = asyncio.create_task(app({"type": "lifespan", "state": state}, to.get, of.put))
    await to.put({"type": "lifespan.startup"})
    said = await of.get()
    yield " ".join((said["type"], said.get("message", ""))).strip(), state
    await to.put({"type": "lifespan.shutdown"})
    await asyncio.wait([serving])
    if not said["type"].endswith("failed"):
        await serving


def test_an_application_has_a_version() -> None:
    """Without one the gate would stay shut for ever."""
    with sync_engine("postgresql://nowhere") as nowhere, pytest.raises(ValueError, match="version"):
        lifespan(nowhere, application="web")
