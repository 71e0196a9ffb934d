"""Tables without a row: changes begin and are contracted in the run that makes the table."""

import asyncio
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, event

from expandcontract.alembic import carrying
from expandcontract.postgres.connect import _Marking
from tests.alembic.project import Project

#: What a change and its contract may send; init, start, backfill, verify, contract and purge send 815.
MOST = 70
SEEDED = """
op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")
op.execute("INSERT INTO users VALUES (1, 'Ada')")
"""


async def _asked(url: str, query: str) -> object:
    connection = await asyncpg.connect(re.sub(r"\+\w+", "", url, count=1))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.fixture(params=["async", "sync", pytest.param("psycopg's asyncio", marks=pytest.mark.slow)])
def project(request: pytest.FixtureRequest, tmp_path: Path, empty_database: str) -> Project:
    """Give a project that renames a column of a table that it makes."""
    made = Project(tmp_path, empty_database, "sync" if request.param == "sync" else "async")
    if "psycopg" in request.param:
        made.url = made.url.replace("asyncpg", "psycopg")
    made.revision(
        "a",
        None,
        """
        op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")
        op.create_index("ix_users_name", "users", ["name"])
        """,
        """
        op.drop_index("ix_users_name", "users")
        op.execute("DROP TABLE users")
        """,
    )
    rename = 'op.ec_start("rename-column", "users.name", "display_name", name="b_rename")'
    made.revision("b", "a", rename, 'op.ec_rollback("b_rename")')
    made.revision("c", "b", 'op.ec_contract("b_rename")', 'op.ec_undo("b_rename")')
    made.revision("d", "c", 'op.execute("CREATE TABLE later (id int)")', 'op.execute("DROP TABLE later")')
    return made


def test_up_down_and_up_again_at_every_revision(project: Project) -> None:
    """A run goes through contracts to its end, and each revision is had back, the contract too."""
    project.upgrade()
    assert project.at() == "d"
    for below in ("c", "b", "a", "base"):
        project.downgrade(below)
        project.upgrade()
        assert project.at() == "d"
    project.downgrade()
    assert project.at() == ""


@pytest.mark.in_turn(2)
def test_with_a_transaction_for_each_revision_too(project: Project) -> None:
    """Between two of them there is none, when it is asked whether the contract passes."""
    project.env(configure="transaction_per_migration=True")
    project.upgrade()
    assert project.at() == "d"
    project.downgrade()
    assert project.at() == ""


@pytest.mark.in_turn(2)
def test_a_text_of_the_next_revision_is_as_it_is_written(project: Project) -> None:
    """Whatever was asked of the connection before: its driver takes % for a parameter, and SQLAlchemy doubles
    it therefore.
    """
    rate = 'op.create_table("later", sa.Column("rate", sa.Text, server_default="50%"))'
    row = """op.execute("INSERT INTO later VALUES ('7%')")"""
    project.revision("d", "c", f"{rate}\n{row}\nop.execute('INSERT INTO later DEFAULT VALUES')")
    project.upgrade()
    kept = asyncio.run(_asked(project.url, "SELECT string_agg(rate, ' ' ORDER BY rate) FROM later"))
    assert kept == "50% 7%"


def test_tables_without_a_row_need_no_connection_of_ec(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change and its contract are looked at and carried out on Alembic's own; a later run that has nothing
    but contracts as well.
    """
    monkeypatch.setattr(carrying, "within", None)
    project.upgrade("b")
    project.upgrade()
    assert project.at() == "d"


def test_rows_that_the_same_run_wrote_shut_the_contract(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    """A table with seeds goes the ordinary way: there the run ends well, and without what comes behind it."""
    project.revision("a", None, SEEDED, 'op.execute("DROP TABLE users")')
    (project.folder / "versions" / "d.py").unlink()
    with caplog.at_level(logging.WARNING):
        project.upgrade()
    assert project.at() == "b"
    assert "Stopped before c, which contracts b_rename: b_rename begins in this run." in caplog.text


def test_a_table_that_is_empty_just_now_is_in_use(project: Project) -> None:
    """A queue has no row now and then. Whoever wrote it will write the next one."""
    queue = 'op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")'
    project.revision("a", None, queue, 'op.execute("DROP TABLE users")')
    (project.folder / "versions" / "d.py").unlink()
    project.upgrade("a")
    asyncio.run(_asked(project.url, "INSERT INTO users VALUES (1, 'Ada')"))
    asyncio.run(_asked(project.url, "DELETE FROM users"))
    project.upgrade()
    assert project.at() == "b"


def test_a_table_on_which_something_is_built_goes_the_ordinary_way(project: Project) -> None:
    """The ordinary way hides the table for it; the server would not have let it be dropped at once."""
    made = (
        """op.execute("CREATE TABLE users (id int)"); op.execute("CREATE VIEW v AS SELECT id FROM users")"""
    )
    project.revision("a", None, made)
    project.revision(
        "b", "a", 'op.ec_start("drop-table", "users", name="b_drop")', 'op.ec_rollback("b_drop")'
    )
    project.revision("c", "b", 'op.ec_contract("b_drop")', 'op.ec_undo("b_drop")')
    (project.folder / "versions" / "d.py").unlink()
    with pytest.raises(CommandError, match=r"EC310 b_drop begins in this run\. .*Next: the same command"):
        project.upgrade()
    assert project.at() == "b"


def test_what_comes_behind_a_contract_of_seeds_is_told(project: Project) -> None:
    """An ordinary revision is not left out in silence."""
    project.revision("a", None, SEEDED, 'op.execute("DROP TABLE users")')
    with pytest.raises(CommandError, match="Revision d comes after it"):
        project.upgrade()


def test_where_nobody_runs_seeds_are_contracted_too(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EC_FRESH says so: rows are copied and compared, and nobody is waited for."""
    monkeypatch.setenv("EC_FRESH", "1")
    project.revision("a", None, SEEDED, 'op.execute("DROP TABLE users")')
    project.upgrade()
    assert project.at() == "d"
    assert asyncio.run(_asked(project.url, "SELECT display_name FROM users")) == "Ada"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Give the statements and messages that Alembic's connection and those of ec send."""
    sent = list[str]()

    def hear(_: Connection, __: object, statement: str, *___: object) -> None:
        sent.append(statement)

    def execute(self: _Marking, query: str, *arguments: object, **options: Any) -> object:  # noqa: ANN401
        sent.append(query)
        return asyncpg.Connection.execute(self, query, *arguments, **options)

    def prepare(self: _Marking, query: str, **options: Any) -> object:  # noqa: ANN401
        sent.append(query)
        return asyncpg.Connection.prepare(self, query, **options)

    def alembics(connection: Connection) -> None:
        if connection.dialect.driver == "psycopg":
            event.listen(connection, "before_cursor_execute", hear)

    monkeypatch.setattr(_Marking, "execute", execute)
    monkeypatch.setattr(_Marking, "prepare", prepare)
    event.listen(Engine, "engine_connect", alembics)
    yield sent
    event.remove(Engine, "engine_connect", alembics)


def test_what_an_empty_table_costs(tmp_path: Path, database: str, said: list[str]) -> None:
    """A change and its contract send a twelfth of what the verbs would: with all that the run looks at."""
    made = Project(tmp_path, database, "sync")
    made.revision("a", None, 'op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")')
    made.revision("b", "a", "pass")
    made.revision("c", "b", "pass")
    made.upgrade("a")
    said.clear()
    made.upgrade("c")
    plain = len(said)
    made.downgrade("a")
    rename = 'op.ec_start("rename-column", "users.name", "display_name", name="b_rename")'
    made.revision("b", "a", rename, 'op.ec_rollback("b_rename")')
    made.revision("c", "b", 'op.ec_contract("b_rename")', 'op.ec_undo("b_rename")')
    said.clear()
    made.upgrade("c")
    assert len(said) - plain <= MOST


def test_where_each_statement_commits_it_goes_the_ordinary_way(project: Project) -> None:
    """With isolation level AUTOCOMMIT there is no transaction that could hold all of it, until Alembic's
    autocommit_block() of the first operation leaves one behind.
    """
    env = project.folder / "env.py"
    said = env.read_text(encoding="utf-8")
    env.write_text(said.replace("NullPool)", 'NullPool, isolation_level="AUTOCOMMIT")'), encoding="utf-8")
    (project.folder / "versions" / "d.py").unlink()
    project.upgrade()
    assert project.at() == "c"
