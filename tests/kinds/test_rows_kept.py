"""update-rows --keep and delete-rows --keep: what rows held is in the ledger, and rollback gives it back."""

import signal
from typing import Any

import pytest

from expandcontract.engine.verbs import plan as plans
from expandcontract.model.errors import ColumnOwned, UnsupportedShape
from expandcontract.model.phases import Stage
from tests.acceptance.backfill_process import killed_at
from tests.acceptance.cycle import Life, living, opened
from tests.acceptance.moments import dies_at
from tests.kinds.test_other_tables import begun

pytestmark = pytest.mark.in_turn(3)

GIVEN = """
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE "Odd Users" (
    id integer, "The Code" char(4), email text, tags text[], price numeric(10,2), at timestamptz, how mood,
    up text GENERATED ALWAYS AS (upper(email)) STORED, PRIMARY KEY ("The Code", id)
);
INSERT INTO "Odd Users" SELECT n, 'c ' || n % 3, CASE WHEN n % 5 > 0 THEN 'User "' || n END, ARRAY['a', NULL],
    n / 7.0, '2026-03-29 02:30+00'::timestamptz + n * '1 us'::interval, 'good'
FROM generate_series(1, 300) n;
CREATE TABLE before AS TABLE "Odd Users";
"""
UPDATE = (
    "update-rows",
    {
        "table": '"Odd Users"',
        "set": ("email = lower(email)", "tags = NULL", "price = price + 1", "how = 'bad'", "at = NULL"),
        "where": "how = 'good'",
        "keep": True,
    },
)
DELETE = ("delete-rows", {"table": '"Odd Users"', "where": "id <= 200", "keep": True})
#: Rows as they were, and are not; and the other way round.
_OTHER = """SELECT count(*) FROM (
    (TABLE before EXCEPT TABLE "Odd Users") UNION ALL (TABLE "Odd Users" EXCEPT TABLE before)) other"""
_KEPT = "SELECT count(*) FROM expandcontract.conflict WHERE kind = 'kept'"


async def _finished(life: Life) -> None:
    await life.start()
    assert (await life.backfill()).stage == Stage.FINISHED


@pytest.mark.parametrize(
    ("kind", "fields", "rows"), [(*UPDATE, 300), (*DELETE, 200)], ids=["update", "delete"]
)
async def test_rollback_gives_back_the_very_values(
    database: str, kind: str, fields: dict[str, Any], rows: int
) -> None:
    """Of each row that was written, with what nobody sees at the end of a text or of a second, also of a
    finished change, after whichever process died.
    """
    async with living(database, kind, fields, GIVEN) as life:
        await life.start()
        assert await killed_at(life.url, life.name, "copy.batch.committed", 1) == -signal.SIGKILL
        assert (await life.backfill()).stage == Stage.FINISHED
        assert await life.value(_OTHER) > 0
        assert await life.value(_KEPT) == rows
        with dies_at("restore.batch.committed"):
            await life.rollback()
        assert (await life.rollback()).stage == Stage.ROLLED_BACK
        assert await life.value(_OTHER) == 0


async def test_rows_that_were_changed_since_are_left_and_named(database: str) -> None:
    """Unless somebody asks for more; a row that is gone stays gone."""
    async with living(database, *UPDATE, GIVEN) as life:
        await _finished(life)
        await life.sql("""UPDATE "Odd Users" SET email = 'mine' WHERE id = 7;
            DELETE FROM "Odd Users" WHERE id = 8;
            UPDATE "Odd Users" SET id = -9 WHERE id = 9""")
        await life.rollback()
        told = " ".join(str(each) for each in life.heard)
        assert "297 rows hold again" in told
        assert "3 were changed since" in told
        assert "id=7" in told
        assert await life.value("""SELECT email FROM "Odd Users" WHERE id = 7""") == "mine"
        assert await life.value("""SELECT count(*) FROM "Odd Users" WHERE how = 'bad'""") == 2


#: It keeps a column as it wants it, whoever writes.
LOWERS = """
CREATE TABLE users (id integer PRIMARY KEY, email text, seen integer);
INSERT INTO users SELECT n, 'User' || n, n FROM generate_series(1, 20) n;
CREATE FUNCTION lowers() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.email := lower(NEW.email); RETURN NEW; END $$;
CREATE TRIGGER lowers BEFORE INSERT OR UPDATE ON users FOR EACH ROW WHEN (NEW.id < 3)
    EXECUTE FUNCTION lowers();
"""


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("update-rows", {"set": ("email = 'x'",), "where": "email <> 'x' AND seen < 10"}),
        ("delete-rows", {"where": "seen < 10"}),
    ],
    ids=["update", "delete"],
)
async def test_what_a_trigger_makes_of_what_is_given_back_is_told(
    database: str, kind: str, asked: dict[str, Any]
) -> None:
    """Such rows do not hold what was kept of them: they are counted, and named."""
    async with living(database, kind, {"table": "users", "keep": True} | asked, LOWERS) as life:
        await _finished(life)
        await life.rollback()
        told = " ".join(str(each) for each in life.heard)
        assert "7 rows hold again" in told
        assert "2 were given it, and hold something else" in told
        assert "id=1; id=2" in told or "id=2; id=1" in told
        assert await life.rows("SELECT email FROM users WHERE id IN (2, 3) ORDER BY id") == [
            ("user2",),
            ("User3",),
        ]


async def test_nothing_is_given_back_where_another_change_is_at_work_on_the_column(database: str) -> None:
    """A finished change gave up its claims: its rollback is refused before it writes a row."""
    fields = {"table": "users", "set": ("email = 'x'",), "where": "email <> 'x'", "keep": True}
    async with living(database, "update-rows", fields, LOWERS) as life:
        await _finished(life)
        await begun(life, "rename-column", column="users.email", new_name="mail")
        with pytest.raises(ColumnOwned, match="email"):
            await life.rollback()
        assert await life.value("SELECT count(*) FROM users WHERE email = 'x'") == 20


async def test_what_was_asked_for_is_done_or_not_done(database: str) -> None:
    """--overwrite gives back to changed rows as well, --discard leaves all as they are."""
    async with living(database, *UPDATE, GIVEN) as life:
        await _finished(life)
        await life.sql("""UPDATE "Odd Users" SET email = 'mine' WHERE id = 7""")
        await life.rollback(overwrite=True)
        assert await life.value(_OTHER) == 0
    async with living(database, *DELETE, "SELECT") as life:
        await _finished(life)
        await life.rollback(discard=True, confirm=life.name)
        assert await life.value("""SELECT count(*) FROM "Odd Users\"""") == 100


async def test_what_cannot_be_given_back_is_refused_before(database: str) -> None:
    """Without a key, of a key, and where children have rows under keys of their own."""
    given = """CREATE TABLE bare (n integer); CREATE TABLE keyed (id integer PRIMARY KEY, n integer);
        CREATE TABLE above (id integer PRIMARY KEY, n integer); CREATE TABLE below () INHERITS (above)"""
    async with opened(database, *UPDATE, given) as life:
        refused = {
            "bare": ("n = 1", "primary key"),
            "keyed": ("id = 2", "id is of the primary key"),
            "above": ("n = 1", "children"),
        }
        for table, (set_, why) in refused.items():
            fields = {"table": table, "set": (set_,), "where": "n = 0", "keep": True}
            with pytest.raises(UnsupportedShape, match=why):
                await plans.make(life.context, plans.named("update-rows", fields, ()))


async def test_rows_of_somebody_else_are_kept_with_his_rights(database: str) -> None:
    """A superuser keeps and gives back rows of a table whose trigger would misuse a superuser."""
    trap = """
        CREATE ROLE keeper; GRANT ALL ON SCHEMA public TO keeper; ALTER TABLE "Odd Users" OWNER TO keeper;
        CREATE FUNCTION of_keeper() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF current_user <> 'keeper' THEN RAISE EXCEPTION 'called by %', current_user; END IF;
            RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
        END $$;
        CREATE TRIGGER trap BEFORE INSERT OR UPDATE OR DELETE ON "Odd Users"
            FOR EACH ROW EXECUTE FUNCTION of_keeper()"""
    try:
        for (kind, fields), given, rows in ((UPDATE, GIVEN + trap, 300), (DELETE, "SELECT", 500)):
            async with living(database, kind, fields, given) as life:
                await _finished(life)
                assert await life.value(_KEPT) == rows
                await life.rollback()
                assert await life.value(_OTHER) == 0
    finally:
        async with opened(database, *UPDATE, 'DROP TABLE "Odd Users"') as after:
            await after.sql("DROP OWNED BY keeper; DROP ROLE keeper")
