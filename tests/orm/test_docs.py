"""The snippets of the page on an application's start, as they stand there, in order."""

import ast
import re
from inspect import CO_COROUTINE
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy.exc import DBAPIError

from tests.acceptance.cycle import living
from tests.orm.engines import url_of
from tests.orm.test_requirement import GIVEN, RENAME

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "at-application-start.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


async def _run(snippet: str, names: dict[str, Any]) -> None:
    """Run a snippet that may await, with the names of those before it."""
    code = compile(snippet, str(PAGE), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = eval(code, names)  # noqa: S307 - the page is ours
    if code.co_flags & CO_COROUTINE:
        await running


async def test_every_snippet_runs(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever copies them has what they say: an application that starts, whatever is turned meanwhile."""
    monkeypatch.setenv("DATABASE_URL", url_of(database, "asyncpg"))
    snippets = _BLOCK.findall(PAGE.read_text())
    names: dict[str, Any] = {}
    async with living(database, "rename-column", RENAME, GIVEN) as life:
        await life.ready()
        for snippet in snippets:
            await _run(snippet, names)
            app = names.get("app")
            if isinstance(app, FastAPI):
                async with app.router.lifespan_context(app):
                    pass
        assert await life.rows("SELECT name, display_name FROM users") == [("Grace", "Grace")]
        await life.contract()
        with pytest.raises(DBAPIError) as caught:
            async with names["engine"].begin() as connection:
                await connection.exec_driver_sql("SELECT name FROM users")
        assert not caught.value.connection_invalidated
        assert (await names["run"](names["rename"])).display_name == "Grace"
    await names["engine"].dispose()
