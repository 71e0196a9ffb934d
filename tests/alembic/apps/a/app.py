"""A blog: FastAPI, SQLAlchemy's asyncio, asyncpg. What clients see is the same in each release."""

import os
import uuid
from typing import Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from expandcontract.orm import retrying, survive
from tests.alembic.apps.a.models import Post, User

engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=3)
survive(engine)
#: Statements that name a column of another type now fail once: the unit that they are of runs again.
run = retrying(async_sessionmaker(engine, expire_on_commit=False))
app = FastAPI()


class Names(BaseModel):
    """What a user is called."""

    name: str
    full_name: str


class Title(BaseModel):
    """What a post is called."""

    title: str


@app.post("/users")
async def sign_up(names: Names) -> dict[str, Any]:
    """Make a user."""
    key = uuid.uuid4()

    async def work(session: AsyncSession) -> None:
        user = User(id=key, email=f"{key}@example.com")
        user.call(names.name, names.full_name)
        session.add(user)

    await run(work)
    return {"id": str(key)}


@app.patch("/users/{key}")
async def rename(key: uuid.UUID, names: Names) -> dict[str, Any]:
    """Give a user other names."""

    async def work(session: AsyncSession) -> None:
        (await _found(session, User, key)).call(names.name, names.full_name)

    await run(work)
    return {"id": str(key)}


@app.get("/users/{key}")
async def user(key: uuid.UUID) -> dict[str, Any]:
    """Tell a user's names, and how many posts there are."""

    async def work(session: AsyncSession) -> dict[str, Any]:
        found = await _found(session, User, key)
        posts = await session.scalar(select(func.count()).where(Post.author_id == key))
        return {**found.called(), "posts": posts}

    return await run(work)


@app.post("/users/{key}/posts")
async def publish(key: uuid.UUID, title: Title) -> dict[str, Any]:
    """Make a post."""
    post_key = uuid.uuid4()

    async def work(session: AsyncSession) -> None:
        post = Post(id=post_key, author_id=key)
        post.entitle(title.title)
        session.add(post)

    await run(work)
    return {"id": str(post_key)}


@app.get("/posts/{key}")
async def read(key: uuid.UUID) -> dict[str, Any]:
    """Show a post, which is one view more."""

    async def work(session: AsyncSession) -> dict[str, Any]:
        await session.execute(update(Post).where(Post.id == key).values(views=Post.views + 1))
        shown: dict[str, Any] = (await _found(session, Post, key)).shown()
        return shown

    return await run(work)


async def _found(session: AsyncSession, model: Any, key: uuid.UUID) -> Any:  # noqa: ANN401 - of that model
    found = await session.get(model, key)
    if found is None:
        raise HTTPException(404)
    return found
