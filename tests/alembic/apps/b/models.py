"""The models of a bookshop, as they are in the release that runs: `RELEASE`, from 0 to 5."""

import os
from typing import Any

from sqlmodel import BigInteger, Field, Integer, SQLModel

RELEASE = int(os.environ["RELEASE"])


class Author(SQLModel, table=True):
    """Who writes."""

    id: int | None = Field(default=None, primary_key=True)
    if RELEASE < 1:
        pen_name: str = Field(index=True)
    else:
        alias: str = Field(index=True, sa_column_kwargs={"info": {"renamed_from": "pen_name"}})
    if RELEASE < 2:
        full_name: str
    else:
        first_name: str
        last_name: str

    def called(self) -> dict[str, str]:
        """Return the names."""
        name = self.pen_name if RELEASE < 1 else self.alias
        full_name = self.full_name if RELEASE < 2 else f"{self.first_name} {self.last_name}"
        return {"name": name, "full_name": full_name}


class Book(SQLModel, table=True):
    """What somebody wrote."""

    id: int | None = Field(default=None, primary_key=True)
    author_id: int = Field(foreign_key="author.id", ondelete="CASCADE", index=True)
    title: str
    subtitle: str | None = Field(default=None, nullable=RELEASE < 3)
    sold: int = Field(default=0, sa_type=Integer if RELEASE < 4 else BigInteger, nullable=False)
    if RELEASE < 5:
        shelf: str | None = None

    def shown(self) -> dict[str, str | int]:
        """Return what a reader sees."""
        return {"title": self.title, "slug": self.subtitle or self.title.lower(), "views": self.sold}


def called(name: str, full_name: str) -> dict[str, Any]:
    """Return the columns of an author who is called that."""
    first, _, last = full_name.partition(" ")
    return {
        "pen_name" if RELEASE < 1 else "alias": name,
        **({"full_name": full_name} if RELEASE < 2 else {"first_name": first, "last_name": last}),
    }


def entitled(title: str) -> dict[str, Any]:
    """Return the columns of a book with that title; until release 3 some have no subtitle."""
    return {"title": title, "subtitle": title.lower() if RELEASE >= 3 or " " not in title else None}


target_metadata = SQLModel.metadata
