"""rename-column --instant: what its plan finds, and what holds while the view has both names."""

import pytest

from expandcontract import gates
from expandcontract.changes import instant_rename
from expandcontract.engine import health
from expandcontract.engine.verbs import plan
from expandcontract.model.errors import EcError, NameTaken, NoSuchObject, Refused
from expandcontract.model.phases import Stage
from expandcontract.model.plan import Plan
from tests.acceptance.cycle import Expected, Life, living, opened

pytestmark = pytest.mark.in_turn(3)

FIELDS = {"column": "users.name", "new_name": "title", "instant": True}
GIVEN = """
CREATE TABLE "Guest Book" ("Full Name" text PRIMARY KEY);
CREATE TABLE users (id integer PRIMARY KEY, name text UNIQUE, seen integer DEFAULT 0, other text);
CREATE INDEX ON users (lower(name));
CREATE VIEW known AS SELECT id, name FROM users;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS '
    BEGIN NEW.other := NEW.name || TG_TABLE_NAME; RETURN NEW; END';
CREATE FUNCTION first_name() RETURNS text LANGUAGE sql AS 'SELECT name FROM users ORDER BY id LIMIT 1';
INSERT INTO users VALUES (1, 'Ann'), (2, 'Bob');
"""
TRIGGER = "CREATE TRIGGER stamp BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION stamp()"


async def test_what_the_plan_finds(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trigger's function that knows the old name would fail at once: that must be acknowledged. A primary
    key can be renamed; names that are not there or taken are refused. A plan that copies a large table
    mentions that nothing has to be copied.
    """
    async with opened(database, "rename-column", FIELDS, GIVEN + TRIGGER) as life:
        codes = {note.code for note in (await life.plan()).to_acknowledge}
        assert codes == {"view", "both-names", "row-body:public.stamp()", "table-name:stamp"}

        async def planned(**fields: object) -> Plan:
            return await plan.make(life.context, plan.named("rename-column", FIELDS | fields, ()))

        named = await planned(column='"Guest Book"."Full Name"', new_name="who")
        assert named.aside is not None
        assert named.aside.name == "~ec_Guest Book"
        for fields, error in (
            ({"new_name": "other"}, NameTaken),
            ({"new_name": '"~ec_x"'}, NameTaken),
            ({"column": "users.nam"}, NoSuchObject),
            ({"column": "known.name"}, EcError),
        ):
            with pytest.raises(error):
                await planned(**fields)
        monkeypatch.setattr(instant_rename, "MENTIONED_FROM", 0)
        assert "instant" in {note.code for note in (await planned(instant=False)).costs}


async def test_both_names_until_contract(database: str) -> None:
    """Old code goes on by its name, new code by its own, in every statement and for every column around it;
    what was there before follows the column.
    """
    async with living(database, "rename-column", FIELDS, GIVEN) as life:
        await _start(life)
        await life.sql("INSERT INTO users (id, name) VALUES (3, 'Cid')")
        await life.sql("UPDATE users SET title = 'Bea' WHERE name = 'Bob'")
        await life.sql("INSERT INTO users VALUES (4, 'Dan', 1, 'x')")
        for column in ("name", "title"):
            await life.sql(
                f"INSERT INTO users (id, {column}) VALUES (9, 'Ann')"
                f" ON CONFLICT ({column}) DO UPDATE SET seen = users.seen + 1"
            )
        everyone = [(1, "Ann", 2), (2, "Bea", 0), (3, "Cid", 0), (4, "Dan", 1)]
        for column in ("name", "title"):
            assert await life.rows(f"SELECT id, {column}, seen FROM users ORDER BY id") == everyone
        assert await life.value("SELECT first_name()") == "Ann"
        assert await life.rows("SELECT name FROM known WHERE id = 2") == [("Bea",)]
        verdicts = {each.gate: each for each in gates.judge_all(await life.situation())}
        assert not verdicts["mentions"].open
        assert "first_name" in verdicts["mentions"].reason
        await life.sql("DROP FUNCTION first_name()")
        await life.contract()
        assert await life.rows("SELECT id, title, seen FROM users ORDER BY id") == everyone
        await life.undo()
        assert await life.rows("SELECT id, name, seen FROM users ORDER BY id") == everyone
        await life.rollback()
        assert await life.rows("SELECT * FROM users ORDER BY id") == [
            (*row, *rest) for row, rest in zip(everyone, [(None,), (None,), (None,), ("x",)], strict=True)
        ]


async def test_who_reads_by_the_old_name_is_named(database: str) -> None:
    """The old side is a column of the view: what stands on the view keeps contract shut."""
    async with living(database, "rename-column", FIELDS, GIVEN + "DROP FUNCTION first_name()") as life:
        await _start(life)
        await life.sql("CREATE VIEW late AS SELECT seen FROM users")
        verdicts = {each.gate: each for each in gates.judge_all(await life.situation())}
        assert not verdicts["dependents-clear"].open
        assert "view public.late" in verdicts["dependents-clear"].reason
        assert "view public.known" not in verdicts["dependents-clear"].reason


async def _start(life: Life) -> None:
    situation = await life.start(acknowledged=Expected({"view", "both-names"}))
    assert situation.deployable


async def test_undo_shows_the_columns_that_the_table_has_by_then(database: str) -> None:
    """What another migration added after contract is in the view, and what it dropped is not missed."""
    async with living(database, "rename-column", FIELDS, GIVEN) as life:
        await _start(life)
        await life.sql("DROP FUNCTION first_name()")
        await life.contract()
        await life.sql('ALTER TABLE users ADD "Born %" integer DEFAULT 7, DROP other')
        await life.undo()
        assert await life.rows("SELECT * FROM users WHERE name = 'Ann'") == [(1, "Ann", 0, 7, "Ann")]
        await life.sql("INSERT INTO users (id, name, \"Born %\") VALUES (3, 'Cid', 8)")
        await life.rollback()
        assert await life.rows("SELECT * FROM users WHERE id = 3") == [(3, "Cid", 0, 8)]


TABLE: dict[str, object] = {"table": "users", "new_name": "accounts"}


@pytest.mark.parametrize(
    ("kind", "fields", "named"),
    [("rename-column", FIELDS, "both-names"), ("rename-table", TABLE, "dependent")],
    ids=["column", "table"],
)
async def test_a_view_that_somebody_dropped(
    database: str, kind: str, fields: dict[str, object], named: str
) -> None:
    """What is missing is told, and made again by the next backfill; there is nothing to drop in it for
    contract and rollback, which bring the table where it belongs. What took its name is nobody's to drop.
    """
    users = "CREATE TABLE users (id integer PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'Ann')"
    async with living(database, kind, fields, users) as life:
        await life.start(acknowledged=Expected({"view", named}))
        await life.sql("DROP VIEW users")
        situation = await life.situation()
        assert not situation.deployable
        finding = health.of(situation)
        assert "View public.users" in finding.sentence
        assert "is missing" in finding.sentence
        assert (await life.backfill()).deployable
        await life.sql("INSERT INTO users (id, name) VALUES (2, 'Bob')")

        await life.sql("DROP VIEW users; CREATE TABLE users (other text)")
        for verb in (life.contract, life.rollback):
            with pytest.raises(Refused, match="took its name"):
                await verb()
        assert "took its name" in health.of(await life.situation()).sentence
        await life.sql("DROP TABLE users")

        await life.contract()
        await life.undo()
        assert await life.rows("SELECT id, name FROM users ORDER BY id") == [(1, "Ann"), (2, "Bob")]
        await life.sql("DROP VIEW users")
        assert (await life.rollback()).stage == Stage.ROLLED_BACK
        assert await life.rows("SELECT * FROM users ORDER BY id") == [(1, "Ann"), (2, "Bob")]
