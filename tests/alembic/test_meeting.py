"""Whether code may run beside the changes of a database: by what its models name, and by its revisions."""

import itertools
import logging
from pathlib import Path

import pytest
from alembic.util import CommandError
from sqlalchemy import Connection, text

from tests.alembic.project import Project

TABLE = """
op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")
op.execute("INSERT INTO users SELECT g, 'n' || g FROM generate_series(1, 100) g")
"""
START = 'op.ec_start("rename-column", "users.name", "display_name", name="b_rename", inline="{inline}")'
_numbers = itertools.count(1)


def released(folder: Path, url: str, *columns: str, begins: str = "", contracts: bool = False) -> Project:
    """Return a release of the application: with these columns of its table in the model, and as many
    revisions as it has.
    """
    made = Project(folder, url, "sync")
    module = f"models_of_release_{next(_numbers)}"
    (folder / f"{module}.py").write_text(
        "from sqlalchemy import Column, Integer, MetaData, Table, Text\n"
        "target_metadata = MetaData()\n"
        "Table('users', target_metadata, Column('id', Integer, primary_key=True), "
        + "".join(f"Column({column!r}, Text), " for column in columns)
        + ")\n",
        encoding="utf-8",
    )
    made.env(models=module)
    made.revision("a", None, TABLE)
    if begins:
        made.revision("b", "a", START.format(inline=begins), 'op.ec_rollback("b_rename")')
    if contracts:
        made.revision("c", "b", 'op.ec_contract("b_rename", soak="0")', 'op.ec_undo("b_rename")')
    return made


def test_code_that_names_the_new_side_alone_waits_for_it(tmp_path: Path, empty_database: str) -> None:
    """Until the change is ready: its run helps, and fails where the time is over, so that the container is
    started again and goes on. What names the old side, or both, waits for nothing.
    """
    released(tmp_path / "1", empty_database, "name").upgrade()
    new = released(tmp_path / "2", empty_database, "display_name", begins="0")
    said = (
        r"EC404 This code has to wait: The models have .*display_name alone, and the change b_rename is "
        r"before ready\. Old code runs on\. Next: the same command again, which goes on"
    )
    with pytest.raises(CommandError, match=said):
        new.upgrade()
    assert new.at() == "b"
    with pytest.raises(CommandError, match=said):
        new.upgrade()
    released(tmp_path / "3", empty_database, "name", begins="0").upgrade()
    released(tmp_path / "4", empty_database, "name", "display_name", begins="0").upgrade()
    released(tmp_path / "5", empty_database, "display_name", begins="1min").upgrade()
    new.upgrade()
    with pytest.raises(CommandError, match=r"EC312 This code cannot run: The models have .*neither"):
        released(tmp_path / "6", empty_database, begins="0").upgrade()


def test_a_change_that_a_later_revision_begins_again_stands_in_nobodys_way(
    tmp_path: Path, empty_database: str
) -> None:
    """Whoever goes down and then up revision by revision has the newest models all the while."""
    new = released(tmp_path, empty_database, "display_name", begins="1min")
    new.revision("b", "a", "pass", "pass")
    new.revision("c", "b", START.format(inline="1min"), 'op.ec_rollback("b_rename")')
    new.upgrade()
    new.downgrade("a")
    new.upgrade("b")
    assert new.at() == "b"
    new.upgrade()
    assert new.at() == "c"


def test_an_old_image_starts_until_its_side_is_hidden(
    tmp_path: Path,
    empty_database: str,
    application: Connection,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It does not have the database's revision, and runs beside every change whose sides are both in use.
    After contract it does not, and is told the way back. Code that names what a contract of its own would
    hide does not contract.
    """
    monkeypatch.setenv("EC_QUIET_FOR", "0")
    old = released(tmp_path / "1", empty_database, "name")
    old.upgrade()
    new = released(tmp_path / "2", empty_database, "display_name", begins="1min")
    new.upgrade()
    with caplog.at_level(logging.WARNING):
        old.upgrade()
    assert "The database is at b, which this code does not have: it is older. It may run" in caplog.text
    application.execute(text("INSERT INTO users (id, display_name) VALUES (0, 'of new code')"))
    both = released(tmp_path / "both", empty_database, "name", "display_name", begins="1min", contracts=True)
    both.upgrade()
    assert both.at() == "b"
    assert (
        "Stopped before c, which contracts b_rename: The models of this code name both sides" in caplog.text
    )
    released(tmp_path / "3", empty_database, "display_name", begins="1min", contracts=True).upgrade()
    with pytest.raises(
        CommandError, match=r"EC312 This code cannot run: The models .* Next: ec undo b_rename"
    ):
        old.upgrade()
    old.env()
    with pytest.raises(CommandError, match=r"EC312 .* at c, which this code does not have, and b_rename"):
        old.upgrade()


def test_a_database_without_changes_is_alembics_own(tmp_path: Path, empty_database: str) -> None:
    """There is nothing to tell by whether an older program may run: it does not, as ever."""
    released(tmp_path / "1", empty_database, "name").upgrade()
    newer = released(tmp_path / "2", empty_database, "name")
    newer.revision("b", "a", "pass")
    newer.upgrade()
    with pytest.raises(CommandError, match="Can't locate revision identified by 'b'"):
        released(tmp_path / "3", empty_database, "name").upgrade()


def test_what_an_ordinary_revision_brings_is_not_missed_before_it_ran(
    tmp_path: Path, empty_database: str
) -> None:
    """A change that was taken back, or ended long ago, says nothing of a column of its name that the run is
    about to bring.
    """
    first = released(tmp_path / "1", empty_database, "name", begins="1min")
    first.upgrade()
    first.downgrade("a")
    plain = released(tmp_path / "2", empty_database, "name", "display_name")
    plain.revision("d", "a", 'op.add_column("users", sa.Column("display_name", sa.Text))')
    plain.upgrade()
    assert plain.at() == "d"
    missing = released(tmp_path / "3", empty_database, "name", "display_name")
    missing.revision("d", "a", "pass", 'op.drop_column("users", "display_name")')
    missing.downgrade("a")
    with pytest.raises(CommandError, match=r"b_rename was rolled back.* Next: ec start b_rename"):
        missing.upgrade()


def test_code_that_is_not_older_does_not_pass_for_it(tmp_path: Path, empty_database: str) -> None:
    """Code that lacks the database's revision, and whose models name what the database lacks, is of another
    branch, or had a file removed: its own revision is not left out in silence. What a filter of the project's
    leaves out of the comparison is not missed.
    """
    released(tmp_path / "1", empty_database, "name").upgrade()
    released(tmp_path / "2", empty_database, "name", begins="1min").upgrade()
    other = released(tmp_path / "3", empty_database, "name", "phone%", "Fax")
    other.revision("x", "a", 'op.add_column("users", sa.Column("phone%", sa.Text))')
    said = r"EC312 .* at b, which this code does not have, and lacks users\.Fax, users\.phone%,.*Nothing"
    with pytest.raises(CommandError, match=said):
        other.upgrade()
    other.env(models=f"models_of_release_{next(_numbers) - 1}", options="include_object=lambda *_: False")
    other.upgrade()


def test_without_models_the_ledger_tells_what_is_not_older(tmp_path: Path, empty_database: str) -> None:
    """Whatever older code began, this database has begun, too. And a run that is to end at one revision does
    not end well where it cannot get there.
    """
    released(tmp_path / "1", empty_database, "name").upgrade()
    released(tmp_path / "2", empty_database, "name", begins="1min").upgrade()
    other = Project(tmp_path / "3", empty_database, "sync")
    other.revision("a", None, TABLE)
    other.upgrade()  # which may be older
    with pytest.raises(CommandError, match="Can't locate revision identified by 'b'"):
        other.upgrade("a")
    other.revision("x", "a", START.format(inline="1min").replace("b_rename", "x_rename"))
    said = r"EC312 .* at b, which this code does not have, and never began x_rename, which its revisions"
    with pytest.raises(CommandError, match=said):
        other.upgrade()


def test_another_program_on_the_table_need_not_name_either_side(
    tmp_path: Path, empty_database: str, application: Connection
) -> None:
    """It has a history of its own, in which nothing begins the change, and models of the columns that it
    uses. Nothing follows from those that it leaves out; what it names, it needs.
    """
    released(tmp_path / "1", empty_database, "name", begins="0").upgrade()
    ready = text("SELECT ready FROM expandcontract.status_v1")
    for number, columns in enumerate(((), ("name",), ("display_name",))):
        other = released(tmp_path / f"of_another_{number}", empty_database, *columns)
        models = (other.folder / "env.py").read_text(encoding="utf-8").partition("from models_of")[2]
        other.env(models=f"models_of{models.split()[0]}", configure="version_table='of_another'")
        other.revision("a", None, "pass")
        assert not application.execute(ready).scalar_one()
        other.upgrade()
    assert application.execute(ready).scalar_one(), "the last one waited for it, and helped"
