"""The time that a revision stays with the change that it begins."""

import asyncio
import logging
import os
import signal
from pathlib import Path

import asyncpg
import pytest
from alembic.util import CommandError
from sqlalchemy import Connection, text

from expandcontract.cli.entry import run
from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.engine.leased_work import leased
from expandcontract.model import killpoints
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database
from tests.acceptance.moments import at
from tests.alembic.project import Project
from tests.waiting import until

TABLE = """
op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")
op.execute("INSERT INTO users SELECT g, 'n' || g FROM generate_series(1, 100) g")
"""
START = 'op.ec_start("rename-column", "users.name", "display_name", name="b_rename", inline="{inline}")'
READY = text("SELECT ready FROM expandcontract.status_v1")


def beginning(project: Project, inline: str) -> None:
    """Write the revision, which stays with its change for that long."""
    project.revision("b", "a", START.format(inline=inline), 'op.ec_rollback("b_rename")')


async def test_whoever_is_at_work_on_the_change_is_waited_for(
    tmp_path: Path, empty_database: str, application: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """Within that time; another process's work is as good, and no failure. What is not ready then goes on by
    `ec backfill`, or with the next run of a revision that stays longer.
    """
    project = Project(tmp_path, empty_database, "sync")
    project.revision("a", None, TABLE)
    beginning(project, "0")
    await asyncio.to_thread(project.upgrade)
    assert not application.execute(READY).scalar_one()
    assert "b_rename is begun, and not ready after 0: old code runs on." in caplog.text
    project.within("stamp", "a")
    beginning(project, "1min")
    database = Database(empty_database)
    context = Context(database, Policy(), lambda _: None, "somebody")
    with caplog.at_level(logging.INFO):
        async with leased(context, await situations.one(context, "b_rename"), "backfill"):
            run = asyncio.create_task(asyncio.to_thread(project.upgrade))
            await until(lambda: "b_rename: ec backfill of somebody" in caplog.text, run)
            assert not run.done()
        await run
    await database.close()
    assert project.at() == "b"
    assert application.execute(READY).scalar_one()


@pytest.mark.usefixtures("quiet")
def test_who_leaves_the_copy_to_a_job_need_not_prove_it_again(
    tmp_path: Path, empty_database: str, application: Connection
) -> None:
    """Without any time of the revision's own nothing is copied in a run. What was ready once lacks a proof
    after undo, and rows in sync: those the run brings by itself, as for any change that another one spoiled.
    """
    project = Project(tmp_path, empty_database, "sync")
    project.revision("a", None, TABLE)
    beginning(project, "0s")
    # A soak stands for new code that is seen.
    project.revision("c", "b", 'op.ec_contract("b_rename", soak="1ms")', 'op.ec_undo("b_rename")')
    project.upgrade()
    project.upgrade()
    assert (project.at(), application.execute(READY).scalar_one()) == ("b", False)
    assert run(["backfill", "b_rename", "--database-url", empty_database]) == 0
    for _ in range(2):
        project.upgrade()
        assert project.at() == "c"
        project.downgrade("b")


@pytest.mark.parametrize("opens", ["connect", "begin"])
def test_alembics_connection_outlives_what_ec_takes(
    tmp_path: Path, empty_database: str, application: Connection, opens: str
) -> None:
    """It idles meanwhile, in a transaction of env.py's or outside of any, and the server ends who does so for
    long. Afterwards the limits are what they were.
    """
    project = Project(tmp_path, empty_database, "async")
    project.revision("a", None, TABLE)
    project.upgrade()
    limits = {"idle_in_transaction_session_timeout": "200ms", "idle_session_timeout": "200ms"}
    for name, limit in limits.items():
        application.execute(text(f"ALTER DATABASE {application.engine.url.database} SET {name} = '{limit}'"))
    application.commit()
    project.env(opens=opens)
    project.revision("b", "a", START.format(inline="1min"), 'op.ec_rollback("b_rename")')
    told = "; ".join(
        f"assert op.get_bind().exec_driver_sql('SHOW {n}').scalar() == '{limits[n]}'" for n in limits
    )
    project.revision("c", "b", told)

    async def others_are_ended() -> None:
        idle = [await asyncpg.connect(empty_database) for _ in range(2)]
        await idle[0].execute("BEGIN; SELECT 1")
        await until(lambda: all(each.is_closed() for each in idle))

    with at("backfill.begun", others_are_ended):
        project.upgrade()
    assert project.at() == "c"


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_stops_where_nothing_is_half_done(
    tmp_path: Path, empty_database: str, application: Connection, number: signal.Signals
) -> None:
    """Also where env.py has an event loop, which would take the first one for itself. The run fails, the
    version is not written, and the same command goes on.
    """
    project = Project(tmp_path, empty_database, "async")
    project.revision("a", None, TABLE)
    project.upgrade()
    beginning(project, "1min")
    before = signal.getsignal(number)
    sent = list[str]()

    def send(point: str) -> None:
        if point == "start.created" and not sent:
            sent.append(point)
            os.kill(os.getpid(), number)

    killpoints.watch(send)
    try:
        with pytest.raises(CommandError, match="EC130 b_rename stopped on request"):
            project.upgrade()
    finally:
        killpoints.watch(None)
    assert signal.getsignal(number) is before
    assert project.at() == "a"
    project.upgrade()
    assert project.at() == "b"
    assert application.execute(READY).scalar_one()
