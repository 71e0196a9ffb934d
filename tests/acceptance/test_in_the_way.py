"""Contract while somebody is in the way of it: refused, each named; after each is gone, it opens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from expandcontract import gates
from expandcontract.engine.verbs import contract, control, status, wait
from expandcontract.ledger.rights import grants
from expandcontract.model.errors import GateShut, LockBudgetSpent, TimeIsUp
from expandcontract.model.phases import Stage, State
from expandcontract.model.policy import Policy
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict
from expandcontract.model.versions import parse_requirements
from expandcontract.postgres.connect import Database
from expandcontract.testing.server import Server, available_versions
from tests.acceptance.cycle import POLICY, Life, acknowledge, living
from tests.conftest import SETTINGS, VERSION

GIVEN = """
CREATE TABLE users (id int PRIMARY KEY, name text, age int);
INSERT INTO users SELECT g, 'name ' || g, g FROM generate_series(1, 50) g;
"""
BOTH = {
    "rename-column": {"column": "users.name", "new_name": "full_name"},
    "change-type": {"column": "users.name", "type": "varchar(50)", "to": "full_name"},
}
IMPATIENT = replace(POLICY, lock_budget=timedelta(seconds=2))


@asynccontextmanager
async def ready(url: str, kind: str = "rename-column", policy: Policy = POLICY) -> AsyncIterator[Life]:
    """Give a change of users.name that is ready and proven, and seen to be written by new code."""
    async with living(url, kind, BOTH[kind], GIVEN, policy, to=Stage.READY) as life:
        await life.sql("UPDATE users SET full_name = 'new' WHERE id = 9")
        yield life


def judged(situation: Situation, gate: str) -> Verdict:
    """Return what a gate says."""
    return next(verdict for verdict in gates.judge_all(situation) if verdict.gate == gate)


def under(life: Life, policy: Policy) -> Life:
    """Return the same life for an operator with another policy."""
    return replace(life, context=replace(life.context, policy=policy))


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("kind", BOTH)
async def test_an_old_writer_is_named_until_it_is_quiet(database: str, kind: str) -> None:
    """V5: by application, role and address; when it has been quiet for long enough, contract opens."""
    async with ready(database, kind) as life:
        await life.sql("UPDATE users SET name = 'old' WHERE id = 7")
        strict = under(life, replace(POLICY, quiet_for=timedelta(hours=1)))
        with pytest.raises(GateShut, match="old-writers") as shut:
            await strict.contract()
        assert "old app (role postgres, local)" in shut.value.why
        later = replace(await life.situation(), now=datetime.now(UTC) + timedelta(hours=2))
        assert judged(replace(later, policy=strict.context.policy), "old-writers").open
        assert (await life.contract()).state == State.HIDDEN


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("kind", BOTH)
async def test_an_idle_transaction_is_named_until_it_ends(database: str, kind: str) -> None:
    """It has read the table and sits on its lock: nothing was changed, nobody else waits, and the same
    command goes on when it has ended.
    """
    async with ready(database, kind) as life:
        idle = await asyncpg.connect(database, server_settings={"application_name": "forgotten"})
        reading = idle.transaction()
        await reading.start()
        await idle.fetch("SELECT id FROM users")
        with pytest.raises(LockBudgetSpent) as spent:
            await under(life, IMPATIENT).contract()
        assert "forgotten" in spent.value.why
        assert (await life.situation()).state == State.ACTIVE
        await reading.rollback()
        await idle.close()
        assert (await life.contract()).state == State.HIDDEN


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("kind", BOTH)
async def test_a_prepared_transaction_is_named_until_it_ends(database: str, kind: str) -> None:
    """It has no session, and holds its locks through a restart; its name is told."""
    async with ready(database, kind) as life:
        name = f"prepared {kind}"
        await life.sql(f"BEGIN; UPDATE users SET age = 1 WHERE id = 3; PREPARE TRANSACTION '{name}'")
        try:
            with pytest.raises(LockBudgetSpent) as spent:
                await under(life, IMPATIENT).contract()
            assert name in spent.value.why
        finally:
            await life.sql(f"COMMIT PREPARED '{name}'")
        assert (await life.contract()).state == State.HIDDEN


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("kind", BOTH)
async def test_an_old_instance_is_named_until_it_is_gone(database: str, kind: str) -> None:
    """Contract and `ec wait` with a required version; an instance that ends is silent, and counts no more."""
    async with ready(database, kind) as life:
        strict = under(life, replace(POLICY, require_version=parse_requirements("web>=42")))
        with pytest.raises(GateShut, match="fleet") as nobody:
            await strict.contract()
        assert "No instance of web" in nobody.value.why
        beat = "SELECT expandcontract_sync.heartbeat('web', '{}', '{}', 600)"
        await life.sql(beat.format(41, "a"))
        await life.sql(beat.format(42, "b"))
        with pytest.raises(GateShut, match="fleet") as old:
            await strict.contract()
        assert "a (role postgres, local) is at 41" in old.value.why
        with pytest.raises(TimeIsUp) as late:
            await wait.wait(strict.context, life.name, "contractable", timedelta(0))
        assert "fleet" in late.value.why
        silent = "SET last_seen = now() - interval '31 min' WHERE name = 'a'"
        await life.sql(f"UPDATE expandcontract.instance {silent}")
        assert (await strict.contract()).state == State.HIDDEN


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("kind", BOTH)
async def test_a_lagging_replica_is_named_until_it_caught_up(kind: str) -> None:
    """New code that reads there would not find the new side; when it has replayed it, contract opens."""
    if VERSION not in available_versions():
        pytest.skip(f"needs PostgreSQL {VERSION}")
    with Server.start(VERSION, SETTINGS) as primary, Server.replica(primary) as replica:
        there = await asyncpg.connect(replica.url())
        async with living(primary.url(), kind, BOTH[kind], GIVEN) as life:
            await there.execute("SELECT pg_wal_replay_pause()")
            await life.ready()
            await life.sql("UPDATE users SET full_name = 'new' WHERE id = 9")
            with pytest.raises(GateShut, match="replicas-caught-up") as shut:
                await life.contract()
            assert "replica (" in shut.value.why
            assert "behind" in shut.value.why
            await there.execute("SELECT pg_wal_replay_resume()")
            await acknowledge(life, "new-code-seen", "the test writes as both")
            await wait.wait(life.context, life.name, "contractable", timedelta(minutes=1))
            assert (await life.contract()).state == State.HIDDEN
        await there.close()


async def test_a_replica_that_is_away_is_known_by_its_slot(database: str) -> None:
    """It may answer queries all the same. Acknowledged, it does not hinder."""
    async with ready(database) as life:
        slot = "away_1"
        await life.value("SELECT pg_create_physical_replication_slot($1::text::name, true)", slot)
        try:
            await life.sql("UPDATE expandcontract.watch SET ready_wal = ready_wal + 1000000000")
            with pytest.raises(GateShut, match="replicas-caught-up") as shut:
                await life.contract()
            assert f"{slot} (not connected" in shut.value.why
            await control.ack(life.context, life.name, "replicas-caught-up", "switched off for good")
            assert (await life.contract()).state == State.HIDDEN
        finally:
            await life.value("SELECT pg_drop_replication_slot($1::text::name)", slot)


async def test_sessions_from_before_the_new_code_are_named(database: str) -> None:
    """They may hold statements of old code prepared: by application, role and process id."""
    async with living(database, "rename-column", BOTH["rename-column"], GIVEN) as life:
        await life.ready()
        assert "Sessions" not in judged(await life.situation(), "old-readers").reason
        deployed = datetime.now(UTC)
        fresh = await asyncpg.connect(database, server_settings={"application_name": "new app"})
        await fresh.execute("UPDATE users SET full_name = 'new' WHERE id = 9")
        pid = life.app.get_server_pid()
        found = await life.situation()
        first = judged(found, "old-readers").reason
        dated = judged(replace(found, policy=replace(POLICY, deployed_at=deployed)), "old-readers").reason
        for reason in (first, dated):
            assert f"old app (role postgres, local), pid {pid}" in reason
            assert "ec (role" not in reason
        assert "Sessions from before the deploy" in dated
        assert "new app" not in dated
        await fresh.close()


async def test_a_waiter_sees_what_others_saw(database: str) -> None:
    """A role with SELECT on status_v1 alone is told of readers, sessions, standbys and instances; it looks
    at nothing itself.
    """
    async with ready(database) as life:
        await life.sql("SELECT expandcontract_sync.heartbeat('web', '42', 'a', 600)")
        await life.sql(
            "CREATE ROLE pipeline_2 LOGIN; " + "\n".join(grants("expandcontract", "waiter", "pipeline_2"))
        )
        theirs = Database(database.replace("//postgres@", "//pipeline_2@", 1))
        policy = replace(POLICY, require_version=parse_requirements("web>=42"))
        try:
            seen = await status.one(replace(life.context, database=theirs, policy=policy), life.name)
        finally:
            await theirs.close()
            await life.sql("DROP OWNED BY pipeline_2; DROP ROLE pipeline_2")
        mine = await life.situation()
        assert seen.watch == mine.watch
        assert seen.ready_wal == mine.ready_wal
        assert judged(seen, "fleet").open
        assert "Of 1 sessions this role cannot see how old they are." in judged(seen, "old-readers").reason


async def test_contract_is_not_hindered_twice(database: str) -> None:
    """Two contracts at once look one after the other; one hides, the other finds it done or waits in vain."""
    async with ready(database) as life:
        await acknowledge(life, "new-code-seen", "the test writes as both")
        done = await asyncio.gather(
            *(contract.contract(life.context, life.name) for _ in range(2)), return_exceptions=True
        )
        assert any(isinstance(one, Situation) and one.state == State.HIDDEN for one in done)
