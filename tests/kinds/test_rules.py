"""Rules on rows: who breaks one is found before it refuses anything, and one that fails refuses nothing."""

import asyncpg
import pytest

from expandcontract import gates
from expandcontract.cli.views.report import ReportView
from expandcontract.engine.verbs import report
from expandcontract.engine.verbs.verify import VerifyOptions, look
from expandcontract.engine.verbs.verify import verify as verify_verb
from expandcontract.model.errors import EcError, GateShut, Mismatches, StepFailed
from expandcontract.model.phases import Stage
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict
from tests.acceptance.cycle import Life, acknowledge, living, opened

pytestmark = pytest.mark.in_turn(3)

TITLES = """
CREATE TABLE articles (id integer PRIMARY KEY, title text);
INSERT INTO articles SELECT n, 'Title ' || n FROM generate_series(1, 100) n;
UPDATE articles SET title = 'b' WHERE id IN (7, 42);
"""
CHECK = {"table": "articles", "name": "long", "check": "length(title) > 3"}
BREAK = "INSERT INTO articles VALUES (1000, 'd')"


def _gate(situation: Situation) -> Verdict:
    return next(each for each in gates.judge_all(situation) if each.gate == "looks-clean")


async def _constraints(life: Life) -> int:
    return int(await life.value("SELECT count(*) FROM pg_constraint WHERE contype = 'c'"
                                " AND conrelid = 'articles'::regclass"))  # fmt: skip


async def test_rows_that_break_it_are_counted_and_named(database: str) -> None:
    """Backfill and verify say how many and which; the gate is shut until a count finds none; nothing is
    refused before contract.
    """
    async with living(database, "add-check", CHECK, TITLES) as life:
        started = await life.start()
        assert (started.stage, _gate(started).open) == (Stage.READY, False)
        with pytest.raises(Mismatches, match=r"2 of 100 rows break CHECK \(length\(title\) > 3\)") as told:
            await life.backfill()
        assert told.value.why.startswith("Rows: id=7; id=42.")
        shut = _gate(await life.situation())
        assert (shut.open, "2 of 100 rows break" in shut.reason) == (False, True)
        with pytest.raises(GateShut):
            await life.contract()
        await life.sql(f"{BREAK}; DELETE FROM articles WHERE length(title) < 4")
        await life.verify()
        assert _gate(await life.situation()).open
        assert (await life.contract()).stage == Stage.HIDDEN
        assert await _constraints(life) == 1
        told_after = ReportView.of(*await report.read(life.context, life.name)).text()
        assert "no row of the table was found to break CHECK" in " ".join(told_after.split())


async def test_every_row_can_be_exported(database: str) -> None:
    """Each row that breaks the rule is given out by its key, and no more of it is shown."""
    async with living(database, "add-check", CHECK, TITLES) as life:
        await life.start()
        found: list[dict[str, str | None]] = []
        with pytest.raises(Mismatches, match="2 of 100 rows break"):
            await life.verify(export=lambda row: found.append(row.key), show_values=True)
        assert found == [{"id": "7"}, {"id": "42"}]


PAGES = "CREATE TABLE pages (id integer PRIMARY KEY, article integer);"
SINCE = {
    "add-check": (CHECK, BREAK, "id=1000"),
    "set-not-null": ({"column": "articles.title"}, "INSERT INTO articles VALUES (1000)", "id=1000"),
    "add-foreign-key": (
        {"columns": "pages.article", "references": "articles"},
        "INSERT INTO pages VALUES (1, 9999)",
        "id=1",
    ),
}


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("kind", SINCE)
async def test_what_was_written_since_stops_contract_and_leaves_nothing(database: str, kind: str) -> None:
    """A row that breaks the rule after the count: contract says how many there are and which, and no write is
    refused after it.
    """
    fields, broken, key = SINCE[kind]
    given = f"{TITLES} DELETE FROM articles WHERE length(title) < 4; {PAGES}"
    async with living(database, kind, fields, given) as life:
        await life.ready()
        await life.sql(broken)
        with pytest.raises(Mismatches, match="would be refused from contract on") as told:
            await life.contract()
        assert key in told.value.why
        assert _gate(await life.situation()).next == f"ec verify {life.name}"
        await life.sql(broken.replace("(1", "(200"))
        assert (await life.rollback()).stage == Stage.ROLLED_BACK


async def test_a_count_that_somebody_does_without(database: str) -> None:
    """Who acknowledges that nobody counted contracts at once: PostgreSQL looks at every row itself."""
    async with living(database, "add-check", CHECK, TITLES) as life:
        await life.sql("DELETE FROM articles WHERE length(title) < 4")
        await life.start()
        await acknowledge(life, "looks-clean", "the table is small")
        assert (await life.contract()).stage == Stage.HIDDEN


async def test_undo_asks_for_another_count(database: str) -> None:
    """After undo rows may be what they like again, so that the old count says nothing any more."""
    async with living(database, "add-check", CHECK, TITLES) as life:
        await life.sql("DELETE FROM articles WHERE length(title) < 4")
        await life.ready()
        await life.contract()
        undone = await life.undo()
        assert (await _constraints(life), _gate(undone).open) == (0, False)
        await life.sql(BREAK)
        with pytest.raises(Mismatches, match="1 of 99 rows break"):
            await life.backfill()


async def test_a_sample_and_a_standing_comparison(database: str) -> None:
    """A sample speaks of the rule; what a comparison at each write would be, the rule is itself."""
    async with living(database, "add-check", CHECK, TITLES) as life:
        await life.start()
        with pytest.raises(Mismatches, match="2 of 100 rows in 1 blocks break CHECK"):
            await look(life.context, life.name, 10)
        with pytest.raises(EcError, match="holds no two columns together"):
            await verify_verb(life.context, life.name, VerifyOptions(standing=True))


async def test_a_rollback_that_rows_do_not_let_through(database: str) -> None:
    """NOT NULL cannot come back where a row has no value by now: rollback says so, and nothing is refused."""
    given = TITLES + "ALTER TABLE articles ALTER title SET NOT NULL"
    async with living(database, "drop-not-null", {"column": "articles.title"}, given) as life:
        await life.start()
        await life.sql("INSERT INTO articles VALUES (1000, NULL)")
        with pytest.raises(StepFailed):
            await life.rollback()
        await life.sql("INSERT INTO articles VALUES (1001, NULL); DELETE FROM articles WHERE title IS NULL")
        assert (await life.rollback()).stage == Stage.ROLLED_BACK
        with pytest.raises(asyncpg.NotNullViolationError):
            await life.sql("INSERT INTO articles VALUES (1001, NULL)")


@pytest.mark.in_turn(2)
@pytest.mark.parametrize(
    ("constraint", "broken", "mended", "error", "said"),
    [
        (
            "CHECK (length(title) > 0)",
            "INSERT INTO articles VALUES (1000, '')",
            "id = 1000",
            Mismatches,
            r"1 row of public\.articles break it",
        ),
        (
            "UNIQUE (title)",
            "INSERT INTO articles VALUES (1000, 'b')",
            "id IN (7, 1000)",
            StepFailed,
            "UNIQUE|unique",
        ),
    ],
    ids=["check", "unique"],
)
async def test_an_undo_that_rows_do_not_let_through(
    database: str, constraint: str, broken: str, mended: str, error: type[EcError], said: str
) -> None:
    """A constraint that new code's rows break does not come back: the change stays as it was, and nothing is
    refused; once the rows are mended undo goes through.
    """
    given = f"""{TITLES} UPDATE articles SET title = 'c' WHERE id = 42;
        ALTER TABLE articles ADD CONSTRAINT it {constraint}"""
    async with living(database, "drop-constraint", {"table": "articles", "name": "it"}, given) as life:
        await life.ready()
        await life.contract()
        await life.sql(broken)
        with pytest.raises(error, match=said):
            await life.undo()
        assert (await life.situation()).stage == Stage.HIDDEN
        await life.sql(f"{broken.replace('1000', '1001')}; DELETE FROM articles WHERE id = 1001 OR {mended}")
        assert (await life.undo()).stage == Stage.READY
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await life.sql(f"{broken}; {broken.replace('1000', '1001')}")


async def test_a_validation_that_rows_do_not_let_through(database: str) -> None:
    """Rows that break the constraint are counted and named; it stays NOT VALID until they are mended."""
    given = f"{TITLES} ALTER TABLE articles ADD CONSTRAINT it CHECK (length(title) > 3) NOT VALID"
    async with living(database, "validate-constraint", {"table": "articles", "name": "it"}, given) as life:
        await life.start()
        with pytest.raises(Mismatches, match=r"2 rows of public\.articles break it") as told:
            await life.backfill()
        assert told.value.why == "Rows: id=7; id=42."
        await life.sql("DELETE FROM articles WHERE length(title) < 4")
        assert (await life.backfill()).stage == Stage.FINISHED


LOOSE = """
CREATE TABLE least (length integer);
INSERT INTO least VALUES (4);
CREATE FUNCTION long_enough(text) RETURNS boolean LANGUAGE sql STABLE
AS 'SELECT length($1) >= length FROM least';
"""


async def test_a_check_that_rests_on_the_search_path(database: str) -> None:
    """What its functions name is found where the application's writes find it: by the count, by who names the
    rows, and by the validation. The plan says of such a function that it depends on who writes.
    """
    fields = {"table": "articles", "name": "long", "check": "long_enough(title)"}
    async with living(database, "add-check", fields, TITLES + LOOSE) as life:
        said = [note.sentence for note in (await life.plan()).hazards]
        assert ["public.long_enough(text): without a search_path" in each for each in said] == [True]
        await life.start()
        with pytest.raises(Mismatches, match="2 of 100 rows break") as told:
            await life.backfill()
        assert told.value.why.startswith("Rows: id=7; id=42.")
        await life.sql("DELETE FROM articles WHERE length(title) < 4")
        await life.verify()
        await life.contract()
        with pytest.raises(asyncpg.CheckViolationError):
            await life.sql(BREAK)


async def test_a_key_of_a_table_to_itself_is_tried(database: str) -> None:
    """The copy on which a plan is tried has what makes the columns unique to which the key refers."""
    given = "CREATE TABLE people (id integer PRIMARY KEY, boss integer REFERENCES people)"
    fields = {"table": "people", "name": "people_boss_fkey"}
    async with opened(database, "drop-constraint", fields, given) as asked:
        assert "not-tried" not in {note.code for note in (await asked.plan()).hazards}


NOTED = {
    "add-check": ({"table": "rows", "check": "10 / n > 1 AND new <> 'bad'"}, "new", "'bad'"),
    "set-not-null": ({"column": "rows.new"}, "new", "NULL"),
}


@pytest.mark.parametrize("kind", NOTED)
async def test_who_writes_what_will_be_refused_is_noted(database: str, kind: str) -> None:
    """By whom, on a table with partitions as well; whoever keeps the rule is not, and no write fails for it,
    also where the rule itself raises an error.
    """
    fields, column, bad = NOTED[kind]
    given = """
        CREATE TABLE rows (id integer, n integer DEFAULT 2, new text DEFAULT 'good') PARTITION BY RANGE (id);
        CREATE TABLE rows_1 PARTITION OF rows FOR VALUES FROM (0) TO (1000);
        INSERT INTO rows (id) VALUES (1)"""
    async with living(database, kind, fields, given) as life:
        await life.start()
        await life.backfill()

        def gate(situation: Situation) -> Verdict:
            return next(each for each in gates.judge_all(situation) if each.gate == "old-writers")

        await life.sql("SET application_name = 'careful'; INSERT INTO rows (id) VALUES (2);"
                       "INSERT INTO rows VALUES (3, 0)")  # fmt: skip
        nobody = "Nobody was ever seen writing rows that will be refused."
        assert nobody in gate(await life.situation()).reason
        await life.sql(f"""SET application_name = 'careless'; UPDATE rows SET {column} = {bad} WHERE id = 1;
            INSERT INTO rows (id, {column}) VALUES (4, {bad})""")
        told = gate(await life.situation())
        assert "Seen writing rows that will be refused: careless (role postgres" in told.reason
        assert "careful" not in told.reason
        await life.sql("DELETE FROM rows")
        await life.verify()
        await life.contract()
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await life.sql(f"INSERT INTO rows (id, {column}) VALUES (5, {bad})")
        assert not await life.value("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'rows_1'::regclass")
        await life.undo()
        await life.sql(f"INSERT INTO rows (id, {column}) VALUES (5, {bad})")
