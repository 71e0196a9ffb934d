"""What doctor finds on a real server: each open change, who is in its way, and what was left behind."""

import pytest

from expandcontract.engine.health import Finding
from expandcontract.engine.verbs import doctor, plan, start
from expandcontract.model.phases import Stage
from tests.acceptance.cycle import Life, living

GIVEN = "CREATE TABLE users (id int PRIMARY KEY, name text, mail text)"
NAME, MAIL = (
    {"column": f"users.{old}", "new_name": new} for old, new in (("name", "full"), ("mail", "email"))
)


async def _found(life: Life, subject: str) -> list[Finding]:
    return [found for found in await doctor.examine(life.context) if found.subject == subject]


async def test_each_change_of_a_table_is_examined(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two on one table: who keeps a lock is named for both, and the damage of one is not the other's."""
    monkeypatch.setattr(doctor, "LOCKED_SECONDS", 0)
    async with living(database, "rename-column", NAME, GIVEN, to=Stage.BEFORE_READY) as life:
        other = plan.named("rename-column", MAIL, (life.name,))
        await start.start(life.context, other)
        async with life.app.transaction():
            await life.rows("SELECT FROM users")
            for name in (life.name, other.name):
                (found,) = await _found(life, name)
                assert found.waits
                assert f"pid {life.app.get_server_pid()} (old app, role postgres" in found.sentence
        await life.sql(f'DROP TRIGGER "~ec_{other.name}" ON users')
        (mine,) = await _found(life, life.name)
        (theirs,) = await _found(life, other.name)
        assert (mine.well, theirs.well) == (True, False)
        assert "is missing" in theirs.sentence


async def test_what_a_lost_ledger_left_behind_can_be_dropped(database: str) -> None:
    """The trigger is found without a ledger, and the lines that remove it are printed, and work."""
    async with living(database, "rename-column", NAME, GIVEN, to=Stage.BEFORE_READY) as life:
        assert await _found(life, "left over") == []
        await life.sql("DROP SCHEMA expandcontract CASCADE")
        (found,) = await _found(life, "left over")
        assert not found.well
        assert f'"~ec_{life.name}" on public.users' in found.sentence
        await life.sql(found.next)
        assert await _found(life, "left over") == []
        await life.sql("INSERT INTO users VALUES (1, 'Ann')")


async def test_nobody_is_told_to_end_a_transaction_of_somebody_else(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was prepared and left is named, with its owner, and who alone knows what to do with it."""
    monkeypatch.setattr(doctor, "HELD_SECONDS", 0)
    async with living(database, "rename-column", NAME, GIVEN, to=Stage.READY) as life:
        await life.sql("BEGIN; INSERT INTO users VALUES (1, 'Ann'); PREPARE TRANSACTION 'a half'")
        (found,) = await _found(life, "prepared transactions")
        await life.sql("ROLLBACK PREPARED 'a half'")
    assert not found.well
    assert "a half of postgres" in found.sentence
    assert "only the transaction manager that prepared it knows" in found.sentence
    assert "PREPARED" not in f"{found.sentence} {found.next}"
