"""Changes that work on several tables: what is claimed of the others, and what happens to those meanwhile."""

import asyncio

import pytest

from expandcontract import gates
from expandcontract.engine import health
from expandcontract.engine.verbs import plan, start
from expandcontract.model.errors import ColumnOwned, GateShut, Refused
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict
from tests.acceptance.cycle import Life, living
from tests.acceptance.moments import at, dies_at, elsewhere

pytestmark = pytest.mark.in_turn(3)

GIVEN = """
CREATE TABLE customers (id integer PRIMARY KEY, number integer UNIQUE, name text);
CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer);
CREATE TABLE guests (id integer PRIMARY KEY, customer_id integer);
INSERT INTO customers SELECT n, n FROM generate_series(1, 10) n;
INSERT INTO orders SELECT n, n FROM generate_series(1, 10) n;
"""
KEY = {"columns": "orders.customer_id", "references": "customers.number"}
FAXES = """
CREATE TABLE faxes (id integer PRIMARY KEY);
INSERT INTO faxes SELECT n FROM generate_series(1, 10) n;
CREATE TABLE pages (id integer PRIMARY KEY, fax_id integer REFERENCES faxes ON DELETE CASCADE, note text);
INSERT INTO pages SELECT n, n FROM generate_series(1, 10) n;
"""
KEYS = """
SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid), convalidated FROM pg_constraint
WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1
"""


async def begun(life: Life, kind: str, **fields: object) -> Situation:
    """Start another change beside."""
    change = plan.named(kind, fields, ())
    hazards = {note.code for note in (await plan.make(life.context, change)).to_acknowledge}
    return await start.start(life.context, change, start.Consent(acknowledged=hazards))


def judged(situation: Situation) -> Verdict:
    """What the gate says of the other tables."""
    (verdict,) = (each for each in gates.judge_all(situation) if each.gate == "tables-stand")
    return verdict


async def test_the_key_that_is_referred_to_stays(database: str) -> None:
    """Nobody changes it while a foreign key is in the works; other columns are free, as is another key."""
    async with living(database, "add-foreign-key", KEY, GIVEN) as life:
        await life.start()
        for kind, fields in (
            ("rename-column", {"column": "customers.number", "new_name": "no"}),
            ("drop-column", {"column": "customers.number"}),
            ("drop-table", {"table": "customers"}),
            ("rename-table", {"table": "customers", "new_name": "clients"}),
        ):
            with pytest.raises(ColumnOwned, match=life.name):
                await begun(life, kind, **fields)
        await begun(life, "drop-column", column="customers.name")
        await begun(life, "add-foreign-key", columns="guests.customer_id", references="customers.number")
        assert judged(await life.situation()).open


async def test_who_begins_at_the_same_time_is_told(database: str) -> None:
    """Of two changes that want one table, each from its own side, one begins, and the other is refused with
    its name.
    """
    async with living(database, "add-foreign-key", KEY, GIVEN) as life:
        found = await asyncio.gather(
            life.start(), begun(life, "drop-table", table="customers"), return_exceptions=True
        )
        refused = [each for each in found if isinstance(each, BaseException)]
        assert len(refused) == 1
        assert isinstance(refused[0], ColumnOwned)


async def test_who_died_has_its_claims(database: str) -> None:
    """A change that died right after it began keeps others away; the same command goes on with it."""
    async with living(database, "add-foreign-key", KEY, GIVEN) as life:
        with dies_at("start.created"):
            await life.start()
        with pytest.raises(ColumnOwned, match=life.name):
            await begun(life, "drop-table", table="customers")
        await life.ready()
        await life.contract()


async def test_a_table_that_is_renamed_meanwhile_shuts_a_gate(database: str) -> None:
    """It is told by its number, with the line that mends it; a rollback does not mind."""
    async with living(database, "add-foreign-key", KEY, GIVEN) as life:
        await life.ready()
        await life.sql("ALTER TABLE customers RENAME TO clients; CREATE TABLE customers (number int UNIQUE)")
        shut = judged(await life.situation())
        assert (shut.open, shut.next) == (False, "ALTER TABLE public.clients RENAME TO customers")
        assert "is called public.clients now" in health.of(await life.situation()).sentence
        with pytest.raises(GateShut, match="tables-stand"):
            await life.contract()
        await life.sql("DROP TABLE customers; ALTER TABLE clients RENAME number TO no")
        await life.sql("ALTER TABLE clients RENAME TO customers")
        assert "Column number of public.customers" in judged(await life.situation()).reason
        await life.sql("DROP TABLE customers")
        assert "is gone" in judged(await life.situation()).reason
        await life.rollback()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("ALTER TABLE customers RENAME TO clients", "is called public.clients now"),
        ("DROP TABLE customers", "is gone"),
        (
            "ALTER TABLE customers RENAME TO clients; CREATE TABLE customers (number integer UNIQUE)",
            "is another table than the one",
        ),
    ],
)
async def test_what_happens_to_it_between_gate_and_lock_is_found_under_the_lock(
    database: str, harm: str, said: str
) -> None:
    """No key is made to another table than the one that was asked for; the error says what became of it."""
    async with living(database, "add-foreign-key", KEY, GIVEN) as life:
        await life.ready()
        with (
            at("contract.begun", lambda: elsewhere(database, harm)),
            pytest.raises(Refused, match=said),
        ):
            await life.contract()
        assert await life.rows(KEYS) == []
        await life.rollback()


_RESTORED = """
ALTER TABLE expandcontract.change DISABLE TRIGGER ALL; ALTER TABLE expandcontract.site DISABLE TRIGGER ALL;
UPDATE expandcontract.change SET database_oid = 1;
UPDATE expandcontract.site SET relation = 'guests'::regclass WHERE number = 1;
ALTER TABLE expandcontract.change ENABLE ALWAYS TRIGGER guard;
ALTER TABLE expandcontract.change ENABLE ALWAYS TRIGGER placed;
ALTER TABLE expandcontract.site ENABLE ALWAYS TRIGGER guard
"""


async def test_it_is_found_again_in_a_copy(database: str) -> None:
    """A dump keeps no numbers: until a verb has looked for the tables they are told by their names."""
    async with living(database, "add-foreign-key", KEY, GIVEN) as life:
        await life.start()
        await life.sql(_RESTORED)
        assert judged(await life.situation()).open
        await life.backfill()
        found = "SELECT relation::regclass::text FROM expandcontract.site WHERE number = 1"
        assert await life.value(found) == "customers"
        await life.sql("ALTER TABLE customers RENAME TO clients")
        with pytest.raises(Refused, match=r"is called public\.clients now"):
            await life.verify()


async def test_what_referred_to_a_table_comes_back_to_its_key(database: str) -> None:
    """A table that was renamed while the one that it refers to is hidden does not lose its key in silence:
    undo waits for its name. What took the name of one that was dropped is left alone.
    """
    async with living(database, "drop-table", {"table": "faxes"}, FAXES) as life:
        before = await life.rows(KEYS)
        await life.start()
        with pytest.raises(ColumnOwned, match=life.name):
            await begun(life, "drop-column", column="pages.fax_id")
        await life.sql("ALTER TABLE pages RENAME TO sheets")
        assert not judged(await life.situation()).open
        await life.sql("ALTER TABLE sheets RENAME TO pages")
        await life.contract()
        await life.sql("ALTER TABLE pages RENAME TO sheets")
        with pytest.raises(Refused, match=r"public\.pages is called public\.sheets now"):
            await life.undo()
        await life.sql("ALTER TABLE sheets RENAME TO pages")
        await life.undo()
        assert await life.rows(KEYS) == before
        await life.contract()
        await life.sql("DROP TABLE pages; CREATE TABLE pages (id int, fax_id int)")
        await life.undo()
        assert await life.rows(KEYS) == []
        await life.rollback()


async def test_a_key_that_was_dropped_comes_back_to_what_it_referred_to(database: str) -> None:
    """Nobody changes that while the key may come back; undo tells when somebody renamed it by hand."""
    drop = {"table": "pages", "name": "pages_fax_id_fkey"}
    async with living(database, "drop-constraint", drop, FAXES) as life:
        before = await life.rows(KEYS)
        await life.start()
        with pytest.raises(ColumnOwned, match=life.name):
            await begun(life, "rename-table", table="faxes", new_name="letters")
        await life.contract()
        await life.sql("ALTER TABLE faxes RENAME TO letters; CREATE TABLE faxes (id integer PRIMARY KEY)")
        with pytest.raises(Refused, match="is another table than the one"):
            await life.undo()
        await life.sql("DROP TABLE faxes")
        with pytest.raises(Refused, match=r"is called public\.letters now"):
            await life.undo()
        await life.sql("ALTER TABLE letters RENAME TO faxes")
        await life.undo()
        assert await life.rows(KEYS) == before


async def test_the_new_side_refers_to_what_the_old_one_does(database: str) -> None:
    """A key that goes with a column is made to that table, not to another one of its name."""
    given = f"{GIVEN}; ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers (number)"
    change = {"column": "orders.customer_id", "new_name": "buyer"}
    async with living(database, "rename-column", change, given) as life:
        before = await life.rows(KEYS)
        await life.ready()
        with pytest.raises(ColumnOwned, match=life.name):
            await begun(life, "rename-table", table="customers", new_name="clients")
        await life.sql("ALTER TABLE customers RENAME TO clients; CREATE TABLE customers (number int UNIQUE)")
        assert not judged(await life.situation()).open
        await life.sql("DROP TABLE customers; ALTER TABLE clients RENAME TO customers")
        await life.contract()
        await life.sql("ALTER TABLE customers RENAME TO clients")
        with pytest.raises(Refused, match=r"is called public\.clients now"):
            await life.undo()
        await life.sql("ALTER TABLE clients RENAME TO customers")
        await life.undo()
        assert before[0] in await life.rows(KEYS)


async def test_undo_does_not_need_the_name_of_what_was_referred_to(database: str) -> None:
    """To drop a key PostgreSQL finds the other table by itself."""
    async with living(database, "add-foreign-key", KEY, GIVEN) as life:
        await life.ready()
        await life.contract()
        await life.sql("ALTER TABLE customers RENAME TO clients")
        await life.undo()
        assert await life.rows(KEYS) == []
