"""Several columns that become one: whose write says what, what is announced, and what is refused."""

import asyncio
from typing import Any

import asyncpg
import pytest

from expandcontract.engine.verbs import restore
from expandcontract.model.errors import EcError, Refused
from expandcontract.model.phases import Section, Stage
from tests.acceptance.cycle import Expected, living, opened
from tests.acceptance.script import Script, scripted
from tests.kinds.cases import MERGE, NAMES

pytestmark = pytest.mark.in_turn(3)

#: NULL is no last name.
NULLABLE = """
CREATE TABLE people (id integer PRIMARY KEY, first_name text NOT NULL, last_name varchar(20), note text);
INSERT INTO people (id, first_name, last_name) SELECT n, 'User', 'Number ' || n FROM generate_series(1, 20) n;
"""
#: Whatever the plan says is acknowledged.
_ALL = Expected(
    (
        "default-dropped:last_name",
        "unique-dropped:one",
        "check-dropped:apart",
        "foreign-key-dropped:known",
    )
)
KEEPING_NULL: dict[str, Any] = MERGE | {
    "into": "full_name text = first_name || COALESCE(' ' || last_name, '')",
    "back": [MERGE["back"][0], "last_name = nullif(split_part(full_name, ' ', 2), '')"],
}


async def _row(script: Script, id_: int) -> tuple[object, ...]:
    (row,) = await script.rows(f"SELECT first_name, last_name, full_name FROM people WHERE id = {id_}")
    return row


async def test_each_version_of_the_application_sees_what_the_other_wrote(database: str) -> None:
    """Old code may write any of its columns; who writes both sides in one statement keeps the new one, and
    what was lost of the old one is kept.
    """
    async with scripted(database, "merge-columns", MERGE, NAMES) as script:
        await script.ready()
        assert await _row(script, 7) == ("User", "Number 7", "User Number 7")
        await script.sql("UPDATE people SET last_name = 'King' WHERE id = 7")
        assert await _row(script, 7) == ("User", "King", "User King")
        await script.sql("UPDATE people SET full_name = 'Ada Augusta King' WHERE id = 7")
        assert await _row(script, 7) == ("Ada", "Augusta King", "Ada Augusta King")
        await script.sql("UPDATE people SET first_name = 'Mary', note = 'x' WHERE id = 7")
        assert await _row(script, 7) == ("Mary", "Augusta King", "Mary Augusta King")
        assert await script.conflicts() == []
        await script.sql("UPDATE people SET full_name = 'C D', last_name = 'B' WHERE id = 7")
        assert await _row(script, 7) == ("C", "D", "C D")
        ((kind, old, new),) = await script.rows(
            "SELECT kind, old_value, new_value FROM expandcontract.conflict"
        )
        assert (kind, old, new) == ("both written", "(Mary,B)", "C D")
        await script.verify()


#: Back takes the second word alone: what was merged of three is not what comes back.
LOSSY: dict[str, Any] = MERGE | {"back": [MERGE["back"][0], "last_name = split_part(full_name, ' ', 2)"]}
NOBODY_NAMED = """
CREATE TABLE people (id integer PRIMARY KEY, first_name text, last_name text, note text);
INSERT INTO people (id, first_name, last_name) VALUES (7, 'User', 'Seven');
"""


@pytest.mark.parametrize("unfit", ["accept", "record"])
async def test_old_code_may_write_just_what_back_would_make(database: str, unfit: str) -> None:
    """Such a row is in sync through back alone, and the merged value is made anew all the same. What new code
    wrote stays as it is where the old columns are not written, or written as they were.
    """
    async with scripted(database, "merge-columns", LOSSY | {"unfit": unfit}, NOBODY_NAMED) as script:
        await script.start()
        await script.sql("UPDATE people SET last_name = 'B C' WHERE id = 7")
        await script.settle()
        assert await _row(script, 7) == ("User", "B C", "User B C")
        await script.sql("UPDATE people SET last_name = 'B' WHERE id = 7")
        assert await _row(script, 7) == ("User", "B", "User B")
        await script.sql("UPDATE people SET full_name = 'A B C' WHERE id = 7")
        before = await script.conflicts()
        await script.sql("UPDATE people SET note = 'x', last_name = 'B', first_name = 'A' WHERE id = 7")
        assert await _row(script, 7) == ("A", "B", "A B C")
        await script.sql(
            "INSERT INTO people (id, first_name, last_name, full_name) VALUES (301, 'A', 'B', 'A B C')"
        )
        await script.sql("UPDATE people SET first_name = 'D', full_name = 'D B E' WHERE id = 301")
        assert await _row(script, 301) == ("D", "B", "D B E")
        assert await script.conflicts() == before


async def test_inserts_copy_and_upserts_of_either_version(database: str) -> None:
    """With defaults, without lists of columns, and given up for a row that is there."""
    async with scripted(database, "merge-columns", MERGE, NAMES) as script:
        await script.ready()
        await script.sql("INSERT INTO people (id, first_name) VALUES (301, 'Plato')")
        assert await _row(script, 301) == ("Plato", "", "Plato ")
        await script.sql("INSERT INTO people (id, full_name) VALUES (302, 'Plato')")
        assert await _row(script, 302) == ("Plato", "", "Plato")
        await script.app.copy_records_to_table(
            "people", records=[(303, "Ada", "King")], columns=["id", "first_name", "last_name"]
        )
        assert await _row(script, 303) == ("Ada", "King", "Ada King")
        await script.app.copy_records_to_table(
            "people", records=[(304, "Ada King")], columns=["id", "full_name"]
        )
        assert await _row(script, 304) == ("Ada", "King", "Ada King")
        upsert = "INSERT INTO people (id, {0}) VALUES ({1}) ON CONFLICT (id) DO UPDATE SET {2}"
        await script.sql(upsert.format("full_name", "304, 'No One'", "full_name = 'Eve Sands'"))
        assert await _row(script, 304) == ("Eve", "Sands", "Eve Sands")
        await script.sql(upsert.format("first_name", "304, 'No'", "first_name = 'Eva'"))
        assert await _row(script, 304) == ("Eva", "Sands", "Eva Sands")
        with pytest.raises(asyncpg.NotNullViolationError, match="first_name"):
            await script.sql("INSERT INTO people (id, last_name) VALUES (305, 'King')")
        await script.verify()


async def test_both_versions_update_one_row_at_once(database: str) -> None:
    """Old code writes one of its columns while new code's write of the merged one is not committed: it waits,
    and its column goes into what new code wrote.
    """
    async with scripted(database, "merge-columns", MERGE, NAMES) as script:
        await script.ready()
        new = await asyncpg.connect(database)
        try:
            pid = await script.value("SELECT pg_backend_pid()")
            async with new.transaction():
                await new.execute("UPDATE people SET full_name = 'Ada King' WHERE id = 7")
                old = asyncio.create_task(script.sql("UPDATE people SET last_name = 'Byron' WHERE id = 7"))
                while not await new.fetchval("SELECT cardinality(pg_blocking_pids($1)) > 0", pid):
                    await asyncio.sleep(0.01)
            await old
        finally:
            await new.close()
        assert await _row(script, 7) == ("Ada", "Byron", "Ada Byron")
        await script.verify()


async def test_what_new_code_writes_after_contract_is_there_after_undo(database: str) -> None:
    """All hidden columns follow; views, generated columns and indexes go on with them, and come back."""
    given = f"""{NAMES}
        ALTER TABLE people ADD COLUMN initial text GENERATED ALWAYS AS ("left"(last_name, 1)) STORED;
        CREATE INDEX by_name ON people (last_name, first_name);
        CREATE VIEW firsts AS SELECT id, first_name FROM people;"""
    async with scripted(database, "merge-columns", MERGE, given) as script:
        told = {note.code: note.said for note in script.planned.hazards}
        assert "stands on first_name and last_name until purge" in told["index-goes:by_name"]
        assert "uses first_name" in told["dependent:view"]
        assert "uses last_name" in told["dependent:generated column"]
        await script.ready()
        await script.contract()
        await script.sql("INSERT INTO people (id, full_name) VALUES (900, 'Mary Jane Watson')")
        await script.sql("UPDATE people SET full_name = 'Ada Last' WHERE id = 1")
        with pytest.raises(asyncpg.UndefinedColumnError):
            await script.sql("SELECT last_name FROM people")
        with pytest.raises(asyncpg.NotNullViolationError, match="full_name"):
            await script.sql("INSERT INTO people (id) VALUES (901)")
        assert await script.rows("SELECT first_name FROM firsts WHERE id = 1") == [("Ada",)]
        await script.undo()
        assert await _row(script, 900) == ("Mary", "Jane Watson", "Mary Jane Watson")
        assert await _row(script, 1) == ("Ada", "Last", "Ada Last")
        assert await script.value("SELECT initial FROM people WHERE id = 1") == "L"
        await script.sql("UPDATE people SET last_name = 'First' WHERE id = 1")
        assert await _row(script, 1) == ("Ada", "First", "Ada First")
        await script.verify()
        for name in ("first_name", "last_name"):
            with pytest.raises(asyncpg.NotNullViolationError, match=name):
                await script.sql(f"UPDATE people SET {name} = NULL WHERE id = 1")


async def test_purge_takes_all_old_columns(database: str) -> None:
    """What is left is what new code uses."""
    async with scripted(database, "merge-columns", MERGE, NAMES) as script:
        await script.ready()
        await script.contract()
        await script.purge()
        query = "SELECT attname FROM pg_attribute WHERE attrelid = 'people'::regclass AND attnum > 0"
        names = [name for (name,) in await script.rows(f"{query} AND NOT attisdropped ORDER BY 1")]
        assert names == ["full_name", "id", "note"]


async def test_a_trigger_of_the_user_may_look_at_any_of_the_columns(database: str) -> None:
    """It finds the row whole, whichever side was written, and what it changes goes to the other one."""
    given = f"""{NAMES}
        CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            NEW.last_name := upper(NEW.last_name); RETURN NEW; END $$;
        CREATE TRIGGER tidy BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION tidy();"""
    async with scripted(database, "merge-columns", MERGE, given) as script:
        await script.ready()
        await script.sql("UPDATE people SET last_name = 'King' WHERE id = 7")
        assert await _row(script, 7) == ("User", "KING", "User KING")
        await script.sql("UPDATE people SET full_name = 'Ada Byron' WHERE id = 7")
        assert await _row(script, 7) == ("Ada", "BYRON", "Ada BYRON")
        await script.sql("INSERT INTO people (id, full_name) VALUES (900, 'Eve Sands')")
        assert await _row(script, 900) == ("Eve", "SANDS", "Eve SANDS")
        await script.verify()


async def test_a_row_that_moves_to_another_partition_keeps_both_sides(database: str) -> None:
    """Its columns and the merged value are what they were, whichever was written with the move."""
    given = """
        CREATE TABLE people (id integer, at integer, first_name text, last_name text, PRIMARY KEY (id, at))
            PARTITION BY RANGE (at);
        CREATE TABLE early PARTITION OF people FOR VALUES FROM (0) TO (100);
        CREATE TABLE late PARTITION OF people FOR VALUES FROM (100) TO (200);
        INSERT INTO people VALUES (7, 1, 'User', 'Seven');"""
    async with scripted(database, "merge-columns", MERGE, given) as script:
        await script.ready()
        await script.sql("UPDATE people SET full_name = 'Plato' WHERE id = 7")
        await script.sql("UPDATE people SET at = 150 WHERE id = 7")
        assert await _row(script, 7) == ("Plato", "", "Plato")
        await script.sql("UPDATE people SET at = 50, last_name = 'King' WHERE id = 7")
        assert await _row(script, 7) == ("Plato", "King", "Plato King")
        await script.sql("UPDATE people SET at = 150, full_name = 'Ada B' WHERE id = 7")
        assert await _row(script, 7) == ("Ada", "B", "Ada B")
        assert await script.conflicts() == []
        await script.contract()
        await script.sql("UPDATE people SET at = 50, full_name = 'Eve C D' WHERE id = 7")
        await script.undo()
        assert await _row(script, 7) == ("Eve", "C D", "Eve C D")
        await script.verify()


async def test_a_null_that_swallows_the_rest_is_announced(database: str) -> None:
    """`NULL || x` is NULL: such rows are counted, and a write of one is refused, before anything is lost."""
    given = f"{NULLABLE} UPDATE people SET last_name = NULL WHERE id = 3;"
    fields = MERGE | {"into": "full_name text = first_name || ' ' || last_name"}
    async with living(database, "merge-columns", fields, given) as life:
        plan = await life.plan()
        told = {note.code: note.said for note in plan.hazards}
        assert "makes NULL of a row whose last_name alone is NULL" in told["null-swallows:last_name"]
        assert "1 of 20 rows: id = 3" in told["unfit"]
        await life.start(acknowledged=Expected(("null-swallows:last_name",)))
        with pytest.raises(asyncpg.PostgresError, match="does not fit full_name"):
            await life.sql("UPDATE people SET last_name = NULL WHERE id = 4")
        await life.rollback()


async def test_a_null_that_is_left_out_is_carried(database: str) -> None:
    """There and back, also where the merged value is written."""
    given = f"{NULLABLE} UPDATE people SET last_name = NULL WHERE id = 3;"
    async with scripted(database, "merge-columns", KEEPING_NULL, given) as script:
        assert not [note for note in script.planned.hazards if note.code.startswith(("null", "unfit"))]
        await script.ready()
        assert await _row(script, 3) == ("User", None, "User")
        await script.sql("UPDATE people SET full_name = 'Plato' WHERE id = 4")
        assert await _row(script, 4) == ("Plato", None, "Plato")
        await script.sql("UPDATE people SET last_name = 'King' WHERE id = 4")
        assert await _row(script, 4) == ("Plato", "King", "Plato King")
        await script.verify()


async def test_rows_without_a_value_are_named_before_undo_does_anything(database: str) -> None:
    """Of a nullable new side an old column that is NOT NULL may get none after contract."""
    async with living(database, "merge-columns", KEEPING_NULL, NULLABLE) as life:
        told = {note.code: note.sentence for note in (await life.plan()).hazards}
        assert "first_name is NOT NULL, and full_name is not" in told["not-null-stays"]
        await life.ready()
        await life.contract()
        await life.sql("INSERT INTO people (id, note) VALUES (901, 'nobody')")
        await life.sql("UPDATE people SET full_name = NULL WHERE id = 5")
        with pytest.raises(Refused, match=r"2 rows of public\.people would break") as caught:
            await life.undo()
        assert "id=901" in caught.value.why
        assert "id=5" in caught.value.why
        assert (await life.situation()).stage == Stage.HIDDEN
        await life.sql("UPDATE people SET full_name = 'Some One' WHERE id IN (5, 901)")
        assert (await life.undo()).stage == Stage.READY
        assert await life.rows("SELECT first_name, last_name FROM people WHERE id = 901") == [("Some", "One")]


async def test_what_comes_to_any_old_column_later_is_seen(database: str) -> None:
    """A default nobody gave; rules and indexes that the new side does not get; code that names it."""
    given = f"{NAMES} ALTER TABLE people ALTER last_name DROP NOT NULL, ALTER last_name DROP DEFAULT;"
    async with living(database, "merge-columns", MERGE, given) as life:
        await life.start(acknowledged=Expected(("null-swallows:last_name",)))
        await life.backfill()
        await life.sql("""
            ALTER TABLE people ALTER last_name SET DEFAULT 'Later';
            INSERT INTO people (id, full_name) VALUES (900, 'Ada King');
            INSERT INTO people (id, first_name) VALUES (901, 'Eve');
            ALTER TABLE people ALTER last_name SET NOT NULL;
            CREATE INDEX lasts ON people (last_name);
            CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                RAISE NOTICE '%', NEW.last_name; RETURN NULL; END $$;
            CREATE TRIGGER shout AFTER INSERT ON people FOR EACH ROW EXECUTE FUNCTION shout();
        """)
        query = "SELECT first_name, last_name, full_name FROM people WHERE id >= 900 ORDER BY id"
        assert await life.rows(query) == [("Ada", "King", "Ada King"), ("Eve", "Later", "Eve Later")]
        assert await life.conflicts() == []
        live = (await life.situation()).live
        assert live.uncarried == (
            "default 'Later'::text of last_name",
            "index lasts",
            "NOT NULL of last_name",
        )
        assert [(each.kind, each.name, each.blocks_hide) for each in live.dependents] == [
            ("function body", "public.shout()", True)
        ]
        await life.sql("ALTER TABLE people ALTER first_name DROP NOT NULL")
        assert (await life.situation()).live.went == ("NOT NULL of first_name",)
        await life.sql("ALTER TABLE people RENAME last_name TO surname")
        assert (await life.situation()).live.missing_columns == ("last_name",)


async def test_rollback_keeps_what_only_the_merged_column_holds(database: str) -> None:
    """And restore gives it back, to a row of which no old column has changed since."""
    async with living(database, "merge-columns", MERGE, NAMES) as life:
        await life.ready(acknowledged=Expected(("default-dropped:last_name",)))
        await life.sql("UPDATE people SET full_name = 'Plato' WHERE id IN (3, 4)")
        await life.rollback()
        kept = await life.rows("SELECT DISTINCT kind, old_value, new_value FROM expandcontract.conflict")
        assert kept == [("kept", "Plato", "Plato")]
        await life.sql("UPDATE people SET last_name = 'of Athens' WHERE id = 4")
        await life.ready(acknowledged=Expected(("default-dropped:last_name",)))
        names = "SELECT full_name FROM people WHERE id IN (3, 4) ORDER BY id"
        assert await life.rows(names) == [("Plato ",), ("Plato of Athens",)]
        assert (await restore.restore(life.context, life.name)).written == 1
        assert await life.rows(names) == [("Plato",), ("Plato of Athens",)]


async def test_new_code_is_told_what_it_must_give_where_nothing_goes_back(database: str) -> None:
    """Until contract an old column that is NOT NULL gets no value from it."""
    fields = KEEPING_NULL | {"back": [], "one_way": True}
    async with opened(database, "merge-columns", fields, NULLABLE) as application:
        told = {note.code: note.sentence for note in (await application.plan()).to_acknowledge}
        assert set(told) == {"old-must-be-given:first_name"}
        assert "ec start drop-not-null public.people.first_name" in told["old-must-be-given:first_name"]


async def test_nothing_goes_back_of_what_is_one_way(database: str) -> None:
    """Old columns keep what old code wrote; after contract rows come without them."""
    given = NULLABLE.replace("first_name text NOT NULL", "first_name text")
    fields = KEEPING_NULL | {"back": [], "one_way": True}
    async with scripted(database, "merge-columns", fields, given) as script:
        await script.ready()
        await script.sql("UPDATE people SET full_name = 'Ada King' WHERE id = 7")
        assert await _row(script, 7) == ("User", "Number 7", "Ada King")
        await script.sql("UPDATE people SET last_name = 'Two' WHERE id = 7")
        assert await _row(script, 7) == ("User", "Two", "User Two")
        await script.contract()
        await script.sql("INSERT INTO people (id, full_name) VALUES (900, 'Eve Sands')")
        await script.undo()
        assert await _row(script, 900) == (None, None, "Eve Sands")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a column named twice": ({"columns": ["people.first_name"] * 2}, "first_name is named twice"),
    "columns of two tables": (
        {"columns": ["people.first_name", "users.last_name"]},
        "people.first_name and users.last_name are not of one table",
    ),
    "a column that is not there": ({"columns": ["people.first_name", "people.lastname"]}, "mean last_name"),
    "a key": ({"columns": ["people.first_name", "people.id"]}, "id is part of the primary key"),
    "a column that stays out": ({"into": "full_name text = first_name"}, "--into does not name last_name"),
    "no column": ({"into": "full_name text = 'x'"}, "--into does not name first_name, last_name"),
    "the name of a column": ({"into": "note text = first_name || last_name"}, "has a column note already"),
    "no expression": ({"into": "full_name text = first_name ||"}, "not an expression"),
    "no type": ({"into": "full_name = first_name || last_name"}, "does not say of which type full_name is"),
    "a way back that is missing": ({"back": MERGE["back"][:1]}, "makes first_name, and not last_name"),
    "a way back given twice": ({"back": [MERGE["back"][0]] * 2}, "--back makes first_name twice"),
    "a way back of another column": ({"back": ["note = full_name"]}, "--back makes note, which is none of"),
    "a way back with a type": ({"back": ["first_name text = full_name"]}, "gives first_name a type, text"),
    "a way back over an old column": (
        {"back": ["first_name = last_name", "last_name = full_name"]},
        "--back names last_name",
    ),
    "a value of NULL": (
        {"back": ["first_name = COALESCE(full_name, '-')", "last_name = full_name"]},
        "--back makes a value of NULL",
    ),
}


async def test_what_is_refused(database: str, subtests: pytest.Subtests) -> None:
    """With the word that is wrong, and nothing changed."""
    fields = MERGE | {"into": "full_name text = first_name || last_name"}
    async with opened(database, "merge-columns", fields, NULLABLE):
        for what, (wrong, said) in REFUSED.items():
            with subtests.test(what):
                async with opened(database, "merge-columns", fields | wrong) as application:
                    with pytest.raises(EcError) as caught:
                        await application.plan()
                    assert said in f"{caught.value.message} {caught.value.why}"


async def test_a_default_that_varies_is_refused(database: str) -> None:
    """Nobody could tell which row got it."""
    given = f"{NAMES} ALTER TABLE people ALTER last_name SET DEFAULT md5(random()::text)"
    async with opened(database, "merge-columns", MERGE, given) as application:
        with pytest.raises(EcError, match="which is no constant"):
            await application.plan()


RULED = f"""{NAMES} CREATE TABLE firsts (name text PRIMARY KEY); INSERT INTO firsts VALUES ('User'), ('Ada');
ALTER TABLE people ADD CONSTRAINT one UNIQUE (last_name, first_name),
    ADD CONSTRAINT apart CHECK (first_name <> last_name),
    ADD CONSTRAINT known FOREIGN KEY (first_name) REFERENCES firsts;"""


async def test_rules_of_the_old_columns_hold_until_contract_and_come_back(database: str) -> None:
    """Each is named by the plan as what ends; new code has to keep it until then, and not a moment longer."""
    broken = {
        "User Number 7": asyncpg.UniqueViolationError,
        "Ada Ada": asyncpg.CheckViolationError,
        "Eve Adams": asyncpg.ForeignKeyViolationError,
    }
    async with scripted(database, "merge-columns", MERGE, RULED) as script:
        codes = {note.code for note in script.planned.to_acknowledge}
        assert {"unique-dropped:one", "check-dropped:apart", "foreign-key-dropped:known"} <= codes
        before = await script.describe()
        await script.ready()
        for name, error in broken.items():
            with pytest.raises(error):
                await script.sql(f"INSERT INTO people (id, full_name) VALUES (999, '{name}')")
        await script.contract()
        for number, name in enumerate(broken, 900):
            await script.sql(f"INSERT INTO people (id, full_name) VALUES ({number}, '{name}')")
        await script.sql("DELETE FROM people WHERE id >= 900")
        await script.undo()
        with pytest.raises(asyncpg.UniqueViolationError):
            await script.sql("UPDATE people SET first_name = 'User', last_name = 'Number 7' WHERE id = 8")
        await script.rollback()
        assert await script.describe() == before


async def test_undo_names_rows_that_a_rule_of_the_old_columns_refuses(database: str) -> None:
    """Before anything is changed: a CHECK that was dropped with them is theirs again after it."""
    async with living(database, "merge-columns", MERGE, RULED, to=Stage.HIDDEN, acknowledged=_ALL) as life:
        await life.sql("INSERT INTO people (id, full_name) VALUES (901, 'Ada Ada')")
        with pytest.raises(EcError, match="1 row"):
            await life.undo()
        assert (await life.situation()).stage == Stage.HIDDEN


async def test_every_old_column_is_in_the_steps_that_hide_them(database: str) -> None:
    """And in those that bring them back, and take them away."""
    async with opened(database, "merge-columns", MERGE, NAMES) as application:
        plan = await application.plan()
        for section in (Section.CONTRACT, Section.UNDO, Section.PURGE):
            told = " ".join(step.sentence for step in plan.steps(section))
            assert "~ec_first_name" in told or section == Section.UNDO
            assert "first_name" in told
            assert "last_name" in told
        assert plan.owned == ("first_name", "full_name", "last_name")
