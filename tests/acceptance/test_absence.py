"""What was not seen, and what is looked at: gates that rest on an absence, and whether new code may run."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from expandcontract import gates
from expandcontract.engine.context import Context
from expandcontract.engine.verbs import contract, control, start, wait
from expandcontract.model.change import Change
from expandcontract.model.errors import (
    GateShut,
    LeaseHeld,
    NotReady,
    OtherSpec,
    Refused,
    TimeIsUp,
    WrongState,
)
from expandcontract.model.phases import Stage, State
from expandcontract.model.policy import Policy
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict
from expandcontract.postgres.connect import Database
from tests.acceptance.cycle import POLICY, Life, living
from tests.waiting import until

pytestmark = pytest.mark.in_turn(2)

GIVEN = "CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'Ann'), (2, 'Bob')"
RENAME = ("rename-column", {"column": "users.name", "new_name": "full_name"}, GIVEN)
AS_NEW, AS_OLD = "UPDATE users SET full_name = full_name || '!'", "UPDATE users SET name = name || '?'"


def said(situation: Situation, gate: str) -> Verdict:
    """Return what a gate says."""
    return next(verdict for verdict in gates.judge_all(situation) if verdict.gate == gate)


async def test_expand_and_contract_in_one_script_is_refused(database: str) -> None:
    """With the defaults: nobody looked for long enough, and nobody was seen that could be the new code. The
    one passes with time; the other needs a soak, or somebody who knows.
    """
    async with living(database, *RENAME, policy=Policy()) as life:
        await life.sql(AS_OLD)  # before anybody could note it
        await life.ready()
        with pytest.raises(GateShut, match="old-writers, new-code-seen") as shut:
            await contract.contract(life.context, life.name)
        assert "Looked for" in shut.value.why
        situation = await life.situation()
        assert said(situation, "new-code-seen").blind
        assert said(situation, "old-readers").blind
        later = replace(situation, now=situation.now + Policy().quiet_for)
        assert said(later, "old-writers").open
        assert not said(later, "new-code-seen").open
        assert said(replace(later, policy=Policy(soak=timedelta(hours=1))), "new-code-seen").open


async def test_new_code_that_was_noted_before_ready_is_seen_after_it(database: str) -> None:
    """A session is noted once a minute, and anew from ready on; after an undo it counts from then."""
    async with living(database, *RENAME, to=Stage.BEFORE_READY) as life:
        await life.sql(AS_NEW)
        await life.backfill()
        assert (await life.situation()).new_code_at is None
        await life.sql(AS_NEW)
        assert said(await life.situation(), "new-code-seen").open
        await contract.contract(life.context, life.name)
        await life.undo()
        assert (await life.situation()).new_code_at is None


async def test_what_ec_writes_is_no_sign_of_anybody(database: str) -> None:
    """Copied and repaired rows are not the application's, however late the server counts them."""
    async with living(database, *RENAME) as life:
        await life.ready()
        await life.sql("ALTER TABLE users DISABLE TRIGGER USER; UPDATE users SET name = 'x'")
        await life.sql("ALTER TABLE users ENABLE TRIGGER USER")
        await life.backfill()
        await life.value("SELECT pg_stat_force_next_flush()")
        unseen = said(await life.situation(), "new-code-seen")
        assert unseen.blind
        assert "Nobody was seen writing name or full_name since ready" in unseen.reason
        await life.sql(AS_OLD)
        assert not said(await life.situation(), "new-code-seen").blind


async def test_an_acknowledgement_covers_what_is_shut_and_ready(database: str) -> None:
    """Not a gate that is open, one that the change has not got, or any of a change that is not ready."""
    async with living(database, *RENAME, to=Stage.BEFORE_READY) as life:

        async def ack(gate: str) -> None:
            await control.ack(life.context, life.name, gate, "a reason")

        with pytest.raises(WrongState, match="between ready and contract"):
            await ack("new-code-seen")
        await life.backfill()
        with pytest.raises(Refused, match="soak is open"):
            await ack("soak")
        with pytest.raises(Refused, match="has no gate fleet"):
            await ack("fleet")
        await ack("new-code-seen")
        with pytest.raises(Refused, match="new-code-seen is open"):
            await ack("new-code-seen")
        await contract.contract(life.context, life.name)
        with pytest.raises(WrongState, match="between ready and contract") as late:
            await ack("old-writers")
        assert "contracted" in late.value.state
        assert await life.value("SELECT count(*) FROM expandcontract.waiver") == 1


DAMAGE = {
    "column": (
        "ALTER TABLE users DROP COLUMN full_name CASCADE",
        "Column full_name of public.users is missing",
    ),
    "trigger": ('DROP TRIGGER "{trigger}" ON users', "is missing on public.users"),
    "table": ("DROP TABLE users", "public.users is gone"),
}


@pytest.mark.parametrize(("statement", "why"), DAMAGE.values(), ids=DAMAGE.keys())
async def test_ready_is_looked_at(database: str, statement: str, why: str) -> None:
    """What made the change ready is gone: no verb says that it is, and each says why."""
    async with living(database, *RENAME) as life:
        ready = await life.ready()
        assert (ready.ready, ready.stage) == (True, Stage.READY)
        assert await life.value("SELECT ready FROM expandcontract.status_v1")
        await life.sql(statement.format(trigger=ready.plan.trigger))
        damaged = await life.situation()
        assert not damaged.ready
        assert why in " ".join(damaged.damage)
        with pytest.raises(NotReady, match="is not ready any more"):
            await wait.wait(life.context, life.name, "ready", timedelta(minutes=1))
        with pytest.raises(NotReady, match="is not ready any more"):
            await life.start()
        assert not await life.value("SELECT ready FROM expandcontract.status_v1")


async def test_new_code_may_run_after_contract_and_purge(database: str) -> None:
    """`wait --for ready` asks whether it may be deployed, and not how far the change is."""
    async with living(database, *RENAME, to=Stage.BEFORE_READY) as life:
        with pytest.raises(TimeIsUp):
            await wait.wait(life.context, life.name, "ready", timedelta(0))
        await life.backfill()
        await life.contract()
        assert (await wait.wait(life.context, life.name, "ready", timedelta(0))).stage == Stage.HIDDEN
        await life.purge()
        assert (await wait.wait(life.context, life.name, "ready", timedelta(0))).stage == Stage.PURGED
        await life.sql("ALTER TABLE users DROP COLUMN full_name")
        with pytest.raises(NotReady):
            await wait.wait(life.context, life.name, "ready", timedelta(0))


async def test_a_name_stands_for_one_spec(database: str) -> None:
    """Started with other words it is refused, and nothing of it is done; rolled back, it may be another."""
    async with living(database, *RENAME, to=Stage.BEFORE_READY) as life:
        other = Change(life.name, "rename-column", {"column": "users.name", "new_name": "called"})
        with pytest.raises(OtherSpec, match="started with other words") as refused:
            await start.start(life.context, other)
        assert "new_name=full_name" in refused.value.why
        assert "new_name=called" in refused.value.why
        await life.rollback()
        assert (await start.start(life.context, other)).plan.sides.new.column == "called"


async def test_starts_at_once_are_one_start(database: str) -> None:
    """Of three, one works; the others find what it made, or stop with its holder's name: of a new change, and
    of one that was rolled back.
    """
    async with living(database, *RENAME) as life, AsyncExitStack() as stack:
        contexts = [await _another(stack, life) for _ in range(3)]
        for attempt in (1, 2):
            ends = await asyncio.gather(
                *(start.start(context, life.change) for context in contexts), return_exceptions=True
            )
            held = [end for end in ends if isinstance(end, LeaseHeld)]
            assert all("start" in f"{end} {end.why}" for end in held)
            assert [end for end in ends if not isinstance(end, LeaseHeld | Situation)] == []
            assert len(held) < len(ends)
            situation = await start.start(life.context, life.change)
            assert (situation.attempt, situation.stage) == (attempt, Stage.BEFORE_READY)
            await life.rollback()


async def _another(stack: AsyncExitStack, life: Life) -> Context:
    database = Database(life.url, lock_timeout=POLICY.lock_timeout)
    stack.push_async_callback(database.close)
    return replace(life.context, database=database)


async def test_old_code_that_writes_while_contract_is_at_work_is_not_passed_by(database: str) -> None:
    """The gates are asked before what takes long, and a transaction shows what it wrote when it ends. Under
    the lock it is asked once more.
    """
    policy = replace(POLICY, quiet_for=timedelta(milliseconds=1), soak=timedelta(milliseconds=1))
    async with living(database, *RENAME, policy=policy) as life:
        await life.ready()
        old = await asyncpg.connect(database)
        try:
            await old.execute("BEGIN")
            await old.execute(AS_OLD)
            at_work = asyncio.create_task(contract.contract(life.context, life.name))
            begun = "SELECT count(*) FROM expandcontract.event WHERE kind = 'gates open'"
            await until(lambda: life.value(begun), at_work)
            await old.execute("COMMIT")
            with pytest.raises(GateShut, match="old-writers"):
                await at_work
        finally:
            await old.close()
        assert (await life.situation()).state == State.ACTIVE
        assert not said(await life.situation(), "old-writers").open
        for gate in ("old-writers", "new-code-seen"):
            await control.ack(life.context, life.name, gate, "it has ended")
        await contract.contract(life.context, life.name)
        assert (await life.situation()).state == State.HIDDEN
