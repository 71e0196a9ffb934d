"""A hot standby: its queries are not cancelled by replay of our locks, where `--standby` names it."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import backfill, contract, init, plan, start
from expandcontract.model.errors import LockBudgetSpent
from expandcontract.model.events import Event, WaitingForSnapshots
from expandcontract.model.phases import State
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database
from expandcontract.testing.server import Server, available_versions
from tests.conftest import VERSION
from tests.waiting import until

SETTINGS = {"fsync": "off", "shared_buffers": "16MB", "max_standby_streaming_delay": "100ms"}
QUIET = Policy(quiet_for=timedelta(0), soak=timedelta(microseconds=1))


async def test_contract_waits_for_a_query_of_the_standby() -> None:
    """A report on the standby ends undisturbed; contract names it, waits, and hides once it is done."""
    if VERSION not in available_versions():
        pytest.skip(f"needs PostgreSQL {VERSION}")
    with Server.start(VERSION, SETTINGS) as primary, Server.replica(primary) as replica:
        application = await asyncpg.connect(primary.url())
        await application.execute("CREATE TABLE t (id int PRIMARY KEY, name text)")
        heard: list[Event] = []
        standby = Database(replica.url())
        context = Context(Database(primary.url()), QUIET, heard.append, "tests", standby=standby)
        await init.init(context)
        change = plan.named("rename-column", {"column": "t.name", "new_name": "title"}, ())
        await start.start(context, change)
        await backfill.backfill(context, change.name)

        report = await asyncpg.connect(replica.url())
        reading = report.transaction()
        await reading.start()
        await report.fetch("SELECT * FROM t")
        impatient = Context(
            context.database,
            Policy(quiet_for=timedelta(0), soak=timedelta(microseconds=1), lock_budget=timedelta(0)),
            heard.append,
            "tests",
            standby=standby,
        )
        with pytest.raises(LockBudgetSpent):
            await contract.contract(impatient, change.name)
        hiding = asyncio.create_task(contract.contract(context, change.name))
        await until(lambda: any(isinstance(event, WaitingForSnapshots) for event in heard), hiding)
        assert not hiding.done()
        await report.fetch("SELECT * FROM t")
        await reading.commit()
        assert (await hiding).state == State.HIDDEN

        await report.close()
        await application.close()
        await context.database.close()
        await standby.close()
