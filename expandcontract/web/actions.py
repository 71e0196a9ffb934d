"""What may be done from a page, where it was allowed: nothing that cannot be taken back.

Each needs somebody who is known, a form of ours that he was given, a request that no other site made, and a
page that shows what is wished still.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from expandcontract.cli import parse
from expandcontract.cli.commands.tune import read as read_wishes
from expandcontract.engine.context import Context
from expandcontract.engine.verbs import control
from expandcontract.model.errors import EcError, UsageError, WrongState
from expandcontract.model.situation import Situation
from expandcontract.web import details
from expandcontract.web.rendering import Site, path, site_of

_MOST_FIELDS = 12
_SHOWN_WITHIN_SECONDS = 3.0


async def pause(request: Request) -> Response:
    """Ask the workers of a change to stop, for a while or until somebody resumes."""

    async def act(context: Context, name: str, given: FormData) -> Situation:
        lasting = parse.duration("for", _text(given, "for") or None)
        return await control.pause(context, name, why=_reason(given), lasting=lasting)

    return await _act(request, act)


async def resume(request: Request) -> Response:
    """Let them go on."""

    async def act(context: Context, name: str, _: FormData) -> Situation:
        return await control.resume(context, name)

    return await _act(request, act)


async def tune(request: Request) -> Response:
    """Change their pace."""

    async def act(context: Context, name: str, given: FormData) -> Situation:
        words = [
            f"{key}={_text(given, key)}"
            for key in ("batch", "max-rate", "workers", "max-lag")
            if _text(given, key)
        ]
        if not words:
            raise UsageError("Nothing was wished.", why="Fill in batch, max-rate, workers or max-lag.")
        _, wishes = read_wishes(words)
        return await control.tune(context, name, wishes)

    return await _act(request, act)


async def ack(request: Request) -> Response:
    """Open a soft gate."""

    async def act(context: Context, name: str, given: FormData) -> Situation:
        return await control.ack(context, name, _text(given, "gate"), _reason(given))

    return await _act(request, act)


def require_same_origin(request: Request) -> None:
    """Raise HTTPException unless the browser says that the request comes from a page of ours.

    Every browser that is kept up has sent it since 2023; what does not is no browser, or an old one.
    """
    if request.headers.get("sec-fetch-site") != "same-origin":
        raise HTTPException(403, "This request does not come from a page of ec's.")


def form_key(site: Site, user: str | None) -> str:
    """Return what a form has to bring back, which nobody else knows."""
    return "" if user is None else site.serving.sign("form", user)


async def _act(request: Request, act: Callable[[Context, str, FormData], Awaitable[Situation]]) -> Response:
    site, user, name = site_of(request), request.state.user, request.path_params["change"]
    if user is None:
        raise HTTPException(401, "Nobody says who you are.")
    require_same_origin(request)
    poller = site.poller(request)
    async with request.form(max_files=0, max_fields=_MOST_FIELDS) as given:
        if not site.serving.is_signed("form", user, _text(given, "key")):
            raise HTTPException(403, "This form is not from here, or from before ec serve was started anew.")
        try:
            async with poller.opened() as context:
                acting = replace(context, who=f"{user} (ec serve)")
                await _require_unchanged(acting, name, _text(given, "seen"))
                await act(acting, name, given)
        except EcError as error:
            raise HTTPException(_STATUS.get(type(error).__name__, 400), _sentences(error)) from error
    number = poller.number
    poller.poke()
    # The page that follows shows what was done, unless the database takes its time.
    await poller.wait(number, _SHOWN_WITHIN_SECONDS)
    return RedirectResponse(site.serving.prefix + path("d", poller.name, name), 303)


async def _require_unchanged(context: Context, name: str, seen: str) -> None:
    """Raise WrongState where somebody wished something since the page was made."""
    async with context.database.transaction() as conn:
        last = await details.last_wish(conn, context.tables, name)
    if last.key != seen:
        raise WrongState(
            f"{last.by or 'Somebody'} was faster.",
            why="What this page showed is not what is wished now.",
            state="Nothing was changed.",
        )


#: What an error is for browsers; any other is 400.
_STATUS = {"WrongState": 409, "Refused": 409, "UnknownChange": 404, "MissingPrivilege": 403}


def _sentences(error: EcError) -> str:
    return " ".join(filter(None, (error.message, error.why, error.state)))


def _text(given: FormData, name: str) -> str:
    found = given.get(name, "")
    return found.strip() if isinstance(found, str) else ""


def _reason(given: FormData) -> str:
    reason = _text(given, "reason")
    if not reason:
        raise UsageError("A reason is missing.", why="The ledger keeps it, for whoever comes next.")
    return reason
