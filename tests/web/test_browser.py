"""The pages in a real Chromium: what is seen, by whom, and that it goes on by itself."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvicorn

from expandcontract.model.phases import Stage
from expandcontract.web import app as web
from expandcontract.web.poller import Poller
from expandcontract.web.serving import Serving, serving
from tests.web.test_pages import HERE, opened, renaming

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = pytest.mark.slow
TOKEN = "0123456789abcdefghij"
CHROMIUM = shutil.which("chromium")


@asynccontextmanager
async def served(url: str, found: Serving) -> AsyncIterator[tuple[str, Poller]]:
    """Serve pages at an address of this host."""
    poller = Poller("shop", lambda: opened(url))
    application = web.build(found, {"shop": poller}, "ec serve")
    config = uvicorn.Config(application, port=0, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    try:
        while not server.started or poller.seen is None:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}{found.prefix}", poller
    finally:
        web.end(application)
        server.should_exit = True
        await running


@pytest.fixture
async def chromium() -> "AsyncIterator[Browser]":
    """Give Debian's Chromium."""
    if CHROMIUM is None:
        pytest.skip("chromium is missing: apt-get install chromium")
    playwright = pytest.importorskip("playwright.async_api", reason="needs playwright")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


async def _violations(page: "Page") -> list[str]:
    """Return what axe finds wrong with a page, in words."""
    axe = pytest.importorskip("axe_core_python", reason="needs axe-core-python")
    script = (Path(axe.__file__).parent / "axe.min.js").read_text()
    await page.evaluate(script)
    found = await page.evaluate("axe.run()")
    return [f"{each['id']}: {node['html']}" for each in found["violations"] for node in each["nodes"]]


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 375)], ids=["light", "dark", "phone"]
)
async def test_everybody_can_read_it(chromium: "Browser", database: str, scheme: str, width: int) -> None:
    """Nothing is wrong with any page by axe, in either scheme; on a phone nothing is wider than that."""
    async with renaming(database) as life, served(database, Serving()) as (address, _):
        await life.backfill()
        context = await chromium.new_context(
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": width, "height": 800},
            bypass_csp=True,  # axe is no script of ours
        )
        page = await context.new_page()
        here = HERE.format(life.name)
        for path in (
            "/",
            "/d/shop",
            here,
            f"{here}/log",
            f"{here}/plan",
            f"{here}/report",
            f"/c/{life.name}",
            "/d/none",
        ):
            await page.goto(f"{address}{path}")
            assert await _violations(page) == [], path
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path


async def test_it_goes_on_by_itself_and_keeps_the_focus(chromium: "Browser", database: str) -> None:
    """No error on the console: the policy lets through what pages need, and nothing else is tried."""
    async with renaming(database) as life, served(database, Serving()) as (address, poller):
        page = await chromium.new_page()
        wrong = list[str]()
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        await page.goto(f"{address}{HERE.format(life.name)}")
        await page.get_by_text("no: the new side is not complete").wait_for()
        link = page.get_by_role("link", name="Whole history")
        await link.focus()
        await life.backfill()
        poller.poke()
        await page.get_by_text("yes: every row is in sync").wait_for()
        assert await page.evaluate("document.activeElement.textContent") == "Whole history"
        assert wrong == []


async def test_without_script_each_page_is_whole(chromium: "Browser", database: str) -> None:
    """What stands there is what was true when it was asked for; forms work."""
    async with renaming(database) as life, served(database, Serving()) as (address, _):
        context = await chromium.new_context(java_script_enabled=False)
        page = await context.new_page()
        await page.goto(address)
        await page.get_by_role("link", name=life.name).click()
        assert await page.get_by_text("no: the new side is not complete").count() == 1
        await page.goto(address)
        await page.get_by_label("Words").fill("nothing like it")
        await page.get_by_role("button", name="Show").click()
        assert await page.get_by_role("link", name=life.name).count() == 0


async def test_somebody_pauses_it(chromium: "Browser", database: str, tmp_path: Path) -> None:
    """He signs in, says why, and sees it; two tabs do not overwrite each other."""
    tokens = tmp_path / "tokens"
    tokens.write_text(f"ada {TOKEN}\n")
    tokens.chmod(0o600)
    found = serving(allow=["control"], prefix="/tools/ec", token_file=tokens)
    async with renaming(database) as life, served(database, found) as (address, _):
        context = await chromium.new_context()
        page, other = await context.new_page(), await context.new_page()
        await page.goto(address)
        await page.get_by_label("Token").fill(TOKEN)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("link", name=life.name).click()
        await other.goto(page.url)
        await page.get_by_label("Reason").fill("a hot evening")
        await page.get_by_role("button", name="Pause").click()
        await page.get_by_text("a hot evening").first.wait_for()
        await other.get_by_label("Reason").fill("me too")
        await other.get_by_role("button", name="Pause").click()
        await other.get_by_text("was faster").wait_for()
        situation = await life.situation()
        assert (situation.wish.paused_by, situation.wish.paused_why) == ("ada (ec serve)", "a hot evening")
        await page.reload()
        await page.get_by_role("button", name="Resume").click()
        await page.get_by_role("button", name="Resume").wait_for(state="detached")
        assert not (await life.situation()).wish.paused


async def test_a_server_that_dies_and_comes_back(chromium: "Browser", database: str) -> None:
    """The page says that the connection is lost, and when it is there again it goes on where it was."""
    async with renaming(database) as life:
        page = await chromium.new_page()
        async with served(database, Serving()) as (address, _):
            await page.goto(f"{address}{HERE.format(life.name)}")
            port = int(re.findall(r":(\d+)", address)[0])
        await page.get_by_text("The connection is lost.").wait_for()
        await life.backfill()
        poller = Poller("shop", lambda: opened(database))
        application = web.build(Serving(), {"shop": poller}, "ec serve")
        server = uvicorn.Server(
            uvicorn.Config(application, port=port, log_config=None, timeout_graceful_shutdown=1)
        )
        running = asyncio.create_task(server.serve())
        await page.get_by_text("yes: every row is in sync").wait_for(timeout=60_000)
        assert (await life.situation()).stage == Stage.READY
        await page.close()
        web.end(application)
        server.should_exit = True
        await running
