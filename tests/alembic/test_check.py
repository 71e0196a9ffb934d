"""`alembic check` is clean for the right models in every phase of a change, and not for the wrong ones."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest
from alembic.util import CommandError
from sqlalchemy import Engine, event
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.naming import conv

from tests.alembic.project import Project

LONG = "a_name_of_a_column_that_is_as_long_as_it_can_be_in_this_database"[
    :63
]  #: The name that the naming convention makes of it, as SQLAlchemy cuts it.
CUT = postgresql.dialect().identifier_preparer.truncate_and_render_index_name(  # type: ignore[no-untyped-call]
    conv(f"ix_shop_orders_{LONG}")
)

#: Two schemas, a mixed-case table, a naming convention, and names that are cut.
BEFORE = f"""
    op.execute('''
        CREATE SCHEMA shop;
        CREATE TABLE "Users" (id int CONSTRAINT "pk_Users" PRIMARY KEY, name varchar(50) NOT NULL);
        CREATE INDEX "ix_Users_name" ON "Users" (lower(name));
        CREATE INDEX by_name ON "Users" (name, id);
        CREATE INDEX by_id ON "Users" (id) WHERE name <> '';
        CREATE TABLE shop.orders (id int CONSTRAINT pk_orders PRIMARY KEY, {LONG} text DEFAULT 'x');
        CREATE INDEX {CUT} ON shop.orders ({LONG});
        CREATE TABLE teams (id int CONSTRAINT pk_teams PRIMARY KEY, size int);
        CREATE INDEX ix_teams_size ON teams (size);
        CREATE TABLE faxes (id int CONSTRAINT pk_faxes PRIMARY KEY, number text);
        CREATE INDEX ix_faxes_number ON faxes (number);
        CREATE TABLE mails (id int CONSTRAINT pk_mails PRIMARY KEY, post text);
        CREATE TABLE nicks (id int CONSTRAINT pk_nicks PRIMARY KEY, nick text);
        CREATE TABLE notes (id int CONSTRAINT pk_notes PRIMARY KEY, fax text NOT NULL);
        CREATE INDEX ix_notes_fax ON notes (fax);
        CREATE TABLE members (id int CONSTRAINT pk_members PRIMARY KEY, team_id int);
        INSERT INTO "Users" SELECT g, 'n' || g FROM generate_series(1, 9) g;
        INSERT INTO shop.orders SELECT g FROM generate_series(1, 9) g;
        INSERT INTO teams SELECT g, g FROM generate_series(1, 9) g;
        INSERT INTO faxes SELECT g, g FROM generate_series(1, 9) g;
        INSERT INTO mails SELECT g, g FROM generate_series(1, 9) g;
        INSERT INTO nicks SELECT g, g FROM generate_series(1, 9) g;
        INSERT INTO notes SELECT g, g FROM generate_series(1, 9) g;
        INSERT INTO members SELECT g, g FROM generate_series(1, 9) g;
    ''')
"""
HEAD = """
    from sqlalchemy import *

    target_metadata = MetaData(naming_convention={
        "ix": "ix_%(column_0_label)s", "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s", "pk": "pk_%(table_name)s",
    })

    def table(name, *items, **options):
        return Table(name, target_metadata, Column("id", Integer, primary_key=True), *items, **options)
"""
OLD = f"""{HEAD}
    users = table("Users", Column("name", String(50), nullable=False))
    Index("ix_Users_name", func.lower(users.c.name))
    Index("by_name", users.c.name, users.c.id)
    Index("by_id", users.c.id, postgresql_where=users.c.name != "")
    table("orders", Column("{LONG}", Text, server_default="x", index=True), schema="shop")
    table("teams", Column("size", Integer, index=True))
    table("faxes", Column("number", Text, index=True))
    table("mails", Column("post", Text))
    table("nicks", Column("nick", Text))
    table("notes", Column("fax", Text, index=True, nullable=False))
    table("members", Column("team_id", Integer))
"""
NEW = f"""{HEAD}
    users = table(
        "Users", Column("display_name", String(50), nullable=False, info={{"renamed_from": "name"}})
    )
    Index("ix_Users_display_name", func.lower(users.c.display_name))
    Index("by_name", users.c.display_name, users.c.id)
    Index("by_id", users.c.id, postgresql_where=users.c.display_name != "")
    table(
        "orders", Column("remark", Text, server_default="x", index=True, info={{"renamed_from": "{LONG}"}}),
        schema="shop",
    )
    table("teams", Column("size", BigInteger, index=True))
    table("mails", Column("post", Text, nullable=False))
    table("nicks", Column("nick", Text, unique=True))
    table("notes")
    table("members", Column("team_id", ForeignKey("teams.id")))
"""


def models(project: Project, name: str, text: str) -> str:
    """Write a module of models; return its name."""
    module = f"{name}_{project.folder.name}"
    (project.folder / f"{module}.py").write_text(dedent(text), encoding="utf-8")
    return module


def check(project: Project, module: str) -> str:
    """Return what `alembic check` finds with these models; empty where it is clean."""
    project.env(models=module, configure="compare_server_default=True, include_schemas=True", options="")
    try:
        project.within("check")
    except CommandError as error:
        return str(error)
    return ""


@pytest.fixture
def project(tmp_path: Path, empty_database: str) -> Project:
    """Give a project whose tables have rows."""
    made = Project(tmp_path, empty_database, "sync")
    made.revision("a", None, dedent(BEFORE).strip())
    made.upgrade()
    return made


@pytest.mark.slow
def test_the_right_models_are_clean_in_every_phase(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old ones until contract, the new ones from start on; the old ones are not any more afterwards."""
    monkeypatch.setenv("EC_QUIET_FOR", "0s")
    old, new = models(project, "old", OLD), models(project, "new", NEW)
    assert not check(project, old)
    assert "renamed_from" not in check(project, new) != ""
    project.within("revision", autogenerate=True)
    for path in (project.folder / "versions").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "Left for later" not in text
        path.write_text(text.replace("soak='1d'", "soak='1s'"), encoding="utf-8")
    project.upgrade()
    assert not check(project, old)
    assert not check(project, new)
    while "(head)" not in project.within("current"):
        project.upgrade()
        assert not check(project, new)
    found = check(project, old)
    for change in (
        "'name'",
        LONG,
        "modify_type",
        "'faxes'",
        "modify_nullable",
        "remove_constraint",
        "remove_fk",
        "'fax'",
    ):
        assert change in found


SMALL = """
    op.execute('''
        CREATE TABLE "Users" (id int PRIMARY KEY, name text NOT NULL, size int);
        CREATE INDEX ix_name ON "Users" (name);
        INSERT INTO "Users" VALUES (1, 'n', 1);
    ''')
"""


def small(column: str, *, indexed: bool, size: str = "Integer") -> str:
    """Return models of users with one column and perhaps its index."""
    return f"""
    from sqlalchemy import *

    target_metadata = MetaData()
    Table(
        "Users", target_metadata, Column("id", Integer, primary_key=True),
        Column("{column}", Text, nullable=False), Column("size", {size}),
        *[Index("ix_name" if "{column}" == "name" else "ix_display_name", "{column}")] * {indexed},
    )
    """


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect what is sent to any database meanwhile."""
    sent: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_what_an_open_change_is_about_is_not_compared(tmp_path: Path, empty_database: str) -> None:
    """Its columns and what stands on them; everything else is, and it costs one query more."""
    project = Project(tmp_path, empty_database, "sync")
    project.revision("a", None, dedent(SMALL).strip())
    project.upgrade()
    old, new = (models(project, column, small(column, indexed=True)) for column in ("name", "display_name"))
    with statements() as sent:
        assert not check(project, old)
    assert len([each for each in sent if "status_v1" in each or "changes()" in each]) == 1
    assert check(project, new)
    rename = """op.ec_start("rename-column", '"Users".name', "display_name", name="b_rename")"""
    project.revision("b", "a", rename, 'op.ec_rollback("b_rename")')
    project.revision("c", "b", 'op.ec_contract("b_rename")', 'op.ec_undo("b_rename")')
    project.upgrade()
    with statements() as sent:
        assert not check(project, old)
    assert len([each for each in sent if "status_v1" in each or "changes()" in each]) == 2
    assert not check(project, new)
    assert "modify_type" in check(project, models(project, "typed", small("name", indexed=True, size="Text")))
    project.within("revision", autogenerate=True, message="next")
    (written,) = (tmp_path / "versions").glob("*_next.py")
    assert "'change-type', '\"Users\".size'" in written.read_text(encoding="utf-8")


@pytest.mark.slow
def test_one_change_is_clean_from_start_to_purge(
    tmp_path: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is ready, contracted, brought back, contracted again, purged; an index keeps its name."""
    monkeypatch.setenv("EC_QUIET_FOR", "0s")
    project = Project(tmp_path, empty_database, "sync")
    project.revision("a", None, dedent(SMALL).strip())
    names = """names={"ix_name": "ix_name"}"""
    words = f'"rename-column", \'"Users".name\', "display_name", name="b_rename", inline="0s", {names}'
    project.revision("b", "a", f"op.ec_start({words})", 'op.ec_rollback("b_rename")')
    project.revision("c", "b", 'op.ec_contract("b_rename", soak="1s")', 'op.ec_undo("b_rename")')
    old = models(project, "name", small("name", indexed=True))
    new = models(
        project, "display_name", small("display_name", indexed=True).replace("ix_display_name", "ix_name")
    )
    project.env()
    project.upgrade("b")
    assert not check(project, old)
    assert not check(project, new)
    typed(project, "backfill", "b_rename")
    for again in (True, False):
        contracted(project)
        assert not check(project, new)
        assert "add_column" in check(project, old)
        if again:
            project.env()
            project.downgrade("b")
            assert not check(project, old)
            assert not check(project, new)
            typed(project, "verify", "b_rename")
    typed(project, "purge", "b_rename", "--now", "--confirm", "b_rename")
    assert not check(project, new)


def contracted(project: Project) -> None:
    """Upgrade until every contract has passed."""
    project.env()
    for _ in range(10):
        if "(head)" in project.within("current"):
            return
        project.upgrade()
    raise AssertionError("the contracts do not pass")


def typed(project: Project, *words: str) -> None:
    """Run a command of `ec`."""
    url = project.url.replace("postgresql+psycopg", "postgresql")
    subprocess.run(
        [sys.executable, "-m", "expandcontract", *words],
        env={**project.environment(), "EC_DATABASE_URL": url},
        check=True,
        capture_output=True,
    )
