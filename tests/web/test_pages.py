"""The pages of a real database, asked as a browser asks, without one."""

import asyncio
import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn

from expandcontract.engine.context import Context
from expandcontract.model.events import ignore
from expandcontract.postgres.connect import Database
from expandcontract.web import app as web
from expandcontract.web.poller import Poller
from expandcontract.web.serving import Serving
from tests.acceptance.cycle import POLICY, Life, living

TABLE = """
CREATE TABLE users (id bigint PRIMARY KEY, name text);
INSERT INTO users SELECT g FROM generate_series(1, 900) g;
"""
HERE = "/d/shop/{}"
ADA = {"authorization": "Bearer 0123456789abcdefghij"}
SAME = {"sec-fetch-site": "same-origin"}
CONTROLLED = Serving(allowed=frozenset({"control", "ack"}), tokens={"ada": "0123456789abcdefghij"})


class Browser:
    """Asks the pages of one database, which are looked at by a poller."""

    def __init__(self, client: httpx.AsyncClient, poller: Poller) -> None:
        self.client, self.poller = client, poller

    async def page(self, path: str, status: int = 200, headers: dict[str, str] | None = None) -> str:
        """Return the text of a page."""
        answer = await self.client.get(path, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.text

    async def looked(self) -> None:
        """Let the poller look once more, and wait for it."""
        before = self.poller.number
        self.poller.poke()
        while await self.poller.wait(before, 1.0) == before:
            pass


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Context]:
    """Give what works on a database, as a session does."""
    database = Database(url)
    try:
        yield Context(database, POLICY, ignore, "ec serve")
    finally:
        await database.close()


@asynccontextmanager
async def browser(url: str, serving: Serving | None = None) -> AsyncIterator[Browser]:
    """Give the pages of a database, looked at once."""
    poller = Poller("shop", lambda: opened(url))
    application = web.build(serving or Serving(), {"shop": poller}, "ec serve")
    transport = httpx.ASGITransport(application)
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        while poller.seen is None:
            await poller.wait(0, 1.0)
        yield Browser(client, poller)


@asynccontextmanager
async def renaming(url: str) -> AsyncIterator[Life]:
    """Give a rename that was started."""
    async with living(url, "rename-column", {"column": "users.name", "new_name": "full_name"}, TABLE) as life:
        await life.start()
        yield life


async def test_every_page(database: str) -> None:
    """Each is complete without script; nothing that is not there is an error of ours."""
    async with renaming(database) as life, browser(database) as ada:
        name = life.name
        here = HERE.format(name)
        assert name in await ada.page("/")
        for path in (
            "/d/shop",
            here,
            f"{here}/plan",
            f"{here}/log",
            f"{here}/log?kind=locked",
            f"/c/{name}",
            "/healthz",
        ):
            assert "Traceback" not in await ada.page(path)
        assert "Report of" in await ada.page(f"{here}/report")
        assert name in await ada.page("/api/status")
        assert "0" in await ada.page("/readyz")
        assert f'ec_ready{{change="{name}",database="shop"}} 0.0' in await ada.page("/metrics?target=shop")
        await ada.page("/metrics?target=other", 404)
        for path in ("/d/other", "/d/shop/other", "/d/shop/other/log", "/c/other", "/nowhere"):
            await ada.page(path, 404)
        shown = await ada.page(here)
        assert "no: the new side is not complete" in html.unescape(shown)
        assert "<form" not in shown
        for verb in ("pause", "resume", "tune", "ack"):
            assert (await ada.client.post(f"{here}/{verb}", headers=SAME)).status_code in (404, 405)
        await life.rollback()
        await ada.looked()
        assert name not in await ada.page("/")
        assert name in await ada.page("/?all=1")
        assert "rolled back" in await ada.page(here)


async def test_what_may_be_done_is_done_by_whoever_is_known(database: str) -> None:
    """Each action on its own: refused without identity, from another site, with no form of ours, with one of
    a page that shows what is not wished any more; and done, and kept with who it was and why.
    """
    async with renaming(database) as life, browser(database, CONTROLLED) as ada:
        here = HERE.format(life.name)
        await ada.page(here, 401)
        form = _form(await ada.page(here, headers=ADA))
        for verb, fields in (
            ("pause", {"reason": "a hot evening", "for": "30min"}),
            ("tune", {"batch": "500"}),
            ("resume", {}),
        ):
            given = {**form, **fields}
            post = f"{here}/{verb}"
            assert await _posted(ada, post, given, **SAME) == 401
            assert await _posted(ada, post, given, **ADA) == 403
            assert await _posted(ada, post, given, **ADA, **{"sec-fetch-site": "cross-site"}) == 403
            assert await _posted(ada, post, {**given, "key": "0" * 64}, **ADA, **SAME) == 403
            assert await _posted(ada, post, {**given, "seen": "2001-01-01"}, **ADA, **SAME) == 409
            assert await _posted(ada, post, given, **ADA, **SAME) == 303
            assert (
                await _posted(ada, post, given, **ADA, **SAME) == 409
            )  # the same once more, of a page that is old now
            await ada.looked()
            form = _form(await ada.page(here, headers=ADA))
        wish = (await life.situation()).wish
        assert (wish.paused, wish.batch) == (False, 500)
        told = [
            row[0] for row in await life.rows("SELECT who FROM expandcontract.event WHERE kind = 'tuned'")
        ]
        assert told == ["ada (ec serve)"] * 3


async def test_an_acknowledgement_needs_a_reason_and_a_soft_gate(database: str) -> None:
    """As `ec ack` does."""
    async with renaming(database) as life, browser(database, CONTROLLED) as ada:
        await life.backfill()
        await ada.looked()
        post = f"{HERE.format(life.name)}/ack"
        form = _form(await ada.page(HERE.format(life.name), headers=ADA)) | {"gate": "new-code-seen"}
        assert await _posted(ada, post, form, **ADA) == 403
        assert await _posted(ada, post, form, **ADA, **SAME) == 400
        assert (
            await _posted(ada, post, {**form, "gate": "verified", "reason": "I like it"}, **ADA, **SAME)
            == 409
        )
        assert await _posted(ada, post, {**form, "reason": "it was tried"}, **ADA, **SAME) == 303
        assert [waiver.why for waiver in (await life.situation()).waivers] == ["it was tried"]


async def test_signing_in_and_out(database: str) -> None:
    """By a form, for those who have no header to send. What comes back is a cookie for pages of ours."""
    async with browser(database, CONTROLLED) as ada:
        assert (await ada.client.get("/", headers={"accept": "text/html"})).headers["location"] == "/login"
        assert await _posted(ada, "/login", {"token": "0123456789abcdefghij"}) == 403
        assert await _posted(ada, "/login", {"token": "wrong"}, **SAME) == 403
        answer = await ada.client.post("/login", data={"token": "0123456789abcdefghij"}, headers=SAME)
        cookie = answer.headers["set-cookie"]
        assert {"HttpOnly", "Path=/", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
        assert "Changes" in await ada.page("/")
        assert await _posted(ada, "/logout", {}, **SAME) == 303
        await ada.page("/", 401)


async def test_names_are_text(database: str) -> None:
    """Whatever an application, a table or an error is called: nothing of it becomes markup."""
    hostile = "<script>alert(1)</script>\"'{{7*7}}"
    async with renaming(database) as life, browser(database) as ada:
        await life.sql(f"SELECT pg_catalog.set_config('application_name', $${hostile}$$, false)")
        await life.sql("UPDATE users SET name = 'x' WHERE id = 1")
        await ada.looked()
        shown = await ada.page(HERE.format(life.name))
        assert "<script>alert" not in shown
        assert html.escape(hostile).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in shown


async def test_the_region_comes_again_when_something_is_new(database: str) -> None:
    """Once for what there is, once for what happens; and a stream ends when the server is to."""
    poller = Poller("shop", lambda: opened(database))
    application = web.build(Serving(), {"shop": poller}, "ec serve")
    server = uvicorn.Server(uvicorn.Config(application, port=0, log_config=None))
    async with renaming(database) as life:
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            while poller.seen is None:
                await poller.wait(0, 1.0)
            async with client.stream("GET", f"{HERE.format(life.name)}/live") as answer:
                regions = _regions(answer)
                assert "the new side is not complete" in await anext(regions)
                await life.backfill()
                poller.poke()
                while "yes: every row is in sync" not in await anext(regions):
                    pass
                web.end(application)
                server.should_exit = True
                await running


async def test_a_database_that_goes_and_comes(database: str) -> None:
    """Pages say so, and go on by themselves."""
    async with renaming(database) as life:
        url = database.replace("test_", "gone_")
        poller = Poller("shop", lambda: opened(url))
        running = asyncio.create_task(poller.run())
        try:
            while poller.seen is None:
                await poller.wait(poller.number, 1.0)
            assert poller.seen.error is not None
            url = database
            while life.name not in poller.seen.open:
                poller.poke()
                await poller.wait(poller.number, 1.0)
        finally:
            running.cancel()


def _form(page: str) -> dict[str, str]:
    """Return the hidden fields of the first form of a change's page."""
    section = page.partition('class="actions"')[2]
    return dict(re.findall(r'<input type="hidden" name="(key|seen)" value="([^"]*)">', section))


async def _posted(ada: Browser, path: str, given: dict[str, str], **headers: str) -> int:
    return (await ada.client.post(path, data=given, headers=headers)).status_code


async def _regions(answer: httpx.Response) -> AsyncIterator[str]:
    data = list[str]()
    async for line in answer.aiter_lines():
        if line.startswith("data: "):
            data.append(line.removeprefix("data: "))
        elif not line and data:
            yield "\n".join(data)
            data = []
