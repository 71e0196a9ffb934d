"""`alembic revision --autogenerate`: what comes out of it runs up, down and up on a populated database."""

import re
from pathlib import Path
from textwrap import dedent

import pytest
from alembic.util import CommandError

from tests.acceptance.catalog import difference
from tests.alembic.catalog import of_the_application, schema
from tests.alembic.project import Project
from tests.rotation import part

#: The tables as they are, with rows; nothing of it has to be said twice in a test.
BEFORE = """
    op.execute('''
        CREATE TABLE teams (id int PRIMARY KEY, title text NOT NULL);
        CREATE TABLE faxes (id int PRIMARY KEY, number text);
        CREATE INDEX ix_faxes_number ON faxes (number);
        CREATE TABLE users (
            id int PRIMARY KEY, name varchar(50) NOT NULL, email varchar(50), size int, score int,
            team_id int, fax text, note varchar(20), nick text, age int DEFAULT 1, must int NOT NULL,
            fax_id int CONSTRAINT users_fax_id_fkey REFERENCES faxes (id),
            code text CONSTRAINT uq_users_code UNIQUE
        );
        CREATE INDEX ix_users_name ON users (name);
        CREATE INDEX ix_users_fax ON users (fax);
        CREATE INDEX ix_users_note ON users (note);
        CREATE INDEX ix_users_age ON users (age);
        INSERT INTO teams SELECT g, 't' || g FROM generate_series(1, 9) g;
        INSERT INTO users
        SELECT g, 'n' || g, 'e' || g, g, g, 1 + g % 9, 'f', 'note', 'k' || g, g, g, NULL, 'c' || g
        FROM generate_series(1, 50) g;
    ''')
"""

AFTER = """
    from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, text
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


    class Base(DeclarativeBase):
        pass


    class Team(Base):
        __tablename__ = "teams"
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str] = mapped_column(String().with_variant(String(), "sqlite"))


    class User(Base):
        __tablename__ = "users"
        __table_args__ = (
            Index("ix_users_age", "age", "score", postgresql_where=text("age > 3")),
            UniqueConstraint("nick", name="uq_users_nick"),
        )
        id: Mapped[int] = mapped_column(primary_key=True)
        display_name: Mapped[str] = mapped_column(String(50), index=True, info={"renamed_from": "name"})
        email: Mapped[str] = mapped_column(String(50))
        size: Mapped[int | None] = mapped_column(BigInteger)
        score: Mapped[int | None] = mapped_column(index=True)
        team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"))
        note: Mapped[str | None] = mapped_column(String(80))
        nick: Mapped[str | None]
        age: Mapped[int | None] = mapped_column(server_default=text("2"))
        must: Mapped[int | None]
        fax_id: Mapped[int | None]
        code: Mapped[str | None]
        bio: Mapped[str | None] = mapped_column(String(9))
        plan: Mapped[str] = mapped_column(String(8), server_default="free")
        level: Mapped[int] = mapped_column(default=3)


    target_metadata = Base.metadata
"""


def written(project: Project, before: str) -> list[str]:
    """Return what the revisions after one say, from the first to the last."""
    texts = {}
    for path in (project.folder / "versions").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        below = re.search(r"^down_revision = '(\w+)'", text, re.MULTILINE)
        own = re.search(r"^revision = '(\w+)'", text, re.MULTILINE)
        texts[below[1] if below else ""] = own[1] if own else "", text
    found = []
    while before in texts:
        before, text = texts[before]
        found.append(text)
    return found


def generated(project: Project, models: str, **options: str) -> list[str]:
    """Write models, generate, and return the revisions that came of it, from the first to the last."""
    name = f"models_{abs(hash((models, str(project.folder))))}"
    (project.folder / f"{name}.py").write_text(dedent(models), encoding="utf-8")
    project.env(models=name, configure="compare_server_default=True")
    project.within("revision", autogenerate=True, **options)
    return written(project, "a")


@pytest.fixture
def project(tmp_path: Path, empty_database: str) -> Project:
    """Give a project whose tables have rows."""
    made = Project(tmp_path, empty_database, "sync")
    made.revision("a", None, dedent(BEFORE).strip())
    made.upgrade()
    return made


@pytest.mark.slow
@pytest.mark.parametrize("rows", part([True, False], 2))
def test_each_difference_becomes_an_operation_that_runs(
    tmp_path: Path, empty_database: str, *, rows: bool
) -> None:
    """Up, down, up, on tables with rows as on those without, where the contracts pass too. The models agree
    with what is there each time, and down leaves what was there before.
    """
    project = Project(tmp_path, empty_database, "sync")
    before = dedent(BEFORE).strip()
    project.revision("a", None, before if rows else re.sub(r"INSERT INTO [^;]*;", "", before))
    project.upgrade()
    old = schema(empty_database)
    texts = generated(project, AFTER)
    kinds = re.findall(r"op\.ec_(?:start|run)\('([\w-]+)'", "".join(texts))
    assert sorted(kinds) == [
        "add-column",
        "add-foreign-key",
        "add-index",
        "add-index",
        "add-unique",
        "change-type",
        "drop-column",
        "drop-constraint",
        "drop-index",
        "drop-index",
        "drop-not-null",
        "drop-table",
        "rename-column",
        "set-default",
        "set-not-null",
        "set-not-null",
    ]
    for _ in range(2):
        project.upgrade()
        assert ("(head)" in project.within("current")) is not rows
        project.within("check")
        project.downgrade("a")
        assert difference(old, of_the_application(schema(empty_database))) == []


UNIQUE = """
op.execute("CREATE TABLE users (id int PRIMARY KEY, email varchar(50) CONSTRAINT once UNIQUE, size int)")
op.execute("CREATE TABLE seats (place int PRIMARY KEY, size int)")
op.execute("INSERT INTO users VALUES (1, 'e')")
"""
SQLMODEL = """
    from sqlalchemy import MetaData, Column, Integer, Table
    from sqlmodel import Field, SQLModel


    class Users(SQLModel, table=True):
        __tablename__ = "users"
        __table_args__ = {"extend_existing": True}
        id: int = Field(primary_key=True)
        mail: str | None = Field(
            max_length=50, unique=True, sa_column_kwargs={"info": {"renamed_from": "email"}}
        )
        size: int | None


    others = MetaData()
    Table("seats", others, Column("seat", Integer, primary_key=True, info={"renamed_from": "place"}),
          Column("size", Integer))
    target_metadata = [SQLModel.metadata, others]
"""


def test_what_has_to_be_acknowledged_is_said_in_the_file(tmp_path: Path, empty_database: str) -> None:
    """With the words that say yes; a change that the engine refuses has its reason. Models of SQLModel, and
    several metadata.
    """
    project = Project(tmp_path, empty_database, "async")
    project.revision("a", None, UNIQUE)
    project.upgrade()
    seats, users, *contracts = generated(project, SQLMODEL)
    assert "op.ec_start('rename-column', 'users.email', 'mail'" in users
    assert "# Hazard upsert:once: " in users
    assert "#     acknowledge=['upsert:once']" in users
    assert "op.ec_start('rename-column', 'seats.place', 'seat'" in seats
    assert "# ec refuses it as things are: EC" in seats
    assert len(contracts) == 2


def test_names_that_are_swapped_are_no_change_that_goes_unseen(tmp_path: Path, empty_database: str) -> None:
    """The columns of models and database are the same ones, and their values are not: refused in `revision`,
    which would have written a revision that does nothing.
    """
    project = Project(tmp_path, empty_database, "sync")
    project.revision("a", None, 'op.execute("CREATE TABLE pairs (id int PRIMARY KEY, one text, two text)")')
    project.upgrade()
    swapped = """
        from sqlalchemy import Column, Integer, MetaData, Table, Text

        target_metadata = MetaData()
        Table("pairs", target_metadata, Column("id", Integer, primary_key=True),
              Column("one", Text, info={"renamed_from": "two"}),
              Column("two", Text, info={"renamed_from": "one"}))
    """
    with pytest.raises(CommandError, match=r"EC201 .*pairs: one was called two.* in two releases"):
        generated(project, swapped)
