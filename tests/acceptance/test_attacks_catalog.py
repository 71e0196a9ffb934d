"""Attacks by DDL: what others create, rename, drop and replace while a change is open."""

from dataclasses import replace

import pytest

from expandcontract.engine.verbs import plan
from expandcontract.model.errors import ColumnOwned, GateShut, Refused, StepFailed, UnsupportedShape
from expandcontract.model.phases import Stage
from tests.acceptance.cycle import Life, living
from tests.acceptance.script import scripted

pytestmark = pytest.mark.in_turn(3)

RENAME = ("rename-column", {"column": "public.users.name", "new_name": "display_name"})
USERS = """CREATE TABLE users(id int PRIMARY KEY, name text, email text);
INSERT INTO users SELECT i, 'n' || i, 'e' || i FROM generate_series(1, 300) i;"""


async def columns(life: Life) -> list[str]:
    """Return the columns of users."""
    query = """SELECT attname::text FROM pg_attribute
               WHERE attrelid = 'users'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY 1"""
    return [name for (name,) in await life.rows(query)]


async def test_rollback_leaves_a_table_alone_that_took_the_name(database: str) -> None:
    """The table was renamed away, and another one of its name has a column like our new side: it stays."""
    async with living(database, *RENAME, USERS, to=Stage.READY) as life:
        await life.sql("ALTER TABLE users RENAME TO old_users; CREATE TABLE users(id int, display_name text)")
        with pytest.raises(Refused, match="another table"):
            await life.rollback()
        assert await columns(life) == ["display_name", "id"]
        await life.sql("DROP TABLE users; ALTER TABLE old_users RENAME TO users")
        await life.rollback()
        assert await columns(life) == ["email", "id", "name"]


async def test_rollback_does_not_drop_the_last_copy(database: str) -> None:
    """Somebody dropped the old column: the new one holds the only values. It goes only when that is said."""
    async with living(database, *RENAME, USERS, to=Stage.READY) as life:
        await life.sql("ALTER TABLE users DROP COLUMN name CASCADE")
        with pytest.raises(Refused, match="last copy"):
            await life.rollback()
        assert "display_name" in await columns(life)
        await life.rollback(discard=True, confirm=life.name)
        assert await columns(life) == ["email", "id"]


async def test_purge_does_not_drop_the_last_copy(database: str) -> None:
    """Somebody dropped the new column after contract: the hidden one holds the only values; undo works."""
    async with living(database, *RENAME, USERS) as life:
        await life.ready()
        await life.contract()
        await life.sql("ALTER TABLE users DROP COLUMN display_name CASCADE")
        with pytest.raises(Refused, match="last copy"):
            await life.purge()
        await life.sql("ALTER TABLE users ADD COLUMN display_name text")
        await life.undo()
        await life.backfill()
        assert await life.rows("SELECT name, display_name FROM users WHERE id = 7") == [("n7", "n7")]


LATE = {
    "index": "CREATE INDEX ix_late ON users(lower(name))",
    "unique": "ALTER TABLE users ADD CONSTRAINT late UNIQUE (name, email)",
    "check": "ALTER TABLE users ADD CONSTRAINT late CHECK (name <> email)",
    "foreign key": "CREATE TABLE names(n text PRIMARY KEY); INSERT INTO names SELECT name FROM users; "
    "ALTER TABLE users ADD CONSTRAINT late FOREIGN KEY (name) REFERENCES names",
    "not null": "ALTER TABLE users ALTER name SET NOT NULL",
    "default": "ALTER TABLE users ALTER name SET DEFAULT 'late'",
}


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("late", LATE.values(), ids=LATE.keys())
async def test_what_the_old_column_got_after_the_plan_is_named(database: str, late: str) -> None:
    """Purge would drop it without a word, so contract asks first."""
    async with living(database, *RENAME, USERS, to=Stage.BEFORE_READY) as life:
        await life.sql(late)
        await life.backfill()
        with pytest.raises(GateShut, match="carried") as refused:
            await life.contract()
        assert "late" in refused.value.why.lower() or "NOT NULL" in refused.value.why


async def test_two_open_changes_share_no_index_and_no_constraint(database: str) -> None:
    """Each plan would carry it with the other's old column, and lose it at that one's purge."""
    async with living(database, *RENAME, USERS + "CREATE UNIQUE INDEX shared ON users(name, email)") as life:
        await life.ready()
        second = replace(
            life,
            change=plan.named("rename-column", {"column": "users.email", "new_name": "mail"}, (life.name,)),
        )
        with pytest.raises(ColumnOwned, match="shared"):
            await second.start()
        await life.contract()
        with pytest.raises(ColumnOwned):
            await second.start()
        await life.purge()
        await second.ready()
        await second.contract()
        await second.purge()
        definition = await life.value("SELECT indexdef FROM pg_indexes WHERE indexdef LIKE '%UNIQUE%mail%'")
        assert "(display_name, mail)" in definition


REFUSED_SHAPES = {
    "rule": "CREATE TABLE l(i int); "
    "CREATE RULE r AS ON UPDATE TO users DO ALSO INSERT INTO l VALUES (NEW.id)",
    "domain": "CREATE DOMAIN d AS text CHECK (length(VALUE) < 99); ALTER TABLE users ALTER name TYPE d",
    "domain without null": "CREATE DOMAIN d AS text NOT NULL; ALTER TABLE users ALTER name TYPE d",
}


@pytest.mark.parametrize("shape", REFUSED_SHAPES.values(), ids=REFUSED_SHAPES.keys())
async def test_a_shape_that_would_stop_everybody_is_refused(database: str, shape: str) -> None:
    """A rule rewrites our statements, a domain with constraints the whole table: refused at once."""
    async with living(database, *RENAME, USERS + shape) as life:
        with pytest.raises(UnsupportedShape):
            await life.start()
        assert await columns(life) == ["email", "id", "name"]


SABOTAGE = {
    "function": 'CREATE OR REPLACE FUNCTION expandcontract_sync."{0}"() RETURNS trigger LANGUAGE plpgsql '
    "AS 'BEGIN RETURN NEW; END'",
    "trigger": 'DROP TRIGGER "{0}" ON users; CREATE TRIGGER "{0}" BEFORE INSERT OR UPDATE ON users '
    "FOR EACH ROW "
    'WHEN (NEW.name IS NULL) EXECUTE FUNCTION expandcontract_sync."{0}"(); '
    'ALTER TABLE users ENABLE ALWAYS TRIGGER "{0}"',
}


@pytest.mark.parametrize("sabotage", SABOTAGE.values(), ids=SABOTAGE.keys())
async def test_a_replaced_trigger_or_function_is_not_the_one_that_was_made(
    database: str, sabotage: str
) -> None:
    """Verify finds nothing, but what would keep the rows in sync is somebody else's. Backfill restores it."""
    async with living(database, *RENAME, USERS, to=Stage.READY) as life:
        await life.sql(sabotage.format((await life.situation()).plan.trigger))
        await life.verify()
        with pytest.raises(GateShut, match="sync-intact"):
            await life.contract()
        await life.backfill()
        await life.sql("UPDATE users SET name = 'new' WHERE id = 1")
        assert await life.value("SELECT display_name FROM users WHERE id = 1") == "new"
        await life.contract()


async def test_a_child_that_came_later_keeps_the_change_from_ready(database: str) -> None:
    """Its rows would never be in sync: backfill says so, and what to do."""
    async with living(database, *RENAME, USERS, to=Stage.BEFORE_READY) as life:
        await life.sql("CREATE TABLE child() INHERITS (users); INSERT INTO child VALUES (5000, 'child', 'x')")
        with pytest.raises(StepFailed, match="child") as failed:
            await life.backfill()
        assert "NO INHERIT" in failed.value.next
        await life.sql("ALTER TABLE child NO INHERIT users")
        await life.backfill()


async def test_a_renamed_key_is_noticed(database: str) -> None:
    """The trigger names the key when it keeps a conflict, and would fail the write."""
    async with living(database, *RENAME, USERS, to=Stage.READY) as life:
        await life.sql("ALTER TABLE users RENAME id TO user_id")
        with pytest.raises(GateShut, match="sync-intact"):
            await life.contract()


async def test_names_that_look_like_our_own_text(database: str) -> None:
    """Quotes, percent signs, backslashes, braces, line breaks before BEGIN and DECLARE: the whole life."""
    table, old, new = (
        '"t$ec$%\nBEGIN"',
        '"na""me$ec$ %s :x \\\nDECLARE é😀"',
        '"né""w\nBEGIN$1 %(x)s {0} {old}"',
    )
    fields = {"column": f'"S\'ch {{a}}".{table}.{old}', "new_name": new}
    given = f"""CREATE SCHEMA "S'ch {{a}}"; SET search_path = "S'ch {{a}}";
    CREATE TABLE {table}(id int PRIMARY KEY, {old} text NOT NULL DEFAULT '\\x' CHECK (length({old}) > 0));
    CREATE UNIQUE INDEX ON {table}({old});
    INSERT INTO {table} SELECT i, i::text FROM generate_series(1, 50) i"""
    async with scripted(database, "rename-column", fields, given) as life:
        await life.ready()
        await life.sql(f"UPDATE {table} SET {old} = 'zz' WHERE id = 3; INSERT INTO {table}(id) VALUES (77)")
        assert await life.rows(f"SELECT {new} FROM {table} WHERE id IN (3, 77) ORDER BY id") == [
            ("zz",),
            ("\\x",),
        ]
        await life.verify()
        await life.contract()
        await life.undo()
        await life.rollback()
        await life.ready()
        await life.contract()
        await life.purge()
