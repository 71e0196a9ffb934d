"""A bookshop: FastAPI, SQLModel, psycopg, in the synchronous form. Clients see the same in each release."""

import os
from typing import Any

from fastapi import FastAPI, HTTPException
from sqlmodel import Session, SQLModel, create_engine, func, select

from tests.alembic.apps.b.models import Author, Book, called, entitled

engine = create_engine(os.environ["DATABASE_URL"], pool_size=3)
app = FastAPI()


class Names(SQLModel):
    """What an author is called."""

    name: str
    full_name: str


class Title(SQLModel):
    """What a book is called."""

    title: str


@app.post("/users")
def sign_up(names: Names) -> dict[str, Any]:
    """Make an author."""
    author = Author(**called(names.name, names.full_name))
    with Session(engine) as session:
        session.add(author)
        session.commit()
        return {"id": author.id}


@app.patch("/users/{key}")
def rename(key: int, names: Names) -> dict[str, Any]:
    """Give an author other names."""
    with Session(engine) as session:
        found = _found(session, Author, key)
        for column, value in called(names.name, names.full_name).items():
            setattr(found, column, value)
        session.commit()
    return {"id": key}


@app.get("/users/{key}")
def author(key: int) -> dict[str, Any]:
    """Tell an author's names, and how many books there are."""
    with Session(engine) as session:
        found = _found(session, Author, key)
        books = session.exec(select(func.count()).where(Book.author_id == key)).one()
        return {**found.called(), "posts": books}


@app.post("/users/{key}/posts")
def publish(key: int, title: Title) -> dict[str, Any]:
    """Make a book."""
    book = Book(author_id=key, **entitled(title.title))
    with Session(engine) as session:
        session.add(book)
        session.commit()
        return {"id": book.id}


@app.get("/posts/{key}")
def sell(key: int) -> dict[str, Any]:
    """Show a book, of which one more is sold."""
    with Session(engine) as session:
        book = session.get(Book, key, with_for_update=True)
        if book is None:
            raise HTTPException(404)
        book.sold += 1
        session.commit()
        session.refresh(book)
        return dict(book.shown())


def _found(session: Session, model: Any, key: int) -> Any:  # noqa: ANN401 - of that model
    found = session.get(model, key)
    if found is None:
        raise HTTPException(404)
    return found
