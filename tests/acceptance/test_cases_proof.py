"""V cases: what verify accepts and finds, what spoils a proof, and who refuses contract without one."""

import asyncpg
import pytest

from expandcontract.model.errors import GateShut, Mismatches, WrongState
from expandcontract.model.phases import Stage
from tests.acceptance.cycle import Life, living

pytestmark = pytest.mark.in_turn(3)

_USERS = """
CREATE TABLE users(id int PRIMARY KEY, name text);
INSERT INTO users SELECT i, 'name ' || i FROM generate_series(1, 50) i
"""
_RENAME = {"column": "users.name", "new_name": "full_name"}


async def test_a_lossy_forward_is_in_sync_through_back(database: str) -> None:
    """V1: what back leads to is as good as what forward gives: verify accepts the row, and undo keeps it."""
    fields = {
        "column": "users.name",
        "type": "text",
        "to": "handle",
        "using": "lower(name)",
        "back": "CASE WHEN handle IS NOT NULL THEN initcap(handle) END",
    }
    given = "CREATE TABLE users(id int PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'Ann')"
    async with living(database, "change-type", fields, given) as life:
        await life.ready()
        await life.sql("INSERT INTO users(id, handle) VALUES (2, 'bOB')")
        assert await life.rows("SELECT name, handle FROM users WHERE id = 2") == [("Bob", "bOB")]
        situation = await life.verify()
        assert situation.proof is not None
        assert (situation.proof.rows_compared, situation.proof.mismatches) == (2, 0)
        await life.sql("UPDATE users SET id = 3 WHERE id = 2")
        assert await life.rows("SELECT name, handle FROM users WHERE id = 3") == [("Bob", "bOB")]


async def _drift(life: Life, rows: int) -> None:
    """Write past the trigger, as a superuser can."""
    await life.sql(
        f"""BEGIN;
        ALTER TABLE users DISABLE TRIGGER "~ec_{life.name}";
        UPDATE users SET name = name || '!' WHERE id <= {rows};
        ALTER TABLE users ENABLE ALWAYS TRIGGER "~ec_{life.name}";
        COMMIT"""
    )


async def test_drift_is_counted_repaired_and_proven(database: str) -> None:
    """V2, X4: a trigger that was off for one statement spoils the proof; verify names exactly those rows,
    backfill repairs them.
    """
    async with living(database, "rename-column", _RENAME, _USERS, to=Stage.READY) as life:
        await _drift(life, 7)
        with pytest.raises(GateShut, match="verified") as shut:
            await life.contract()
        assert "trigger" in shut.value.why
        with pytest.raises(Mismatches) as found:
            await life.verify()
        assert found.value.message.startswith("7 of 50 rows")
        assert "id=1" in found.value.why
        assert "name 1" not in found.value.why
        with pytest.raises(Mismatches) as shown:
            await life.verify(show_values=True)
        assert "name 1! / name 1" in shown.value.why
        with pytest.raises(GateShut):
            await life.contract()
        situation = await life.backfill()
        assert situation.proof is not None
        assert situation.proof.mismatches == 0
        assert await life.value("SELECT count(*) FROM users WHERE full_name = name AND name LIKE '%!'") == 7
        await life.contract()


FORGED = (
    "UPDATE expandcontract.phase SET status = 'running' WHERE phase = 'contract'",
    "UPDATE expandcontract.change SET state = 'hidden'",
    "DELETE FROM expandcontract.phase WHERE phase = 'contract'",
    (
        "INSERT INTO expandcontract.phase(change_id, attempt, phase, status) SELECT id, 2, "
        "'contract', 'running' FROM expandcontract.change"
    ),
    "UPDATE expandcontract.proof SET mismatches = 0, finished_at = now(), rows_compared = 1, unfit = 0",
    "TRUNCATE expandcontract.event",
    (
        "SET session_replication_role = replica; UPDATE expandcontract.phase SET status = 'running' "
        "WHERE phase = 'contract'"
    ),
    "SET session_replication_role = replica; DELETE FROM expandcontract.event",
)


async def test_the_database_itself_refuses_contract_without_proof(
    database: str, subtests: pytest.Subtests
) -> None:
    """V4, A10: a superuser in psql gets the error as well."""
    async with living(database, "rename-column", _RENAME, _USERS, to=Stage.READY) as life:
        await _drift(life, 1)
        with pytest.raises(Mismatches):
            await life.verify()
        for forged in FORGED:
            with subtests.test(forged):
                with pytest.raises(asyncpg.PostgresError) as refused:
                    await life.sql(forged)
                assert refused.value.sqlstate == "EC311"


async def test_undo_brings_back_every_value_that_new_code_wrote(database: str) -> None:
    """V6: in one short transaction; then verify comes before contract, and after purge undo is refused."""
    async with living(database, "rename-column", _RENAME, _USERS) as life:
        await life.ready()
        await life.contract()
        await life.sql("UPDATE users SET full_name = 'new ' || id WHERE id <= 3")
        await life.sql("INSERT INTO users(id, full_name) VALUES (99, 'new 99')")
        await life.undo()
        back = await life.rows("SELECT id, name FROM users WHERE name LIKE 'new%' ORDER BY id")
        assert back == [(1, "new 1"), (2, "new 2"), (3, "new 3"), (99, "new 99")]
        with pytest.raises(GateShut, match="verified"):
            await life.contract()
        await life.verify()
        await life.contract()
        await life.purge()
        with pytest.raises(WrongState, match="purged") as refused:
            await life.undo()
        assert refused.value.exit_code == 4
