"""One column that becomes several: whose write says what, and what is refused."""

from typing import Any

import asyncpg
import pytest

from expandcontract.model.errors import EcError, NotConfirmed, Refused
from expandcontract.model.phases import Stage
from tests.acceptance.cycle import living, opened
from tests.acceptance.script import Script, scripted
from tests.kinds.cases import PEOPLE

pytestmark = pytest.mark.in_turn(3)

INTO = [
    "first_name = split_part(full_name, ' ', 1)",
    "last_name = substr(full_name, length(split_part(full_name, ' ', 1)) + 2)",
]
SPLIT: dict[str, Any] = {"column": "people.full_name", "into": INTO, "back": "first_name || ' ' || last_name"}


async def _row(script: Script, id_: int) -> tuple[object, ...]:
    (row,) = await script.rows(f"SELECT full_name, first_name, last_name FROM people WHERE id = {id_}")
    return row


async def test_each_version_of_the_application_sees_what_the_other_wrote(database: str) -> None:
    """A part that is written alone goes back with the other as it is; who writes both keeps the parts."""
    async with scripted(database, "split-column", SPLIT, PEOPLE) as script:
        await script.ready()
        assert await _row(script, 7) == ("User Number 7", "User", "Number 7")
        await script.sql("UPDATE people SET full_name = 'Ada King' WHERE id = 7")
        assert await _row(script, 7) == ("Ada King", "Ada", "King")
        await script.sql("UPDATE people SET first_name = 'Ada Augusta' WHERE id = 7")
        assert await _row(script, 7) == ("Ada Augusta King", "Ada Augusta", "King")
        await script.sql("UPDATE people SET note = 'x' WHERE id = 7")
        assert await _row(script, 7) == ("Ada Augusta King", "Ada Augusta", "King")
        await script.sql(
            "UPDATE people SET full_name = 'A B', first_name = 'C', last_name = 'D' WHERE id = 7"
        )
        assert await _row(script, 7) == ("C D", "C", "D")
        await script.verify()


#: Of whatever is only stable, the parts are filled once.
STABLE: dict[str, Any] = SPLIT | {
    "into": [INTO[0], "last_name = concat_ws('', substr(full_name, strpos(full_name, ' ') + 1))"]
}
ONE_WAY: dict[str, Any] = {"column": SPLIT["column"], "into": STABLE["into"], "one_way": True}


@pytest.mark.parametrize("fields", [SPLIT, STABLE, ONE_WAY], ids=["mirror", "fill", "one way"])
async def test_a_part_that_is_written_before_the_row_is_filled(database: str, fields: dict[str, Any]) -> None:
    """The other parts are those of the row as it was: nothing is lost of what old code wrote."""
    async with scripted(database, "split-column", fields, PEOPLE) as script:
        await script.start()
        await script.sql("UPDATE people SET first_name = 'Ada' WHERE id = 7")
        whole = "User Number 7" if fields.get("one_way") else "Ada Number 7"
        assert await _row(script, 7) == (whole, "Ada", "Number 7")
        # As read before it was filled, and written back as a whole.
        await script.sql("UPDATE people SET first_name = 'Eve', last_name = NULL WHERE id = 7")
        assert (await _row(script, 7))[1:] == ("Eve", "Number 7")
        await script.backfill()
        assert (await _row(script, 7))[1:] == ("Eve", "Number 7")


async def test_a_part_that_the_first_trigger_made_null_stays_so(database: str) -> None:
    """Where a trigger of the user looks at the pair, ours is called twice: what old code wrote last holds."""
    last = "last_name = nullif(concat_ws('', split_part(full_name, ' ', 2)), '')"
    fields = {
        "column": SPLIT["column"],
        "into": [INTO[0], last],
        "back": "concat_ws(' ', first_name, last_name)",
    }
    given = f"""{PEOPLE}
        CREATE FUNCTION looks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            NEW.note := NEW.full_name; RETURN NEW; END $$;
        CREATE TRIGGER looks BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION looks();"""
    async with scripted(database, "split-column", fields, given) as script:
        await script.start()
        await script.sql("UPDATE people SET first_name = 'Ada', last_name = 'King' WHERE id = 7")
        await script.sql("UPDATE people SET full_name = 'Plato' WHERE id = 7")
        assert await _row(script, 7) == ("Plato", "Plato", None)


async def test_what_new_code_writes_after_contract_is_there_after_undo(database: str) -> None:
    """The hidden column follows, and the parts stay as new code wrote them."""
    async with scripted(database, "split-column", SPLIT, PEOPLE) as script:
        await script.ready()
        await script.contract()
        await script.sql("INSERT INTO people (id, first_name, last_name) VALUES (900, 'Mary Jane', 'Watson')")
        await script.sql("UPDATE people SET last_name = 'Last' WHERE id = 1")
        await script.undo()
        assert await _row(script, 900) == ("Mary Jane Watson", "Mary Jane", "Watson")
        assert await _row(script, 1) == ("User Last", "User", "Last")
        await script.verify()


async def test_rows_without_any_part_are_named_before_undo_does_anything(database: str) -> None:
    """The old column is NOT NULL, and none of its parts is: such rows are noted when they are written."""
    async with living(database, "split-column", SPLIT, PEOPLE) as life:
        await life.ready()
        await life.contract()
        await life.sql("INSERT INTO people (id, note) VALUES (901, 'nobody')")
        await life.sql("UPDATE people SET first_name = NULL, last_name = NULL WHERE id = 5")
        await life.sql("UPDATE people SET note = 'still nobody' WHERE id = 901")
        with pytest.raises(Refused, match=r"2 rows of public\.people would break") as caught:
            await life.undo()
        assert "id=901" in caught.value.why
        assert "id=5" in caught.value.why
        assert (await life.situation()).stage == Stage.HIDDEN
        await life.sql("UPDATE people SET first_name = 'Some', last_name = 'One' WHERE id IN (5, 901)")
        assert (await life.undo()).stage == Stage.READY
        assert await life.value("SELECT full_name FROM people WHERE id = 901") == "Some One"


async def test_rollback_asks_before_it_loses_parts(database: str) -> None:
    """Which part is which is kept nowhere else."""
    async with living(database, "split-column", SPLIT, PEOPLE) as life:
        await life.ready()
        await life.sql("UPDATE people SET first_name = 'Ada Augusta', last_name = 'King' WHERE id = 1")
        with pytest.raises(NotConfirmed, match="1 rows hold in first_name and last_name"):
            await life.rollback()
        assert (await life.rollback(discard=True, confirm=life.name)).stage == Stage.ROLLED_BACK


async def test_the_plan_says_that_no_part_is_not_null(database: str) -> None:
    """Although the old column is: nothing says that a default or a value must be given for a part."""
    given = PEOPLE + "ALTER TABLE people ALTER full_name SET DEFAULT 'No Body';"
    async with opened(database, "split-column", SPLIT, given) as life:
        plan = await life.plan()
        told = {note.code: note.sentence for note in (*plan.hazards, *plan.costs)}
        assert "full_name is NOT NULL, and none of first_name, last_name is" in told["not-null-stays"]
        assert "is refused" not in told["default-dropped"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a part named twice": ({"into": [INTO[0], INTO[0]]}, "names first_name twice"),
    "the name of a column": ({"into": [INTO[0], "note = full_name"]}, "has a column note already"),
    "an expression over another column": ({"into": [INTO[0], "last_name = note"]}, "--into names note"),
    "no expression": ({"into": [INTO[0], "last_name = full_name +"]}, "not an expression"),
    "another type": (
        {"into": [INTO[0], "last_name integer = full_name::date"]},
        "not an expression for integer",
    ),
    "back over the old column": ({"back": "full_name"}, "--back names full_name"),
}


async def test_what_is_refused(database: str, subtests: pytest.Subtests) -> None:
    """With the word that is wrong, and nothing changed."""
    for what, (fields, said) in REFUSED.items():
        with subtests.test(what):
            async with opened(database, "split-column", SPLIT | fields) as application:
                if what == "a part named twice":
                    await application.sql(PEOPLE)
                with pytest.raises(EcError) as caught:
                    await application.plan()
                assert said in f"{caught.value.message} {caught.value.why}"


async def test_a_rule_on_the_column_ends_at_contract(database: str) -> None:
    """Nothing says what UNIQUE means for its parts, so that the plan names it; undo brings it back."""
    given = f"{PEOPLE} ALTER TABLE people ADD CONSTRAINT one UNIQUE (full_name)"
    async with scripted(database, "split-column", SPLIT, given) as script:
        (said,) = (note for note in script.planned.to_acknowledge if note.code == "unique-dropped:one")
        assert "ends at contract" in said.sentence
        before = await script.describe()
        await script.ready()
        with pytest.raises(asyncpg.UniqueViolationError):
            await script.sql("UPDATE people SET last_name = 'Number 7' WHERE id = 8")
        await script.contract()
        await script.sql("UPDATE people SET last_name = 'Number 7' WHERE id = 8")
        await script.sql("UPDATE people SET last_name = 'Number 8' WHERE id = 8")
        await script.undo()
        await script.rollback()
        assert await script.describe() == before


async def test_a_value_that_does_not_come_back_is_taken_as_it_is(database: str) -> None:
    """One word has no last name, and the write goes through."""
    async with scripted(database, "split-column", SPLIT, PEOPLE) as script:
        await script.ready()
        await script.sql("UPDATE people SET full_name = 'Plato' WHERE id = 3")
        assert await _row(script, 3) == ("Plato", "Plato", "")


async def test_a_value_that_does_not_come_back_is_refused_where_that_was_asked(database: str) -> None:
    """With --unfit refuse no value is ever lost."""
    fields = SPLIT | {"unfit": "refuse"}
    async with scripted(database, "split-column", fields, PEOPLE) as script:
        await script.start()
        with pytest.raises(asyncpg.PostgresError, match="does not fit"):
            await script.sql("UPDATE people SET full_name = 'Plato' WHERE id = 4")
