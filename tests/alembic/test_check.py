"""`alembic check` is clean for the right models in every phase of a change, and not for the wrong ones."""

from pathlib import Path
from textwrap import dedent

import pytest
from alembic.util import CommandError

from tests.alembic.project import Project

LONG = "a_name_of_a_column_that_is_as_long_as_it_can_be_in_this_database"[:63]

#: Two schemas, a mixed-case table, a naming convention, and names that are cut.
BEFORE = f"""
    op.execute('''
        CREATE SCHEMA shop;
        CREATE TABLE teams (id int CONSTRAINT pk_teams PRIMARY KEY);
        CREATE TABLE faxes (id int CONSTRAINT pk_faxes PRIMARY KEY, number text);
        CREATE INDEX ix_faxes_number ON faxes (number);
        CREATE TABLE "Users" (
            id int CONSTRAINT "pk_Users" PRIMARY KEY, name varchar(50) NOT NULL, email varchar(50), size int,
            team_id int, fax text, nick text, fax_id int CONSTRAINT "fk_Users_fax_id_faxes" REFERENCES faxes
        );
        CREATE INDEX by_name ON "Users" (name, id);
        CREATE INDEX "ix_Users_name" ON "Users" (lower(name));
        CREATE INDEX "ix_Users_fax" ON "Users" (fax);
        CREATE INDEX "ix_Users_nick" ON "Users" (nick);
        CREATE TABLE shop.orders (id int CONSTRAINT pk_orders PRIMARY KEY, {LONG} text DEFAULT 'x');
        CREATE INDEX ix_shop_orders_long ON shop.orders ({LONG});
        INSERT INTO teams SELECT g FROM generate_series(1, 3) g;
        INSERT INTO "Users" SELECT g, 'n' || g, 'e' || g, g, 1, 'f', 'k' || g FROM generate_series(1, 9) g;
        INSERT INTO shop.orders SELECT g FROM generate_series(1, 9) g;
    ''')
"""
HEAD = """
    from sqlalchemy import *

    target_metadata = MetaData(naming_convention={
        "ix": "ix_%(column_0_label)s", "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s", "pk": "pk_%(table_name)s",
    })
    Table("teams", target_metadata, Column("id", Integer, primary_key=True))
"""
OLD = f"""{HEAD}
    Table("faxes", target_metadata, Column("id", Integer, primary_key=True), Column("number", Text, index=True))
    users = Table(
        "Users", target_metadata, Column("id", Integer, primary_key=True),
        Column("name", String(50), nullable=False), Column("email", String(50)), Column("size", Integer),
        Column("team_id", Integer), Column("fax", Text, index=True), Column("nick", Text, index=True),
        Column("fax_id", ForeignKey("faxes.id")), Index("by_name", "name", "id"),
    )
    Index("ix_Users_name", func.lower(users.c.name))
    Table(
        "orders", target_metadata, Column("id", Integer, primary_key=True),
        Column("{LONG}", Text, server_default="x"), Index("ix_shop_orders_long", "{LONG}"), schema="shop",
    )
"""
NEW = f"""{HEAD}
    users = Table(
        "Users", target_metadata, Column("id", Integer, primary_key=True),
        Column("display_name", String(50), nullable=False, info={{"renamed_from": "name"}}),
        Column("email", String(50), nullable=False), Column("size", BigInteger),
        Column("team_id", Integer, ForeignKey("teams.id")), Column("nick", Text, unique=True),
        Column("fax_id", Integer), Index("by_name", "display_name", "id"),
    )
    Index("ix_Users_display_name", func.lower(users.c.display_name))
    Table(
        "orders", target_metadata, Column("id", Integer, primary_key=True),
        Column("remark", Text, server_default="x", index=True, info={{"renamed_from": "{LONG}"}}), schema="shop",
    )
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
def test_the_right_models_are_clean_in_every_phase(project: Project) -> None:
    """The old ones until contract, the new ones from start on; the old ones are not any more afterwards."""
    old, new = models(project, "old", OLD), models(project, "new", NEW)
    assert check(project, old) == ""
    assert check(project, new) != ""
    project.within("revision", autogenerate=True)
    for path in (project.folder / "versions").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("soak='1d'", "soak='0s'"), encoding="utf-8")
    project.upgrade()
    assert check(project, old) == ""
    assert check(project, new) == ""
    project.upgrade()
    assert check(project, new) == ""
    assert "name" in check(project, old)
