"""The application: its routes, and how pages are made of what pollers saw."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from expandcontract.web import actions, login, pages
from expandcontract.web.guard import Guard
from expandcontract.web.poller import Poller
from expandcontract.web.rendering import HERE, Site
from expandcontract.web.serving import Serving


def build(serving: Serving, databases: Mapping[str, Poller], who: str) -> Starlette:
    """Return the application. The routes of what is not allowed do not exist.

    Args:
        serving: how pages are served, and to whom.
        databases: the pollers of the databases, by the names that they have on pages. They run as long as the
            application does.
        who: as whom this process works, for the ledger's history.
    """
    site = Site(serving, databases, who)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(poller.run()) for poller in databases.values()]
            yield
            for task in running:
                task.cancel()

    app = Starlette(
        routes=_routes(serving),
        lifespan=lifespan,
        middleware=[Middleware(Guard, serving=serving)],
        exception_handlers={HTTPException: _wrong},
    )
    app.state.site = site
    return app


def end(app: Starlette) -> None:
    """Let the streams of an application end, as its server is about to."""
    site: Site = app.state.site
    site.regions.ending.set()


def _routes(serving: Serving) -> list[BaseRoute]:
    shown: list[BaseRoute] = [
        Route("/", pages.index),
        Route("/live", pages.index_live),
        Route("/c/{change}", pages.change_everywhere),
        Route("/d/{database}", pages.database),
        Route("/d/{database}/{change}", pages.change),
        Route("/d/{database}/{change}/live", pages.change_live),
        Route("/d/{database}/{change}/plan", pages.plan),
        Route("/d/{database}/{change}/log", pages.log),
        Route("/d/{database}/{change}/report", pages.report),
        Route("/api/status", pages.status_of_all),
        Route("/metrics", pages.metrics),
        Route("/healthz", _alive),
        Route("/readyz", _ready),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    done: list[BaseRoute] = (
        [Route("/d/{database}/{change}/ack", actions.ack, methods=["POST"])]
        if "ack" in serving.allowed
        else []
    )
    if "control" in serving.allowed:
        done += [
            Route(f"/d/{{database}}/{{change}}/{verb}", action, methods=["POST"])
            for verb, action in (
                ("pause", actions.pause),
                ("resume", actions.resume),
                ("tune", actions.tune),
            )
        ]
    if serving.tokens:
        done += [
            Route("/login", login.form),
            Route("/login", login.sign_in, methods=["POST"]),
        ]
        done += [Route("/logout", login.sign_out, methods=["POST"])]
    return [*shown, *done]


async def _wrong(request: Request, error: Exception) -> Response:
    """Answer with a page that says what is wrong."""
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for no other
    phrase = HTTPStatus(error.status_code).phrase
    site: Site = request.app.state.site
    answer = site.page(request, "error.html", {"phrase": phrase, "detail": error.detail}, error.status_code)
    answer.headers.update(error.headers or {})
    return answer


async def _alive(_: Request) -> Response:
    """Answer that the process runs."""
    return PlainTextResponse("ok\n")


async def _ready(request: Request) -> Response:
    """Answer whether each database was looked at once, without a word on which."""
    site: Site = request.app.state.site
    waiting = sum(poller.seen is None for poller in site.databases.values())
    told: dict[str, Any] = {"databases": len(site.databases), "not looked at": waiting}
    return JSONResponse(told, status_code=503 if waiting else 200)
