"""What it costs a project that has nothing to do, each time that it starts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

import expandcontract.alembic as ec
from expandcontract.alembic import carrying
from tests.alembic.project import Project

MODELS = """
from sqlalchemy import Column, Integer, MetaData, Table

target_metadata = MetaData()
Table("users", target_metadata, Column("id", Integer, primary_key=True))
"""


@pytest.fixture
def sent() -> Iterator[list[str]]:
    """Give what gets the statements that SQLAlchemy sends."""
    statements = list[str]()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield statements
    event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("ledger", ["database", "empty_database"])
def test_without_open_changes_it_is_three_statements(
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    sent: list[str],
    ledger: str,
) -> None:
    """And no thread, no connection and nothing of the engine."""
    project = Project(tmp_path, request.getfixturevalue(ledger), "sync")
    module = f"models_of_{ledger}"
    (tmp_path / f"{module}.py").write_text(MODELS, encoding="utf-8")
    project.env(models=module)
    project.revision("a", None, 'op.execute("CREATE TABLE users (id int PRIMARY KEY)")')
    project.upgrade()
    monkeypatch.setattr(carrying, "within", None)
    for verb, *arguments in (("upgrade", "head"), ("current",), ("check",)):
        sent.clear()
        project.within(verb, *arguments)
        with_it = len(sent)
        with monkeypatch.context() as patched:
            patched.setattr(ec, "options", lambda *_, **__: {})
            sent.clear()
            project.within(verb, *arguments)
        assert with_it <= len(sent) + 3, verb
