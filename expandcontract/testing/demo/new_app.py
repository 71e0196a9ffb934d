"""The new version of the application: it knows users.display_name."""

import asyncio
from datetime import datetime

from sqlalchemy import FetchedValue
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from expandcontract.testing.demo import traffic


class Base(DeclarativeBase):
    """The tables that the new version knows."""


class User(Base):
    """A user, as after the change."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    display_name: Mapped[str]
    email: Mapped[str]
    about: Mapped[str] = mapped_column(server_default=FetchedValue())
    version: Mapped[int] = mapped_column(server_default=FetchedValue())
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())


if __name__ == "__main__":
    asyncio.run(traffic.serve(User, User.display_name, "new-app"))
