"""A cases: attacks on the design that were tried, and must stay repelled."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress

import asyncpg
import pytest

from expandcontract.engine.verbs import plan, start
from expandcontract.model import killpoints
from expandcontract.model.errors import BadExpression, ColumnOwned, GateShut, Mismatches, WouldLose
from expandcontract.model.phases import Stage
from tests.acceptance.catalog import Connection, everything
from tests.acceptance.cycle import Life, living
from tests.acceptance.script import scripted

pytestmark = pytest.mark.in_turn(3)

_NAMES = (
    "CREATE TABLE t(id int PRIMARY KEY, name text, other int); "
    "INSERT INTO t SELECT i, 'name ' || i FROM generate_series(1, 20) i"
)
_RENAME = {"column": "t.name", "new_name": "label"}


async def test_back_of_null_does_not_pass_an_unfilled_row(database: str) -> None:
    """A1: int to bool, with a back that makes 0 of NULL: every row is filled."""
    given = (
        "CREATE TABLE t(id int, flag int NOT NULL); INSERT INTO t SELECT i, "
        "i % 2 FROM generate_series(1, 1000) i"
    )
    fields = {
        "column": "t.flag",
        "type": "boolean",
        "to": "is_on",
        "using": "flag <> 0",
        "back": "CASE WHEN is_on THEN 1 ELSE 0 END",
    }
    async with scripted(database, "change-type", fields, given) as life:
        await life.ready()
        counted = await life.rows("SELECT flag, is_on, count(*) FROM t GROUP BY 1, 2 ORDER BY 1")
        assert counted == [(0, False, 500), (1, True, 500)]
        await life.sql("INSERT INTO t(id, is_on) VALUES (2000, true); UPDATE t SET flag = 1 WHERE id = 2")
        assert await life.rows("SELECT flag, is_on FROM t WHERE id IN (2, 2000)") == [(1, True), (1, True)]
        await life.contract()


async def test_back_of_null_is_refused_where_null_may_be(database: str) -> None:
    """A1: a row that is not filled could not be told from one whose new side is NULL: refused with the
    remedy.
    """
    given = "CREATE TABLE t(id int, flag int)"
    fields = {
        "column": "t.flag",
        "type": "boolean",
        "to": "is_on",
        "using": "flag <> 0",
        "back": "CASE WHEN is_on THEN 1 ELSE 0 END",
    }
    async with living(database, "change-type", fields, given) as life:
        with pytest.raises(BadExpression, match="NULL") as refused:
            await life.start()
        assert "IS NOT NULL" in refused.value.next


async def test_a_conversion_that_depends_on_the_time_zone_moves_nothing_later(database: str) -> None:
    """A3: an immutable wrapper does not hide it: the plan takes mode fill, and an unrelated UPDATE elsewhere
    changes no instant.
    """
    given = """SET timezone = 'Europe/Berlin';
    CREATE FUNCTION instant(timestamp) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS 'SELECT $1::timestamptz';
    CREATE TABLE t(id int PRIMARY KEY, at timestamp, other int); INSERT INTO t SELECT i,
        '2025-06-01 12:00' FROM generate_series(1, 5) i"""
    fields = {
        "column": "t.at",
        "type": "timestamptz",
        "to": "instant",
        "using": "instant(at)",
        "one_way": True,
    }
    async with scripted(database, "change-type", fields, given) as life:
        made = await life.plan()
        assert made.sides.mode == "fill"
        assert "fill" in {note.code for note in made.hazards}
        await life.ready()
        before = await life.rows("SELECT instant FROM t ORDER BY id")
        await life.sql("SET timezone = 'Asia/Tokyo'; UPDATE t SET other = 1")
        assert await life.rows("SELECT instant FROM t ORDER BY id") == before
        await life.sql("UPDATE t SET at = '2025-06-02 12:00' WHERE id = 1")
        assert await life.value("SELECT instant AT TIME ZONE 'Asia/Tokyo' = at FROM t WHERE id = 1")


async def test_what_a_typmod_cuts_is_refused_and_not_written_for_ever(database: str) -> None:
    """A4: 1.239 as numeric(10,2) and 30 characters as varchar(20) do not fit: never cut in silence,
    never copied twice.
    """
    given = """CREATE TABLE t(id int PRIMARY KEY, price numeric, name text);
    INSERT INTO t VALUES (1, 1.23, 'short'), (2, 1.239, repeat('x', 30))"""
    for column, type_, good in (("price", "numeric(10,2)", "1.25"), ("name", "varchar(20)", "'short'")):
        fields = {"column": f"t.{column}", "type": type_, "to": "new"}
        async with living(database, "change-type", fields, given) as life:
            await life.start()
            with pytest.raises(Mismatches, match="cannot hold"):
                await life.backfill()
            written = (await life.situation()).copy
            assert written is not None
            assert written.rows == 2
            with pytest.raises(Mismatches):
                await life.backfill()
            assert (await life.situation()).copy in (written, None) or await _wrote_nothing(life)
            with pytest.raises(asyncpg.PostgresError) as refused:
                await life.sql(
                    f"UPDATE t SET {column} = {column} || '1' WHERE id = 2"
                    if column == "name"
                    else "UPDATE t SET price = 7.777"
                )
            assert refused.value.sqlstate == "EC320"
            assert life.name in str(refused.value.hint)
            await life.sql(f"UPDATE t SET {column} = {good}")
            await life.verify()
            await life.contract()
            await life.undo()
            await life.rollback()
        given = "SELECT"


async def _wrote_nothing(life: Life) -> bool:
    copied = (await life.situation()).copy
    return copied is not None and copied.rows == 0


async def test_what_new_code_wrote_stays_where_nothing_leads_back(database: str) -> None:
    """A5: one-way. An unrelated UPDATE keeps NEW's value, and so does a repair."""
    fields = {"column": "t.name", "type": "text", "to": "label", "using": "upper(name)", "one_way": True}
    async with living(database, "change-type", fields, _NAMES) as life:
        await life.ready()
        await life.sql("UPDATE t SET label = 'mine' WHERE id = 1; UPDATE t SET other = 1")
        assert await life.rows("SELECT name, label FROM t WHERE id < 3 ORDER BY id") == [
            ("name 1", "mine"),
            ("name 2", "NAME 2"),
        ]
        trigger = f'"~ec_{life.name}"'
        await life.sql(
            f"ALTER TABLE t DISABLE TRIGGER {trigger}; UPDATE t SET label = NULL WHERE id = 2; "
            f"ALTER TABLE t ENABLE TRIGGER {trigger}"
        )
        await life.backfill()
        assert await life.rows("SELECT label FROM t WHERE id < 3 ORDER BY id") == [("mine",), ("NAME 2",)]
        await life.contract()
        await life.sql("UPDATE t SET label = 'later' WHERE id = 3")
        with pytest.raises(WouldLose, match="Nothing leads back"):
            await life.undo()
        await life.undo(accept_loss=True)
        assert await life.rows("SELECT name FROM t WHERE id = 3") == [("name 3",)]


async def test_two_open_changes_cannot_share_a_column(database: str) -> None:
    """A6: the second start is refused, whether it is about the old side or the new one."""
    async with living(database, "rename-column", _RENAME, _NAMES) as life:
        await life.start()
        before = await everything(life.app)
        for column in ("name", "label"):
            second = plan.named("rename-column", {"column": f"t.{column}", "new_name": "third"}, (life.name,))
            with pytest.raises(ColumnOwned, match=life.name) as refused:
                await start.start(life.context, second)
            assert refused.value.exit_code == 4
        swap = plan.named("change-type", {"column": "t.name", "type": "varchar", "swap": True}, (life.name,))
        with pytest.raises(ColumnOwned, match=life.name):
            await start.start(life.context, swap)
        assert await everything(life.app) == before
        await life.rollback()
        again = plan.named("rename-column", {"column": "t.name", "new_name": "third"}, (life.name,))
        await start.start(life.context, again)


async def test_a_null_that_an_orm_writes_back_before_ready_wipes_nothing(database: str) -> None:
    """A7: it loaded NULL before the row was filled, and writes it back after: both sides keep the value."""
    async with scripted(database, "rename-column", _RENAME, _NAMES) as life:
        await life.start()
        await life.sql("UPDATE t SET other = 1 WHERE id = 1")
        assert await life.rows("SELECT name, label FROM t WHERE id < 3 ORDER BY id") == [
            ("name 1", "name 1"),
            ("name 2", None),
        ]
        await life.sql("UPDATE t SET label = NULL, other = 2 WHERE id < 3")
        assert (
            await life.value("SELECT count(*) FROM t WHERE id < 3 AND name = label AND name LIKE 'name%'")
            == 2
        )
        await life.backfill()
        await life.sql("UPDATE t SET label = NULL WHERE id = 1")
        assert await life.value("SELECT name IS NULL FROM t WHERE id = 1")


async def test_what_old_code_inserts_wins_over_defaults(database: str) -> None:
    """A8: an explicit NULL where both sides have a constant default, an explicit id where the default is
    nextval.
    """
    given = "CREATE TABLE t(id int, name text DEFAULT 'none', number serial); INSERT INTO t(id) VALUES (1)"
    async with scripted(database, "rename-column", _RENAME, given) as life:
        await life.ready()
        await life.sql("INSERT INTO t(id, name) VALUES (2, NULL)")
        assert await life.rows("SELECT name, label FROM t WHERE id = 2") == [(None, None)]
        await life.rollback()
    async with scripted(database, "rename-column", {"column": "t.number", "new_name": "ticket"}) as life:
        await life.ready()
        await life.sql(
            "INSERT INTO t(id, number) VALUES (3, 5); INSERT INTO t(id, ticket) VALUES (4, 6); "
            "INSERT INTO t(id) VALUES (5)"
        )
        seen = await life.rows("SELECT number = ticket, ticket FROM t WHERE id > 2 ORDER BY id")
        assert seen[:2] == [(True, 5), (True, 6)]
        assert seen[2][0]


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("moment", ["verify.bound", "compare.slice.before", "verify.compared"])
async def test_a_trigger_that_was_off_for_one_transaction_during_verify(database: str, moment: str) -> None:
    """A10: it commits while rows are compared, and everything looks as before: contract is refused all the
    same.
    """
    async with living(database, "rename-column", _RENAME, _NAMES, to=Stage.READY) as life:
        done: list[str] = []

        def reached(point: str) -> None:
            if point == moment and not done:
                done.append(point)
                _elsewhere(lambda: _past_the_trigger(database, life))

        killpoints.watch(reached)
        try:
            with suppress(Mismatches):
                await life.verify()
        finally:
            killpoints.watch(None)
        assert done
        assert await life.value("SELECT count(*) FROM t WHERE name <> label") == 1
        with pytest.raises(GateShut, match="verified"):
            await life.contract()


def _elsewhere(work: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run to the end in another thread, while everything here stands still."""
    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    thread.join()


async def _past_the_trigger(url: str, life: Life) -> None:
    trigger = f'"~ec_{life.name}"'
    conn: Connection = await asyncpg.connect(url)
    await conn.execute(
        f"BEGIN; ALTER TABLE t DISABLE TRIGGER {trigger}; UPDATE t SET name = 'unseen' WHERE id = 1; "
        f"ALTER TABLE t ENABLE ALWAYS TRIGGER {trigger}; COMMIT"
    )
    await conn.close()


async def test_what_is_hidden_stays_as_it_was_when_another_column_changes(database: str) -> None:
    """A11: undo brings back exactly that, not what back would make of the new side."""
    given = "CREATE TABLE t(id int PRIMARY KEY, n numeric, other int); INSERT INTO t VALUES (1, 1.50), (2, 2)"
    fields = {"column": "t.n", "type": "text", "to": "label", "back": "trim(label)::numeric"}
    async with living(database, "change-type", fields, given) as life:
        await life.ready()
        await life.sql("UPDATE t SET label = ' 2.50 ' WHERE id = 2")
        await life.contract()
        await life.sql("UPDATE t SET other = 1; UPDATE t SET label = 'not a number' WHERE id = 2")
        assert ("not held by the hidden side", None, "not a number") in await life.conflicts()
        with pytest.raises(WouldLose, match="1 row ") as refused:
            await life.undo()
        assert "id=2" in refused.value.why
        await life.undo(accept_loss=True)
        assert await life.rows("SELECT n::text, label FROM t ORDER BY id") == [
            ("1.50", "1.50"),
            (None, "not a number"),
        ]


async def test_a_repair_finds_what_was_written_past_the_trigger(database: str) -> None:
    """A12: 6,000 updates with the trigger off move rows beyond the old end of the table; VACUUM FULL moves
    all.
    """
    given = _NAMES.replace("20) i", "6000) i")
    async with living(database, "rename-column", _RENAME, given) as life:
        await life.ready()
        trigger = f'"~ec_{life.name}"'
        await life.sql(f"ALTER TABLE t DISABLE TRIGGER {trigger}; UPDATE t SET name = name || '!'")
        await life.sql(f"ALTER TABLE t ENABLE ALWAYS TRIGGER {trigger}")
        await life.sql("VACUUM FULL t")
        situation = await life.backfill()
        assert situation.proof is not None
        assert (situation.proof.rows_compared, situation.proof.mismatches) == (6000, 0)
        assert await life.value("SELECT count(*) FROM t WHERE label = name AND name LIKE '%!'") == 6000


async def test_a_value_that_does_not_fit_stops_no_other_column(database: str) -> None:
    """A13: text to int with one 'abc' among the rows: an UPDATE of another column of that row works in every
    phase.
    """
    given = (
        "CREATE TABLE t(id int PRIMARY KEY, size text, other int); INSERT INTO t VALUES (1, '7'), (2, 'abc')"
    )
    async with living(
        database, "change-type", {"column": "t.size", "type": "int", "to": "wide"}, given
    ) as life:
        await life.start()
        await life.sql("UPDATE t SET other = 1")
        with pytest.raises(Mismatches, match="1 of 2 rows"):
            await life.backfill()
        await life.sql("UPDATE t SET other = 2")
        assert await life.rows("SELECT size, wide, other FROM t ORDER BY id") == [
            ("7", 7, 2),
            ("abc", None, 2),
        ]
        with pytest.raises(GateShut, match="no-conflicts"):
            await life.contract()
        await life.sql("UPDATE t SET size = '8' WHERE id = 2")
        await life.verify()
        await life.contract()


async def test_two_long_transactions_of_old_code_do_not_meet(database: str) -> None:
    """A14: they write disjoint rows through the old side; neither waits for the other, nor for what notes who
    wrote.
    """
    async with scripted(database, "rename-column", _RENAME, _NAMES) as life:
        await life.ready()
        one, two = [
            await asyncpg.connect(database, server_settings={"application_name": "same"}) for _ in range(2)
        ]
        for conn, odd in ((one, 1), (two, 0)):
            await conn.execute(
                f"SET lock_timeout = '1s'; BEGIN; UPDATE t SET name = 'mine' WHERE id % 2 = {odd}"
            )
        for conn in (two, one):
            await conn.execute("COMMIT")
            await conn.close()
        assert await life.value("SELECT count(*) FROM t WHERE label = 'mine'") == 20


_HARDENED = """
CREATE ROLE {role} LOGIN; ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO {role};
"""


@pytest.mark.parametrize(
    ("kind", "fields", "new"),
    [
        ("rename-column", _RENAME, "label"),
        (
            "change-type",
            {"column": "t.name", "type": "varchar(50)", "to": "label", "unfit": "record"},
            "label",
        ),
    ],
)
async def test_a_role_without_any_right_on_our_schemas_writes_in_every_phase(
    empty_database: str, kind: str, fields: dict[str, object], new: str
) -> None:
    """A15: under hardened default privileges, every statement works, conflicts and notes of who wrote among
    them.
    """
    role = "app_" + empty_database.split("/")[3].partition("?")[0]
    given = _HARDENED.format(role=role) + _NAMES + f";GRANT SELECT, INSERT, UPDATE ON t TO {role}"
    async with scripted(empty_database, kind, fields, given) as life:
        app: Connection = await asyncpg.connect(empty_database.replace("postgres@", f"{role}@"))

        async def write(*sides: str) -> None:
            for side in sides:
                await app.execute(
                    f"UPDATE t SET {side} = {side} || '.' WHERE id = 1; INSERT INTO t(id, "
                    f"{side}) VALUES ((SELECT max(id) + 1 FROM t), 'x')"
                )
            await app.execute("UPDATE t SET other = 1")
            if len(sides) == 2:
                await app.execute("UPDATE t SET name = name || ' lost', label = label || ' won' WHERE id = 3")

        await life.start()
        await write("name")
        await life.backfill()
        await write("name", new)
        await life.contract()
        await write(new)
        await life.undo()
        await write("name", new)
        await life.verify()
        await life.contract()
        await life.purge()
        await write(new)
        assert await life.value("SELECT label FROM t WHERE id = 3") == "name 3 won won"
        assert [kind for kind, _, _ in await life.conflicts()] == ["both written"] * 2
        await app.close()


async def test_a_trigger_of_the_user_that_changes_the_old_column(database: str) -> None:
    """A21: ours sorts last and sees what it wrote."""
    given = (
        _NAMES
        + """;CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := upper(NEW.name);
            RETURN NEW; END';
    CREATE TRIGGER zzz BEFORE INSERT OR UPDATE OF other ON t FOR EACH ROW EXECUTE FUNCTION loud()"""
    )
    async with living(database, "rename-column", _RENAME, given) as life:
        await life.ready()
        await life.sql("UPDATE t SET other = 1 WHERE id = 1; INSERT INTO t(id, name) VALUES (30, 'new')")
        assert await life.rows("SELECT name, label FROM t WHERE id IN (1, 30) ORDER BY id") == [
            ("NAME 1",) * 2,
            ("NEW",) * 2,
        ]
        await life.verify()
        with pytest.raises(GateShut, match="dependents-clear") as shut:
            await life.contract()
        assert "loud" in shut.value.why


async def test_a_dba_who_renames_the_old_column_is_noticed(database: str) -> None:
    """A21: status and gate name it; a write that goes through the trigger goes on as it was written."""
    async with living(database, "rename-column", _RENAME, _NAMES, to=Stage.READY) as life:
        await life.sql("ALTER TABLE t RENAME name TO surprise; UPDATE t SET other = 1")
        faults = (await life.situation()).live.sync_faults
        assert any("name" in fault for fault in faults)
        await life.sql("UPDATE t SET surprise = 'y'")
        assert await life.value("SELECT count(*) FROM t WHERE surprise <> 'y'") == 0
        with pytest.raises(GateShut, match="sync-intact"):
            await life.contract()
        await life.sql("ALTER TABLE t RENAME surprise TO name; UPDATE t SET name = 'x' WHERE id = 1")
        await life.backfill()
        await life.contract()


_UPSERT = (
    "INSERT INTO t(id, {c}, other) VALUES ($1, $2, 1) ON CONFLICT ({c}) DO UPDATE SET other = t.other + 1"
)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("rename-column", _RENAME),
        ("change-type", {"column": "t.name", "type": "varchar(50)", "to": "label"}),
    ],
)
async def test_upserts_meet_no_second_unique_index(
    database: str, kind: str, fields: dict[str, object]
) -> None:
    """A19: OLD when the twin is there, NEW when the old side is hidden, OLD after undo: no 23505 of eight at
    a time.
    """
    given = (
        _NAMES + ";ALTER TABLE t ADD UNIQUE (name); ALTER TABLE t DROP CONSTRAINT t_pkey; CREATE SEQUENCE s"
    )
    async with scripted(database, kind, fields, given) as life:
        pool = await asyncpg.create_pool(database, min_size=8, max_size=8)

        async def upsert(side: str, prefix: str) -> None:
            async def one(key: int) -> None:
                async with pool.acquire() as conn:
                    await conn.execute(_UPSERT.format(c=side), key, f"{prefix} {key}")

            for key in range(60):
                await asyncio.gather(*(one(key) for _ in range(8)))
            assert await life.value("SELECT count(*) FROM t WHERE other = 8") == 60
            await life.sql("DELETE FROM t WHERE other = 8")

        await life.ready()
        await upsert("name", "ready")
        await life.contract()
        await upsert("label", "hidden")
        await life.undo()
        await upsert("name", "undone")
        await pool.close()
        await life.verify()


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("drifted", ["5", "NULL"])
async def test_a_repair_never_writes_the_old_side(database: str, drifted: str) -> None:
    """Where the new side cannot hold a value, what the repair writes to it leaves the old value alone."""
    given = """CREATE TABLE t(id int PRIMARY KEY, size text, name text);
    INSERT INTO t VALUES (1, '7', 'fits'), (2, 'abc', repeat('x', 30)), (3, '007', 'fits')"""
    fields = {"column": "t.size", "type": "int", "to": "wide"}
    async with living(database, "change-type", fields, given, to=Stage.BEFORE_READY) as life:
        with pytest.raises(Mismatches):
            await life.backfill()
        trigger = f'"~ec_{life.name}"'
        await life.sql(f"ALTER TABLE t DISABLE TRIGGER {trigger}; UPDATE t SET wide = {drifted}")
        await life.sql(f"ALTER TABLE t ENABLE ALWAYS TRIGGER {trigger}")
        with pytest.raises(Mismatches, match="2 of 3 rows"):
            await life.backfill()
        assert await life.rows("SELECT size, wide FROM t ORDER BY id") == [
            ("7", 7),
            ("abc", None),
            ("007", 7),
        ]
