"""What models say that does not go with the chain of revisions."""

from pathlib import Path
from typing import ClassVar

import pytest
from sqlalchemy import Column, MetaData, String, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from expandcontract.alembic.models import Models, findings, load
from expandcontract.alembic.spoken import touched
from expandcontract.model.errors import UsageError
from tests.unit.test_alembic_chain import SOUND, chain


def model(*columns: "Column[str]") -> MetaData:
    """Return the metadata of one table."""
    metadata = MetaData()
    Table("users", metadata, *columns)
    return metadata


def column(name: str, hint: str | None = None) -> "Column[str]":
    """Return a column, which may say what it was called."""
    return Column(name, String, info={"renamed_from": hint} if hint else {})


def found(metadata: MetaData, more: dict[str, tuple[str, str, str]] | None = None) -> list[str]:
    """Return what is found of models against the chain of a rename."""
    models = Models(metadata, Path(__file__))
    return [each.fault.what for each in findings(chain({**SOUND, **(more or {})}), models, touched)]


ABOVE = {"d": ("c", "other()", "pass")}


def test_a_model_after_the_rename_is_well() -> None:
    """With the hint that made the revisions, as long as nothing stands above the contract."""
    assert not found(model(column("display_name", "name")))
    assert not found(model(column("display_name")), ABOVE)
    assert not found(MetaData())


def test_a_model_that_still_has_what_a_contract_hides_is_found() -> None:
    """Its code would fail from the contract on."""
    (said,) = found(model(column("name"), column("display_name")))
    assert said == "ec_contract b_rename hides users.name, which the models still have"


def test_a_column_that_came_again_under_the_old_name_is_well() -> None:
    """A later change makes it."""
    renamed = 'op.ec_start("rename-column", "users.title", "name", name="d")'
    more = {"d": ("c", renamed, 'op.ec_rollback("d")')}
    assert not found(model(column("name"), column("display_name")), more)


@pytest.mark.parametrize("option", ["swap", "instant"])
def test_a_column_of_another_type_under_its_name_is_well(option: str) -> None:
    """The model names it still, and has to."""
    changed = f'op.ec_start("change-type", "users.age", type="bigint", {option}=True, name="d")'
    more = {
        "d": ("c", changed, 'op.ec_rollback("d")'),
        "e": ("d", 'op.ec_contract("d")', 'op.ec_undo("d")'),
    }
    assert not found(model(column("display_name"), column("age")), more)


def test_a_table_that_a_contract_takes_away_is_found() -> None:
    """It is not the model's to use any more."""
    more = {
        "d": ("c", 'op.ec_start("drop-table", "users", name="d")', 'op.ec_rollback("d")'),
        "e": ("d", 'op.ec_contract("d")', 'op.ec_undo("d")'),
    }
    assert "ec_contract d hides users, which the models still have" in found(
        model(column("display_name")), more
    )


def test_a_hint_that_nothing_waits_for_is_stale() -> None:
    """Once something else stands above the contract."""
    (said,) = found(model(column("display_name", "name")), ABOVE)
    assert said == "users.display_name still says that it was renamed from name: b_rename is contracted"


def test_a_hint_to_a_column_that_is_still_there_is_found() -> None:
    """A rename has one name before and another one after."""
    said = found(model(column("display_name", "title"), column("title")))
    assert said == ["users.display_name says that it was renamed from title, which the model still has"]


def test_two_hints_to_one_column_are_found() -> None:
    """One column becomes one."""
    (said,) = found(model(column("first", "name"), column("last", "name")), {"c": ("b", "pass", "pass")})
    assert said == "users.last says that it was renamed from name, as another column of the table does"


def test_a_hint_on_the_class_is_one_too() -> None:
    """As autogenerate reads it."""

    class Base(DeclarativeBase):
        pass

    class User(Base):
        __tablename__ = "users"
        __ec_renames__: ClassVar = {"display_name": "name"}
        id: Mapped[int] = mapped_column(primary_key=True)
        display_name: Mapped[str]

    (said,) = found(User.metadata, ABOVE)
    assert said.startswith("users.display_name still says that it was renamed from name")


def test_a_hint_is_shown_where_it_stands(tmp_path: Path) -> None:
    """In the module that was named, or in one beside it."""
    (tmp_path / "tables.py").write_text('\n\nX = {"renamed_from": "title"}\n', encoding="utf-8")
    models = Models(model(column("a", "title"), column("title")), tmp_path / "models.py")
    (only,) = findings([], models, touched)
    assert only.place == f"{tmp_path / 'tables.py'}:3"


@pytest.mark.parametrize("named", ["models", "no.such.module:x", "json:dumps", "json:nothing"])
def test_what_names_no_metadata_is_refused(named: str) -> None:
    """With what was there instead."""
    with pytest.raises(UsageError):
        load(named)
