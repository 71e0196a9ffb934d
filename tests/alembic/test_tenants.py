"""Tenants by schema: one chain of revisions, and each tenant's own tables and changes."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from tests.alembic.project import Project

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
    project.env(configure="version_table_schema=os.environ['TENANT']")
    environment = tmp_path / "env.py"
    written = environment.read_text(encoding="utf-8").replace("        context.configure(", PATH, 1)
    environment.write_text(written, encoding="utf-8")
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
