"""CHECKs where Alembic compares them, which it does by their names, and only for who asks for it."""

from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent

import pytest

from tests.alembic.project import Project
from tests.alembic.test_autogenerate import written

GIVEN = """
op.execute('''
    CREATE TABLE people (
        id int PRIMARY KEY, name text NOT NULL, CONSTRAINT ck_people_name_filled CHECK (name <> '')
    );
    INSERT INTO people SELECT g, 'n' || g FROM generate_series(1, 9) g;
''')
"""
MODELS = """
from sqlalchemy import CheckConstraint, Column, Integer, MetaData, Table, Text

target_metadata = MetaData()
Table(
    "people",
    target_metadata,
    Column("id", Integer, primary_key=True),
    Column("display_name", Text, nullable=False, info={{"renamed_from": "name"}}),
    CheckConstraint("display_name <> ''", name="{name}"),
)
"""
#: Since Alembic 1.18.
PLUGIN = "alembic.ext.checkconstraint_byname"
COMPARED = f"autogenerate_plugins=['alembic.autogenerate.*', '{PLUGIN}']"


@pytest.mark.parametrize("name", ["ck_filled", pytest.param("ck_people_name_filled", marks=pytest.mark.slow)])
def test_a_check_goes_along_with_its_column_under_the_name_of_the_model(
    tmp_path: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It is no operation of its own, which would come before the column that it names; and check is clean
    before the old one is gone.
    """
    monkeypatch.setenv("EC_FRESH", "1")  # both revisions in one run
    project = Project(tmp_path, empty_database, "sync")
    project.revision("a", None, dedent(GIVEN).strip())
    project.upgrade()
    models = f"models_with_{name}"
    (tmp_path / f"{models}.py").write_text(MODELS.format(name=name), encoding="utf-8")
    project.env(models=models, configure=COMPARED if find_spec(PLUGIN) else "")
    project.within("revision", autogenerate=True)
    start, contract = written(project, "a")
    assert start.count("    op.") == contract.count("    op.") == 2
    project.upgrade()
    project.within("check")
