"""create-table: what is made at once, what the tables that it refers to feel of it, and rows that stay."""

from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from expandcontract.engine.verbs import plan as plans
from expandcontract.model.errors import (
    BadExpression,
    EcError,
    LockBudgetSpent,
    MissingPrivilege,
    NameTaken,
    NoSuchObject,
    NotConfirmed,
    Refused,
    StepFailed,
    UnsupportedShape,
)
from expandcontract.model.phases import Section, Stage
from expandcontract.model.step import LockMode
from tests.acceptance.catalog import everything
from tests.acceptance.cycle import living
from tests.acceptance.moments import at, dies_at, elsewhere
from tests.kinds.cases import USERS
from tests.kinds.cases_of_tables import BOOKED

pytestmark = pytest.mark.in_turn(3)

GIVEN = f"""{USERS}
CREATE TABLE towns (id integer PRIMARY KEY);
CREATE TABLE days (at date) PARTITION BY RANGE (at);
CREATE SCHEMA "Other Place";
"""
REFUSED: list[tuple[str, type[EcError], str]] = [
    ("DROP TABLE users", BadExpression, "no CREATE TABLE"),
    ("CREATE TABLE a (id integer); DROP TABLE users", BadExpression, "multiple commands"),
    ("CREATE TABLE a AS SELECT 1", UnsupportedShape, "with the rows"),
    ("CREATE TABLE a (id) AS SELECT 1", BadExpression, "no CREATE TABLE but SELECT 1"),
    ("CREATE TABLE a PARTITION OF days DEFAULT", UnsupportedShape, "stops who reads"),
    ("CREATE TABLE a () INHERITS (towns)", UnsupportedShape, "a part of public.towns"),
    ("CREATE TABLE pg_temp.a (id integer)", UnsupportedShape, "temporary"),
    ("CREATE TABLE users (id integer)", NameTaken, "already exists"),
    ("CREATE TABLE IF NOT EXISTS users (id integer)", NameTaken, "there already"),
    ("CREATE TABLE a (id integer REFERENCES nowhere)", NoSuchObject, "nowhere"),
    ("CREATE TABLE nowhere.a (id integer)", NoSuchObject, "nowhere"),
    ("CREATE TABLE a (id integer REFERENCES users (name))", BadExpression, "no unique constraint"),
    ("CREATE TABLE a (id nothing)", BadExpression, "nothing"),
    ("CREATE TABLE pg_catalog.a (id integer)", MissingPrivilege, "permission denied"),
]


async def test_what_is_refused(database: str) -> None:
    """Each with its reason and its code, and nothing is left of the try."""
    async with living(database, "create-table", {"statement": BOOKED}, GIVEN) as life:
        before = await everything(life.app)
        for statement, error, why in REFUSED:
            with pytest.raises(error) as refused:
                await plans.make(life.context, plans.named("create-table", {"statement": statement}, ()))
            told = f"{refused.value} {refused.value.why}"
            assert why in told, (statement, told)
        assert await everything(life.app) == before


async def test_the_plan_says_what_it_locks(database: str) -> None:
    """The statement as it was written, with the tables to which it refers locked first, and for its rollback;
    nobody is asked for what has no other table.
    """
    async with living(database, "create-table", {"statement": BOOKED}, GIVEN) as life:
        made = await life.plan()
        (step,) = made.steps(Section.EXPAND)
        assert [(lock.relation, lock.mode) for lock in step.locks] == [
            ("public.users", LockMode.SHARE_ROW_EXCLUSIVE)
        ]
        (back,) = made.steps(Section.ROLLBACK)
        assert {lock.relation for lock in back.locks} == {"public.users", "public.bookings"}
        assert [(site.table.sql, site.uses) for site in made.others] == [("public.users", ("id",))]
        assert [note.code for note in made.hazards] == ["foreign-key"]
        assert not made.to_acknowledge
        alone = 'CREATE UNLOGGED TABLE "Other Place"."A B" (id integer)'
        plain = await plans.make(life.context, plans.named("create-table", {"statement": alone}, ()))
        assert plain.table.sql == '"Other Place"."A B"'
        assert [step.locks for step in plain.steps(Section.EXPAND)] == [()]


async def test_it_is_made_once_whoever_dies(database: str) -> None:
    """Before and after the step: the same command goes on, and the change is finished with its table."""
    async with living(database, "create-table", {"statement": BOOKED}, GIVEN) as life:
        for point in ("start.created", "expand.begun", "expand.create.begun", "expand.create.recorded"):
            with dies_at(point):
                await life.start()
        assert (await life.start()).stage == Stage.FINISHED
        assert (await life.situation()).relation == await life.value("SELECT 'bookings'::regclass::oid::int8")
        await life.sql("INSERT INTO bookings (room, who) VALUES (1, 1)")


async def test_rows_are_not_dropped_in_silence(database: str) -> None:
    """Also those that come at the last moment; a table without any goes, and so does one with them where
    somebody says so. Another start makes it again.
    """
    async with living(database, "create-table", {"statement": BOOKED}, GIVEN) as life:
        before = await everything(life.app)
        row = "INSERT INTO bookings (room, who) VALUES (1, 1)"
        await life.start()
        with (
            at("rollback.remove.begun", lambda: elsewhere(life.url, row)),
            pytest.raises(NotConfirmed, match="has rows"),
        ):
            await life.rollback()
        assert await life.value("SELECT count(*) FROM bookings") == 1
        await life.rollback(discard=True, confirm=life.name)
        assert await everything(life.app) == before
        await life.start()
        assert (await life.rollback()).stage == Stage.ROLLED_BACK
        assert await everything(life.app) == before


async def test_what_others_made_of_it_is_in_the_way(database: str) -> None:
    """A foreign key to it since: nothing is dropped in cascade. And where somebody made such a table before
    the change could, that one is left alone.
    """
    async with living(
        database, "create-table", {"statement": "CREATE TABLE a (id int PRIMARY KEY)"}, GIVEN
    ) as life:
        await life.start()
        await life.sql("CREATE TABLE b (id int REFERENCES a)")
        with pytest.raises(StepFailed, match="other objects depend on it"):
            await life.rollback()
        await life.sql("DROP TABLE b")
        await life.rollback()
        for point, refused in (("start.created", NameTaken), ("expand.begun", Refused)):
            with dies_at(point):
                await life.start()
            await life.sql("CREATE TABLE a (mine int)")
            with pytest.raises(refused, match=r"does not take|another table"):
                await life.start()
            assert await life.value(
                "SELECT attname FROM pg_attribute WHERE attrelid = 'a'::regclass AND attnum = 1"
            )
            await life.sql("DROP TABLE a")
        assert (await life.start()).stage == Stage.FINISHED


async def test_nobody_waits_long_behind_it(database: str) -> None:
    """Who writes the table that it refers to, in a transaction that stays open, is tried for again and again,
    by the plan as by the step, and named in the end.
    """
    fields = {"statement": "CREATE TABLE a (id integer REFERENCES users)"}
    async with living(database, "create-table", fields, GIVEN) as life:
        hurried = replace(life.context.policy, lock_budget=timedelta(milliseconds=500))
        async with life.app.transaction():
            await life.sql("UPDATE users SET seen = 7 WHERE id = 7")
            with pytest.raises(LockBudgetSpent):
                await plans.make(replace(life.context, policy=hurried), life.change)
        assert (await life.start()).stage == Stage.FINISHED


async def test_nobody_says_that_another_table_is_the_one(database: str) -> None:
    """The ledger takes the table of the transaction that made it, and no other of that name."""
    async with living(database, "create-table", {"statement": "CREATE TABLE a (id int)"}, GIVEN) as life:
        with dies_at("expand.begun"):
            await life.start()
        await life.sql("CREATE TABLE a (mine int)")
        for table in ("users", "a"):
            with pytest.raises(asyncpg.PostgresError, match="its plan stays as it is"):
                await life.sql(f"UPDATE expandcontract.change SET relation = '{table}'::regclass")
