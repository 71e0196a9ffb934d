"""W1, W2, W5: what applications do to a table, against a twin table that nothing is changed on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from expandcontract.model.events import LockTried
from expandcontract.model.phases import Stage
from tests.acceptance.catalog import Connection
from tests.acceptance.cycle import Application, living
from tests.acceptance.moments import at, elsewhere
from tests.acceptance.script import Script, scripted
from tests.waiting import until

pytestmark = pytest.mark.in_turn(3)

#: `t` is changed, `plain` is not; otherwise they are alike.
_GIVEN = """
CREATE TABLE parents(id int PRIMARY KEY);
INSERT INTO parents SELECT generate_series(1, 100);
CREATE TABLE t(
    id int PRIMARY KEY, name text DEFAULT 'none', code int UNIQUE DEFERRABLE, other int DEFAULT 0,
    parent int REFERENCES parents ON UPDATE CASCADE ON DELETE SET NULL
);
INSERT INTO t SELECT i, 'name ' || i, i, 0, i FROM generate_series(1, 60) i;
CREATE TABLE plain (LIKE t INCLUDING ALL);
INSERT INTO plain SELECT * FROM t;
ALTER TABLE plain ADD FOREIGN KEY (parent) REFERENCES parents ON UPDATE CASCADE ON DELETE SET NULL;
"""

#: `{t}` is the table, `{c}` the column as the writer knows it, `{v1}` and so on are values.
W2 = {
    "update to NULL": "UPDATE {t} SET {c} = NULL WHERE id = 1",
    "update from NULL": "UPDATE {t} SET {c} = NULL WHERE id = 2; UPDATE {t} SET {c} = {v7} WHERE id = 2",
    "explicit NULL instead of the default": "INSERT INTO {t}(id, {c}) VALUES (101, NULL)",
    "nothing given": "INSERT INTO {t}(id) VALUES (102)",
    "the default given": "INSERT INTO {t}(id, {c}) VALUES (103, DEFAULT)",
    "the key changes": "UPDATE {t} SET id = 104 WHERE id = 3",
    "the key and the column change": "UPDATE {t} SET id = 105, {c} = {v8} WHERE id = 4",
    "a key is deleted and comes again": (
        "DELETE FROM {t} WHERE id = 5; INSERT INTO {t}(id, {c}) VALUES (5, {v9})"
    ),
    "two values are swapped": (
        "UPDATE {t} SET {c} = CASE id WHEN 6 THEN {v17} ELSE {v16} END WHERE id IN (6, 7)"
    ),
    "rolled back": (
        "BEGIN; UPDATE {t} SET {c} = {v10} WHERE id < 20; INSERT INTO {t}(id, {c}) VALUES (106, "
        "{v1}); ROLLBACK"
    ),
    "rolled back to a savepoint": "BEGIN; UPDATE {t} SET {c} = {v11} WHERE id = 8; SAVEPOINT s; "
    "UPDATE {t} SET {c} = {v12} WHERE id IN (8, 9); ROLLBACK TO s; "
    "UPDATE {t} SET other = 1 WHERE id = 9; COMMIT",
    "upsert of a new key": (
        "INSERT INTO {t}(id, {c}) VALUES (107, {v1}) ON CONFLICT (id) DO UPDATE SET {c} = excluded.{c}"
    ),
    "upsert of a key that is there": (
        "INSERT INTO {t}(id, {c}) VALUES (10, {v2}) ON CONFLICT (id) DO UPDATE SET {c} = excluded.{c}"
    ),
    "upsert that does nothing": "INSERT INTO {t}(id, {c}) VALUES (11, {v2}) ON CONFLICT DO NOTHING",
    "merge": "MERGE INTO {t} USING (VALUES (12), (108)) s(id) ON s.id = {t}.id "
    "WHEN MATCHED THEN UPDATE SET {c} = {v3} WHEN NOT MATCHED THEN INSERT (id, {c}) VALUES (s.id, {v4})",
    "the same value again": "UPDATE {t} SET {c} = {c} WHERE id = 13",
    "the same row twice in a transaction": (
        "BEGIN; UPDATE {t} SET {c} = {v5} WHERE id = 14; UPDATE {t} SET {c} = {v6} WHERE id = 14; COMMIT"
    ),
    "insert and update in a transaction": (
        "BEGIN; INSERT INTO {t}(id, {c}) VALUES (109, {v5}); UPDATE {t} SET {c} = {v6} WHERE id = 109; COMMIT"
    ),
    "insert from a query": (
        "INSERT INTO {t}(id, {c}) SELECT id + 200, {c} FROM {t} WHERE id BETWEEN 15 AND 18"
    ),
    "insert from a query with NULLs": (
        "INSERT INTO {t}(id, {c}) SELECT i, CASE WHEN i % 2 = 0 THEN {v1} END FROM "
        "generate_series(300, 305) i"
    ),
    "update of another column": "UPDATE {t} SET other = other + 1",
}


def _texts(statement: str) -> str:
    for number in range(20, 0, -1):
        statement = statement.replace(f"{{v{number}}}", f"'value {number}'")
    return statement


def _numbers(statement: str) -> str:
    for number in range(20, 0, -1):
        statement = statement.replace(f"{{v{number}}}", str(1000 + number))
    return statement


KINDS: dict[str, tuple[str, dict[str, object], str, str, Callable[[str], str]]] = {
    "rename": ("rename-column", {"column": "t.name", "new_name": "label"}, "name", "label", _texts),
    "type": ("change-type", {"column": "t.code", "type": "bigint", "to": "wide"}, "code", "wide", _numbers),
}


@asynccontextmanager
async def _changed(url: str, kind: str) -> AsyncIterator[tuple[Script, str, str, Callable[[str], str]]]:
    name, fields, old, new, values = KINDS[kind]
    given = _GIVEN if kind == "rename" else _GIVEN.replace("code int UNIQUE DEFERRABLE", "code int DEFAULT 5")
    async with scripted(url, name, fields, given) as life:
        yield life, old, new, values


async def _write(life: Application, statement: str, side: str, old: str) -> None:
    """Write both tables, the plain one under the old name."""
    await life.sql(statement.replace("{t}", "t").replace("{c}", side))
    await life.sql(statement.replace("{t}", "plain").replace("{c}", old))


async def _as_if_nothing_were_changed(life: Application, old: str, new: str) -> None:
    """Both sides hold what the plain table holds."""
    expected = await life.rows(f"SELECT id, {old}, {old}, other FROM plain ORDER BY id")
    assert await life.rows(f"SELECT id, {old}, {new}, other FROM t ORDER BY id") == expected


async def _filled_or_not(life: Application, old: str, new: str) -> None:
    """Until ready the old side is as it must be, and the new one too unless it is not filled yet."""
    expected = await life.rows(f"SELECT id, {old}, other FROM plain ORDER BY id")
    assert await life.rows(f"SELECT id, {old}, other FROM t ORDER BY id") == expected
    assert (
        await life.value(f"SELECT count(*) FROM t WHERE {new} IS NOT NULL AND {new} IS DISTINCT FROM {old}")
        == 0
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_old_writes_before_the_rows_are_copied(database: str, kind: str) -> None:
    """W2: whatever OLD does between dual_write and backfill is there on both sides in the end."""
    async with _changed(database, kind) as (life, old, new, values):
        await life.start()
        for statement in W2.values():
            await _write(life, values(statement), old, old)
            await _filled_or_not(life, old, new)
        await life.backfill()
        await _as_if_nothing_were_changed(life, old, new)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("writer", ["old", "new"])
async def test_both_versions_write_when_the_change_is_ready(database: str, kind: str, writer: str) -> None:
    """W2: whatever either version does is seen by the other one at once, as if there were one column."""
    async with _changed(database, kind) as (life, old, new, values):
        await life.ready()
        for statement in W2.values():
            await _write(life, values(statement), new if writer == "new" else old, old)
            await _as_if_nothing_were_changed(life, old, new)
        await life.verify()
        await life.contract()
        await life.sql(f"ALTER TABLE plain RENAME {old} TO {new}")
        for statement in W2.values():
            # The keys that the first round made are there already.
            shifted = (
                values(statement)
                .replace("(10", "(110")
                .replace("= 10", "= 110")
                .replace("30", "130")
                .replace("+ 200", "+ 600")
            )
            await _write(life, shifted, new, new)
        assert await life.rows(f"SELECT id, {new} FROM t ORDER BY id") == await life.rows(
            f"SELECT id, {new} FROM plain ORDER BY id"
        )
        await life.undo()
        assert await life.rows(f"SELECT id, {old} FROM t ORDER BY id") == await life.rows(
            f"SELECT id, {new} FROM plain ORDER BY id"
        )
        await life.verify()


async def test_copy_cascades_and_swapped_unique_values(database: str) -> None:
    """W2: COPY of either side, a foreign key's ON UPDATE CASCADE and ON DELETE SET NULL, unique values that
    change places.
    """
    fields = {"column": "t.parent", "new_name": "owner"}
    async with scripted(database, "rename-column", fields, _GIVEN) as life:
        await life.ready()
        for side in ("parent", "owner"):
            first = 200 if side == "parent" else 210
            await life.app.copy_records_to_table(
                "t", records=[(first + i, i) for i in range(1, 5)], columns=["id", side]
            )
        assert await life.value("SELECT count(*) FROM t WHERE id > 200 AND parent = owner") == 8
        await life.sql("UPDATE parents SET id = id + 1000 WHERE id <= 3; DELETE FROM parents WHERE id = 4")
        assert await life.value("SELECT count(*) FROM t WHERE parent IS DISTINCT FROM owner") == 0
        assert await life.value("SELECT count(*) FROM t WHERE owner > 1000") == 9
        assert await life.value("SELECT count(*) FROM t WHERE owner IS NULL") == 3
        await life.verify()
    swap = {"column": "t.code", "type": "bigint", "to": "wide"}
    async with scripted(database, "change-type", swap) as life:
        await life.ready()
        for side in ("code", "wide"):
            await life.sql(
                f"UPDATE t SET {side} = CASE {side} WHEN 20 THEN 21 ELSE 20 END WHERE code IN (20, 21)"
            )
            assert await life.value("SELECT count(*) FROM t WHERE code <> wide") == 0
        assert await life.rows("SELECT id, wide FROM t WHERE wide IN (20, 21) ORDER BY id") == [
            (20, 20),
            (21, 21),
        ]
        await life.verify()


async def test_a_row_that_moves_to_another_partition(database: str) -> None:
    """W2: the move is a delete and an insert, with both sides given: nothing is lost, no conflict is kept."""
    given = """
    CREATE TABLE t(id int, name text DEFAULT 'none') PARTITION BY RANGE (id);
    CREATE TABLE t_low PARTITION OF t FOR VALUES FROM (0) TO (100);
        CREATE TABLE t_high PARTITION OF t FOR VALUES FROM (100) TO (1000);
    INSERT INTO t SELECT i, 'name ' || i FROM generate_series(1, 20) i"""
    async with scripted(database, "rename-column", {"column": "t.name", "new_name": "label"}, given) as life:
        await life.start()
        await life.sql("UPDATE t SET id = id + 100 WHERE id <= 5")
        await life.sql("UPDATE t SET id = id + 100, name = 'moved' WHERE id = 6")
        await life.backfill()
        await life.sql("UPDATE t SET id = id + 100 WHERE id BETWEEN 7 AND 9")
        await life.sql("UPDATE t SET id = id + 100, label = 'moved by new' WHERE id = 10")
        await life.sql("UPDATE t SET id = id - 100, name = 'back' WHERE id = 101")
        assert await life.value("SELECT count(*) FROM t WHERE name IS DISTINCT FROM label") == 0
        assert await life.rows("SELECT id, label FROM t WHERE id IN (1, 102, 106, 107, 110) ORDER BY id") == [
            (1, "back"),
            (102, "name 2"),
            (106, "moved"),
            (107, "name 7"),
            (110, "moved by new"),
        ]
        assert await life.conflicts() == []
        await life.verify()


async def test_rows_that_a_reader_holds_for_update_are_copied_when_it_lets_go(database: str) -> None:
    """W2: the backfill goes round them, never waits for them, and does not call itself done without them."""
    async with (
        living(database, "rename-column", KINDS["rename"][1], _GIVEN) as life,
        _another(database) as holder,
    ):
        await life.start()
        await holder.execute("BEGIN; SELECT FROM t WHERE id IN (1, 30, 60) FOR UPDATE")
        work = asyncio.create_task(life.backfill())
        await until(lambda: life.value("SELECT count(*) <= 3 FROM t WHERE label IS NULL"), work)
        assert await life.rows("SELECT id FROM t WHERE label IS NULL ORDER BY id") == [(1,), (30,), (60,)]
        assert not work.done()
        await holder.execute("UPDATE t SET name = 'held' WHERE id = 30; COMMIT")
        situation = await work
        assert situation.ready
        assert await life.rows("SELECT label FROM t WHERE id IN (1, 30, 60) ORDER BY id") == [
            ("name 1",),
            ("held",),
            ("name 60",),
        ]


async def test_a_transaction_that_wrote_before_the_start_and_commits_after_it(database: str) -> None:
    """W1: the start waits in short tries until it is over; its rows are in sync in the end."""
    async with (
        living(database, "rename-column", KINDS["rename"][1], _GIVEN) as life,
        _another(database) as writer,
    ):
        await writer.execute(
            "BEGIN; INSERT INTO t(id, name) VALUES (500, 'open'); UPDATE t SET name = 'open' WHERE id = 1"
        )
        work = asyncio.create_task(life.start())
        await until(lambda: any(isinstance(event, LockTried) for event in life.heard), work)
        await writer.execute("UPDATE t SET name = 'still open' WHERE id = 2; COMMIT")
        await work
        await life.backfill()
        seen = await life.rows("SELECT name, label FROM t WHERE id IN (1, 2, 500) ORDER BY id")
        assert seen == [("open",) * 2, ("still open",) * 2, ("open",) * 2]


async def test_what_logical_replication_applies_is_kept_in_sync(database: str) -> None:
    """W2: an apply worker runs with session_replication_role = replica; the trigger fires all the same."""
    publisher = await _database_beside(database)
    async with (
        scripted(database, "rename-column", KINDS["rename"][1], _GIVEN) as life,
        _another(publisher) as source,
    ):
        await source.execute(_GIVEN)
        await source.execute("CREATE PUBLICATION p FOR TABLE t")
        await source.execute("SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
        where = await life.value("SELECT current_setting('unix_socket_directories')")
        name = publisher.split("/")[3].partition("?")[0]
        await life.ready()
        await life.sql(
            f"CREATE SUBSCRIPTION s CONNECTION 'host={where} port={await life.value('SHOW port')} "
            f"user=postgres dbname={name}' PUBLICATION p "
            "WITH (create_slot = false, copy_data = false)"
        )
        try:
            await source.execute(
                "UPDATE t SET name = 'replicated' WHERE id <= 10; INSERT INTO t(id, name) VALUES (700, "
                "'replicated')"
            )
            await until(lambda: life.value("SELECT count(*) = 11 FROM t WHERE name = 'replicated'"))
            assert await life.value("SELECT count(*) FROM t WHERE name IS DISTINCT FROM label") == 0
            await life.verify()
        finally:
            await life.sql("DROP SUBSCRIPTION s")
    await _drop_beside(database, publisher)


@asynccontextmanager
async def _another(url: str) -> AsyncIterator[Connection]:
    connection: Connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def _database_beside(url: str) -> str:
    name = url.split("/")[3].partition("?")[0]
    async with _another(url) as conn:
        await conn.execute(f"CREATE DATABASE {name}_publisher TEMPLATE template0")
    return url.replace(f"/{name}?", f"/{name}_publisher?")


async def _drop_beside(url: str, other: str) -> None:
    async with _another(url) as conn:
        await conn.execute(f"DROP DATABASE {other.split('/')[3].partition('?')[0]} WITH (FORCE)")


@pytest.mark.in_turn(3)
@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE t; INSERT INTO t SELECT 1000 + i, 'after' FROM generate_series(1, 7) i",
        "ALTER TABLE t ADD COLUMN theirs text DEFAULT 'x'",
        "REINDEX TABLE t",
        "ANALYZE t",
        "VACUUM FULL t",
        "CLUSTER t USING t_pkey",
    ],
)
async def test_others_go_about_their_work_in_the_middle_of_a_backfill(database: str, statement: str) -> None:
    """W5: every row that is there in the end is in sync and proven, whatever was done between two batches."""
    given = (
        "CREATE TABLE t(id int PRIMARY KEY, name text); "
        "INSERT INTO t SELECT i, 'n' || i FROM generate_series(1, 90) i"
    )
    fields = {"column": "t.name", "new_name": "label"}

    async with living(database, "rename-column", fields, given, to=Stage.BEFORE_READY) as life:
        with at("copy.batch.committed", lambda: elsewhere(database, *statement.split("; "))):
            await life.backfill(batch=10)
        rows = await life.value("SELECT count(*) FROM t")
        assert await life.value("SELECT count(*) FROM t WHERE label = name") == rows
        proof = (await life.situation()).proof
        assert proof is not None
        assert (proof.rows_compared, proof.mismatches) == (rows, 0)
        await life.contract()
        await life.undo()
