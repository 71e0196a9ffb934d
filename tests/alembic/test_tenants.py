"""Tenants by schema: one chain of revisions, and each tenant's own tables and changes."""

import re
from pathlib import Path
from textwrap import dedent, indent

import pytest
from alembic.util import CommandError
from sqlalchemy import Connection, text

from tests.alembic.project import Project
from tests.alembic.test_meeting import released

TABLE = """
op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")
op.execute("INSERT INTO users SELECT g, 'n' || g FROM generate_series(1, 100) g")
"""
START = 'op.ec_start("rename-column", "users.name", "display_name", name="b_rename")'
PATH = """
        connection.exec_driver_sql(f'SET search_path TO "{os.environ["TENANT"]}", public')
        connection.commit()
        context.configure("""


def test_each_tenant_has_its_own_change(
    tmp_path: Path, empty_database: str, application: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the same revision: what one has begun is not the other's, nor taken back with it."""
    project = Project(tmp_path, empty_database, "sync")
    _told(project, PATH)
    project.revision("a", None, TABLE)
    project.revision("b", "a", START, 'op.ec_rollback("b_rename")')
    for tenant in ("one", "Two"):
        application.execute(text(f'CREATE SCHEMA "{tenant}"'))
        monkeypatch.setenv("TENANT", tenant)
        project.upgrade()
        assert project.at() == "b"
        query = text(f'SELECT count(*) FROM "{tenant}".users WHERE display_name = name')
        assert application.execute(query).scalar_one() == 100
    project.downgrade("a")
    states = application.execute(text("SELECT name, state FROM expandcontract.change ORDER BY id")).all()
    assert [tuple(each) for each in states] == [("b_rename@one", "active"), ("b_rename@Two", "rolled_back")]


EMPTY = 'op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")'
COLUMNS = text("""
    SELECT table_schema::text, string_agg(column_name, ' ' ORDER BY column_name)
    FROM information_schema.columns WHERE table_name = 'users' GROUP BY 1 ORDER BY 1
""")


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("sync", "path"),
        pytest.param("async", "map", marks=pytest.mark.slow),
        pytest.param("async", "path", marks=pytest.mark.slow),
        pytest.param("sync", "map", marks=pytest.mark.slow),
        pytest.param("psycopg's asyncio", "path", marks=pytest.mark.slow),
    ],
)
def test_a_new_tenant_goes_through_all_revisions_in_one_run(
    tmp_path: Path,
    empty_database: str,
    application: Connection,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    told: str,
) -> None:
    """Its tables have no row, whoever has some in a table of that name elsewhere: contracts pass, too, and
    what comes behind them. It goes down and up again, and nobody else's table is touched.
    """
    project = Project(tmp_path, empty_database, "sync" if form == "sync" else "async")
    if "psycopg" in form:
        project.url = project.url.replace("asyncpg", "psycopg")
    by_map = told == "map"
    _told(project, MAP if by_map else PATH)
    made, left = (CREATE, 'op.drop_table("users")') if by_map else (EMPTY, 'op.execute("DROP TABLE users")')
    project.revision("a", None, made, left)
    project.revision("b", "a", START, 'op.ec_rollback("b_rename")')
    project.revision("c", "b", 'op.ec_contract("b_rename")', 'op.ec_undo("b_rename")')
    project.revision("d", "c", "pass")
    application.execute(text("CREATE TABLE users (id int, name text)"))
    application.execute(text("INSERT INTO users VALUES (1, 'Ada')"))
    for tenant in ("one", "Two"):
        application.execute(text(f'CREATE SCHEMA "{tenant}"'))
        monkeypatch.setenv("TENANT", tenant)
        project.upgrade()
        assert project.at() == "d"
        project.downgrade()
        project.upgrade()
    found = [tuple(each) for each in application.execute(COLUMNS)]
    assert found == [("Two", "display_name id"), ("one", "display_name id"), ("public", "id name")]
    states = application.execute(text("SELECT name, state FROM expandcontract.change ORDER BY name")).all()
    assert {tuple(each) for each in states} == {("b_rename@one", "purged"), ("b_rename@Two", "purged")}


MAP = """
        connection = connection.execution_options(schema_translate_map={None: os.environ["TENANT"]})
        context.configure("""
CREATE = (
    'op.create_table("users", sa.Column("id", sa.Integer, primary_key=True), '
    'sa.Column("name", sa.Text, nullable=False))'
)


@pytest.mark.slow
def test_models_are_those_of_the_tenant_that_a_map_says(
    tmp_path: Path, empty_database: str, application: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that is old for one tenant, whose change is contracted, is at home with another; what one
    takes back begins again with models that have the new side alone.
    """
    monkeypatch.setenv("EC_QUIET_FOR", "0")
    old = released(tmp_path / "1", empty_database, "name")
    new = released(tmp_path / "2", empty_database, "display_name", begins="1min")
    last = released(tmp_path / "3", empty_database, "display_name", begins="1min", contracts=True)
    for project in (old, new, last):
        _by_map(project)
    for tenant in ("one", "Two"):
        application.execute(text(f'CREATE SCHEMA "{tenant}"'))
        monkeypatch.setenv("TENANT", tenant)
        old.upgrade()
        application.execute(text(f"""INSERT INTO "{tenant}".users VALUES (1, 'Ada')"""))
    monkeypatch.setenv("TENANT", "one")
    new.upgrade()
    application.execute(text("INSERT INTO one.users (id, display_name) VALUES (2, 'of new code')"))
    last.upgrade()
    with pytest.raises(CommandError, match=r"have one\.users\.name, .* Next: ec undo b_rename@one"):
        old.upgrade()
    monkeypatch.setenv("TENANT", "Two")
    old.upgrade()
    new.upgrade()
    new.downgrade("a")
    new.upgrade()
    states = application.execute(text("SELECT name, state FROM expandcontract.change ORDER BY id")).all()
    assert [tuple(each) for each in states] == [("b_rename@one", "hidden"), ("b_rename@Two", "active")]


def _told(project: Project, how: str) -> None:
    """Have env.py say which tenant it is, by its search_path or a map."""
    environment = project.folder / "env.py"
    written = environment.read_text(encoding="utf-8")
    begin = re.search(r"^ +context.configure\($", written, re.MULTILINE)
    assert begin is not None
    indented = indent(dedent(how.strip("\n")), " " * (len(begin[0]) - len("context.configure(")))
    written = written.replace(begin[0], indented, 1).replace(
        "target_metadata=target_metadata,",
        "target_metadata=target_metadata, version_table_schema=os.environ['TENANT'],",
        1,
    )
    environment.write_text(written, encoding="utf-8")


def _by_map(project: Project) -> None:
    _told(project, MAP)
    project.revision("a", None, CREATE, 'op.drop_table("users")')


@pytest.mark.parametrize("form", ["sync", pytest.param("async", marks=pytest.mark.slow)])
def test_a_path_that_only_the_engine_says_is_said_to_sessions_of_ec(
    tmp_path: Path, empty_database: str, application: Connection, form: str
) -> None:
    """By `connect_args`, of which the URL has nothing, and which the server takes for the session's own."""
    said = {
        "sync": '{"options": "-csearch_path=app,public"}',
        "async": '{"server_settings": {"search_path": "app"}}',
    }
    project = Project(tmp_path, empty_database, form)
    environment = tmp_path / "env.py"
    written = environment.read_text(encoding="utf-8")
    with_arguments = written.replace("NullPool)", f"NullPool, connect_args={said[form]})")
    environment.write_text(with_arguments, encoding="utf-8")
    application.execute(text("CREATE SCHEMA app"))
    project.revision("a", None, TABLE)
    project.revision("b", "a", START, 'op.ec_rollback("b_rename")')
    project.upgrade()
    assert project.at() == "b"
    counted = text("SELECT count(*) FROM app.users WHERE display_name = name")
    assert application.execute(counted).scalar_one() == 100
