"""What the ledger knows of a change, read back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from expandcontract.ledger import change, control, event, lease, phase, waiver, walk
from expandcontract.ledger.chunk import Round
from expandcontract.ledger.reader import conflicts, load, load_log, watch_queries, watched
from expandcontract.ledger.rights import grants
from expandcontract.model.events import Progress
from expandcontract.model.live import Lost
from expandcontract.model.names import RelationName
from expandcontract.model.phases import Phase, Section, State, Status
from expandcontract.model.policy import Policy
from expandcontract.model.records import Wish
from expandcontract.model.situation import Situation
from expandcontract.model.step import Purpose, Step, Transactional, Upkeep
from expandcontract.postgres import sessions
from expandcontract.postgres.query import together
from expandcontract.postgres.sqlstate import translate
from expandcontract.testing.server import Server
from tests.acceptance.probe import TRIES
from tests.messages import asked
from tests.postgres import ledgers
from tests.postgres.ledgers import WHO, Ledger


async def test_a_change_is_read_back(database: str) -> None:
    """What was written by the writers is what the Situation says."""
    async with ledgers.changing(database) as ledger:
        fresh = await ledger.situation()
        assert (fresh.name, fresh.kind, fresh.state, fresh.started) == (
            "0001_rename", "rename-column", State.ACTIVE, False,
        )  # fmt: skip
        assert fresh.plan == ledgers.plan()
        assert fresh.relation == await ledger.one(
            "SELECT 'public.users'::pg_catalog.regclass::pg_catalog.oid"
        )
        assert (fresh.copy, fresh.compare, fresh.proof, fresh.wish, fresh.holders) == (
            None,
            None,
            None,
            Wish(),
            (),
        )
        assert not fresh.live.is_copy

        await ledger.run(Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL)
        await ledger.prove()
        async with ledger.database.transaction() as conn:
            await waiver.add(conn, ledger.tables, 1, "soak", who="bob", why="in a hurry", known="1 h")
            await control.wish(conn, ledger.tables, 1, WHO, paused=True, max_rate=2e4)
            await control.wish(conn, ledger.tables, 1, WHO, batch=500)
        ready = await ledger.situation()
        assert ready.ready
        assert ready.phase == Phase.CONTRACT
        assert ready.steps_done == {"expand.add_column"}
        assert replace(ready.wish, paused_at=None) == Wish(True, WHO, 500, 2e4, None)
        assert ready.wish.paused_at is not None
        assert [(w.gate, w.who, w.why, w.known) for w in ready.waivers] == [
            ("soak", "bob", "in a hurry", "1 h")
        ]
        assert ready.proof is not None
        assert (ready.proof.mismatches, ready.proof.differences) == (0, ())
        assert ready.now - timedelta(minutes=1) < ready.proof.finished_at < ready.now


async def test_sweeps_are_summed(database: str) -> None:
    """Of each purpose the last round counts: blocks, rows, the part that stayed HOT, and the time from first
    to last.
    """
    async with ledgers.changing(database) as ledger:
        await ledger.sql("""
            INSERT INTO expandcontract.chunk (
                round, status, first_block, end_block, next_block, rows, hot_rows, batch, throttled_by,
                started_at, updated_at, change_id, attempt, purpose, relation, relation_name, filenode)
            SELECT n, status, first, last, next, rows, hot, batch, by, began::timestamptz, ended::timestamptz,
                1, 1, 'copy', 1, 'x', 1 FROM (VALUES
                (1, 'done', 0, 9, 9, 9, 9, 1, NULL, '2031-01-01 00:00Z', '2031-01-01 00:01Z'),
                (2, 'done', 0, 10, 10, 300, 300, 50, NULL, '2031-01-01 00:00Z', '2031-01-01 00:01Z'),
                (2, 'running', 10, 20, 15, 100, 0, 70, 'max-rate', '2031-01-01 00:01Z', '2031-01-01 00:02Z'),
                (2, 'pending', 20, 30, 20, 0, 0, NULL, NULL, NULL, NULL)
            ) chunks (n, status, first, last, next, rows, hot, batch, by, began, ended)
        """)
        situation = await ledger.situation()
        copy = situation.copy
        assert copy is not None
        assert (copy.round, copy.blocks_done, copy.blocks_total, copy.chunks_open, copy.rows) == (
            2,
            15,
            30,
            2,
            400,
        )
        assert (copy.hot_ratio, copy.seconds, copy.batch, copy.throttled_by) == (0.75, 120.0, 70, "max-rate")
        assert copy.rows_per_second == pytest.approx(400 / 120)
        assert not copy.finished
        assert situation.compare is None


async def test_the_sums_of_a_walk_are_those_of_its_chunks(database: str) -> None:
    """However chunks are written - laid, moved, finished, given back, changed by hand, deleted - what the
    view sums without counting is what counting gives; also where the application's triggers are off.
    """
    counted = """
        SELECT coalesce(sum(next_block - first_block), 0)::text,
            coalesce(sum(end_block - first_block), 0)::text,
            count(*) FILTER (WHERE status <> 'done')::text, coalesce(sum(rows), 0)::text,
            coalesce(sum(mismatches), 0)::text, coalesce(sum(unfit), 0)::text,
            coalesce(extract(epoch FROM max(updated_at) - min(started_at)), 0)::float8::text
        FROM expandcontract.chunk"""
    summed = """
        SELECT blocks_done::text, blocks_total::text, chunks_open::text, rows::text, mismatches::text,
            unfit::text, seconds::text
        FROM expandcontract.round"""
    moves = (
        "status = 'running', started_at = now(), updated_at = now() WHERE id % 3 = 0",
        "next_block = next_block + 4, rows = 7, mismatches = 2, updated_at = now() WHERE status = 'running'",
        "status = 'done', next_block = end_block WHERE status = 'running' AND id % 2 = 0",
        "status = 'pending' WHERE status = 'running'",
        "rows = rows + 100, unfit = 3, end_block = next_block WHERE status = 'done'",
        "status = 'pending' WHERE id = (SELECT min(id) FROM expandcontract.chunk WHERE status = 'done')",
    )
    async with ledgers.changing(database) as ledger:
        laid = """
            INSERT INTO expandcontract.chunk (change_id, attempt, purpose, round, relation, relation_name,
                filenode, first_block, end_block, next_block)
            SELECT 1, 1, 'compare', 1, 1, 'x', {0}, n * 10, n * 10 + 10, n * 10
            FROM generate_series(0, 29) n"""
        written = [
            laid.format(1),
            *(f"UPDATE expandcontract.chunk SET {move}" for move in moves),
            laid.format(2),
            "DELETE FROM expandcontract.chunk WHERE status = 'done' AND id % 4 = 0",
        ]
        for statement in written:
            await ledger.sql(f"SET LOCAL session_replication_role = replica; {statement}")
            async with ledger.database.transaction() as conn:
                by_counting = tuple((await conn.exec_driver_sql(counted)).one())
                assert tuple((await conn.exec_driver_sql(summed)).one()) == by_counting, statement


async def test_the_hours_in_which_nobody_was_at_work_do_not_count(database: str) -> None:
    """A worker was killed, and another went on three hours later: the walk took as long as both were at work,
    and until then it is told since when nobody is.
    """
    async with ledgers.changing(database) as ledger:
        round_ = Round(1, 1, Purpose.COPY, 1)
        said = Progress("c", "copy", 100, 5, 10, 70.0, 25, None, None, 4.5)
        await ledger.sql("""
            INSERT INTO expandcontract.chunk (change_id, attempt, purpose, round, relation, relation_name,
                filenode, first_block, end_block, next_block, rows, status,
                leased_until, started_at, updated_at)
            VALUES (1, 1, 'copy', 1, 1, 'x', 1, 0, 10, 5, 100, 'running',
                now() - interval '179 min', now() - interval '181 min', now() - interval '3 h');
            UPDATE expandcontract.walk SET said_at = now() - interval '3 h'
        """)
        situation = await ledger.situation()
        since = situation.left_alone(situation.copy)
        assert since is not None
        assert timedelta(hours=2, minutes=59) < situation.now - since < timedelta(hours=3, minutes=1)
        async with lease.acquire(
            ledger.database, ledger.tables, 1, verb="backfill", exclusive=False, who="ada"
        ):
            for _ in range(2):
                await ledger.sql(
                    "UPDATE expandcontract.chunk SET updated_at = now(), leased_until = now() + '9 s'"
                )
                async with ledger.database.transaction() as conn:
                    await walk.say(conn, ledger.tables, round_, said)
            situation = await ledger.situation()
        assert situation.copy is not None
        assert situation.copy.seconds == pytest.approx(60, abs=20)
        assert situation.left_alone(situation.copy) is None


async def test_what_a_walker_says_is_forgotten(database: str) -> None:
    """Rate, estimate, batch and throttle are those that a process said last; ten seconds after it fell silent
    nobody knows them, and of a walk that is finished the rate is that of the whole.
    """
    async with ledgers.changing(database) as ledger:
        round_ = Round(1, 1, Purpose.COPY, 1)
        said = Progress("c", "copy", 100, 5, 10, 70.0, 25, None, "max-rate", 4.5)
        await ledger.sql("""
            INSERT INTO expandcontract.chunk (change_id, attempt, purpose, round, relation, relation_name,
                filenode, first_block, end_block, next_block, rows, batch, status, started_at, updated_at)
            VALUES (1, 1, 'copy', 1, 1, 'x', 1, 0, 10, 5, 100, 20, 'running', now() - interval '10 s', now())
        """)

        async def read() -> tuple[float | None, ...]:
            copy = (await ledger.situation()).copy
            assert copy is not None
            return (round(copy.rows_per_second), copy.eta_seconds, copy.batch)

        assert await read() == (10, None, 20)
        async with ledger.database.transaction() as conn:
            await walk.say(conn, ledger.tables, round_, said)
        assert await read() == (70, 4.5, 25)
        copy = (await ledger.situation()).copy
        assert copy is not None
        assert copy.throttled_by == "max-rate"
        await ledger.sql("UPDATE expandcontract.walk SET said_at = said_at - interval '11 seconds'")
        assert await read() == (10, None, 20)
        # A killed worker is held back by nothing.
        held = "UPDATE expandcontract.chunk SET throttled_by = 'lag', leased_until = now() + interval '{}'"
        for lease, waits_for in (("9 s", "lag"), ("-1 s", None)):
            await ledger.sql(held.format(lease))
            copy = (await ledger.situation()).copy
            assert copy is not None
            assert copy.throttled_by == waits_for
        await ledger.sql("UPDATE expandcontract.chunk SET leased_until = NULL")
        await ledger.sql("""
            UPDATE expandcontract.walk SET said_at = clock_timestamp();
            UPDATE expandcontract.chunk SET status = 'done', next_block = end_block
        """)
        assert (await read())[0] == 10


async def test_uses_are_folded(database: str) -> None:
    """Each application, role and address that wrote the old side is named once, with first, last and how
    often.
    """
    async with ledgers.changing(database) as ledger:
        await ledger.run(Phase.EXPAND, Phase.DUAL_WRITE)
        await ledger.sql("""
            SET LOCAL application_name = 'billing';
            SELECT expandcontract_sync.note_use('0001_rename', side, 'app')
            FROM pg_catalog.generate_series(1, 3), (VALUES ('old'), ('new')) sides(side);
            SET LOCAL application_name = 'web';
            SELECT expandcontract_sync.note_use('0001_rename', 'old', 'app');
            SELECT expandcontract_sync.note_use('no such change', 'old', 'app');
        """)
        await ledger.run(Phase.BACKFILL)
        situation = await ledger.situation()
        assert {(w.application_name, w.role, w.address, w.times) for w in situation.old_writers} == {
            ("billing", "app", None, 3), ("web", "app", None, 1),
        }  # fmt: skip
        assert situation.old_writers[0].application_name == "web"
        assert (await _watched(ledger)).new_code_at is None  # those were before ready
        await ledger.sql("SELECT expandcontract_sync.note_use('0001_rename', 'new', 'app')")
        now = await _watched(ledger)
        assert now.new_code_at is not None
        assert now.noting_since == now.phases[Phase.DUAL_WRITE].finished_at


async def test_ready_is_told_by_the_plan_whatever_its_step_is_called(database: str) -> None:
    """What the new side had after the step of backfill that makes what keeps it in sync is looked for; and
    from when that step began, a write through the new side tells of new code.
    """
    made = Step("whatever", "~", "Ready.", Transactional(()), makes=Upkeep.SYNC)
    async with ledgers.opened(database) as opened:
        await opened.sql(ledgers.TABLE)
        await opened.sql("CREATE INDEX by_display_name ON public.users (display_name)")
        plan = ledgers.plan()
        sections = {**plan.sections, Section.BACKFILL: (made,)}
        ledger = await ledgers.with_change(opened, replace(plan, sections=sections))
        await ledger.run(Phase.EXPAND, Phase.DUAL_WRITE)
        await ledger.begin(Phase.BACKFILL)
        async with ledger.database.transaction() as conn:
            kept = change.noting_sync(ledger.tables, ledger.id, 1, ledgers.WHO, step=made.id, hides=False)
            await conn.exec_driver_sql(kept.sql, kept.values)
        await ledger.journal(Section.BACKFILL)
        await ledger.sql("SELECT expandcontract_sync.note_use('0001_rename', 'new', 'app')")
        async with ledger.database.transaction() as conn:
            await phase.done(conn, ledger.tables, ledger.id, Phase.BACKFILL, ledgers.WHO)
        assert (await ledger.situation()).live.lost == ()
        assert (await _watched(ledger)).new_code_at is not None
        await ledger.sql("DROP INDEX public.by_display_name")
        assert (await ledger.situation()).live.lost == (Lost("index", "by_display_name"),)


async def _watched(ledger: Ledger) -> Situation:
    situation = await ledger.situation()
    async with ledger.database.transaction() as conn:
        queries = watch_queries(ledger.tables) | {"sessions": sessions.QUERY}
        (found,) = watched(await together(conn, queries, []), [situation])
    return found


async def test_values_that_do_not_fit_count_until_a_proof_finds_none(database: str) -> None:
    """A value that did not fit keeps contract shut; one that lost against another does not, nor does one from
    before the last proof.
    """
    async with ledgers.changing(database) as ledger:
        await ledger.run(Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL)
        note = "SELECT expandcontract_sync.note_conflict('0001_rename', "
        misfit = note + "'does not fit', '{\"id\": 1}', 'abc', NULL, 'app', 'no int')"
        await ledger.sql(misfit)
        await ledger.sql(note + "'both written', 'no json', 'a', 'b', 'app', 'x')")
        assert (await ledger.situation()).conflicts == 1
        await ledger.prove()
        assert (await ledger.situation()).conflicts == 0
        await ledger.sql(misfit)
        assert (await ledger.situation()).conflicts == 1
        async with ledger.database.transaction() as conn:
            found = await conflicts(conn, ledger.tables, "0001_rename")
        assert [(c.kind, c.key, c.old_value, c.new_value, c.role) for c in found] == [
            ("does not fit", {"id": 1}, "abc", None, "app"),
            ("both written", "no json", "a", "b", "app"),
            ("does not fit", {"id": 1}, "abc", None, "app"),
        ]


async def test_the_log_is_in_order(database: str) -> None:
    """Who did what when: events and steps, as they happened."""
    async with ledgers.changing(database) as ledger:
        await ledger.run(Phase.EXPAND)
        async with ledger.database.transaction() as conn:
            await phase.begin(conn, ledger.tables, 1, Phase.DUAL_WRITE, WHO)
            await phase.fail(conn, ledger.tables, 1, Phase.DUAL_WRITE, WHO, error="it broke")
            assert not await phase.fail(conn, ledger.tables, 1, Phase.DUAL_WRITE, WHO, error="again")
            await event.write(conn, ledger.tables, "of the ledger itself", WHO)
            log = await load_log(conn, ledger.tables, "0001_rename")
        told = [(e.kind, e.data.get("phase") or e.data.get("step"), e.data.get("status")) for e in log]
        assert told == [
            ("created", None, None),
            ("phase", "expand", "running"),
            ("step", "add_column", "done"),
            ("phase", "expand", "done"),
            ("phase", "dual_write", "running"),
            ("phase", "dual_write", "failed"),
        ]
        assert log[-1].data["error"] == "it broke"
        failed = (await ledger.situation()).phases[Phase.DUAL_WRITE]
        assert (failed.status, failed.error) == (Status.FAILED, "it broke")


async def test_any_number_of_changes_is_one_query(database: str) -> None:
    """`ec status` costs the same number of queries for one change and for six."""
    async with ledgers.changing(database) as ledger:

        async def count(names: list[str] | None = None) -> tuple[int, list[str]]:
            queries: list[str] = []
            async with ledger.database.transaction() as conn:
                with asked(queries.append):
                    found = await load(conn, ledger.tables, Policy(), names)
            return len(queries), [situation.name for situation in found]

        await count()  # of a new session more is asked
        assert await count() == (1, ["0001_rename"])
        for number in range(2, 7):
            await ledger.sql(f"CREATE TABLE public.t{number} (name text)")
            other = ledgers.plan(f"000{number}", table=RelationName("public", f"t{number}"))
            async with ledger.database.transaction() as conn:
                await change.create(conn, ledger.tables, other, relation=number, who=WHO, host="here")
        assert await count() == (1, ["0001_rename", "0002", "0003", "0004", "0005", "0006"])
        assert await count(["0003", "0001_rename", "none"]) == (1, ["0001_rename", "0003"])


async def test_status_needs_select_on_one_view(database: str) -> None:
    """A role that may SELECT status_v1 and nothing else reads the whole Situation, the proof judged now
    included.
    """
    async with ledgers.opened(database, migrated=False) as bare:
        await bare.sql("ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM PUBLIC")
    async with ledgers.changing(database) as ledger, ledgers.roles(ledger, "waiter_1"):
        await ledger.ready_to_hide()
        await ledger.sql("\n".join(grants("expandcontract", "waiter", "waiter_1")))
        async with ledgers.opened(ledgers.as_role(database, "waiter_1"), migrated=False) as waiter:
            mine, theirs = await ledger.situation(), await waiter.situation()
            assert theirs.proof == mine.proof
            assert (theirs.phases, theirs.plan, theirs.steps_done) == (
                mine.phases,
                mine.plan,
                mine.steps_done,
            )
            await ledger.sql('ALTER TABLE public.users DISABLE TRIGGER "~ec_1"')
            spoiled = (await waiter.situation()).proof
            assert spoiled is not None
            assert spoiled.differences == ("trigger ~ec_1 of public.users is disabled",)
            assert await waiter.one("SELECT proof FROM expandcontract.status_v1") == "spoiled"
            with pytest.raises(DBAPIError, match="permission denied for table change"):
                await waiter.one("SELECT name FROM expandcontract.change")


async def test_the_public_columns_of_the_view(database: str) -> None:
    """A pipeline in SQL reads name, phase, state, readiness and statuses from the view."""
    async with ledgers.changing(database) as ledger:
        await ledger.run(Phase.EXPAND)
        await ledger.begin(Phase.DUAL_WRITE)
        async with ledger.database.transaction() as conn:
            query = "SELECT name, kind, table_name, phase, state, ready, expand, dual_write, proof FROM "
            row: Any = (await conn.exec_driver_sql(query + "expandcontract.status_v1")).one()
        named = ("0001_rename", "rename-column", "public.users")
        assert tuple(row) == (*named, "dual_write", "active", False, "done", "running", "none")


async def test_an_application_without_rights_leaves_its_notes(database: str) -> None:
    """A15: under hardened default privileges a role with no right on the ledger calls what the sync trigger
    calls, and nothing else.
    """
    async with ledgers.opened(database, migrated=False) as bare:
        await bare.sql("""
            ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM PUBLIC;
            ALTER DEFAULT PRIVILEGES REVOKE ALL ON SCHEMAS FROM PUBLIC;
            REVOKE ALL ON SCHEMA public FROM PUBLIC;
        """)
    async with ledgers.changing(database) as ledger, ledgers.roles(ledger, "app_1"):
        await ledger.sql("GRANT UPDATE (name) ON public.users TO app_1")
        async with ledgers.opened(ledgers.as_role(database, "app_1"), migrated=False) as app:
            await app.sql("""
                SET LOCAL application_name = 'shop';
                SELECT expandcontract_sync.note_use('0001_rename', 'old', current_user);
                SELECT expandcontract_sync.note_conflict(
                    '0001_rename', 'both written', NULL, 'a', 'b', current_user, 'why');
            """)
            for statement in (
                "TABLE expandcontract.old_use",
                "INSERT INTO expandcontract.conflict (change_id, kind) VALUES (1, 'x')",
            ):
                with pytest.raises(Exception, match="permission denied for schema"):
                    await app.sql(statement)
        (writer,) = (await ledger.situation()).old_writers
        assert (writer.application_name, writer.role) == ("shop", "app_1")


async def test_a_copied_database_knows_that_it_is_one(server: Server, database: str) -> None:
    """A copy of the database has no proof and no lease of its own; contract is refused until it is proven
    there.
    """
    async with ledgers.changing(database) as ledger:
        await ledger.ready_to_hide()
        await ledger.sql(
            "INSERT INTO expandcontract.lease"
            " SELECT pg_catalog.gen_random_uuid(), 1, true, 'backfill', 'there', 1, NULL, NULL,"
            " database_oid, 'bob', pg_catalog.now(), pg_catalog.now() + interval '1 hour'"
            " FROM expandcontract.change"
        )
        (holder,) = (await ledger.situation()).holders
        assert holder.alive
    name = database.partition("?")[0].rpartition("/")[2]
    copy_url = database.replace(name, f"{name}_copy", 1)
    async with ledgers.opened(server.url(), migrated=False) as main, _copied(main, name):  # noqa: SIM117
        async with ledgers.opened(copy_url) as opened:
            copy = Ledger(opened.database, opened.tables, ledger.id)
            situation = await copy.situation()
            assert situation.live.is_copy
            assert situation.proof is not None
            assert situation.proof.differences == (
                "this database is a copy of the one in which the proof was made",
            )
            assert [holder.alive for holder in situation.holders] == [False]
            with pytest.raises(DBAPIError) as caught:
                await copy.become(State.HIDDEN)
            assert "is a copy" in translate(caught.value).message
            await copy.prove()
            assert not (await copy.situation()).live.is_copy
            await copy.become(State.HIDDEN)
    async with ledgers.opened(database) as original:
        situation = await original.situation()
        assert (situation.live.is_copy, situation.state) == (False, State.ACTIVE)


@asynccontextmanager
async def _copied(main: Ledger, name: str) -> AsyncIterator[None]:
    async with main.database.direct() as conn:
        await conn.exec_driver_sql(f"CREATE DATABASE {name}_copy TEMPLATE {name}")
        try:
            yield
        finally:
            await conn.exec_driver_sql(f"DROP DATABASE {name}_copy WITH (FORCE)")


async def test_bound_state_is_cheap(database: str) -> None:
    """With a hundred partitions, what a proof is bound to is read in a time that a slice does not notice."""
    table = ledgers.TABLE.replace(
        "name text, display_name text)", "name text, display_name text) PARTITION BY RANGE (id)"
    )
    async with ledgers.changing(database, table) as ledger:
        await ledger.sql("""
            DO $$ BEGIN FOR i IN 1..100 LOOP EXECUTE pg_catalog.format(
                'CREATE TABLE public.u_%1$s PARTITION OF public.users FOR VALUES FROM (%1$s) TO (%2$s)',
                i, i + 1);
            END LOOP; END $$
        """)
        await ledger.run(Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL)
        await ledger.prove()
        state = await ledger.one("SELECT expandcontract.bound_state(1)::text")
        assert state.count('"~ec_1"') == 100
        explain = (
            "EXPLAIN (ANALYZE, FORMAT JSON)"
            " SELECT expandcontract.differences_now(1, bound) FROM expandcontract.proof"
        )
        took: list[float] = []
        while len(took) < TRIES and not (took and min(took) < 500):  # the machine may serve nobody at times
            took.append((await ledger.one(explain))[0]["Execution Time"])
        assert min(took) < 500
        await ledger.sql("DROP TABLE public.u_6; ALTER TABLE public.users DETACH PARTITION public.u_7")
        found = (await ledger.situation()).proof
        assert found is not None
        assert found.differences == ()
        await ledger.sql("ALTER TABLE public.users ATTACH PARTITION public.u_7 FOR VALUES FROM (7) TO (8)")
        found = (await ledger.situation()).proof
        assert found is not None
        assert any("trigger" in difference for difference in found.differences), found.differences
        await ledger.sql("DROP TABLE public.users")
        found = (await ledger.situation()).proof
        assert found is not None
        assert found.differences == ("the table is gone",)


async def test_a_pause_ends_by_itself(database: str) -> None:
    """It says who, since when, why and until when; then it is over for readers and for workers."""
    async with ledgers.changing(database) as ledger:

        async def paused(seconds: float | None) -> tuple[Wish, Wish]:
            async with ledger.database.transaction() as conn:
                await control.wish(conn, ledger.tables, 1, WHO, paused=False)
                await control.wish(
                    conn, ledger.tables, 1, WHO, paused=True, paused_why="month end", pause_seconds=seconds
                )
            async with ledger.database.transaction() as conn:
                return (await ledger.situation()).wish, await control.wished(conn, ledger.tables, 1)

        for wish in await paused(600.0):
            assert wish.paused
            assert wish.paused_at is not None
            assert wish.paused_until is not None
            assert abs(wish.paused_until - wish.paused_at - timedelta(minutes=10)) < timedelta(seconds=1)
            assert wish.pause.startswith(f"paused by {WHO} since ")
            assert wish.pause.endswith(" UTC: month end")
        assert [wish.paused for wish in await paused(0.0)] == [False, False]
        assert [wish.paused for wish in await paused(None)] == [True, True]
