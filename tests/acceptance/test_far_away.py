"""`ec` works 40 milliseconds away from the server: what the application feels is as if it stood beside it."""

import statistics
from collections import defaultdict
from datetime import timedelta

import asyncpg
import pytest

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import backfill, contract, init, purge, rollback, start, undo
from expandcontract.model.change import Change
from expandcontract.model.events import ignore
from expandcontract.model.phases import Stage
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database
from tests.acceptance.cycle import IN_A_HURRY, Expected
from tests.acceptance.probe import LIMIT_SECONDS, TRIES, longest, probing
from tests.chaos.proxy import proxied

#: In each direction.
FAR_SECONDS = 0.02
CHANGE = Change("0001_t", "change-type", {"column": "t.total", "type": "bigint", "to": "total_cents"})
GIVEN = """
CREATE TABLE kinds (total int PRIMARY KEY);
INSERT INTO kinds SELECT g FROM generate_series(1, 100) g;
CREATE TABLE t (
    id int PRIMARY KEY, pad text, total int NOT NULL DEFAULT 1 REFERENCES kinds,
    CONSTRAINT positive CHECK (total > 0)
);
CREATE INDEX ON t (total);
INSERT INTO t SELECT g, 'x', 1 + g % 100 FROM generate_series(1, 2000) g;
"""
PROBES = (
    "SELECT pad FROM t WHERE id = 7",
    "UPDATE t SET pad = 'x' WHERE id = 8",
    "INSERT INTO t (id, pad) SELECT max(id) + 1, 'new' FROM t ON CONFLICT DO NOTHING",
    "SELECT count(*) FROM t WHERE id < 5",
)
VERBS = (
    "start",
    "backfill",
    "rollback",
    "start",
    "backfill",
    "contract",
    "undo",
    "backfill",
    "contract",
    "purge",
)


async def _give(context: Context, verb: str) -> None:
    name = CHANGE.name
    match verb:
        case "start":
            await start.start(context, CHANGE, start.Consent(acknowledged=Expected()))
        case "backfill":
            assert (await backfill.backfill(context, name)).stage == Stage.READY
        case "contract":
            await contract.contract(context, name)
        case "undo":
            await undo.undo(context, name)
        case "rollback":
            await rollback.rollback(context, name)
        case _:
            await purge.purge(context, name, now=True, confirm=name)


async def _life(near: str, far: str) -> dict[str, float]:
    """Return the longest wait of the application by the verb that went on."""
    app: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(near)
    database = Database(far)
    policy = Policy(quiet_for=timedelta(0), soak=timedelta(microseconds=1), lock_budget=timedelta(minutes=2))
    waits: dict[str, float] = defaultdict(float)
    try:
        await app.execute(GIVEN)
        context = Context(database, policy, ignore, "test", limits=IN_A_HURRY)
        await init.init(context)
        for verb in VERBS:
            if verb == "contract":
                await app.execute("UPDATE t SET total_cents = total_cents + 1 WHERE id = 3")
            async with probing(near, PROBES) as probes:
                await _give(context, verb)
            waits[verb] = max(waits[verb], longest(probes))
        await app.execute("DROP TABLE t, kinds")
    finally:
        await database.close()
        await app.close()
    return waits


@pytest.mark.slow
@pytest.mark.in_turn(2)
@pytest.mark.timeout(900)
async def test_in_every_verb_a_statement_waits_for_one_message_at_most(database: str) -> None:
    """Selects, updates and inserts go on beside a life in which every message travels: none waits longer than
    lock_timeout and 100 ms, in any verb.
    """
    async with proxied(database, delay_seconds=FAR_SECONDS) as (_, far):
        found: dict[str, list[float]] = defaultdict(list)
        for _try in range(TRIES):
            for verb, seconds in (await _life(database, far)).items():
                found[verb].append(seconds)
            if max(map(statistics.median, found.values())) <= LIMIT_SECONDS:
                break
    assert {verb: times for verb, times in found.items() if statistics.median(times) > LIMIT_SECONDS} == {}
