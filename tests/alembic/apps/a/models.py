"""The models of a blog, as they are in the release that runs: `RELEASE`, from 0 to 5."""

import os
import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Integer, MetaData, String, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

RELEASE = int(os.environ["RELEASE"])


class Base(DeclarativeBase):
    """What all models are of."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Keyed:
    """Has a key that the application makes."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)


class Stamped:
    """Knows when it was made, and changed."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class User(Keyed, Stamped, Base):
    """Who writes."""

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(String(120), unique=True)
    if RELEASE < 1:
        name: Mapped[str] = mapped_column(String(80), index=True)
    else:
        display_name: Mapped[str] = mapped_column(String(80), index=True, info={"renamed_from": "name"})
    if RELEASE < 2:
        full_name: Mapped[str]
    else:
        first_name: Mapped[str]
        last_name: Mapped[str]

    def call(self, name: str, full_name: str) -> None:
        """Give the user these names, in whatever columns."""
        if RELEASE < 1:
            self.name = name
        else:
            self.display_name = name
        if RELEASE < 2:
            self.full_name = full_name
        else:
            self.first_name, _, self.last_name = full_name.partition(" ")

    def called(self) -> dict[str, str]:
        """Return the names."""
        name = self.name if RELEASE < 1 else self.display_name
        full_name = self.full_name if RELEASE < 2 else f"{self.first_name} {self.last_name}"
        return {"name": name, "full_name": full_name}


class Post(Keyed, Stamped, Base):
    """What somebody wrote."""

    __tablename__ = "posts"

    author_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    title: Mapped[str]
    slug: Mapped[str | None] = mapped_column(String(80), index=True, nullable=RELEASE < 3)
    views: Mapped[int] = mapped_column(Integer if RELEASE < 4 else BigInteger, server_default="0")
    if RELEASE < 5:
        mood: Mapped[str | None]

    def entitle(self, title: str) -> None:
        """Give the post a title; until release 3 the application forgets the slug of those with a blank."""
        self.title = title
        if RELEASE >= 3 or " " not in title:
            self.slug = title.lower()

    def shown(self) -> dict[str, str | int]:
        """Return what a reader sees."""
        return {"title": self.title, "slug": self.slug or self.title.lower(), "views": self.views}


target_metadata = Base.metadata
