"""Makes the pictures of `ec serve` in docs/images/ from the real pages: `python docs/screenshots.py`.

It needs Debian's chromium and the extra `browser`. A table is renamed meanwhile, on an embedded server.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import asyncpg
from playwright.async_api import Browser, async_playwright

from expandcontract.testing.server import Server

IMAGES = Path(__file__).parent / "images"
EC = [sys.executable, "-m", "expandcontract"]
PAGE = "/d/postgres/0002_rename_users_name"
ADDRESS = "127.0.0.1:8091"
TABLES = """
CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO users SELECT g, 'n' || g FROM generate_series(1, 400000) g;
CREATE TABLE orders (id bigint PRIMARY KEY, note text);
INSERT INTO orders SELECT g, 'note' FROM generate_series(1, 1000) g;
"""
#: Long enough for samples of three minutes, which is what a chart wants.
COPIES_SECONDS = 200


def main() -> None:
    """Write the pictures."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is missing: apt-get install chromium")
    with Server.start(18, {"fsync": "off"}) as server, tempfile.TemporaryDirectory() as folder:
        ec = _Ec(server.url(), folder)
        asyncio.run(_prepare(server.url()))
        for words in (
            "init",
            "run rename-column orders.note remark",
            "start rename-column users.name full_name",
        ):
            ec(words).wait()
        working = [ec("backfill 0002_rename_users_name --max-rate 1500"), ec(f"serve --listen {ADDRESS}")]
        try:
            asyncio.run(_pictures(chromium))
        finally:
            for process in working:
                process.send_signal(signal.SIGTERM)
                process.wait()


class _Ec:
    def __init__(self, url: str, folder: str) -> None:
        self._folder, self._environment = folder, {**os.environ, "EC_DATABASE_URL": url}

    def __call__(self, words: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([*EC, *words.split()], cwd=self._folder, env=self._environment)


async def _prepare(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(TABLES)
    await connection.close()


async def _pictures(chromium: str) -> None:
    IMAGES.mkdir(exist_ok=True)
    await asyncio.sleep(COPIES_SECONDS)
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        await _picture(browser, "/", "serve-changes.png", 1100, 420)
        await _picture(browser, PAGE, "serve-change.png", 1100, 1150)
        await _picture(browser, PAGE, "serve-dark.png", 1100, 1150, dark=True)
        await _picture(browser, PAGE, "serve-phone.png", 375, 800)
        await browser.close()


async def _picture(
    browser: Browser, path: str, name: str, width: int, height: int, *, dark: bool = False
) -> None:
    page = await browser.new_page(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
    )
    await page.goto(f"http://{ADDRESS}{path}")
    await page.screenshot(path=str(IMAGES / name))


if __name__ == "__main__":
    main()
