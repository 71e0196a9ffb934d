"""drop-table: foreign keys go one by one and come back, and what keeps the table from being purged."""

from urllib.parse import urlsplit

import asyncpg
import pytest

from expandcontract import gates
from expandcontract.engine.verbs import plan
from expandcontract.model.errors import EcError, GateShut, MissingPrivilege, NameTaken, UnsupportedShape
from expandcontract.model.verdict import Verdict
from tests.acceptance.cycle import living, opened

pytestmark = pytest.mark.in_turn(3)

GIVEN = """
CREATE TABLE faxes (id integer PRIMARY KEY, body text, up integer REFERENCES faxes);
INSERT INTO faxes SELECT n, 'x' FROM generate_series(1, 100) n;
CREATE TABLE pages (id integer PRIMARY KEY, fax_id integer REFERENCES faxes ON DELETE CASCADE);
INSERT INTO pages SELECT n, n FROM generate_series(1, 50) n;
"""
KEYS = """
SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid), convalidated FROM pg_constraint
WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1
"""
ODD = """
CREATE TABLE sales (id integer, day date) PARTITION BY RANGE (day);
CREATE TABLE sales_now PARTITION OF sales DEFAULT;
CREATE TABLE parent (id integer); CREATE TABLE child () INHERITS (parent);
CREATE TABLE twice (id integer); CREATE TABLE "~ec_twice" (id integer);
CREATE VIEW seen AS SELECT 1 AS id;
"""


async def test_what_cannot_be_dropped_is_refused(database: str) -> None:
    """With the way out; a partitioned table is planned."""
    async with opened(database, "drop-table", {"table": "sales"}, ODD) as life:
        assert (await life.plan()).final_table is not None
        for table, error, way in (
            ("sales_now", UnsupportedShape, "DETACH PARTITION"),
            ("parent", UnsupportedShape, "NO INHERIT"),
            ("child", UnsupportedShape, "inherits"),
            ("twice", NameTaken, ""),
            ("seen", UnsupportedShape, "a view"),
        ):
            with pytest.raises(error) as caught:
                await plan.make(life.context, plan.named("drop-table", {"table": table}, ()))
            assert way in f"{caught.value.message} {caught.value.why}"


async def test_keys_go_and_come_back(database: str) -> None:
    """Contract takes keys of other tables; undo makes them again as they were and checks all rows, and a row
    that has nothing to refer to any more keeps it from its end until it is mended.
    """
    async with living(database, "drop-table", {"table": "faxes"}, GIVEN) as life:
        before = await life.rows(KEYS)
        await life.start()
        await life.sql("DELETE FROM faxes WHERE id = 99; UPDATE faxes SET body = 'y' WHERE id = 98")
        assert await life.rows("SELECT count(*) FROM faxes") == [(99,)]
        assert (await life.situation()).old_writers
        await life.contract()
        assert [row[0] for row in await life.rows(KEYS)] == ['"~ec_faxes"']
        await life.sql("INSERT INTO pages VALUES (1000, 5000)")
        with pytest.raises(EcError, match="fax_id"):
            await life.undo()
        assert await life.value("SELECT count(*) FROM faxes") == 99
        await life.sql("DELETE FROM pages WHERE id = 1000")
        await life.undo()
        assert await life.rows(KEYS) == before
        await life.rollback()
        assert await life.rows(KEYS) == before


async def test_what_fails_is_taken_back(database: str) -> None:
    """Where the table cannot be locked for hiding it, the keys hold again at the end of the same command."""
    async with living(database, "drop-table", {"table": "faxes"}, GIVEN) as life:
        before = await life.rows(KEYS)
        await life.start()
        await life.sql('CREATE TABLE "~ec_faxes" (id integer)')
        with pytest.raises(EcError):
            await life.contract()
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await life.sql("INSERT INTO pages VALUES (1000, 5000)")
        await life.sql('DROP TABLE "~ec_faxes"')
        await life.rollback()
        assert await life.rows(KEYS) == before


async def test_what_referred_to_it_may_go(database: str) -> None:
    """Neither a key nor a table that somebody drops meanwhile keeps rollback or undo from their end."""
    async with living(database, "drop-table", {"table": "faxes"}, GIVEN) as life:
        await life.start()
        await life.sql("ALTER TABLE pages DROP CONSTRAINT pages_fax_id_fkey")
        await life.rollback()
        await life.sql("ALTER TABLE pages ADD FOREIGN KEY (fax_id) REFERENCES faxes")
        await life.start()
        await life.contract()
        await life.sql("DROP TABLE pages")
        await life.undo()
        assert await life.value("SELECT count(*) FROM faxes") == 100
        await life.rollback()


async def test_purge_waits_for_what_uses_the_table(database: str) -> None:
    """A view goes on with the hidden table, and keeps purge shut; so does a key that came after the plan."""
    async with living(database, "drop-table", {"table": "faxes"}, GIVEN) as life:
        await life.sql("CREATE VIEW bodies AS SELECT body FROM faxes")
        assert "dependent:view" in {note.code for note in (await life.plan()).hazards}
        await life.start()
        verdicts = {each.gate: each for each in gates.judge_all(await life.situation())}
        assert verdicts["dependents-clear"].open
        assert "view public.bodies" in verdicts["dependents-clear"].reason
        await life.contract()
        await life.sql('ALTER TABLE pages ADD CONSTRAINT late FOREIGN KEY (id) REFERENCES "~ec_faxes"')
        with pytest.raises(GateShut, match=r"view public\.bodies"):
            await life.purge()
        await life.sql("DROP VIEW bodies")
        with pytest.raises(GateShut, match="foreign key late"):
            await life.purge()
        await life.sql("ALTER TABLE pages DROP CONSTRAINT late")
        await life.purge()
        assert await life.value("SELECT to_regclass('\"~ec_faxes\"')") is None


async def test_the_role_must_own_what_refers_to_it(database: str) -> None:
    """Keys of a table that belongs to somebody else cannot be dropped: said before anything is changed, and
    for who works with the rights of the owner as well.
    """
    name = f"other_{urlsplit(database).path.rpartition('_')[2]}"
    roles = f"CREATE ROLE {name}_a LOGIN; CREATE ROLE {name}_b; GRANT {name}_a TO {name}_b;"
    owned = f"ALTER TABLE faxes OWNER TO {name}_a; GRANT CREATE ON SCHEMA public TO {name}_a;"
    async with living(database, "drop-table", {"table": "faxes"}, GIVEN + roles + owned) as life:
        try:
            with pytest.raises(MissingPrivilege, match="pages with the owner of"):
                await life.start()
            await life.sql(f"ALTER TABLE pages OWNER TO {name}_a")
            await life.start()
            await life.contract()
            await life.undo()
            await life.rollback()
        finally:
            await life.sql(f"REASSIGN OWNED BY {name}_a TO postgres; DROP OWNED BY {name}_a, {name}_b")
            await life.sql(f"DROP ROLE {name}_a, {name}_b")


async def test_who_reads_it_is_seen_by_its_counters(database: str) -> None:
    """From 16 on, where statements are not counted; what ec itself asks is no reader."""
    flush = "SELECT pg_stat_force_next_flush()"
    async with living(database, "drop-table", {"table": "faxes"}, GIVEN + flush) as life:
        await life.start()

        async def told() -> Verdict:
            found = await life.situation()
            return next(each for each in gates.judge_all(found) if each.gate == "old-readers")

        if await life.value("SELECT current_setting('server_version_num')::int < 160000"):
            assert (await told()).blind
            return
        assert "was not read since" in (await told()).reason
        await life.sql(f"SELECT count(*) FROM faxes; {flush}")
        assert "public.faxes was read" in (await told()).reason
        assert not (await told()).blind
