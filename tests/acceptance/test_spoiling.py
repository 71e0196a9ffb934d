"""V2, V7, A10: every way in which a proof is spoiled while rows are compared is noticed, and named."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import asyncpg
import pytest

from expandcontract.model import killpoints
from expandcontract.model.errors import GateShut, Mismatches
from expandcontract.model.events import Notice
from expandcontract.model.phases import Stage
from tests.acceptance.cycle import Life, living

#: Ten rows to a page, so that a comparison takes several slices.
ROWS = 2000
TABLE = f"""
CREATE FUNCTION inner_one(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN lower($1); END';
CREATE FUNCTION outer_one(text) RETURNS text LANGUAGE plpgsql IMMUTABLE
    AS 'BEGIN RETURN public.inner_one($1); END';
CREATE TABLE t(id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
CREATE TABLE low PARTITION OF t FOR VALUES FROM (0) TO (1000) WITH (fillfactor = 10);
CREATE TABLE high PARTITION OF t FOR VALUES FROM (1000) TO (9000) WITH (fillfactor = 10);
INSERT INTO t SELECT i, 'n' || i FROM generate_series(1, {ROWS}) i;
CREATE TABLE extra(id int PRIMARY KEY, name text);
INSERT INTO extra SELECT i, 'x' FROM generate_series(10000, 10004) i
"""
CHANGE = (
    "change-type",
    {
        "column": "t.name",
        "type": "text",
        "to": "label",
        "using": "outer_one(name)",
        "back": "CASE WHEN label IS NOT NULL THEN upper(label) END",
        "unfit": "accept",
    },
)
OFF = 'ALTER TABLE t DISABLE TRIGGER "~ec_{name}"'
ON = 'ALTER TABLE t ENABLE ALWAYS TRIGGER "~ec_{name}"'


@dataclass(frozen=True)
class Deed:
    """What somebody does between two slices, the words that tell of it, and how many rows then differ."""

    does: str
    named: str
    differ: int = 0


DEEDS = {
    "trigger off and on": Deed(
        f"BEGIN; {OFF}; UPDATE t SET name = 'astray' WHERE id <= 3; {ON}; COMMIT",
        "trigger ~ec_0001_change_t_name_type of public.low was altered",
        3,
    ),
    "trigger off": Deed(OFF, "is disabled"),
    "trigger not always": Deed(
        f"{ON.replace(' ALWAYS', '')}; SET session_replication_role = replica; "
        "UPDATE t SET name = 'astray' WHERE id = 1",
        "fires under other conditions",
        1,
    ),
    "another trigger": Deed(
        "CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
        "CREATE TRIGGER before_all BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION other()",
        "trigger before_all of public.low is new",
    ),
    "a function that forward calls": Deed(
        "CREATE OR REPLACE FUNCTION outer_one(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS "
        "'BEGIN RETURN upper($1); END'",
        "function public.outer_one(text) was replaced",
        ROWS,
    ),
    "a function that this one names in its text": Deed(
        "CREATE OR REPLACE FUNCTION inner_one(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS "
        "'BEGIN RETURN upper($1); END'",
        "function public.inner_one(text) was replaced",
        ROWS,
    ),
    "settings of that function": Deed(
        "ALTER FUNCTION inner_one(text) SET search_path = pg_catalog",
        "function public.inner_one(text) was replaced",
    ),
    "leaf attached": Deed(
        "ALTER TABLE extra ADD COLUMN label text; "
        "ALTER TABLE t ATTACH PARTITION extra FOR VALUES FROM (9000) TO (99999)",
        "extra was attached",
        5,
    ),
    "leaf detached for a moment": Deed(
        "ALTER TABLE t DETACH PARTITION high; UPDATE high SET name = 'astray' WHERE id <= 1003; "
        "ALTER TABLE t ATTACH PARTITION high FOR VALUES FROM (1000) TO (9000)",
        "trigger ~ec_0001_change_t_name_type of public.high",
        4,
    ),
    "column altered": Deed(
        "ALTER TABLE t ALTER label SET STATISTICS 7", "column label of public.low was altered"
    ),
    "rewritten": Deed("VACUUM FULL low", "low was rewritten"),
    "truncated": Deed("TRUNCATE high", "high was rewritten"),
    "chunks deleted": Deed(
        "DELETE FROM expandcontract.chunk WHERE purpose = 'compare' AND status <> 'done'",
        "chunks of the comparison were removed",
    ),
}


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS.keys())
async def test_what_spoils_a_proof_is_noticed_between_two_slices(database: str, deed: Deed) -> None:
    """The comparison begins anew and says why; what it proves in the end is true of how things are then."""
    async with living(database, *CHANGE, TABLE, to=Stage.READY) as life:
        with _between_slices(lambda: _elsewhere(database, deed.does.format(name=life.name))):
            found = await _compared(life)
        said = [event.text for event in life.heard if isinstance(event, Notice)]
        assert any(text.startswith("Comparing anew") and deed.named in text for text in said), said
        assert found == deed.differ
        if deed.differ:
            with pytest.raises(GateShut, match="verified"):
                await life.contract()


async def test_what_spoils_no_proof_goes_on_beside_it(database: str) -> None:
    """Writes of every kind while the trigger stands, those of a replication role among them, and ANALYZE."""
    writes = (
        "SET session_replication_role = replica; UPDATE t SET name = 'NEW' WHERE id % 7 = 0; "
        "INSERT INTO t(id, label) VALUES (8000, 'x'); DELETE FROM t WHERE id = 5; ANALYZE t"
    )
    async with living(database, *CHANGE, TABLE, to=Stage.READY) as life:
        with _between_slices(lambda: _elsewhere(database, writes)):
            assert await _compared(life) == 0
        said = [event.text for event in life.heard if isinstance(event, Notice)]
        assert not any(text.startswith("Comparing anew") for text in said), said
        await life.contract()


BEGUN = """INSERT INTO expandcontract.proof (change_id, attempt, cycle, round, bound, bound_at)
VALUES (1, 1, 0, 99, '{}', now())"""
ENDED = """UPDATE expandcontract.proof
SET finished_at = now(), rows_compared = 2000, mismatches = 0, unfit = 0 WHERE round = 99"""
FORGED = {
    "a proof that nobody compared": f"{BEGUN}; {ENDED}",
    "a proof with fewer blocks": f"""{BEGUN};
        INSERT INTO expandcontract.laid (change_id, attempt, purpose, round, who, blocks)
        VALUES (1, 1, 'compare', 99, 'x', 500);
        INSERT INTO expandcontract.chunk (change_id, attempt, purpose, round, relation, relation_name,
            filenode, first_block, end_block, next_block, status)
        VALUES (1, 1, 'compare', 99, 1, 'low', 1, 0, 500, 12, 'done'); {ENDED}""",
    "another bound state": "UPDATE expandcontract.proof SET bound = expandcontract.bound_state(1)",
    "a proof unspoiled": "UPDATE expandcontract.proof SET spoiled_at = NULL WHERE spoiled_at IS NOT NULL",
    "a phase deleted and inserted": "DELETE FROM expandcontract.phase WHERE phase = 'contract'",
    "a phase inserted as running": "INSERT INTO expandcontract.phase (change_id, attempt, phase, status) "
    "VALUES (1, 2, 'contract', 'running')",
    "proofs truncated": "TRUNCATE expandcontract.proof",
    "all with triggers of replicas": "SET session_replication_role = replica; "
    "DELETE FROM expandcontract.proof",
}


async def test_a_proof_cannot_be_forged_with_plain_sql(database: str, subtests: pytest.Subtests) -> None:
    """What a superuser in psql tries gets EC311: the guards look at what was compared."""
    async with living(database, *CHANGE, TABLE, to=Stage.READY) as life:
        off, on = OFF.format(name=life.name), ON.format(name=life.name)
        await life.sql(f"BEGIN; {off}; UPDATE t SET name = 'astray' WHERE id = 1; {on}; COMMIT")
        with pytest.raises(Mismatches):
            await life.verify()
        await life.sql("UPDATE expandcontract.proof SET spoiled_at = now() WHERE spoiled_at IS NULL")
        for does, forged in FORGED.items():
            with subtests.test(does):
                with pytest.raises(asyncpg.PostgresError) as refused:
                    await life.sql(forged)
                assert refused.value.sqlstate == "EC311"
                await life.sql("RESET session_replication_role")
        with pytest.raises(GateShut, match="verified"):
            await life.contract()


async def _compared(life: Life) -> int:
    """Compare, and return how many rows differ."""
    try:
        await life.verify()
    except Mismatches as found:
        return int(found.message.split(" ")[0].replace(",", ""))
    return 0


@contextmanager
def _between_slices(does: Callable[[], None]) -> Iterator[None]:
    """Do it once, after the first slice has committed and before the next begins."""
    done = False

    def at(point: str) -> None:
        nonlocal done
        if point == "compare.slice.committed" and not done:
            done = True
            does()

    killpoints.watch(at)
    try:
        yield
    finally:
        killpoints.watch(None)
    assert done


def _elsewhere(url: str, script: str) -> None:
    """Run a script as somebody else, in a thread: the point is reached inside of the event loop."""

    async def execute() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(script)
        finally:
            await connection.close()

    failed: list[Exception] = []

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                runner.run(execute())
        except Exception as error:  # noqa: BLE001 - raised below, where the test sees it
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
