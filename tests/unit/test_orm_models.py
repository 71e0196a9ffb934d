"""What models name, compared with changes: every side, in every stage."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table
from sqlalchemy.sql.elements import quoted_name

from expandcontract.model.names import RelationName
from expandcontract.model.phases import Stage
from expandcontract.orm import models
from expandcontract.orm.changes import Known, KnownChange, There
from expandcontract.orm.models import Fit, Names

USERS = RelationName("public", "users")
PEOPLE = RelationName("public", "people")
RUNS, WAITS, FAILS = Fit.RUNS, Fit.WAITS, Fit.FAILS


def change(stage: Stage, *, old: str = "name", new: str = "display_name", **more: Any) -> KnownChange:  # noqa: ANN401 - fields of it
    """Return a change of columns of users, with what is there in that stage."""
    leaves, comes = tuple(old.split()), tuple(new.split())
    there = {
        Stage.NOT_STARTED: leaves,
        Stage.BEFORE_READY: leaves + comes,
        Stage.READY: leaves + comes,
        Stage.HIDDEN: comes,
        Stage.PURGED: comes,
        Stage.ROLLED_BACK: leaves,
        Stage.FINISHED: comes,
    }[stage]
    standing = (There(USERS, frozenset(there), found=True),)
    made = KnownChange("c1", "rename-column", stage, USERS, leaves, comes, there=standing)
    return replace(made, **more)


def having(*columns: str, table: str = "users", schema: str | None = None) -> MetaData:
    """Return a MetaData with one table."""
    metadata = MetaData()
    Table(table, metadata, *(Column(each, Integer) for each in ("id", *columns)), schema=schema)
    return metadata


def verdict(metadata: MetaData, met: KnownChange, **more: Any) -> models.Verdict:  # noqa: ANN401 - of compare
    """Return what is said of the only change."""
    (said,) = models.compare(models.named(metadata), Known((met,)), **more)
    return said


@pytest.mark.parametrize(
    ("stage", "old", "new", "both", "neither"),
    [
        (Stage.NOT_STARTED, RUNS, WAITS, WAITS, FAILS),
        (Stage.BEFORE_READY, RUNS, WAITS, RUNS, FAILS),
        (Stage.READY, RUNS, RUNS, RUNS, FAILS),
        (Stage.HIDDEN, FAILS, RUNS, FAILS, FAILS),
        (Stage.PURGED, FAILS, RUNS, FAILS, RUNS),
        (Stage.ROLLED_BACK, RUNS, FAILS, FAILS, RUNS),
        (Stage.FINISHED, RUNS, RUNS, RUNS, RUNS),
    ],
)
def test_what_may_run_when_a_column_is_renamed(
    stage: Stage, old: Fit, new: Fit, both: Fit, neither: Fit
) -> None:
    """Old code runs until contract, new code from ready on. What was done long ago says nothing of models
    that have neither name: other migrations may have come since.
    """
    for columns, names, fit in (
        (["name"], Names.OLD, old),
        (["display_name"], Names.NEW, new),
        (["name", "display_name"], Names.BOTH, both),
        ([], Names.NEITHER, neither),
    ):
        said = verdict(having(*columns), change(stage))
        assert (said.names, said.fit) == (names, fit)
        assert bool(said.why) is bool(said.next) is (fit != RUNS)


@pytest.mark.parametrize(
    ("stage", "with_it", "without"),
    [(Stage.BEFORE_READY, RUNS, WAITS), (Stage.READY, RUNS, RUNS), (Stage.HIDDEN, FAILS, RUNS)],
)
def test_what_may_run_when_a_column_is_dropped(stage: Stage, with_it: Fit, without: Fit) -> None:
    """New code leaves it out, which it may from ready on; who names it may run until contract."""
    met = change(stage, old="fax", new="")
    assert verdict(having("fax"), met).fit == with_it
    assert verdict(having(), met).fit == without
    assert verdict(having(), met, whole=False).fit == RUNS


@pytest.mark.parametrize(
    ("stage", "with_it", "without"),
    [
        (Stage.BEFORE_READY, WAITS, RUNS),
        (Stage.READY, RUNS, RUNS),
        (Stage.HIDDEN, RUNS, FAILS),
        (Stage.PURGED, RUNS, RUNS),
    ],
)
def test_what_may_run_when_a_column_is_added_that_takes_no_null(
    stage: Stage, with_it: Fit, without: Fit
) -> None:
    """From contract on rows without a value are refused: code that does not know the column cannot run."""
    met = change(stage, old="", new="country", refuses=True)
    assert verdict(having("country"), met).fit == with_it
    assert verdict(having(), met).fit == without
    assert verdict(having(), replace(met, refuses=False)).fit == RUNS
    filled = (There(USERS, frozenset({"country"}), found=True, filled=frozenset({"country"})),)
    assert verdict(having(), replace(met, there=filled)).fit == RUNS, "a row of old code gets its default"
    assert verdict(having(), met, whole=False).fit == RUNS


@pytest.mark.parametrize(
    ("stage", "old", "new"),
    [
        (Stage.BEFORE_READY, RUNS, WAITS),
        (Stage.READY, RUNS, RUNS),
        (Stage.HIDDEN, FAILS, RUNS),
        (Stage.PURGED, FAILS, RUNS),
        (Stage.ROLLED_BACK, RUNS, FAILS),
    ],
)
def test_what_may_run_when_a_table_is_renamed(stage: Stage, old: Fit, new: Fit) -> None:
    """As with a column; a program that knows neither table has nothing to do with it."""
    there = {
        Stage.HIDDEN: (PEOPLE,),
        Stage.PURGED: (PEOPLE,),
        Stage.ROLLED_BACK: (USERS,),
    }.get(stage, (USERS, PEOPLE))
    met = KnownChange(
        "c1",
        "rename-table",
        stage,
        USERS,
        table_leaves=True,
        comes_table=PEOPLE,
        there=tuple(There(each, frozenset(), found=True) for each in there),
    )
    assert verdict(having(), met).fit == old
    assert verdict(having(table="people"), met).fit == new
    assert verdict(having(table="other"), met).names == Names.NOTHING


def test_what_may_run_when_a_table_is_dropped_or_made() -> None:
    """Who has the dropped one may run until contract, who has the new one from its end on; all others may."""
    gone = KnownChange("c1", "drop-table", Stage.HIDDEN, USERS, table_leaves=True)
    assert verdict(having(), gone).fit == FAILS
    assert verdict(having(table="other"), gone).fit == RUNS
    made = KnownChange("c1", "create-table", Stage.BEFORE_READY, USERS, comes_table=USERS)
    assert verdict(having(), made).fit == WAITS
    assert verdict(having(table="other"), made).fit == RUNS
    assert verdict(having(), replace(made, stage=Stage.FINISHED)).fit == RUNS


def test_one_column_of_several_is_enough() -> None:
    """Of a split, or a merge, whoever has one column of a side is on that side."""
    met = change(Stage.BEFORE_READY, old="full_name", new="first last")
    assert verdict(having("last"), met).fit == WAITS
    assert verdict(having("full_name", "first"), met).names == Names.BOTH
    assert verdict(having("full_name"), replace(met, stage=Stage.HIDDEN)).fit == RUNS, "it is there"
    assert verdict(having("full_name"), change(Stage.HIDDEN, old="full_name", new="first last")).fit == FAILS


def test_a_name_that_came_again_is_there() -> None:
    """A later migration may give a table a column of the name that a change took away."""
    later = (There(USERS, frozenset({"name", "display_name"}), found=True),)
    for columns in (["name"], ["name", "display_name"]):
        assert verdict(having(*columns), change(Stage.PURGED, there=later)).fit == RUNS


def test_where_both_sides_have_one_name_nothing_is_said() -> None:
    """Code cannot tell them apart: a change of type that takes over the name, a rule, an index."""
    assert verdict(having("name"), change(Stage.BEFORE_READY, old="", new="")).names == Names.NOTHING


def test_tables_are_found_as_the_program_names_them() -> None:
    """With its schema; without one, where the search path leads; and by the tenant's map."""
    tenant = RelationName("tenant_a", "users")
    met = replace(
        change(Stage.HIDDEN), table=tenant, there=(There(tenant, frozenset({"display_name"}), found=False),)
    )

    def fit(metadata: MetaData, met: KnownChange = met, **more: Any) -> Fit:  # noqa: ANN401 - of named
        (said,) = models.compare(models.named(metadata, **more), Known((met,)))
        return said.fit

    assert fit(having("name")) == RUNS, "not on the path"
    assert fit(having("name", schema="tenant_a")) == FAILS
    assert fit(having("name"), translate={None: "tenant_a"}) == FAILS
    assert fit(having("name", schema="tenant"), translate={"tenant": "tenant_a"}) == FAILS
    assert fit(having("name", schema="tenant_a"), translate={"tenant_a": "tenant_b"}) == RUNS
    on_path = replace(met, there=(There(tenant, frozenset({"display_name"}), found=True),))
    assert fit(having("name"), on_path) == FAILS


def test_a_table_that_is_gone_is_looked_for_on_the_path() -> None:
    """What was dropped is not there to be found."""
    gone = KnownChange("c1", "drop-table", Stage.HIDDEN, USERS, table_leaves=True)
    for path, fit in ((("public",), FAILS), (("other",), RUNS)):
        (said,) = models.compare(models.named(having()), Known((gone,), path=path))
        assert said.fit == fit


def test_names_are_those_that_the_server_keeps() -> None:
    """63 bytes, cut between two characters; mixed case as it is; folded only where nothing quotes it."""
    assert models.as_kept("é" * 40) == "é" * 31
    assert models.as_kept("Guest Book") == "Guest Book"
    assert models.as_kept(quoted_name("Users", quote=False)) == "users"
    long = "é" * 31
    met = change(Stage.HIDDEN, old=long, new="b")
    assert verdict(having("é" * 35), met).fit == FAILS


def test_several_metadata_are_one_program() -> None:
    """What one of them names is named; a column counts by its name, not by its key."""
    aliased = MetaData()
    Table("users", aliased, Column("name", Integer, key="nick"))
    both = models.named([aliased, having("display_name")])
    (said,) = models.compare(both, Known((change(Stage.READY),)))
    assert said.names == Names.BOTH


def test_what_is_said_names_the_column_the_change_and_the_way_out() -> None:
    """Whoever reads it in a log of a container knows what to do."""
    said = verdict(having("name"), change(Stage.HIDDEN))
    assert said.why == "The models have public.users.name, which the change c1 hid."
    assert said.next == "ec undo c1"
    said = verdict(having("display_name"), change(Stage.BEFORE_READY))
    assert said.why == "The models have public.users.display_name alone, and the change c1 is before ready."
    assert said.next == "ec backfill c1"
    said = verdict(having("name"), change(Stage.PURGED))
    assert said.next == (
        "Start a version of the program with models that have public.users.display_name: "
        "there is no way back."
    )
    assert verdict(having("display_name"), change(Stage.NOT_STARTED)).next == "ec start c1"
    assert verdict(having("display_name"), change(Stage.ROLLED_BACK)).next == "ec start c1"
    assert verdict(having(), change(Stage.READY)).next == (
        "Put public.users.name back into the model, or public.users.display_name."
    )
    assert verdict(having(), change(Stage.HIDDEN)).next == (
        "Put public.users.display_name back into the model, or end the change: ec purge c1"
    )
