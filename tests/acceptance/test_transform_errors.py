"""What a function does wrong: rows that it fails for, values that the column does not take, a process that
dies, and functions that there are not.
"""

import asyncio
from pathlib import Path

import pytest

from expandcontract import gates
from expandcontract.cli.views.status import StatusView
from expandcontract.engine.verbs import log, plan
from expandcontract.model.errors import (
    BadChangeFile,
    BadTransform,
    EcError,
    Interrupted,
    Mismatches,
    TransformFailed,
)
from expandcontract.model.phases import Stage
from tests.acceptance import functions
from tests.acceptance.backfill_process import killed_at
from tests.acceptance.cycle import Life, living
from tests.acceptance.test_transform import HERE
from tests.waiting import until

pytestmark = pytest.mark.in_turn(3)

GIVEN = """
CREATE TABLE items (id int PRIMARY KEY, code text, seen int NOT NULL DEFAULT 0);
INSERT INTO items SELECT i, i::text FROM generate_series(1, 1000) i;
"""
BAD = "UPDATE items SET code = 'secret words' WHERE id IN (77, 78, 900)"


def fields(function: str, type_: str = "int") -> dict[str, str]:
    """Return the fields of a change of items.code."""
    return {"column": "items.code", "type": type_, "to": "made", "transform": f"{HERE}:{function}"}


async def test_the_first_error_stops_and_names_the_row(database: str) -> None:
    """With the key and the exception's type; the value is told to those alone who ask for it."""
    async with living(database, "change-type", fields("parse"), GIVEN + BAD, to=Stage.BEFORE_READY) as life:
        with pytest.raises(TransformFailed) as stopped:
            await life.backfill()
        assert 'row {"id": "77"}: ValueError' in stopped.value.message
        assert "secret words" not in f"{stopped.value.message} {stopped.value.why}"
        assert f"ec backfill {life.name} --on-error skip" in stopped.value.next
        with pytest.raises(TransformFailed) as told:
            await life.backfill(show_values=True)
        assert "'secret words'" in told.value.why
        await life.sql("UPDATE items SET code = id::text")
        assert (await life.backfill()).proof is not None
        assert await life.rows("SELECT count(*) FROM items WHERE made IS DISTINCT FROM id") == [(0,)]


async def test_skipped_rows_are_kept_and_tried_again(database: str) -> None:
    """They keep contract shut, are named by the log and counted by status, until a backfill fills them."""
    async with living(database, "change-type", fields("parse"), GIVEN + BAD, to=Stage.BEFORE_READY) as life:
        with pytest.raises(Mismatches, match="3 of 1,000 rows are not filled"):
            await life.backfill(on_error="skip")
        situation = await life.situation()
        assert situation.ready
        assert situation.copy is not None
        assert situation.copy.mismatches == 3
        assert "3 rows left out (ec log)" in StatusView.of([situation], gates.judge_all).text()
        entries = [entry for entry in await log.read(life.context, life.name) if entry.kind == "transform"]
        assert [entry.data for entry in entries] == [
            {"row id": id_, "why": f"{HERE}:parse: ValueError"} for id_ in ("77", "78", "900")
        ]
        with pytest.raises(EcError):
            await life.contract()
        await life.sql("UPDATE items SET code = id::text WHERE id IN (77, 78)")
        with pytest.raises(Mismatches, match="1 of 1,000"):
            await life.backfill(on_error="skip")
        await life.sql("UPDATE items SET code = NULL WHERE id = 900")
        done = await life.backfill()
        assert done.copy is not None
        assert done.copy.mismatches == 0
        await life.contract()


WRONG = {
    "another type": ("text_for_bytes", "bytea", "a value of another type than the column's"),
    "nothing": ("nothing", "bytea", "NoneReturned"),
    "too long": ("long_text", "varchar(9)", "SQLSTATE 22001"),
    "out of range": ("parse", "smallint", "a value of another type than the column's"),
    "not to be sent": ("unsendable", "text", "it returned a generator"),
}


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("case", WRONG)
async def test_a_value_that_the_column_does_not_take(database: str, case: str) -> None:
    """One more error of a row: it is found among the others, which are filled."""
    function, type_, kind = WRONG[case]
    given = GIVEN + "UPDATE items SET code = '70000' WHERE id = 500"
    async with living(database, "change-type", fields(function, type_), given) as life:
        await life.start()
        with pytest.raises(TransformFailed, match="failed for row") as stopped:
            await life.backfill()
        assert kind in stopped.value.message
        assert stopped.value.why == ""


#: What a function returned for one row among others, and what becomes of it: the value, or the row's error.
STRANGE = {
    "text": {
        "list": "returned a list", "set": "returned a set", "dict": "returned a dict",
        "tuple": "another type", "generator": "returned a generator", "bytes": "another type",
        "surrogate": "half of a surrogate pair", "nan": "another type", "huge": "returned 200 MB",
        "object": "returned an object", "enum": "a", "safe": "a", "int": "another type",
        "decimal": "another type", "uuid": "another type", "zone": "another type",
    },
}  # fmt: skip


async def test_what_a_function_returns_is_the_value_or_its_rows_error(database: str) -> None:
    """Whatever it is, and of whatever class: never an error of `ec`, nor part of another row's result."""
    expected = STRANGE["text"]
    names = ", ".join(f"('{name}')" for name in expected)
    given = f"{GIVEN} INSERT INTO items SELECT 1000 + row_number() OVER (), n FROM (VALUES {names}) v (n)"
    async with living(database, "change-type", fields("strange", "text"), given) as life:
        await life.start()
        with pytest.raises(Mismatches):
            await life.backfill(on_error="skip")
        query = """SELECT i.code, coalesce(i.made, c.sentence) FROM items i
            LEFT JOIN expandcontract.conflict c ON c.key->>'id' = i.id::text WHERE i.id > 1000"""
        became = {row[0]: row[1] for row in await life.rows(query)}
        assert became.keys() == expected.keys()
        wrong = {name: became[name] for name in expected if expected[name] not in str(became[name])}
        assert wrong == {}
        assert await life.value("SELECT count(*) FROM items WHERE id <= 1000 AND made <> 'text ' || id") == 0


@pytest.mark.in_turn(3)
@pytest.mark.parametrize(
    ("type_", "name", "value"),
    [
        ("numeric(9,2)", "decimal", "1.50"),
        ("uuid", "uuid", "00000000-0000-0000-0000-000000000007"),
        ("timestamptz", "zone", "2026-01-01 21:34:05+00"),
    ],
)
async def test_a_value_of_a_type_of_pythons_own(database: str, type_: str, name: str, value: str) -> None:
    """It is the value; a time with a zone is the same moment."""
    given = f"{GIVEN} DELETE FROM items WHERE id > 1; UPDATE items SET code = '{name}'"
    async with living(database, "change-type", fields("strange", type_), given) as life:
        await life.ready()
        assert await life.value("SELECT made::text FROM items") == value


async def test_two_values_for_each_row_are_errors_of_the_rows(database: str) -> None:
    """They are as many as would fill the next row: no row gets one of them."""
    async with living(database, "change-type", fields("mixed", "text"), GIVEN) as life:
        await life.start()
        with pytest.raises(TransformFailed, match="it returned a list"):
            await life.backfill()
        assert await life.value("SELECT count(*) FROM items WHERE made IS NOT NULL") == 0


async def test_a_row_that_kills_the_process(database: str) -> None:
    """It is found by halves; the others of its batch are filled by another process."""
    poison = "UPDATE items SET code = 'poison' WHERE id IN (40, 777)"
    async with living(database, "change-type", fields("dies_of_poison", "bytea"), GIVEN + poison) as life:
        await life.start()
        with pytest.raises(TransformFailed, match=r'row {"id": "40"}: its process ended'):
            await life.backfill()
        with pytest.raises(Mismatches, match="2 of 1,000"):
            await life.backfill(on_error="skip")
        assert await life.rows("SELECT id FROM items WHERE made IS NULL ORDER BY id") == [(40,), (777,)]


async def test_a_process_that_is_killed_is_started_again(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the machine that runs out of memory, say: no row is at fault, and none is left out."""
    monkeypatch.setenv(functions.FOLDER, str(tmp_path))
    async with living(database, "change-type", fields("kills_itself_once", "bytea"), GIVEN) as life:
        await life.start()
        situation = await life.backfill()
        assert situation.proof is not None
        assert situation.proof.mismatches == 0
        assert (tmp_path / "once").exists()


async def test_a_function_that_does_not_return_can_be_stopped(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No transaction is open meanwhile, and its process goes with the command."""
    monkeypatch.setenv(functions.FOLDER, str(tmp_path))
    async with living(database, "change-type", fields("never_returns", "bytea"), GIVEN) as life:
        await life.start()
        working = asyncio.create_task(life.backfill())
        await until((tmp_path / "begun").exists)
        idle = (
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE application_name LIKE 'ec%' AND backend_xid IS NOT NULL"
        )
        assert await life.rows(idle) == [(0,)]
        life.context.stop.set()
        with pytest.raises(Interrupted):
            await working
        assert not Path(f"/proc/{(tmp_path / 'begun').read_text()}").exists()


NOT_THERE = {
    "no module": "no_such_module:encrypt",
    "no function": f"{HERE}:no_such_function",
    "not a function": f"{HERE}:NOT_A_FUNCTION",
    "a module that ends the process": "tests.acceptance.fatal_module:encrypt",
}


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("case", NOT_THERE)
async def test_a_function_that_is_not_there_is_refused_at_start(database: str, case: str) -> None:
    """Nothing is changed, and the error says where it was looked for."""
    asked = fields("parse") | {"transform": NOT_THERE[case]}
    async with living(database, "change-type", asked, GIVEN) as life:
        with pytest.raises(BadTransform, match="cannot be used") as refused:
            await life.start()
        assert "folder in which ec was started" in refused.value.why
        assert await life.rows("SELECT count(*) FROM expandcontract.change") == [(0,)]


async def test_a_function_that_is_gone_is_refused_at_backfill(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder in which ec is started is where it is looked for, every time."""
    monkeypatch.chdir(tmp_path)
    module = tmp_path / "of_the_user.py"
    module.write_text("def parse(value):\n    return int(value)\n")
    asked = fields("parse") | {"transform": "of_the_user:parse"}
    async with living(database, "change-type", asked, GIVEN) as life:
        await life.start()
        module.unlink()
        with pytest.raises(BadTransform, match="ModuleNotFoundError"):
            await life.backfill()
        module.write_text("def parse(value):\n    return int(value)\n")
        assert (await life.backfill()).proof is not None


REFUSED = {
    "--using": {"using": "code::int"},
    "--back": {"back": "made::text"},
    "--unfit": {"unfit": "accept"},
}


@pytest.mark.parametrize("option", REFUSED)
def test_options_that_need_an_expression_are_refused(option: str) -> None:
    """Nothing in the database knows the function, so there is nothing to put them beside."""
    with pytest.raises(BadChangeFile, match=f"--transform and {option} exclude each other"):
        plan.named("change-type", fields("parse") | REFUSED[option], ())


async def test_arrays_are_refused(database: str) -> None:
    """Before anything is done, with a way out."""
    async with living(database, "change-type", fields("parse", "text[]"), GIVEN) as life:
        with pytest.raises(EcError, match="cannot make values of text"):
            await life.start()


async def test_what_users_raise_while_a_row_is_filled(database: str) -> None:
    """A trigger of theirs that refuses the row is an error of that row."""
    trigger = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF NEW.id = 300 THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION refuse();
    """
    async with living(database, "change-type", fields("parse"), GIVEN + trigger) as life:
        await life.start()
        with pytest.raises(TransformFailed, match=r'row {"id": "300"}: SQLSTATE P0001'):
            await life.backfill()
        with pytest.raises(Mismatches, match="1 of 1,000"):
            await life.backfill(on_error="skip")
        assert await _unfilled(life) == [(300,)]


async def _unfilled(life: Life) -> list[tuple[int]]:
    return [(row[0],) for row in await life.rows("SELECT id FROM items WHERE made IS NULL ORDER BY id")]


async def test_a_trigger_that_changes_the_old_side_meanwhile(database: str) -> None:
    """What was computed of the value before does not stay: the row is filled from what it holds then."""
    trigger = """
    CREATE FUNCTION twice() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF NEW.code = '5' THEN NEW.code := '5000'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER twice BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION twice();
    """
    async with living(database, "change-type", fields("parse"), GIVEN + trigger) as life:
        await life.start()
        await life.backfill()
        assert await life.rows("SELECT code, made FROM items WHERE id = 5") == [("5000", 5000)]


@pytest.mark.in_turn(4)
@pytest.mark.parametrize(
    "point", ["copy.look.after", "transform.computed", "copy.batch.committed", "copy.batch.before"]
)
async def test_kill_minus_nine_and_go_on(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """The function's process goes as well; the same command finishes the work, and writes no row twice."""
    monkeypatch.setenv(functions.FOLDER, str(tmp_path))
    async with living(database, "change-type", fields("tells_its_process", "bytea"), GIVEN) as life:
        await life.start()
        ended = await killed_at(life.url, life.name, point, 3)
        assert ended == -9
        process = Path(f"/proc/{(tmp_path / 'process').read_text()}")
        await until(lambda: not process.exists())
        await life.backfill()
        assert await life.rows("SELECT count(*) FROM items WHERE made IS NULL") == [(0,)]
        ((written,),) = await life.rows(
            "SELECT sum(rows)::int FROM expandcontract.chunk WHERE purpose = 'copy'"
        )
        assert written == 1000
