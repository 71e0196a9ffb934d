"""`ec serve`."""

import contextlib
import socket
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli.build import single
from expandcontract.cli.command import command
from expandcontract.cli.session import Session, who
from expandcontract.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.applications import Starlette

    from expandcontract.web.poller import Poller
    from expandcontract.web.serving import Serving

#: So many databases keep a connection while nothing moves in them; of more none does.
_KEPT_OPEN = 20
Listen = Annotated[str, typer.Option("--listen", metavar="ADDRESS:PORT", help="Where browsers come.")]
Prefix = Annotated[
    str,
    typer.Option(
        "--prefix", metavar="PATH", help="What addresses begin with: /tools/ec.", show_default=False
    ),
]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="WHAT", help="control: pause, resume, tune. ack: acknowledge gates."),
]
UserHeader = Annotated[
    str,
    typer.Option(
        "--user-header",
        metavar="NAME",
        help="Where a trusted proxy says who somebody is.",
        show_default=False,
    ),
]
TrustedProxy = Annotated[
    list[str] | None,
    typer.Option("--trusted-proxy", metavar="CIDR", help="Networks of proxies that are believed."),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file", metavar="FILE", help="A line NAME TOKEN for each person.", show_default=False
    ),
]


async def serve(  # noqa: PLR0913 - each is an option
    session: Session,
    *,
    listen: Listen = "127.0.0.1:8090",
    prefix: Prefix = "",
    allow: Allow = None,
    user_header: UserHeader = "",
    trusted_proxy: TrustedProxy = None,
    token_file: TokenFile = None,
) -> int:
    """Show changes on pages until it is stopped."""
    _require_installed()
    from expandcontract.web.serving import serving

    found = serving(
        listen=listen,
        prefix=prefix,
        allow=allow or (),
        user_header=user_header,
        trusted_proxies=trusted_proxy or (),
        token_file=token_file,
    )
    return await _run(session, found, await _application(session, found))


def _require_installed() -> None:
    try:
        import jinja2  # noqa: F401
        import python_multipart  # noqa: F401
        import sse_starlette  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "The pages need packages that are not installed.",
            why=f"{error}.",
            next="pip install 'expandcontract[serve]'",
        ) from error


async def _application(session: Session, found: "Serving") -> "Starlette":
    from expandcontract.web import app

    return app.build(found, await _pollers(session), who())


async def _pollers(session: Session) -> "Mapping[str, Poller]":
    """Return what looks at the database of the settings, or at those of the fleet that they name."""
    from expandcontract.web.poller import Poller

    if "fleet" not in session.settings.model_fields_set:
        async with session.context() as context:
            name = context.database.address.database or "database"
        return {name: Poller(name, session.context)}
    from expandcontract.cli.fleet import opened

    fleet = await opened.read(session)
    # The schemas of a database share its ledger.
    databases = {target.database: replace(target, schema=None) for target in reversed(fleet.every)}
    lasting = len(databases) <= _KEPT_OPEN
    return {
        name: Poller(name, partial(opened.opened, session, target), lasting=lasting)
        for target in reversed(databases.values())
        for name in [target.name.partition("/")[0]]
    }


async def _run(session: Session, found: "Serving", application: "Starlette") -> int:
    """Serve until a signal comes. Streams that are open do not keep it. Return the exit code."""
    import asyncio

    import uvicorn

    from expandcontract.web import app

    config = uvicorn.Config(
        application,
        # What a proxy says of a peer is judged by us.
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=1,
        lifespan="on",
    )
    server = uvicorn.Server(config)
    # Signals are the command line's to hear.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    listening = _listening(found)
    host = f"[{found.host}]" if ":" in found.host else found.host
    address = f"http://{host}:{listening.getsockname()[1]}{found.prefix}/"
    session.output.say(f"Pages are at {address}", "serving", {"address": address})
    work = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        if session.interruption.received is None:
            raise
        app.end(application)
        server.should_exit = True
        await work
        return session.interruption.exit_code
    return 0


def _listening(found: "Serving") -> socket.socket:
    """Return a socket at the address. Raises UsageError where it cannot be had."""
    family = socket.AF_INET6 if ":" in found.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((found.host, found.port))
    except OSError as error:
        listening.close()
        raise UsageError(
            f"{found.host}:{found.port} cannot be listened at: {error.strerror or error}.",
            next="ec serve --listen 127.0.0.1:0 takes a port that is free",
        ) from error
    return listening


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(
        name,
        summary,
        command(serve, checkpoints=False),
        "Read-only and for this host, unless more is asked for. What cannot be taken back stays a command.",
    )
