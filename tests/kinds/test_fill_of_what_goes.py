"""`drop-column --fill`, and other kinds whose expressions read a row: which columns those need, and keep."""

from typing import Any

import pytest

from expandcontract.engine.verbs import plan as plans
from expandcontract.model.errors import BadExpression, ColumnOwned
from tests.acceptance.cycle import living, opened
from tests.acceptance.script import scripted
from tests.kinds.test_other_tables import begun

pytestmark = pytest.mark.in_turn(3)

GIVEN = """
CREATE TABLE users (id integer PRIMARY KEY, name text, fax text NOT NULL, note text, seen integer);
INSERT INTO users SELECT n, 'User ' || n, n, NULL, n FROM generate_series(1, 10) n;
"""


@pytest.mark.parametrize(
    "fill",
    ["'no fax of ' || name", "$$no fax of $$ || name", "E'no fax\\x20of ' || users.name"],
)
async def test_a_column_that_only_words_name_is_none_of_the_expression(database: str, fill: str) -> None:
    """Rows of new code get what was asked for after contract as before, when the column has another name."""
    async with scripted(database, "drop-column", {"column": "users.fax", "fill": fill}, GIVEN) as script:
        await script.ready()
        await script.sql("INSERT INTO users (id, name) VALUES (90, 'Ada')")
        await script.contract()
        await script.sql("INSERT INTO users (id, name) VALUES (91, 'Eve')")
        await script.undo()
        found = await script.rows("SELECT fax FROM users WHERE id IN (90, 91) ORDER BY id")
        assert found == [("no fax of Ada",), ("no fax of Eve",)]


async def test_a_column_is_not_filled_by_itself(database: str) -> None:
    """There is nothing in it then, and after contract it is called otherwise: refused by the plan."""
    fields = {"column": "users.fax", "fill": "coalesce(fax, name)"}
    async with opened(database, "drop-column", fields, GIVEN) as life:
        with pytest.raises(BadExpression, match="fax, which has no value"):
            await life.plan()


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("drop-column", {"column": "users.fax", "fill": "name || ' by post'"}),
        ("set-not-null", {"column": "users.note", "fill": "name || seen"}),
        ("add-column", {"column": "users.more", "type": "text", "fill": "upper(name)", "not_null": True}),
        ("update-rows", {"table": "users", "set": ("note = 'x'",), "where": "name > 'User 5'"}),
        ("delete-rows", {"table": "users", "where": "name > 'User 5'"}),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_what_an_expression_reads_stays_as_it_is(
    database: str, kind: str, fields: dict[str, Any]
) -> None:
    """Nobody renames, retypes or drops it while the change is open; others may read it too, and what the
    expression does not read is free.
    """
    async with living(database, kind, fields, GIVEN) as life:
        planned = await life.plan()
        assert "name" in planned.uses
        assert set(planned.uses).isdisjoint(planned.claims or ())
        await begun(life, kind, **fields)
        assert await life.rows("SELECT uses FROM expandcontract.site") == [(list(planned.uses),)]
        for other, asked in (
            ("rename-column", {"column": "users.name", "new_name": "title"}),
            ("drop-column", {"column": "users.name"}),
        ):
            with pytest.raises(ColumnOwned, match="name"):
                await begun(life, other, **asked)
        await begun(life, "drop-column", column=f"users.{'seen' if kind == 'drop-column' else 'fax'}")


PARTS = """
CREATE TABLE users (id integer, part integer, name text, fax text, PRIMARY KEY (id, part))
    PARTITION BY LIST (part);
CREATE TABLE users_one PARTITION OF users FOR VALUES IN (1);
CREATE TABLE users_two PARTITION OF users FOR VALUES IN (2);
INSERT INTO users VALUES (1, 1, 'Ada', NULL), (2, 1, 'Eve', '7');
"""


@pytest.mark.parametrize("fill", [None, "name || ' by post'"])
async def test_a_row_that_moves_is_not_written(database: str, fill: str | None) -> None:
    """To another partition: whoever moves it gives the column no value, and a row without one stays so. What
    is written with the same value in the same transaction is.
    """
    async with living(database, "drop-column", {"column": "users.fax", "fill": fill}, PARTS) as life:
        await life.start()
        await life.sql("UPDATE users SET part = 2")
        assert await life.rows("SELECT fax FROM users_two ORDER BY id") == [(None,), ("7",)]
        assert not (await life.situation()).old_writers
        await life.sql("""UPDATE users SET part = 1 WHERE id = 2;
            INSERT INTO users (id, part, name, fax) VALUES (3, 1, 'Old', '7')""")
        assert (await life.situation()).old_writers


async def test_who_writes_must_be_able_to_evaluate_it(database: str) -> None:
    """Where a role that may write the table may not call a function, its rows would stay without a value."""
    given = f"""{GIVEN}
        CREATE FUNCTION hushed(text) RETURNS text LANGUAGE sql IMMUTABLE RETURN $1;
        REVOKE ALL ON FUNCTION hushed FROM PUBLIC;
        GRANT INSERT ON users TO pg_monitor;"""
    async with opened(
        database, "drop-column", {"column": "users.fax", "fill": "hushed(name)"}, given
    ) as life:
        others = (
            ("set-not-null", {"column": "users.note", "fill": "hushed(name)"}),
            (
                "add-column",
                {"column": "users.more", "type": "text", "fill": "hushed(name)", "not_null": True},
            ),
        )
        for change in (life.change, *(plans.named(kind, fields, ()) for kind, fields in others)):
            with pytest.raises(BadExpression) as refused:
                await plans.make(life.context, change)
            assert "pg_monitor, who may write the table, may not execute" in refused.value.why
        await life.sql("GRANT EXECUTE ON FUNCTION hushed TO pg_monitor")
        await life.plan()
