"""What stands before every page: whose request it is, and whether it may come in at all.

Headers are what anybody may write. Who somebody is comes from a token, or from a proxy that is trusted by its
address; a name of this host that is not ours is a stranger's page that was made to point here.
"""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse

from expandcontract.web.serving import Serving, is_loopback

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "ec"
#: Asked by load balancers and Prometheus, which are nobody. They show no change.
OPEN_TO_ALL = frozenset({"/healthz", "/readyz"})
#: What nobody has to be known for.
_BEFORE_LOGIN = frozenset({"/login", "/static/ec.css", "/static/ec.js", "/static/ec.svg"})
_SECURITY: Mapping[str, str] = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Finds out who asks (`scope["state"]["user"]`, None: nobody says), keeps strangers out, puts the prefix
    right, and adds the headers that keep a browser from doing what pages do not need.
    """

    def __init__(self, app: "ASGIApp", serving: Serving) -> None:
        self._app = app
        self._serving = serving

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        peer = scope["client"][0] if scope.get("client") else ""
        proxied = self._serving.trusts(peer)
        scope = {**scope, **self._placed(scope["path"])}

        async def secured(message: "Message") -> None:
            if message["type"] == "http.response.start":
                headers_of_answer = MutableHeaders(scope=message)
                for name, value in _SECURITY.items():
                    headers_of_answer.setdefault(name, value)
            await send(message)

        path = scope["path"].removeprefix(self._serving.prefix)
        user = self._user(headers, proxied=proxied)
        if user is None and path not in OPEN_TO_ALL | _BEFORE_LOGIN:
            refusal = self._refusal(headers, proxied=proxied)
            if refusal is not None:
                await refusal(scope, receive, secured)
                return
        scope["state"] = {**scope.get("state", {}), "user": user}
        await self._app(scope, receive, secured)

    def _placed(self, path: str) -> Mapping[str, str]:
        """Return the path as starlette wants it, with the prefix, whether a proxy stripped that or not."""
        prefix = self._serving.prefix
        whole = path if not prefix or path == prefix or path.startswith(f"{prefix}/") else prefix + path
        return {"path": f"{prefix}/" if prefix and whole == prefix else whole, "root_path": prefix}

    def _is_ours(self, host: str) -> bool:
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        name = name.removeprefix("[").removesuffix("]")
        return is_loopback(name) or name == self._serving.host

    def _user(self, headers: Headers, *, proxied: bool) -> str | None:
        serving = self._serving
        if proxied and serving.user_header:
            return headers.get(serving.user_header) or None
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return serving.owner(token.strip())
        return signed_in(serving, headers.get("cookie", ""))

    def _refusal(self, headers: Headers, *, proxied: bool) -> "ASGIApp | None":
        """Return the answer to somebody who does not say who he is; None where he may look."""
        if not self._serving.shows_to_nobody(proxied=proxied):
            if self._serving.tokens and "text/html" in headers.get("accept", ""):
                return RedirectResponse(f"{self._serving.prefix}/login", 303)
            return PlainTextResponse("Say who you are: Authorization: Bearer TOKEN.\n", 401)
        # A browser here may have been sent by a page of a stranger's, whose name points to this host.
        if not proxied and not self._is_ours(headers.get("host", "")):
            return PlainTextResponse("This is not the name of the host that is asked.\n", 421)
        return None


def signed_in(serving: Serving, cookies: str) -> str | None:
    """Return who signed in, by the cookies of a request."""
    try:
        morsel = SimpleCookie(cookies).get(COOKIE)
    except CookieError:
        return None
    name, _, signature = (morsel.value if morsel else "").rpartition(".")
    known = name in serving.tokens and serving.is_signed("cookie", name, signature)
    return name if known else None
