"""Engines of applications on a test's database, by driver."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


def url_of(url: str, driver: str) -> str:
    """Return the URL of a test's database for a driver of SQLAlchemy's."""
    return url.replace("postgresql://", f"postgresql+{driver}://", 1)


@contextmanager
def sync_engine(url: str, driver: str = "psycopg", **options: Any) -> Iterator[Engine]:  # noqa: ANN401 - of SQLAlchemy
    """Give an engine without asyncio."""
    engine = create_engine(url_of(url, driver), **options)
    try:
        yield engine
    finally:
        engine.dispose()


@asynccontextmanager
async def async_engine(url: str, driver: str = "asyncpg", **options: Any) -> AsyncIterator[AsyncEngine]:  # noqa: ANN401 - of SQLAlchemy
    """Give an engine with asyncio."""
    engine = create_async_engine(url_of(url, driver), **options)
    try:
        yield engine
    finally:
        await engine.dispose()
