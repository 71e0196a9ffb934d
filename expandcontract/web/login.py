"""Signing in with a token, where tokens are given: a cookie that no script reads and no other site sends."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from expandcontract.web.actions import require_same_origin
from expandcontract.web.guard import COOKIE
from expandcontract.web.rendering import site_of

#: A day's work.
_LASTS_SECONDS = 12 * 3600


async def form(request: Request) -> Response:
    """Ask for the token."""
    return site_of(request).page(request, "login.html", {"wrong": False})


async def sign_in(request: Request) -> Response:
    """Take it."""
    require_same_origin(request)
    site = site_of(request)
    async with request.form(max_files=0, max_fields=4) as given:
        name = site.serving.owner(str(given.get("token", "")).strip())
    if name is None:
        return site.page(request, "login.html", {"wrong": True}, 403)
    answer = RedirectResponse(f"{site.serving.prefix}/", 303)
    answer.set_cookie(
        COOKIE,
        f"{name}.{site.serving.sign('cookie', name)}",
        max_age=_LASTS_SECONDS,
        path=f"{site.serving.prefix}/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


async def sign_out(request: Request) -> Response:
    """Forget it."""
    require_same_origin(request)
    prefix = site_of(request).serving.prefix
    answer = RedirectResponse(f"{prefix}/login", 303)
    answer.delete_cookie(COOKIE, path=f"{prefix}/", httponly=True, samesite="strict")
    return answer
