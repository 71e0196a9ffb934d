"""A table of many partitions: what each costs, and what the plan says of the locks."""

import re
from collections import defaultdict

import asyncpg
import pytest

from expandcontract.engine.many_partitions import MANY
from expandcontract.model.events import LockHeld
from expandcontract.testing.server import Server
from tests.acceptance.cycle import living, opened
from tests.acceptance.probe import LIMIT_SECONDS, TRIES, longest, probing
from tests.conftest import SETTINGS, VERSION
from tests.postgres.sweeping import swept

FIELDS = {"column": "t.name", "new_name": "label"}


def table(partitions: int) -> str:
    """Return the DDL of a table of this many partitions."""
    return f"""CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL) PARTITION BY HASH (id);
    DO $$ BEGIN FOR n IN 0..{partitions - 1} LOOP EXECUTE format(
        'CREATE TABLE t%s PARTITION OF t FOR VALUES WITH (MODULUS {partitions}, REMAINDER %s)', n, n);
    END LOOP; END $$"""


def milliseconds(said: str) -> dict[str, int]:
    """Return what the plan says, by verb."""
    found = re.findall(r"([\d,]+) ms in (\w+)", said)
    return {verb: int(number.replace(",", "")) for number, verb in found}


async def test_the_plan_says_how_long_the_longest_lock_is_held(database: str) -> None:
    """By measuring it on empty partitions; what is measured is no part of what was reviewed."""
    async with opened(database, "rename-column", FIELDS, table(MANY)) as application:
        first, again = await application.plan(), await application.plan()
        assert first.fingerprint == again.fingerprint
        (said,) = (note.sentence for note in first.costs if note.code == "many-partitions")
        assert said.startswith(f"With {MANY} partitions ")
        verbs = ("start", "rollback", "contract", "undo", "purge")
        assert all(milliseconds(said)[verb] > 0 for verb in verbs)
        assert await application.value("SELECT count(*) FROM pg_class WHERE relname LIKE 'ec_many%'") == 0


async def test_of_few_partitions_the_plan_says_nothing(database: str) -> None:
    """There the locks are short."""
    async with opened(database, "rename-column", FIELDS, table(3)) as application:
        assert "many-partitions" not in {note.code for note in (await application.plan()).costs}


async def test_an_index_of_a_late_partition_is_built_while_others_write(database: str) -> None:
    """Attached after start with rows of its own, it would be built under the lock of the whole table. It is
    built before, under the name that those of the plan have.
    """
    given = """CREATE TABLE t (id int NOT NULL, name text NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE t0 PARTITION OF t FOR VALUES FROM (0) TO (1000);
    CREATE INDEX t_name ON t (name);
    CREATE TABLE late (id int NOT NULL, name text NOT NULL);
    INSERT INTO late SELECT g, 'name ' || g FROM generate_series(1000, 1500) g"""
    attach = "ALTER TABLE t ATTACH PARTITION late FOR VALUES FROM (1000) TO (2000)"
    async with living(database, "rename-column", FIELDS, given) as life:
        await life.start()
        await life.sql(f"ALTER TABLE late ADD COLUMN label text; {attach}")
        await life.backfill()
        query = """SELECT inhrelid::regclass::text FROM pg_inherits
        WHERE inhparent = 't_label'::regclass ORDER BY 1"""
        assert await life.rows(query) == [("late_t_label",), ("t0_t_label",)]
        assert await life.value("SELECT count(*) FROM t WHERE label IS DISTINCT FROM name") == 0


async def test_a_small_partition_is_copied_in_three_transactions(database: str) -> None:
    """It is taken, written and done; ten rows are not worth a transaction each."""
    ddl = """CREATE TABLE things (id bigint, old text, new text) PARTITION BY HASH (id);
    DO $$ BEGIN FOR n IN 0..19 LOOP EXECUTE format(
        'CREATE TABLE things_%s PARTITION OF things FOR VALUES WITH (MODULUS 20, REMAINDER %s)', n, n);
    END LOOP; END $$"""
    async with swept(database, rows=200, ddl=ddl) as things:
        await things.lay()
        before = await things.raw.fetchval("SELECT pg_current_xact_id()::text::int8")
        assert (await things.walk()).rows == 200
        after = await things.raw.fetchval("SELECT pg_current_xact_id()::text::int8")
        assert after - before <= 20 * 3 + 10  # how far it is is written once a second


VERBS = ("start", "rollback", "start", "backfill", "contract", "undo", "verify", "contract", "purge")


async def _not_as_said(url: str, given: str) -> dict[tuple[str, str], str]:
    """Lead one life, and return by verb what was not as the plan says."""
    ids = "SELECT count(*) FROM t WHERE id = 7", "UPDATE t SET id = id WHERE id = 8"
    held, waits = defaultdict[str, float](float), defaultdict[str, float](float)
    async with living(url, "rename-column", FIELDS, given) as life:
        (said,) = (note.sentence for note in (await life.plan()).costs if note.code == "many-partitions")
        for verb in VERBS:
            life.heard.clear()
            async with probing(url, ids) as probes:
                await getattr(life, verb)()
            waits[verb] = max(waits[verb], longest(probes))
            locked = (event.held_seconds for event in life.heard if isinstance(event, LockHeld))
            held[verb] = max(held[verb], *locked, 0.0)
    found = {}
    told = milliseconds(said)  # of a repair as well, which this life has none of
    for verb in set(VERBS) & set(told):
        seconds = told[verb] / 1000
        if waits[verb] > 1.5 * seconds + LIMIT_SECONDS:
            found[verb, "longer"] = f"waited {waits[verb]:.3f} s, but {said}"
        if seconds > 5 * held[verb] + LIMIT_SECONDS:
            found[verb, "scare"] = f"held {held[verb]:.3f} s, but {said}"
    return found


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_what_the_plan_says_of_many_partitions_is_what_the_application_waits() -> None:
    """In every verb, on 200 partitions with rows: nobody waits longer than half as long again and the usual
    limit, and the plan is no scare. A round that was not as the plan says is led again, as it may have met
    a moment in which nobody was served: each verb has to be as said in one of them.
    """
    partitions, locks = 200, {"max_locks_per_transaction": "1024"}
    given = f"""{table(partitions)}; CREATE INDEX t_name ON t (name);
        INSERT INTO t SELECT g, 'name ' || g FROM generate_series(1, 1000) g"""
    with Server.start(VERSION, SETTINGS | locks) as server:
        rounds: list[dict[tuple[str, str], str]] = []
        found: dict[tuple[str, str], list[str]] = {}
        for number in range(TRIES):
            maker = await asyncpg.connect(server.url())
            await maker.execute(f"CREATE DATABASE round{number} TEMPLATE template0")
            await maker.close()
            rounds.append(await _not_as_said(server.url(f"round{number}"), given))
            wrong = set.intersection(*(set(each) for each in rounds))
            found = {each: [round_[each] for round_ in rounds] for each in wrong}
            if not found:
                break
    assert found == {}
