"""Where every change is, by the slim view; and the samples of how a sweep went."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

from expandcontract import gates
from expandcontract.engine import state_words, told_gates
from expandcontract.engine.context import Context
from expandcontract.engine.state_words import StateWord
from expandcontract.ledger import control, lease, phase, summary, walk
from expandcontract.ledger.chunk import Round
from expandcontract.ledger.rights import grants
from expandcontract.ledger.summary import Summary
from expandcontract.model.events import Progress, ignore
from expandcontract.model.phases import Phase, State
from expandcontract.model.policy import Policy
from expandcontract.model.situation import Situation
from expandcontract.model.step import Purpose
from tests.postgres import ledgers
from tests.postgres.ledgers import WHO, Ledger
from tests.unit import situations

CHUNK = """
INSERT INTO expandcontract.chunk (change_id, attempt, purpose, round, relation, relation_name, filenode,
    first_block, end_block, next_block, rows, status, started_at, updated_at)
VALUES (1, 1, 'copy', 1, 1, 'x', 1, 0, 10, 5, 100, 'running', now() - interval '10 s', now())
"""


async def test_the_view_and_the_engine_say_the_same_word(database: str) -> None:
    """Of every situation in the life of a change, with the reason for it and since when. The view knows the
    ledger alone, for whoever has SQL and nothing else; the engine knows the catalog and asks the gates.
    """
    async with ledgers.changing(database) as ledger:
        told = [await _same(ledger)]
        await ledger.begin(Phase.EXPAND)
        async with _held(ledger) as token:
            told.append(await _same(ledger))
            for kind in ("lock", "snapshot"):
                waits = {"kind": kind, "detail": "somebody"}
                await ledger.database.at_once(lease.waiting(ledger.tables, token, waits))
                told.append(await _same(ledger))
        async with ledger.database.transaction() as conn:
            await phase.fail(conn, ledger.tables, 1, Phase.EXPAND, WHO, error="out of disk")
        told.append(await _same(ledger))
        await ledger.run(Phase.EXPAND, Phase.DUAL_WRITE)
        told += await _sweeping(ledger)
        async with ledger.database.transaction() as conn:
            await phase.done(conn, ledger.tables, 1, Phase.BACKFILL, WHO)
        told.append(await _same(ledger))
        await ledger.prove()
        told += [await _same(ledger, **around) for around in ({}, _SEEN, _QUIET)]
        await ledger.begin(Phase.CONTRACT)
        await ledger.become(State.HIDDEN)
        told.append(await _same(ledger))
        told.append(await _same(ledger, policy=Policy(undo_window=timedelta(0))))
        assert told == [
            *(StateWord.NOBODY, StateWord.RUNNING, StateWord.WAITING_FOR_LOCK),
            *(StateWord.WAITING_FOR_SNAPSHOTS, StateWord.FAILED),
            *(StateWord.NOBODY, StateWord.RUNNING, StateWord.HELD_BACK, StateWord.PAUSED, StateWord.NOBODY),
            StateWord.NOBODY,
            *(StateWord.READY_TO_DEPLOY, StateWord.WAITING_FOR_GATES, StateWord.MAY_BE_CONTRACTED),
            *(StateWord.HIDDEN, StateWord.HIDDEN),
        ]
        for state, word in (("purged", "purged"), ("rolled_back", "rolled back"), ("finished", "finished")):
            await ledger.sql(f"""
                SET LOCAL session_replication_role = replica;
                ALTER TABLE expandcontract.change DISABLE TRIGGER USER;
                UPDATE expandcontract.change SET state = '{state}'
            """)
            assert await _same(ledger) == word


async def test_a_sample_for_each_half_minute(database: str) -> None:
    """Whoever speaks first in it keeps it, with the signal that is used up most; after a day one in five
    minutes stays. A waiter reads them, and the summary, and nothing else.
    """
    async with ledgers.changing(database) as ledger, ledgers.roles(ledger, "waiter_2"):
        await ledger.sql(CHUNK)
        said = Progress("0001_rename", "copy", 100, 5, 10, 70.0, 25, 0.5, None, 4.5)
        pressed = {
            "throttle": "replica-lag",
            "reading": 1.5,
            "threshold": 10.0,
            "unit": "s",
            "lag_seconds": 1.5,
        }

        async def speak(moment: str) -> None:
            # Time is made to pass: who speaks again in the same half minute keeps nothing.
            async with ledger.database.transaction() as conn:
                await walk.say(conn, ledger.tables, Round(1, 1, Purpose.COPY, 1), said, pressed)
            await ledger.sql(f"UPDATE expandcontract.walk SET said_at = '{moment}'")

        for moment in ("2031-05-04 11:59:40Z", "2031-05-04 12:00:10Z", "2031-05-04 12:00:20Z"):
            await speak(moment)
        await ledger.sql("DELETE FROM expandcontract.sample WHERE at < '2031-01-01'")
        await ledger.sql("\n".join(grants("expandcontract", "waiter", "waiter_2")))
        async with ledgers.opened(ledgers.as_role(database, "waiter_2"), migrated=False) as waiter:
            async with waiter.database.transaction() as conn:
                found = await summary.samples(conn, waiter.tables, "0001_rename")
                (read,) = await summary.read(conn, waiter.tables)
            assert read.name == "0001_rename"
        assert [f"{each.at:%H:%M:%S}" for each in found] == ["11:59:30", "12:00:00"]
        assert (found[0].rows, found[0].rows_per_second, found[0].hot_ratio) == (100, 70.0, 0.5)
        assert (found[0].throttle, found[0].reading, found[0].threshold) == ("replica-lag", 1.5, 10.0)
        await speak("2031-05-06 12:05:01Z")
        await ledger.sql("DELETE FROM expandcontract.sample WHERE at < '2031-01-01'")
        async with ledger.database.transaction() as conn:
            found = await summary.samples(conn, ledger.tables, "0001_rename")
        assert [f"{each.at:%d %H:%M:%S}" for each in found] == ["04 12:00:00", "06 12:05:00"]


async def _sweeping(ledger: Ledger) -> list[StateWord]:
    """Let a copy begin, be seen at work, be held back and paused, and be left alone."""
    await ledger.begin(Phase.BACKFILL)
    await ledger.sql(CHUNK)
    found = [await _same(ledger)]
    round_ = Round(1, 1, Purpose.COPY, 1)
    said = Progress("0001_rename", "copy", 100, 5, 10, 70.0, 25, None, None, 4.5)
    async with _held(ledger):
        for throttled_by in (None, "replica-lag 12 s > 10 s"):
            async with ledger.database.transaction() as conn:
                await walk.say(conn, ledger.tables, round_, replace(said, throttled_by=throttled_by))
            found.append(await _same(ledger))
        seen = await _summary(ledger)
        assert (seen.rows_per_second, seen.eta_seconds, seen.throttled_by) == (
            70,
            4.5,
            "replica-lag 12 s > 10 s",
        )
        async with ledger.database.transaction() as conn:
            await control.wish(
                conn, ledger.tables, 1, WHO, paused=True, paused_why="deploy", pause_seconds=60
            )
        found.append(await _same(ledger))
    found.append(await _same(ledger))
    seen = await _summary(ledger)
    assert (seen.rows_per_second, seen.eta_seconds, seen.throttled_by) == (None, None, None)
    async with ledger.database.transaction() as conn:
        await control.wish(conn, ledger.tables, 1, WHO, paused=False)
    return found


@asynccontextmanager
async def _held(ledger: Ledger) -> AsyncIterator[UUID]:
    token = uuid4()
    async with lease.acquire(
        ledger.database, ledger.tables, 1, verb="backfill", exclusive=True, who=WHO
    ) as held:
        token = held.token
        yield token


_SEEN = {"new_code_at": situations.NOW, "old_writers": (situations.writer(),)}
_QUIET = {
    "new_code_at": situations.NOW,
    "policy": Policy(quiet_for=timedelta(0)),
    "live": situations.live(),
}


async def _same(ledger: Ledger, **around: situations.Field) -> StateWord:
    """Return the word of the engine, after the view told the same."""
    situation = replace(await ledger.situation(), **around)
    context = Context(ledger.database, situation.policy, ignore, WHO)
    await told_gates.keep(context, [situation])
    engine, view = _engine(situation), await _summary(ledger)
    assert view.word == engine.word
    blocked = None if engine.blocked is None else (engine.blocked.kind, engine.blocked.detail)
    assert (view.blocked and (view.blocked["kind"], view.blocked["detail"])) == blocked
    assert (view.last_progress_at, view.workers > 0) == (engine.last_progress_at, engine.worker_alive)
    assert view.ready == situation.ready
    return engine.word


def _engine(situation: Situation) -> state_words.Told:
    return state_words.told(situation, gates.judge_all(situation))


async def _summary(ledger: Ledger) -> Summary:
    async with ledger.database.transaction() as conn:
        (found,) = await summary.read(conn, ledger.tables)
    return found


async def test_a_pause_of_all_holds_for_changes_to_come(database: str) -> None:
    """The ledger keeps who and why; it ends by itself, or for all; what is asked is pending until whoever is
    at work has taken it up.
    """
    async with ledgers.opened(database) as bare:
        await bare.sql(ledgers.TABLE)
        async with bare.database.transaction() as conn:
            await control.halt(conn, bare.tables, WHO, "incident", 1800.0)
        ledger = await ledgers.with_change(bare)
        wish = (await ledger.situation()).wish
        assert (wish.paused, wish.paused_by, wish.paused_why, wish.all) == (True, WHO, "incident", True)
        assert wish.resume("0001_rename") == "ec resume --all"
        async with _held(ledger):
            async with ledger.database.transaction() as conn:
                heard = await control.wished(conn, ledger.tables, 1)
                assert heard == wish
                await control.heard(conn, ledger.tables, 1, heard)
            assert await _is_heard(ledger) is True
            async with ledger.database.transaction() as conn:
                await control.wish(conn, ledger.tables, 1, WHO, batch=500)
            assert await _is_heard(ledger) is False
            async with ledger.database.transaction() as conn:
                # One that lasts longer of its own, and then none.
                await control.wish(conn, ledger.tables, 1, "ann", paused=True, paused_why="deploy")
            wish = (await ledger.situation()).wish
            assert (wish.paused_by, wish.all, wish.asked_by) == ("ann", False, "ann")
            async with ledger.database.transaction() as conn:
                await control.wish(conn, ledger.tables, 1, "ann", paused=False)
            assert (await ledger.situation()).wish.all
            async with ledger.database.transaction() as conn:
                await control.end_halts(conn, ledger.tables, "bob")
            wish = (await ledger.situation()).wish
            assert (wish.paused, wish.asked_by) == (False, "bob")
            assert await _is_heard(ledger) is False
        async with ledger.database.transaction() as conn:
            await control.halt(conn, ledger.tables, WHO, None, 0.0)
        assert not (await ledger.situation()).wish.paused
        kept = "SELECT pg_catalog.count(*) FROM expandcontract.halt WHERE paused_by = $1"
        assert await ledger.one(kept, WHO) == 2


async def _is_heard(ledger: Ledger) -> bool | None:
    situation = await ledger.situation()
    (holder,) = situation.holders
    return situation.wish.is_heard_by(holder)
