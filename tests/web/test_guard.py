"""Who comes in: without a server, as all of it is decided before anything is asked."""

from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from expandcontract.model.errors import BadSetting, UsageError
from expandcontract.web.guard import COOKIE, Guard
from expandcontract.web.serving import Serving, serving

TOKEN = "0123456789abcdefghij"
PROXY = "10.1.2.3"


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """Give a file with the token of Ada, for nobody else to read."""
    path = tmp_path / "tokens"
    path.write_text(f"# people\nada {TOKEN}\n")
    path.chmod(0o600)
    return path


async def asked(
    found: Serving, path: str = "/", *, peer: str = "127.0.0.1", **headers: str
) -> tuple[int, str, httpx.Headers]:
    """Return status, text and headers of an answer; the text is who it was and by which path."""

    async def page(scope: object, receive: object, send: object) -> None:
        request = Request(scope)  # type: ignore[arg-type]
        answer = PlainTextResponse(
            f"{request.state.user} {request.scope['root_path']} {request.scope['path']}"
        )
        await answer(scope, receive, send)  # type: ignore[arg-type]

    transport = httpx.ASGITransport(Guard(page, found), client=(peer, 4711))
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8090") as client:
        answer = await client.get(path, headers=given)
    return answer.status_code, answer.text, answer.headers


async def test_on_this_host_anybody_may_look() -> None:
    """Nobody has to say who he is, and nobody is believed who does."""
    status, text, headers = await asked(serving(), x_forwarded_user="mallory")
    assert (status, text) == (200, "None  /")
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert {"x-content-type-options", "referrer-policy", "cache-control"} <= {*headers}


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8090", "127.0.0.1.evil.example", "", "localhost.evil"]
)
async def test_a_stranger_s_name_is_refused(host: str) -> None:
    """A page of his that he lets point to this host finds nobody here."""
    assert (await asked(serving(), host=host))[0] == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8090", "[::1]:8090", "localhost", "[::1]"])
async def test_names_of_this_host(host: str) -> None:
    """With a port or without."""
    assert (await asked(serving(), host=host))[0] == 200


async def test_a_proxy_is_believed_by_its_address() -> None:
    """What says the same from anywhere else is nobody's word."""
    found = serving(listen="0.0.0.0:8090", user_header="X-Forwarded-User", trusted_proxies=["10.0.0.0/8"])
    assert (await asked(found, peer=PROXY, host="ec.example", x_forwarded_user="ada"))[1] == "ada  /"
    assert (await asked(found, peer=PROXY, host="ec.example"))[:2] == (200, "None  /")
    assert (await asked(found, peer="192.0.2.9", host="localhost", x_forwarded_user="ada"))[0] == 401


async def test_a_token_opens(tokens: Path) -> None:
    """As a header, or as a cookie that this process signed."""
    found = serving(listen="0.0.0.0:8090", token_file=tokens)
    assert (await asked(found))[0] == 401
    assert (await asked(found, accept="text/html"))[2]["location"] == "/login"
    assert (await asked(found, host="ec.example", authorization=f"Bearer {TOKEN}"))[1] == "ada  /"
    assert (await asked(found, authorization="Bearer 0123456789abcdefghiX"))[0] == 401
    signed = f"{COOKIE}=ada.{found.sign('cookie', 'ada')}"
    assert (await asked(found, cookie=signed))[1] == "ada  /"
    other = serving(listen="0.0.0.0:8090", token_file=tokens)
    assert (await asked(other, cookie=signed))[0] == 401
    assert (await asked(found, cookie=f"{COOKIE}=bob.{found.sign('cookie', 'bob')}"))[0] == 401
    assert (await asked(found, cookie=f"{COOKIE}=ada.{found.sign('form', 'ada')}"))[0] == 401


async def test_health_is_for_everybody(tokens: Path) -> None:
    """Whoever asks is a load balancer, with any name of the host and without a token."""
    found = serving(listen="0.0.0.0:8090", token_file=tokens)
    assert (await asked(found, "/healthz", host="pod-7"))[0] == 200


@pytest.mark.parametrize("path", ["/tools/ec/d/shop", "/d/shop"])
async def test_a_prefix_is_stripped_or_not(path: str) -> None:
    """Proxies do either; the page is the same."""
    assert (await asked(serving(prefix="/tools/ec/"), path))[1] == "None /tools/ec /tools/ec/d/shop"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"listen": "0.0.0.0:8090"}, "without saying who he is"),
        ({"listen": "0.0.0.0:8090", "user_header": "X-User"}, "belong together"),
        ({"trusted_proxies": ["10.0.0.0/8"]}, "belong together"),
        ({"allow": ["control"]}, "--allow needs to know"),
        ({"allow": ["contract"]}, "is not valid"),
        ({"listen": "8090"}, "no address with a port"),
        ({"listen": "localhost:http"}, "no address with a port"),
        ({"prefix": "tools"}, "is no path"),
        ({"prefix": "/tools//ec"}, "is no path"),
        ({"prefix": '/"><script>'}, "is no path"),
        ({"user_header": "X", "trusted_proxies": ["10.0.0.300"]}, "is no network"),
        ({"token_file": Path("nowhere")}, "cannot be read"),
    ],
)
def test_what_would_be_unsafe_is_refused(given: dict[str, object], told: str) -> None:
    """Before anything is listened at."""
    with pytest.raises((UsageError, BadSetting), match=told):
        serving(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        (f"ada {TOKEN}", 0o644, "every user may read it"),
        ("ada short", 0o600, "is not NAME TOKEN"),
        (TOKEN, 0o600, "is not NAME TOKEN"),
        ("# nobody", 0o600, "has no token"),
    ],
)
def test_a_token_file_is_read_as_a_whole(tokens: Path, text: str, mode: int, told: str) -> None:
    """No message has a token in it."""
    tokens.write_text(text)
    tokens.chmod(mode)
    with pytest.raises((UsageError, BadSetting), match=told) as caught:
        serving(token_file=tokens)
    assert TOKEN not in str(caught.value)
    assert TOKEN not in f"{caught.value.why} {caught.value.next}"
