"""update-rows --transform: values that a Python function makes of each row, once, and of no older row."""

import signal
from collections.abc import Mapping
from typing import Any

import pytest

from expandcontract.engine.verbs import plan as plans
from expandcontract.model.errors import (
    BadExpression,
    BadTransform,
    EcError,
    Mismatches,
    NeedsAcknowledgement,
    Refused,
    TransformFailed,
    UnsupportedShape,
)
from expandcontract.model.phases import Stage
from tests.acceptance.backfill_process import killed_at
from tests.acceptance.cycle import living
from tests.acceptance.moments import at, elsewhere
from tests.acceptance.test_transform import HERE

pytestmark = pytest.mark.in_turn(3)

GIVEN = """
CREATE TYPE pair AS (a integer, b text);
CREATE TABLE users (
    id integer PRIMARY KEY,
    email text,
    code varchar(4),
    tags text[],
    doc jsonb,
    "both" pair,
    span int4range,
    n integer NOT NULL DEFAULT 0,
    "Odd Name" numeric(6,2),
    up text GENERATED ALWAYS AS (upper(email)) STORED
);
INSERT INTO users
SELECT n, 'User' || n || '@Example.org', 'c', ARRAY['a'], '{"a": 1}', ROW(n, 'b')::pair, '[1,2)'
FROM generate_series(1, 400) n;
CREATE TABLE before AS TABLE users;
"""
#: Each row that was written is one more in `n`: twice would be seen.
COUNTED: Mapping[str, Any] = {
    "table": "users",
    "set": ("email", "n"),
    "where": "email <> lower(email)",
    "transform": f"{HERE}:lower_and_count",
}
LOWER: Mapping[str, Any] = {**COUNTED, "set": ("email",), "transform": f"{HERE}:lower"}
REFUSED: list[tuple[Mapping[str, Any], type[EcError], str]] = [
    ({"set": ("email = 'x'",)}, BadExpression, "names a column"),
    ({"set": ("tags",), "where": "tags IS NULL"}, UnsupportedShape, "make values of text"),
    ({"set": ("up",), "where": "up IS NULL"}, UnsupportedShape, "computed"),
    ({"set": ("n",)}, BadExpression, "says nothing of n"),
    ({"where": "mail IS NULL"}, BadExpression, 'column "mail" does not exist'),
]


async def test_what_is_refused(database: str) -> None:
    """Before anything is changed: a value beside the function, a type that cannot travel, a condition that
    stays true; and, by start, a function that cannot be imported.
    """
    async with living(database, "update-rows", LOWER, GIVEN) as life:
        for fields, error, why in REFUSED:
            with pytest.raises(error) as refused:
                await plans.make(life.context, plans.named("update-rows", {**LOWER, **fields}, ()))
            told = f"{refused.value} {refused.value.why}"
            assert why in told, (fields, told)
    async with living(database, "update-rows", {**LOWER, "transform": "nowhere:f"}, "SELECT") as life:
        with pytest.raises(BadTransform):
            await life.start()


async def test_each_row_is_made_once_whoever_dies(database: str) -> None:
    """Killed after what was computed, and after what was written: the same command goes on."""
    async with living(database, "update-rows", COUNTED, GIVEN, to=Stage.BEFORE_READY) as life:
        for point, times in (("transform.computed", 2), ("copy.batch.committed", 3)):
            assert await killed_at(life.url, life.name, point, times) == -signal.SIGKILL
        assert (await life.backfill()).stage == Stage.FINISHED
        differs = (
            """SELECT id, lower(email), 1, code FROM before EXCEPT SELECT id, email, n, code FROM users"""
        )
        assert await life.rows(differs) == []
        assert not await life.value("SELECT count(*) FROM pg_proc WHERE proname LIKE '000%'")


async def test_what_others_write_meanwhile_is_never_overwritten(database: str) -> None:
    """A row that was written since it was read is read again: its value is made of what it holds now. One
    that does not match any more is left alone.
    """
    async with living(database, "update-rows", COUNTED, GIVEN, to=Stage.BEFORE_READY) as life:
        writes = (
            "UPDATE users SET email = 'Other@Example.org', n = 7 WHERE id = 3",
            "UPDATE users SET email = 'small' WHERE id = 4",
            "DELETE FROM users WHERE id = 5",
            "INSERT INTO users (id, email) VALUES (1000, 'Late')",
        )
        with at("transform.computed", lambda: elsewhere(life.url, *writes)):
            assert (await life.backfill()).stage == Stage.FINISHED
        found = await life.rows("SELECT id, email, n FROM users WHERE id IN (3, 4, 5, 1000) ORDER BY id")
        assert found == [(3, "other@example.org", 8), (4, "small", 0), (1000, "late", 1)]
        assert await life.value("SELECT count(*) FROM users WHERE n = 1") == 398


async def test_a_row_that_would_match_again_is_not_written(database: str) -> None:
    """It is an error of the function's like another: the row is named, stays as it was, and may be left out;
    then the look after the sweep finds it.
    """
    async with living(database, "update-rows", LOWER, GIVEN, to=Stage.BEFORE_READY) as life:
        await life.sql("UPDATE users SET email = 'keep@Example.org' WHERE id = 7")
        await life.sql("UPDATE users SET email = 'No Address' WHERE id = 9")
        with pytest.raises(TransformFailed) as stopped:
            await life.backfill()
        assert any(f'"id": "{id_}"' in stopped.value.message for id_ in (7, 9))
        with pytest.raises(Mismatches, match="2 of 400 rows match still") as found:
            await life.backfill(on_error="skip")
        assert "id=7" in found.value.why
        told = await life.rows("SELECT sentence FROM expandcontract.conflict WHERE kind = 'transform'")
        assert {sentence.partition(": ")[2] for (sentence,) in told} == {
            "with what it made the row would match --where again",
            "ValueError",
        }
        assert await life.rows("SELECT email FROM users WHERE id IN (7, 9) ORDER BY id") == [
            ("keep@Example.org",),
            ("No Address",),
        ]
        await life.sql("UPDATE users SET email = lower(email) WHERE id IN (7, 9)")
        assert (await life.backfill()).stage == Stage.FINISHED


async def test_the_function_gets_the_row(database: str) -> None:
    """All columns by their names, of whatever type; values go into one of any name, cut to nothing."""
    fields = {**LOWER, "set": ("doc",), "where": "doc @> '{\"a\": 1}'", "transform": f"{HERE}:of_every_type"}
    async with living(
        database, "update-rows", {**fields, "set": ("email",), "where": "email LIKE 'User%'"}, GIVEN
    ) as life:
        await life.ready()
        types = "id=int email=str code=str tags=list doc=dict both=dict span=Range n=int"
        assert await life.rows("SELECT DISTINCT email FROM users") == [(f"{types} Odd Name=NoneType up=str",)]
    async with living(
        database, "update-rows", {**fields, "set": ("code",), "where": "code = 'c'"}, "SELECT"
    ) as life:
        await life.start()
        with pytest.raises(TransformFailed, match="SQLSTATE 22001"):
            await life.backfill()


async def test_what_rows_held_is_kept_and_given_back(database: str) -> None:
    """With --keep, by the statement that writes a row, and to rows that hold still what was written."""
    async with living(database, "update-rows", {**COUNTED, "keep": True}, GIVEN) as life:
        await life.start()
        assert await killed_at(life.url, life.name, "copy.batch.committed", 1) == -signal.SIGKILL
        assert (await life.backfill()).stage == Stage.FINISHED
        assert await life.value("SELECT count(*) FROM expandcontract.conflict WHERE kind = 'kept'") == 400
        await life.sql("UPDATE users SET email = 'mine' WHERE id = 7")
        await life.rollback()
        differs = (
            "SELECT id FROM (SELECT id, email, n FROM before EXCEPT SELECT id, email, n FROM users) other"
        )
        assert await life.rows(differs) == [(7,)]


async def test_whose_code_a_transform_fires_is_acknowledged(database: str) -> None:
    """A superuser reads and writes such rows with rights of his own: start says whose table it is. Foreign
    keys are checked by triggers, so that none is kept from firing.
    """
    owned = f"{GIVEN} CREATE ROLE rows_owner; ALTER TABLE users OWNER TO rows_owner"
    async with living(database, "update-rows", LOWER, owned) as life:
        try:
            with pytest.raises(NeedsAcknowledgement, match="foreign-owner"):
                await life.start(acknowledged=frozenset())
            await life.start(acknowledged=frozenset({"foreign-owner"}))
            with pytest.raises(Refused, match="no-user-triggers"):
                await life.backfill(user_triggers=False)
        finally:
            await life.sql("REASSIGN OWNED BY rows_owner TO CURRENT_USER; DROP ROLE rows_owner")
