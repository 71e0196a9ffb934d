"""The way back after contract: without loss, or with what it would lose said before anything is done."""

from typing import Any

import pytest

from expandcontract.model.errors import NameTaken, Refused, StepFailed, WouldLose
from expandcontract.model.phases import Stage, State
from tests.acceptance.catalog import describe, difference
from tests.acceptance.cycle import Life, living
from tests.acceptance.moments import at, elsewhere
from tests.acceptance.script import scripted

pytestmark = pytest.mark.in_turn(3)

_USERS = """
CREATE TABLE users(id int PRIMARY KEY, name text);
INSERT INTO users SELECT i, 'name ' || i FROM generate_series(1, 20) i
"""
_RENAME = {"column": "users.name", "new_name": "full_name"}
_RATINGS = """
CREATE TABLE reviews(id int PRIMARY KEY, rating text CHECK (rating LIKE '%0'), other int);
INSERT INTO reviews VALUES (1, '70'), (2, '80')
"""
_STARS = {"column": "reviews.rating", "type": "int", "to": "stars"}


async def _hidden(life: Life, **consent: Any) -> list[str]:  # noqa: ANN401 - fields of Consent
    """Contract, and return what is there then."""
    await life.ready(**consent)
    await life.contract()
    return await describe(life.app, life_table(life))


def life_table(life: Life) -> str:
    """The table of the change."""
    return str(life.change.spec["column"]).rpartition(".")[0]


async def _untouched(life: Life, before: list[str]) -> None:
    assert difference(before, await describe(life.app, life_table(life))) == []
    assert (await life.situation()).state == State.HIDDEN


async def test_rows_that_the_old_side_could_not_hold_are_named_and_undo_is_refused(database: str) -> None:
    """Each with its key; what was mended since, or deleted, counts no more; --accept-loss goes on."""
    given = (
        "CREATE TABLE t(id int PRIMARY KEY, n int); INSERT INTO t SELECT i, i FROM generate_series(1, 30) i"
    )
    async with living(database, "change-type", {"column": "t.n", "type": "text", "to": "s"}, given) as life:
        before = await _hidden(life)
        await life.sql("UPDATE t SET s = 'x' || id WHERE id <= 14")
        await life.sql("UPDATE t SET s = '2' WHERE id = 2; DELETE FROM t WHERE id = 3")
        with pytest.raises(WouldLose, match=r"^12 rows of ") as refused:
            await life.undo()
        assert "id=1," in refused.value.why
        assert "id=2," not in refused.value.why
        assert "--accept-loss" in refused.value.next
        await _untouched(life, before)
        await life.undo(accept_loss=True)
        seen = await life.rows("SELECT id, n, s FROM t WHERE id IN (1, 2, 15) ORDER BY id")
        assert seen == [(1, None, "x1"), (2, 2, "2"), (15, 15, "15")]
        await life.verify()


async def test_a_table_without_a_key_names_places(database: str) -> None:
    """Nothing names its rows but where they lie."""
    given = "CREATE TABLE t(n int); INSERT INTO t VALUES (1), (2)"
    async with living(database, "change-type", {"column": "t.n", "type": "text", "to": "s"}, given) as life:
        before = await _hidden(life)
        await life.sql("UPDATE t SET s = 'many' WHERE s = '2'")
        with pytest.raises(WouldLose, match=r"^1 row of ") as refused:
            await life.undo()
        assert "ctid=(0," in refused.value.why
        await _untouched(life, before)


async def test_a_swap_says_what_undo_would_lose(database: str) -> None:
    """The same name on both sides of contract."""
    given = "CREATE TABLE t(id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1), (2, 2)"
    async with living(
        database, "change-type", {"column": "t.n", "type": "text", "swap": True}, given
    ) as life:
        before = await _hidden(life)
        await life.sql("UPDATE t SET n = 'two' WHERE id = 2")
        with pytest.raises(WouldLose, match=r"^1 row of "):
            await life.undo()
        await _untouched(life, before)
        await life.sql("UPDATE t SET n = '22' WHERE id = 2")
        await life.undo()
        assert await life.rows("SELECT n FROM t ORDER BY id") == [(1,), (22,)]


async def test_what_the_old_sides_own_constraints_refuse_keeps_undo_from_happening(database: str) -> None:
    """A CHECK that was not carried: its rows would fail at each write after undo, so they come first."""
    async with living(database, "change-type", _STARS, _RATINGS) as life:
        before = await _hidden(life, acknowledged=["check-dropped:reviews_rating_check"])
        await life.sql(
            "UPDATE reviews SET stars = 75 WHERE id = 2; UPDATE reviews SET stars = 90 WHERE id = 1"
        )
        for options in ({}, {"accept_loss": True}):
            with pytest.raises(Refused, match=r"1 row .* NOT NULL or CHECK") as refused:
                await life.undo(**options)
            assert "id=2" in refused.value.why
        await _untouched(life, before)
        await life.sql("UPDATE reviews SET stars = 100 WHERE id = 2")
        await life.undo()
        assert await life.rows("SELECT rating, stars FROM reviews ORDER BY id") == [("90", 90), ("100", 100)]
        await life.sql("UPDATE reviews SET other = 1")


async def test_a_not_null_old_side_must_hold_each_value(database: str) -> None:
    """NULL in its place would be refused by the old side itself, so no consent helps."""
    given = "CREATE TABLE t(id int PRIMARY KEY, n int NOT NULL); INSERT INTO t VALUES (1, 1), (2, 2)"
    async with living(database, "change-type", {"column": "t.n", "type": "text", "to": "s"}, given) as life:
        before = await _hidden(life)
        await life.sql("UPDATE t SET s = 'two' WHERE id = 2")
        with pytest.raises(Refused, match="NOT NULL"):
            await life.undo(accept_loss=True)
        await _untouched(life, before)
        await life.sql("UPDATE t SET s = '2' WHERE id = 2")
        await life.undo()
        await life.verify()


_PAST_THE_KEEPER = {
    "disabled": "ALTER TABLE users DISABLE TRIGGER {trigger}; {write}",
    "disabled for a moment": "BEGIN; ALTER TABLE users DISABLE TRIGGER {trigger}; {write}; "
    "ALTER TABLE users ENABLE ALWAYS TRIGGER {trigger}; COMMIT",
    "dropped": "DROP TRIGGER {trigger} ON users; {write}",
    "silent for replicas": "ALTER TABLE users ENABLE TRIGGER {trigger}; "
    "SET session_replication_role = replica; {write}; RESET session_replication_role",
}


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("how", _PAST_THE_KEEPER)
async def test_what_was_written_past_the_keeper_is_found_before_undo(database: str, how: str) -> None:
    """Its trigger was off, for a moment or since: it is put back, the rows are named, and the statement that
    mends them is given.
    """
    async with living(database, "rename-column", _RENAME, _USERS, to=Stage.HIDDEN) as life:
        write = "UPDATE users SET full_name = 'x' WHERE id < 4"
        await life.sql(_PAST_THE_KEEPER[how].format(trigger=f'"~ec_{life.name}"', write=write))
        with pytest.raises(WouldLose, match=r"^3 rows of ") as refused:
            await life.undo()
        assert "trigger" in refused.value.why
        await life.sql("UPDATE users SET full_name = 'y' WHERE id = 4")
        statement = refused.value.next.partition(";")[0]
        await life.sql(statement)
        await life.undo()
        assert await life.value("SELECT count(*) FROM users WHERE name = 'x'") == 3
        assert await life.value("SELECT count(*) FROM users WHERE name = 'y'") == 1
        await life.verify()


async def test_a_side_that_is_only_filled_is_looked_at_as_well(database: str) -> None:
    """Its values depend on the session; those that the trigger did not see are told all the same."""
    given = """
        CREATE TABLE events(id int PRIMARY KEY, at timestamp);
        INSERT INTO events SELECT i, timestamp '2026-03-01' + i * interval '1 h' FROM generate_series(1, 9) i
    """
    spec = {"column": "events.at", "type": "timestamptz", "to": "moment"}
    async with living(database, "change-type", spec, given) as life:
        await life.ready()
        await life.contract()
        await life.sql("UPDATE events SET moment = moment + interval '1 min' WHERE id = 2")
        write = "UPDATE events SET moment = moment + interval '1 day' WHERE id = 3"
        how = _PAST_THE_KEEPER["disabled for a moment"].replace("users", "events")
        await life.sql(how.format(trigger=f'"~ec_{life.name}"', write=write))
        with pytest.raises(WouldLose, match=r"^1 row of ") as refused:
            await life.undo()
        assert "id=3" in refused.value.why
        await life.sql(refused.value.next.partition(";")[0])
        await life.undo()
        assert await life.value("SELECT at::text FROM events WHERE id = 3") == "2026-03-02 03:00:00"


async def test_rows_of_a_partition_that_came_after_contract_are_looked_at(database: str) -> None:
    """Nobody kept its hidden column current."""
    given = """
        CREATE TABLE users(id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
        CREATE TABLE users_a PARTITION OF users FOR VALUES FROM (1) TO (21);
        INSERT INTO users SELECT i, 'name ' || i FROM generate_series(1, 20) i
    """
    async with living(database, "rename-column", _RENAME, given) as life:
        await life.ready()
        await life.contract()
        await life.sql("""
            CREATE TABLE users_b (LIKE users);
            INSERT INTO users_b (id, full_name) VALUES (21, 'astray'), (22, NULL);
            ALTER TABLE users ATTACH PARTITION users_b FOR VALUES FROM (21) TO (41)
        """)
        with pytest.raises(WouldLose, match=r"^1 row of ") as refused:
            await life.undo()
        assert "users_b was attached" in refused.value.why
        await life.sql(refused.value.next.partition(";")[0])
        await life.undo()
        assert await life.value("SELECT name FROM users WHERE id = 21") == "astray"


@pytest.mark.in_turn(2)
@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("rename-column", _RENAME),
        ("change-type", {"column": "users.name", "type": "varchar(50)", "to": "full_name"}),
    ],
)
async def test_a_name_that_was_taken_meanwhile_is_said_before_anything_is_built(
    database: str, kind: str, fields: dict[str, Any]
) -> None:
    """Nothing is changed, no index is built; renamed away, undo goes on."""
    given = f"{_USERS}; CREATE UNIQUE INDEX users_name_key ON users(name)"
    async with living(database, kind, fields, given) as life:
        await life.ready()
        await life.contract()
        await life.sql("ALTER TABLE users ADD COLUMN name text")
        before = await describe(life.app, "users")
        with pytest.raises(NameTaken, match="another column name") as taken:
            await life.undo()
        assert taken.value.exit_code == 4
        await _untouched(life, before)
        await life.sql("ALTER TABLE users RENAME COLUMN name TO nick")
        await life.undo()
        assert await life.value("SELECT count(*) FROM users WHERE name = 'name ' || id") == 20


async def test_an_index_name_that_was_taken_meanwhile_changes_nothing(database: str) -> None:
    """The transaction that brings the old side back fails as a whole, with the name in its words."""
    given = f"{_USERS}; CREATE UNIQUE INDEX users_name_key ON users(name)"
    async with living(database, "rename-column", _RENAME, given) as life:
        await life.ready()
        await life.contract()
        await life.sql("CREATE INDEX users_name_key ON users(id)")
        with pytest.raises(StepFailed, match="users_name_key"):
            await life.undo()
        assert (await life.situation()).state == State.HIDDEN
        await life.sql("UPDATE users SET full_name = 'later' WHERE id = 5")
        await life.sql("DROP INDEX users_name_key")
        await life.undo()
        assert await life.value("SELECT name FROM users WHERE id = 5") == "later"


async def test_a_hidden_column_that_is_gone_is_named(database: str) -> None:
    """There is no way back; undo says why, and changes nothing."""
    async with living(database, "rename-column", _RENAME, _USERS, to=Stage.HIDDEN) as life:
        await life.sql('ALTER TABLE users DROP COLUMN "~ec_name" CASCADE')
        with pytest.raises(Refused, match="is gone") as refused:
            await life.undo()
        assert refused.value.exit_code == 4
        assert (await life.situation()).state == State.HIDDEN


async def test_a_value_written_while_undo_begins_stops_it(database: str) -> None:
    """Between the question and the lock: asked again under the lock, nothing was done."""
    given = "CREATE TABLE t(id int PRIMARY KEY, n int UNIQUE); INSERT INTO t VALUES (1, 1), (2, 2)"
    async with living(database, "change-type", {"column": "t.n", "type": "text", "to": "s"}, given) as life:
        await life.ready()
        await life.contract()
        late = "UPDATE t SET s = 'x' WHERE id = 2"
        with (
            at("undo.index:t_n_key.recorded", lambda: elsewhere(database, late)),
            pytest.raises(WouldLose, match="very moment"),
        ):
            await life.undo()
        assert (await life.situation()).state == State.HIDDEN
        with pytest.raises(WouldLose, match=r"^1 row of "):
            await life.undo()


#: What there is, what becomes of v, what new code writes after contract, and what old code then sees.
_SHAPES: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "fill": (
        "CREATE TABLE t(id int PRIMARY KEY, v timestamp NOT NULL DEFAULT '2024-01-01', k int)",
        {"type": "timestamptz", "to": "w"},
        "w = '2024-05-05 05:05Z'",
        "2024-05-05 05:05:00",
    ),
    "unfit record": (
        "CREATE TABLE t(id int PRIMARY KEY, v text DEFAULT '7', k int)",
        {"type": "int", "to": "w", "unfit": "record"},
        "w = 42",
        "42",
    ),
    "unfit accept": (
        "CREATE TABLE t(id int PRIMARY KEY, v numeric DEFAULT 1.5, k int)",
        {"type": "int", "to": "w", "unfit": "accept"},
        "w = 42",
        "42",
    ),
    "unique expression, swap": (
        """CREATE TABLE t(id int PRIMARY KEY, v text DEFAULT 'a', k int);
        CREATE UNIQUE INDEX u ON t(lower(v), id)""",
        {"type": "varchar(20)", "swap": True},
        "v = 'New'",
        "New",
    ),
    "unique predicate": (
        """CREATE TABLE t(id int PRIMARY KEY, v int DEFAULT 1, k int);
        CREATE UNIQUE INDEX u ON t(v, id) WHERE v > 5""",
        {"type": "bigint", "to": "w"},
        "w = 42",
        "42",
    ),
    "serial, swap": (
        "CREATE TABLE t(id int PRIMARY KEY, v serial UNIQUE, k int)",
        {"type": "bigint", "swap": True},
        "v = 42",
        "42",
    ),
    "children": (
        """CREATE TABLE t(id int PRIMARY KEY, v int DEFAULT 1 CHECK (v < 100), k int);
        CREATE TABLE c(more int) INHERITS (t)""",
        {"type": "text", "to": "w"},
        "w = '42'",
        "42",
    ),
}


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("shape", _SHAPES)
async def test_every_shape_that_start_accepts_has_its_way_back(database: str, shape: str) -> None:
    """The old side has all that it had, with what new code wrote, and works; contract can follow again."""
    given, fields, write, seen = _SHAPES[shape]
    async with scripted(database, "change-type", {"column": "t.v", **fields}, given) as life:
        await life.sql("INSERT INTO t(id) SELECT generate_series(1, 5)")
        if shape == "children":
            await life.sql("INSERT INTO c(id) SELECT generate_series(11, 15)")
        before = await describe(life.app, "t")
        old_code = await life.rows("SELECT v::text FROM t WHERE id <> 2 ORDER BY id")
        await life.ready()
        await life.contract()
        await life.sql(f"UPDATE t SET {write} WHERE id = 2")
        await life.undo()
        gone = [line for line in difference(before, await describe(life.app, "t")) if line.startswith("-")]
        assert [line for line in gone if not line.startswith("- sequence")] == []
        assert await life.value("SELECT v::text FROM t WHERE id = 2") == seen
        assert await life.rows("SELECT v::text FROM t WHERE id <> 2 ORDER BY id") == old_code
        await life.sql("UPDATE t SET k = 1; INSERT INTO t(id) VALUES (6)")
        await life.verify()
        await life.contract()
        await life.undo()
        await life.rollback()
        assert await life.value("SELECT v::text FROM t WHERE id = 2") == seen
