"""The user's own triggers: named in the plan, fired by the backfill unless it is told not to."""

import asyncio
from collections.abc import Mapping

import pytest

from expandcontract.model.errors import MissingPrivilege, Refused, StepFailed
from expandcontract.model.events import Notice
from expandcontract.model.phases import Phase, Stage, Status
from expandcontract.testing.server import Server
from tests.acceptance.cycle import living
from tests.conftest import VERSION
from tests.waiting import until

pytestmark = pytest.mark.in_turn(2)

ROWS = 2_000
GIVEN = f"""
CREATE TABLE parents (id int PRIMARY KEY);
INSERT INTO parents SELECT generate_series(1, {ROWS});
CREATE TABLE t (
    id int PRIMARY KEY, parent int REFERENCES parents, updated_at timestamptz DEFAULT 'epoch',
    UNIQUE (parent) DEFERRABLE
);
INSERT INTO t SELECT n, n FROM generate_series(1, {ROWS}) n;
CREATE TABLE audit (what text);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END $$;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO public.audit VALUES (TG_NAME); RETURN NULL; END $$;
CREATE TRIGGER stamp BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TRIGGER note AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER each AFTER UPDATE ON t FOR EACH STATEMENT EXECUTE FUNCTION note();
"""
#: What the backfill does not fire.
SILENT = """
CREATE TRIGGER inserted AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER other_column AFTER UPDATE OF parent ON t FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER disabled AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note();
ALTER TABLE t DISABLE TRIGGER disabled;
"""
RENAME: Mapping[str, str] = {"column": "t.parent", "new_name": "owner"}
STAMPED = "SELECT count(*) FROM t WHERE updated_at > 'epoch'"


async def test_the_plan_names_the_triggers_that_the_backfill_fires(database: str) -> None:
    """BEFORE and AFTER, of rows and of statements, each with what keeps it from firing; no others."""
    async with living(database, "rename-column", RENAME, GIVEN + SILENT) as life:
        notes = [note for note in (await life.plan()).hazards if note.code == "user-trigger"]
        sentences = {note.sentence.split()[1].strip('"'): note.sentence for note in notes}
        assert set(sentences) == {"stamp", "note", "each"}
        assert "fires BEFORE every row" in sentences["stamp"]
        assert "fires AFTER every row" in sentences["note"]
        assert all("--no-user-triggers" in sentence for sentence in sentences.values())
        await life.ready(acknowledged={"update-of:other_column"})
        assert await life.rows("SELECT DISTINCT what FROM audit ORDER BY 1") == [("each",), ("note",)]
        assert await life.value("SELECT count(*) FROM audit WHERE what = 'note'") == ROWS
        assert await life.value(STAMPED) == ROWS


async def test_a_backfill_that_fires_no_trigger_of_the_user(database: str) -> None:
    """X13: `updated_at` stays, the audit has nothing of ours; an application that writes meanwhile fires them
    as ever; the sync trigger stands; and the new side's foreign key is validated over every row.
    """
    async with living(database, "rename-column", RENAME, GIVEN, to=Stage.BEFORE_READY) as life:
        work = asyncio.create_task(life.backfill(user_triggers=False, batch=20, max_rate=500))
        await until(lambda: life.value("SELECT count(*) >= 100 FROM t WHERE owner IS NOT NULL"), work)
        assert not work.done()
        await life.sql(f"UPDATE t SET parent = parent WHERE id > {ROWS - 10}")
        situation = await work
        assert situation.ready
        assert situation.proof is not None
        assert await life.value(STAMPED) == 10
        assert await life.rows("SELECT what, count(*) FROM audit GROUP BY 1 ORDER BY 1") == [
            ("each", 1),
            ("note", 10),
        ]
        told = "SELECT who FROM expandcontract.event WHERE kind = 'copy fires no triggers'"
        assert await life.value(told) == "the operator"
        await life.contract()
        checked = "SELECT convalidated FROM pg_constraint WHERE conname = 't_owner_fkey'"
        assert await life.value(checked)


async def test_a_copy_that_a_trigger_stopped_has_failed(database: str) -> None:
    """The ledger says so, with the trigger, the row, why and next; without the trigger it goes on."""
    given = """CREATE TABLE t (id int PRIMARY KEY, parent int); INSERT INTO t VALUES (1, 1), (2, 2);
        CREATE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NEW.id = 2 THEN RAISE 'the period is closed'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER closing BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION closed()"""
    async with living(database, "rename-column", RENAME, given) as life:
        await life.start()
        with pytest.raises(StepFailed, match="Trigger closing"):
            await life.backfill()
        phase = (await life.situation()).phases[Phase.BACKFILL]
        assert phase.status == Status.FAILED
        told = str(phase.error)
        assert all(word in told for word in ("closing", '{"id": 2}', "is closed", "--no-user-triggers"))
        assert (await life.backfill(user_triggers=False)).ready


async def test_a_repair_fires_triggers_because_constraints_are_among_them(database: str) -> None:
    """Once the change is ready the new side's foreign key and deferrable uniqueness are triggers: a repair
    that skipped them could break them, so it does not, and says so.
    """
    async with living(database, "rename-column", RENAME, GIVEN, to=Stage.BEFORE_READY) as life:
        await life.backfill(user_triggers=False)
        await life.sql("""
            ALTER TABLE t DISABLE TRIGGER USER; UPDATE t SET owner = NULL WHERE id <= 5;
            ALTER TABLE t ENABLE TRIGGER USER; ALTER TABLE t ENABLE ALWAYS TRIGGER "~ec_0001_rename_t_parent"
        """)
        assert (await life.backfill(user_triggers=False)).proof is not None
        assert await life.value(STAMPED) == 5
        assert any("Triggers fire" in event.text for event in life.heard if isinstance(event, Notice))


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("how", ["ALWAYS", "REPLICA"])
@pytest.mark.parametrize("where", ["t", "t_low"])
async def test_a_trigger_that_would_fire_all_the_same_is_named(database: str, how: str, where: str) -> None:
    """One that is ENABLE ALWAYS, or ENABLE REPLICA, on the table or a leaf of it: refused, nothing copied."""
    given = f"""
        CREATE TABLE t (id int, parent int) PARTITION BY RANGE (id);
        CREATE TABLE t_low PARTITION OF t FOR VALUES FROM (0) TO (1000000);
        INSERT INTO t SELECT n, n FROM generate_series(1, 100) n;
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
        CREATE TRIGGER stubborn BEFORE UPDATE ON {where} FOR EACH ROW EXECUTE FUNCTION note();
        CREATE TRIGGER silent BEFORE UPDATE OF parent ON {where} FOR EACH ROW EXECUTE FUNCTION note();
        ALTER TABLE {where} ENABLE {how} TRIGGER stubborn; ALTER TABLE {where} ENABLE {how} TRIGGER silent"""
    async with living(database, "rename-column", RENAME, given) as life:
        hazards = [note.sentence for note in (await life.plan()).hazards if note.code == "user-trigger"]
        of = "" if where == "t" else " of public.t_low"
        named = f"Trigger stubborn{of} (public.note) fires BEFORE every row"
        assert [sentence.startswith(named) for sentence in hazards] == ([True] if how == "ALWAYS" else [])
        await life.start(acknowledged={"update-of:silent"})
        with pytest.raises(Refused, match="does not keep stubborn of") as refused:
            await life.backfill(user_triggers=False)
        assert "silent" not in refused.value.message
        assert await life.value("SELECT count(*) FROM t WHERE owner IS NOT NULL") == 0
        assert (await life.backfill()).ready


async def test_a_role_that_may_not_is_refused(server: Server, database: str) -> None:
    """Nothing is copied; from 15 on a grant of the parameter is enough."""
    name = database.split("/")[3].partition("?")[0]
    role = f"migrator_{name}"
    async with living(database, "rename-column", RENAME, GIVEN) as admin:
        await admin.sql(f"CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE {name} TO {role}")
        await admin.sql(f"GRANT CREATE, USAGE ON SCHEMA public TO {role}; DROP SCHEMA expandcontract CASCADE")
        await admin.sql(f"DROP SCHEMA expandcontract_sync CASCADE; ALTER TABLE t OWNER TO {role}")
        await admin.sql(f"ALTER TABLE parents OWNER TO {role}; ALTER TABLE audit OWNER TO {role}")
        async with living(server.url(name, role), "rename-column", RENAME) as life:
            await life.start()
            with pytest.raises(MissingPrivilege, match="keep triggers from firing"):
                await life.backfill(user_triggers=False)
            assert await life.value("SELECT count(*) FROM t WHERE owner IS NOT NULL") == 0
            if VERSION >= 15:
                await admin.sql(f"GRANT SET ON PARAMETER session_replication_role TO {role}")
                await life.backfill(user_triggers=False)
                assert await life.value(STAMPED) == 0
        await admin.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")
