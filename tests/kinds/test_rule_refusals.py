"""What rules on columns and rows refuse at plan, in one database: nothing is changed by any of it."""

import pytest

from expandcontract.engine.verbs import plan
from expandcontract.model.errors import (
    BadExpression,
    BadName,
    EcError,
    NameTaken,
    NoSuchObject,
    UnsupportedShape,
)
from expandcontract.model.phases import Section
from expandcontract.model.plan import Plan
from expandcontract.model.step import Transactional
from tests.acceptance.cycle import Application, opened
from tests.conftest import VERSION

pytestmark = pytest.mark.in_turn(3)

GIVEN = """
CREATE TABLE plain (
    id integer PRIMARY KEY, a text NOT NULL, b integer UNIQUE DEFAULT 5, "Odd ""name" text,
    made integer GENERATED ALWAYS AS IDENTITY, twice integer GENERATED ALWAYS AS (b * 2) STORED,
    CONSTRAINT excl EXCLUDE USING btree ("Odd ""name" WITH =)
);
CREATE TABLE refers (b integer REFERENCES plain (b));
ALTER TABLE plain ADD CONSTRAINT plain_a_check CHECK (a <> '');
CREATE VIEW looking AS SELECT * FROM plain;
CREATE FUNCTION breaks() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RAISE ''evaluated''; END';
"""
NEWEST = "SELECT quote_ident(conname) FROM pg_constraint ORDER BY oid DESC LIMIT 1"
Asked = tuple[str, dict[str, str]]
LONG = "a" * 64


def _rename(old: str, new: str) -> Asked:
    return "rename-constraint", {"table": "plain", "old": old, "new": new}


REFUSED: list[tuple[Asked, type[EcError], str]] = [
    (("add-check", {"table": "nowhere", "check": "a > ''"}), NoSuchObject, "nowhere"),
    (("add-check", {"table": "looking", "check": "a > ''"}), UnsupportedShape, "view"),
    (("add-check", {"table": "plain", "check": "aa > ''"}), BadExpression, "does not take"),
    (("add-check", {"table": "plain", "check": "length(a) >"}), BadExpression, "does not take"),
    (("add-check", {"table": "plain", "check": "length(a)"}), BadExpression, "does not take"),
    (("add-check", {"table": "plain", "check": "true), DROP (a"}), BadExpression, "one expression"),
    (("add-check", {"table": "plain", "check": "1 < 2"}), BadExpression, "names no column"),
    (("add-check", {"table": "plain", "name": "plain_a_check", "check": "b > 0"}), NameTaken, "has a"),
    (("add-check", {"table": "plain", "name": LONG, "check": "b > 0"}), BadName, "63"),
    (("set-not-null", {"column": "plain.bb"}), NoSuchObject, "Did you mean b"),
    (("set-not-null", {"column": "plain.a"}), UnsupportedShape, "already"),
    (("set-not-null", {"column": "looking.a"}), UnsupportedShape, "view"),
    (("drop-not-null", {"column": "plain.b"}), UnsupportedShape, "is not NOT NULL"),
    (("drop-not-null", {"column": "plain.id"}), UnsupportedShape, "primary key"),
    (("drop-not-null", {"column": "plain.made"}), UnsupportedShape, "identity"),
    (("set-default", {"column": "plain.made", "default": "1"}), UnsupportedShape, "identity"),
    (("set-default", {"column": "plain.twice", "default": "1"}), UnsupportedShape, "generated"),
    (("set-default", {"column": "plain.b", "default": "'x'"}), BadExpression, "does not take"),
    (("set-default", {"column": "plain.b", "default": "id + 1"}), BadExpression, "column reference"),
    (("set-default", {"column": "plain.b", "default": "1, DROP a"}), BadExpression, "does not take"),
    (("set-default", {"column": "plain.b", "default": "1; DROP a"}), BadExpression, "one expression"),
    (_rename("plain_a_chek", "n"), NoSuchObject, "Did you mean plain_a_check"),
    (_rename("plain_a_check", "plain_pkey"), NameTaken, "already"),
    (_rename("plain_pkey", "refers"), NameTaken, "schema"),
    (_rename("plain_pkey", LONG), BadName, "63"),
    (("validate-constraint", {"table": "plain", "name": "plain_a_check"}), UnsupportedShape, "already"),
    (("validate-constraint", {"table": "plain", "name": "nothing"}), NoSuchObject, "It has"),
    (("drop-constraint", {"table": "plain", "name": "plain_pkey"}), UnsupportedShape, "primary key"),
    (("drop-constraint", {"table": "plain", "name": "plain_b_key"}), UnsupportedShape, "public.refers"),
    (("drop-constraint", {"table": "plain", "name": "excl"}), UnsupportedShape, "excludes"),
]  # fmt: skip


async def _plan(given: Application, asked: Asked) -> Plan:
    return await plan.make(given.context, plan.named(*asked, ()))


async def _outcome(given: Application, asked: Asked) -> str:
    """Return the error that planning ends with, with what it says."""
    try:
        await _plan(given, asked)
    except EcError as error:
        return f"{type(error).__name__}: {error.message} {error.why} {error.next}"
    return "a plan"


async def test_refusals(database: str) -> None:
    """Each has its code, and names what is in the way; nothing of an expression is evaluated."""
    async with opened(database, *REFUSED[0][0], GIVEN) as given:
        for asked, error, said in REFUSED:
            outcome = await _outcome(given, asked)
            assert outcome.startswith(error.__name__), (asked, outcome)
            assert said in outcome, (asked, outcome)


@pytest.mark.skipif(VERSION < 18, reason="not on PostgreSQL before 18")
async def test_refusals_of_18(database: str) -> None:
    """NOT NULL has a name, and may be NOT VALID; a constraint may be NOT ENFORCED."""
    later = "ALTER TABLE plain ADD CONSTRAINT loose CHECK (b > 0) NOT ENFORCED, ADD NOT NULL b NOT VALID"
    async with opened(database, *REFUSED[0][0], f"{GIVEN}; {later}") as given:
        for asked, said in (
            (
                ("drop-constraint", {"table": "plain", "name": "plain_a_not_null"}),
                "drop-not-null public.plain.a",
            ),
            (("drop-constraint", {"table": "plain", "name": "loose"}), "NOT ENFORCED"),
            (("validate-constraint", {"table": "plain", "name": "loose"}), "NOT ENFORCED"),
            (("set-not-null", {"column": "plain.b"}), "validate-constraint public.plain plain_b_not_null"),
        ):
            outcome = await _outcome(given, asked)
            assert outcome.startswith("UnsupportedShape"), outcome
            assert said in outcome


async def test_names_as_postgresql_chooses_them(database: str) -> None:
    """Without a name a CHECK is called as the server would call it, cut to 63 bytes."""
    long = f"CREATE TABLE {LONG[:60]} ({'b' * 60} integer)"
    async with opened(database, *REFUSED[0][0], f"{GIVEN}; {long}") as given:
        for table, check in (
            ("plain", "a > 'b'"),
            ("plain", "a > 'b' AND b > 5"),
            ("plain", '"Odd ""name" IS NOT NULL'),
            (LONG[:60], f"{'b' * 60} > 0"),
        ):
            made = await _plan(given, ("add-check", {"table": table, "check": check}))
            action = made.steps(Section.CONTRACT)[0].action
            assert isinstance(action, Transactional)
            ours = action.statements[0].split(" ADD CONSTRAINT ")[1].partition(" CHECK ")[0]
            await given.sql(f"ALTER TABLE {table} ADD CHECK ({check})")
            theirs = await given.value(
                "SELECT quote_ident(conname) FROM pg_constraint ORDER BY oid DESC LIMIT 1"
            )
            assert ours == theirs
            await given.sql(f"ALTER TABLE {table} DROP CONSTRAINT {theirs}")
