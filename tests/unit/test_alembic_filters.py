"""What autogenerate leaves out because it is ours, by names alone."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import MigrateOperation, ops

from expandcontract.alembic.filters import Filters, is_ours
from expandcontract.alembic.generating import rewriting

#: Never connected: nothing here asks it.
CONNECTION: Any = None


@pytest.fixture
def filters(monkeypatch: pytest.MonkeyPatch) -> Filters:
    """Give the filters of a project whose ledger has a name of its own."""
    monkeypatch.setenv("EC_LEDGER_SCHEMA", "moves")
    return Filters(CONNECTION, None, None)


def test_our_schemas_are_not_read(filters: Filters) -> None:
    """Whatever the setting calls them; also where a library asks for what lies in them."""
    assert not filters.include_name("moves", "schema", {})
    assert not filters.include_name("moves_sync", "schema", {})
    assert filters.include_name("expandcontract", "schema", {})
    assert filters.include_name(None, "schema", {})
    assert not filters.include_name("change", "table", {"schema_name": "moves"})
    assert not filters.include_name("moves_sync.f()", "function", {"schema_name": "moves_sync"})
    assert not filters.include_object(sa.Table("t", sa.MetaData(), schema="moves"), "t", "table", True, None)


@pytest.mark.parametrize("name", ["~ec_name", "~ec_001_rename", 'public."!ec_001_rename"', "public.~ec_x"])
def test_names_of_ours_are_known(name: str) -> None:
    """Also behind a schema, as libraries write them."""
    assert is_ours(name)
    assert not is_ours("users")


def test_what_the_project_leaves_out_is_left_out_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own filter is asked of what ours lets through, and of nothing else."""
    asked: list[str | None] = []

    def theirs(name: str | None, *_rest: object) -> bool:
        asked.append(name)
        return name != "secret"

    monkeypatch.delenv("EC_LEDGER_SCHEMA", raising=False)
    filters = Filters(CONNECTION, theirs, None)
    assert [filters.include_name(each, "table", {}) for each in ("users", "secret", "~ec_old")] == [
        True,
        False,
        False,
    ]
    assert asked == ["users", "secret"]


@dataclass
class Thing:
    """A function, trigger or schema as a library declares it."""

    name: str
    schema: str | None = None
    execute: str | None = None


@dataclass
class Schema:
    """A schema likewise."""

    name: str


@dataclass
class Dropped(MigrateOperation):
    """An operation of a library that asks no filter."""

    thing: Any = field(default=None)


def test_operations_of_other_libraries_on_ours_are_taken_out(filters: Filters) -> None:
    """Functions and schemas by where they lie, triggers by their names or what they call."""
    theirs = [
        Dropped(Thing("audit", "public")),
        Dropped(Thing("set_name", None)),
        Dropped(Thing("on_users", None, "public.audit")),
        Dropped(Schema("shop")),
    ]
    ours = [
        Dropped(Thing("refuse", "moves")),
        Dropped(Thing("~ec_001_rename", "moves_sync")),
        Dropped(Thing("~ec_001_rename", None)),
        Dropped(Thing("on_users", None, "moves_sync.~ec_001_rename")),
        Dropped(Schema("moves")),
    ]
    assert filters.without_ours([*theirs, *ours]) == theirs


def test_they_are_taken_out_of_both_ways(filters: Filters) -> None:
    """A downgrade would make them again."""
    ops_ = [Dropped(Thing("refuse", "moves"))]
    script = ops.MigrationScript("a", ops.UpgradeOps(ops_), ops.DowngradeOps(ops_))
    rewriting(filters, None)(MigrationContext.configure(dialect_name="postgresql"), "", [script])
    assert [each.ops for each in (*script.upgrade_ops_list, *script.downgrade_ops_list)] == [[], []]
