"""A change whose new side a Python function makes, which nothing in the database knows."""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Thread

import asyncpg
import pytest

from expandcontract.engine.verbs import control
from expandcontract.model import killpoints
from expandcontract.model.errors import Interrupted, Mismatches, Paused, TimeIsUp
from expandcontract.model.events import Notice
from expandcontract.model.phases import Stage, State
from tests.acceptance.backfill_process import killed_at
from tests.acceptance.cycle import Life, living
from tests.acceptance.functions import decrypt, encrypt
from tests.waiting import until

pytestmark = pytest.mark.in_turn(3)

HERE = "tests.acceptance.functions"
GIVEN = """
CREATE TABLE users (id int PRIMARY KEY, email text{more}, seen int NOT NULL DEFAULT 0);
CREATE INDEX ix_users_email ON users (email);
INSERT INTO users SELECT i, 'user' || i || '@example.org' FROM generate_series(1, 3000) i;
"""


def fields(function: str = "encrypt", type_: str = "bytea") -> dict[str, str]:
    """Return the fields of a change of users.email."""
    return {"column": "users.email", "type": type_, "to": "secret", "transform": f"{HERE}:{function}"}


Said = list[str]


@contextmanager
def at(point: str, act: Callable[[Said], None], *, after: int = 1) -> Iterator[Said]:
    """Act when the point is reached for the `after`th time; yield what was said then."""
    said: Said = []
    reached = 0

    def watch(name: str) -> None:
        nonlocal reached
        reached += name == point
        if name == point and reached == after:
            act(said)

    killpoints.watch(watch)
    try:
        yield said
    finally:
        killpoints.watch(None)


def elsewhere(url: str, *statements: str) -> Callable[[Said], None]:
    """Return what another session does, in one go: between two instructions of ours."""

    async def execute(said: Said) -> None:
        session = await asyncpg.connect(url)
        try:
            for statement in statements:
                said.append(await _outcome(session, statement))
        finally:
            await session.close()

    def act(said: Said) -> None:
        thread = Thread(target=lambda: asyncio.run(execute(said)))
        thread.start()
        thread.join()

    return act


async def _outcome(session: "asyncpg.Connection[asyncpg.Record]", statement: str) -> str:
    try:
        await session.execute(statement)
    except asyncpg.PostgresError as error:
        return f"{error.sqlstate} {getattr(error, 'constraint_name', '')}"
    return "ok"


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("more", ["", " NOT NULL"], ids=["nullable", "not null"])
async def test_whole_life(database: str, more: str) -> None:
    """From start to purge and back: each row holds what the function made of it, and nothing is left."""
    async with living(database, "change-type", fields(), GIVEN.format(more=more)) as life:
        ready = await life.ready()
        assert ready.ready
        assert ready.proof is not None
        assert ready.proof.mismatches == 0
        assert await _secrets(life) == await _emails(life)
        await life.rollback()
        await life.ready()
        await life.contract()
        hidden = await life.rows("SELECT id, secret FROM users ORDER BY id")
        await life.undo(accept_loss=True)
        assert await life.rows("SELECT id, secret FROM users ORDER BY id") == hidden
        await life.sql("INSERT INTO users VALUES (5000, 'old@example.org')")
        await life.backfill()
        await life.contract()
        await life.purge()
        columns = await life.rows(
            "SELECT attname::text, attnotnull FROM pg_attribute WHERE attrelid = 'users'::regclass "
            "AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        )
        assert columns == [("id", True), ("seen", True), ("secret", bool(more))]
        found = await life.rows("SELECT id, secret FROM users ORDER BY id")
        assert [(i, decrypt(secret)) for i, secret in found[:-1]] == [
            (i, f"user{i}@example.org") for i in range(1, 3001)
        ]
        assert decrypt(found[-1][1]) == "old@example.org"
        checks = await life.rows(
            "SELECT conname::text FROM pg_constraint WHERE contype = 'c' AND conrelid = 'users'::regclass"
        )
        assert checks == []


async def _secrets(life: Life) -> list[tuple[int, str | None]]:
    found = await life.rows("SELECT id, secret FROM users WHERE secret IS NOT NULL ORDER BY id")
    return [(id_, decrypt(secret)) for id_, secret in found]


async def _emails(life: Life) -> list[tuple[int, str | None]]:
    return [(id_, email) for id_, email in await life.rows("SELECT id, email FROM users ORDER BY id")]


async def test_old_code_leaves_rows_that_backfill_finds(database: str) -> None:
    """What old code writes is unfilled, whatever was there: verify counts it, and backfill fills it."""
    async with living(database, "change-type", fields(), GIVEN.format(more=""), to=Stage.READY) as life:
        await life.sql("UPDATE users SET email = 'changed@example.org' WHERE id IN (7, 2999)")
        await life.sql("INSERT INTO users VALUES (4000, 'added@example.org')")
        await life.sql("INSERT INTO users VALUES (4001, NULL)")
        unfilled = await life.rows(
            "SELECT id FROM users WHERE secret IS NULL AND email IS NOT NULL ORDER BY id"
        )
        assert unfilled == [(7,), (2999,), (4000,)]
        with pytest.raises(Mismatches, match="3 of 3,002 rows are not filled"):
            await life.verify()
        proven = await life.backfill()
        assert proven.proof is not None
        assert proven.proof.mismatches == 0
        assert await _secrets(life) == [row for row in await _emails(life) if row[1] is not None]
        assert ("old", 1) in await life.rows("SELECT side, count(*) FROM expandcontract.old_use GROUP BY 1")


async def test_new_code_wins(database: str) -> None:
    """What new code writes stays, before the copy and after it, whether or not it writes the old side too;
    the copy itself is nobody's use.
    """
    async with living(
        database, "change-type", fields(), GIVEN.format(more=""), to=Stage.BEFORE_READY
    ) as life:
        await life.sql("UPDATE users SET secret = 'mine' WHERE id = 1")
        await life.sql("UPDATE users SET secret = 'both', email = 'both@example.org' WHERE id = 2")
        await life.sql("INSERT INTO users (id, email, secret) VALUES (4000, 'new@example.org', 'new')")
        await life.backfill()
        await life.sql("UPDATE users SET secret = 'later' WHERE id = 3")
        await life.sql("UPDATE users SET seen = seen + 1")
        await life.backfill()
        found = await life.rows("SELECT id, secret FROM users WHERE id IN (1, 2, 3, 4000) ORDER BY id")
        assert found == [(1, b"mine"), (2, b"both"), (3, b"later"), (4000, b"new")]
        assert await life.rows("SELECT DISTINCT side FROM expandcontract.old_use") == [("new",)]


async def test_rollback_keeps_what_new_code_wrote(database: str) -> None:
    """Nobody can tell computed values from those of new code: once it wrote, all are kept; else nothing."""
    async with living(database, "change-type", fields(), GIVEN.format(more=""), to=Stage.READY) as life:
        await life.rollback()
        assert await life.conflicts() == []
        await life.ready()
        await life.sql("UPDATE users SET secret = 'mine' WHERE id = 1")
        await life.rollback()
        kept = await life.rows("SELECT count(*) FROM expandcontract.conflict WHERE kind = 'kept'")
        assert kept == [(3000,)]
        mine = await life.rows(
            "SELECT key->>'id' FROM expandcontract.conflict WHERE new_value = $1", "\\x6d696e65"
        )
        assert mine == [("1",)]


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_backfills_of_several_hosts_share_the_rounds(database: str, tmp_path: Path) -> None:
    """The same command run again: each walks the same rounds, and no row is filled twice."""
    given = GIVEN.format(more="").replace("3000", "20000")
    async with living(database, "change-type", fields(), given, to=Stage.BEFORE_READY) as life:
        both = (killed_at(life.url, life.name, "never", 1, meeting=tmp_path) for _ in range(2))
        ended = await asyncio.gather(*both)
        assert ended == [0, 0]
        rounds = await life.rows(
            "SELECT round, rows::int FROM expandcontract.walk WHERE purpose = 'copy' ORDER BY round"
        )
        assert sum(rows for _, rows in rounds) == 20000
        worker = "SELECT count(DISTINCT split_part(worker, '/', 1)) FROM expandcontract.chunk"
        assert await life.rows(worker + " WHERE purpose = 'copy'") == [(2,)]


async def test_contract_refuses_a_row_that_was_unfilled_after_the_proof(database: str) -> None:
    """A proof does not see what old code writes after it: PostgreSQL does, and old code may go on then."""
    async with living(database, "change-type", fields(), GIVEN.format(more=""), to=Stage.READY) as life:
        await life.sql("UPDATE users SET email = 'late@example.org' WHERE id = 5")
        with pytest.raises(Mismatches, match=r"A row of public\.users would be refused"):
            await life.contract()
        situation = await life.situation()
        assert situation.state == State.ACTIVE
        assert situation.proof is not None
        assert "left unfilled" in str(situation.proof.spoiled_why)
        await life.sql("UPDATE users SET email = 'later@example.org' WHERE id = 6")
        await life.backfill()
        assert (await life.contract()).state == State.HIDDEN
        found = await life.rows("SELECT secret FROM users WHERE id IN (5, 6) ORDER BY id")
        assert [decrypt(secret) for (secret,) in found] == ["late@example.org", "later@example.org"]


async def test_contract_stops_writes_that_leave_rows_unfilled(database: str) -> None:
    """From its beginning on such a write is refused, so that what was proven stays true; new code goes on."""
    async with living(database, "change-type", fields(), GIVEN.format(more=""), to=Stage.READY) as life:
        new = "INSERT INTO users (id, secret) VALUES (6000, 'new')"
        old = "INSERT INTO users (id, email) VALUES (6001, 'old@example.org')"
        with at("contract.filled:require.recorded", elsewhere(life.url, new, old)) as said:
            await life.contract()
        assert said == ["ok", "23514 ~ec_filled_secret"]
        assert (await life.situation()).state == State.HIDDEN


async def test_contract_that_is_stopped_lets_old_code_write_again(database: str) -> None:
    """Somebody interrupts it: nothing is hidden, and nobody is refused any more. The same command goes on."""
    async with living(database, "change-type", fields(), GIVEN.format(more=""), to=Stage.READY) as life:
        stop = life.context.stop
        with at("contract.filled:require.recorded", lambda _said: stop.set()), pytest.raises(Interrupted):
            await life.contract()
        assert (await life.situation()).state == State.ACTIVE
        await life.sql("UPDATE users SET email = 'old@example.org' WHERE id = 5")
        stop.clear()
        await life.backfill()
        assert (await life.contract()).state == State.HIDDEN


async def test_contract_that_died_is_taken_up_again(database: str) -> None:
    """Writes stay refused until somebody goes on, or backfills."""
    async with living(database, "change-type", fields(), GIVEN.format(more=""), to=Stage.READY) as life:
        with at("contract.filled:require.recorded", _die), pytest.raises(_Died):
            await life.contract()
        await life.backfill()
        await life.sql("UPDATE users SET email = 'old@example.org' WHERE id = 5")
        await life.backfill()
        with at("contract.filled:require.recorded", _die), pytest.raises(_Died):
            await life.contract()
        assert (await life.contract()).state == State.HIDDEN


class _Died(BaseException):
    """Stands for kill -9: nothing after it runs."""


def _die(_said: Said) -> None:
    raise _Died


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("what", ["the old side", "the new side", "another column"])
async def test_a_write_between_read_and_write_back_wins(database: str, what: str) -> None:
    """The row that was read is not the row that is there: it is looked at again."""
    writes = {
        "the old side": "UPDATE users SET email = 'meanwhile@example.org' WHERE id = 5",
        "the new side": "UPDATE users SET secret = 'mine' WHERE id = 5",
        "another column": "UPDATE users SET seen = 1 WHERE id = 5",
    }
    async with living(
        database, "change-type", fields(), GIVEN.format(more=""), to=Stage.BEFORE_READY
    ) as life:
        with at("transform.computed", elsewhere(life.url, writes[what])) as said:
            situation = await life.backfill()
        assert said == ["ok"]
        assert situation.proof is not None
        assert situation.proof.mismatches == 0
        ((secret,),) = await life.rows("SELECT secret FROM users WHERE id = 5")
        if what == "the new side":
            assert secret == b"mine"
        else:
            ((email,),) = await life.rows("SELECT email FROM users WHERE id = 5")
            assert decrypt(secret) == email


async def test_an_unfilled_row_that_moves_behind_the_walk_is_found(database: str) -> None:
    """A write of another column moves it to a page that was looked at already: another round finds it."""
    async with living(database, "change-type", fields(), GIVEN.format(more="")) as life:
        await life.sql("DELETE FROM users WHERE id <= 1000")
        await life.sql("VACUUM users")
        await life.start()
        # The last rows, once the walk has left the first pages, on which there is room.
        with at(
            "transform.computed", elsewhere(life.url, "UPDATE users SET seen = 1 WHERE id > 2950"), after=2
        ):
            situation = await life.backfill()
        rounds = await life.rows(
            "SELECT round, rows::int FROM expandcontract.walk WHERE purpose = 'copy' ORDER BY round"
        )
        assert rounds[1][1] > 0
        assert rounds[-1][1] == 0
        assert situation.proof is not None
        assert situation.proof.mismatches == 0


async def test_a_locked_row_is_waited_for(database: str) -> None:
    """Nobody waits for a batch that waits for somebody: the rest is written, the row when it is free."""
    async with living(
        database, "change-type", fields(), GIVEN.format(more=""), to=Stage.BEFORE_READY
    ) as life:
        holder = await asyncpg.connect(life.url)
        await holder.execute("BEGIN")
        await holder.execute("UPDATE users SET seen = 1 WHERE id = 5")
        working = asyncio.create_task(life.backfill())
        await until(lambda: any(isinstance(e, Notice) and "locked" in e.text for e in life.heard))
        await holder.execute("COMMIT")
        await holder.close()
        situation = await working
        assert situation.proof is not None
        assert situation.proof.mismatches == 0


async def test_several_workers_share_the_table(database: str) -> None:
    """Each has a process of its own, and no row is computed into the table twice."""
    given = GIVEN.format(more="").replace("3000", "20000")
    async with living(database, "change-type", fields(), given, to=Stage.BEFORE_READY) as life:
        await life.backfill(workers=2)
        ((rows,),) = await life.rows("SELECT sum(rows)::int FROM expandcontract.chunk WHERE purpose = 'copy'")
        assert rows == 20000
        ((workers,),) = await life.rows("SELECT count(DISTINCT worker) FROM expandcontract.chunk")
        assert workers == 2


async def test_checks_wait_for_contract(database: str) -> None:
    """One that refuses NULL would refuse what old code writes until then; after undo it would again."""
    given = GIVEN.format(more=" CONSTRAINT filled CHECK (email IS NOT NULL AND length(email) < 300)")
    asked = fields("shout", "text")
    async with living(database, "change-type", asked, given) as life:
        await life.ready()
        await life.sql("INSERT INTO users VALUES (4000, 'old@example.org')")
        await life.backfill()
        await life.contract()
        with pytest.raises(asyncpg.CheckViolationError):
            await life.sql("UPDATE users SET secret = repeat('x', 400) WHERE id = 1")
        await life.undo(accept_loss=True)
        await life.sql("INSERT INTO users VALUES (4001, 'old@example.org')")
        await life.backfill()
        await life.contract()
        assert await life.rows("SELECT secret FROM users WHERE id > 3999") == [("OLD@EXAMPLE.ORG",)] * 2


async def test_partitions_and_moves_between_them(database: str) -> None:
    """Each leaf is filled; a row that old code moves to another leaf is computed anew, new code's is not."""
    given = """
    CREATE TABLE users (id int, region int, email text, seen int NOT NULL DEFAULT 0, PRIMARY KEY (id, region))
        PARTITION BY LIST (region);
    CREATE TABLE users_1 PARTITION OF users FOR VALUES IN (1);
    CREATE TABLE users_2 PARTITION OF users FOR VALUES IN (2);
    INSERT INTO users SELECT i, 1 + i % 2, 'user' || i || '@example.org' FROM generate_series(1, 3000) i;
    """
    async with living(database, "change-type", fields(), given) as life:
        await life.ready()
        await life.sql("UPDATE users SET region = 2, secret = 'mine' WHERE id = 2")
        await life.sql("UPDATE users SET region = 2, email = 'moved@example.org' WHERE id = 4")
        await life.sql("UPDATE users SET region = 2 WHERE id = 6")
        await life.backfill()
        found = await life.rows("SELECT secret FROM users WHERE id IN (2, 4, 6) ORDER BY id")
        assert found[0] == (b"mine",)
        assert [decrypt(row[0]) for row in found[1:]] == ["moved@example.org", "user6@example.org"]
        await life.contract()
        await life.undo(accept_loss=True)
        await life.backfill()
        await life.contract()
        assert (await life.purge()).state == State.PURGED


async def test_live_writers_of_both_sides(database: str) -> None:
    """Old code writes one side, new code both, all the time: in the end each row holds what is right."""
    async with living(
        database, "change-type", fields(), GIVEN.format(more=""), to=Stage.BEFORE_READY
    ) as life:
        writers = [asyncio.create_task(_writes(life.url, side)) for side in ("old", "old", "new")]
        try:
            with pytest.raises(Mismatches):
                await _until_old_code_is_seen(life)
        finally:
            for writer in writers:
                writer.cancel()
            counts = [await writer for writer in writers]
        assert min(counts) > 0
        await life.backfill()
        assert await _secrets(life) == await _emails(life)
        await life.contract()


async def _until_old_code_is_seen(life: Life) -> None:
    """Backfill until old code writes between the last round and the comparison."""
    for _ in range(20):
        await life.backfill()


async def _writes(url: str, side: str) -> int:
    """Write until cancelled; return how often."""
    session: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(url)
    count = 0
    try:
        while True:
            email = f"{side}{count}@example.org"
            id_ = random.randrange(1, 3001)
            if side == "old":
                await session.execute("UPDATE users SET email = $1 WHERE id = $2", email, id_)
            else:
                change = "UPDATE users SET email = $1, secret = $2 WHERE id = $3"
                await session.execute(change, email, encrypt(email), id_)
            count += 1
            await asyncio.sleep(0.002)
    except asyncio.CancelledError:
        return count
    finally:
        await session.close()


async def test_it_keeps_to_what_is_wished(database: str) -> None:
    """A time that is over, a pause, a batch: as for every copy, and the same command goes on."""
    async with living(
        database, "change-type", fields(), GIVEN.format(more=""), to=Stage.BEFORE_READY
    ) as life:
        with pytest.raises(TimeIsUp):
            await life.backfill(max_rate=150, max_runtime=timedelta(seconds=6))
        assert 0 < len(await _secrets(life)) < 1500
        await control.pause(life.context, life.name)
        with pytest.raises(Paused):
            await life.backfill(wait_when_paused=False)
        await control.resume(life.context, life.name)
        await life.backfill(batch=50)
        last = "WHERE purpose = 'copy' AND batch IS NOT NULL ORDER BY updated_at DESC LIMIT 1"
        assert 0 < await life.value(f"SELECT batch FROM expandcontract.chunk {last}") <= 50
        assert await _secrets(life) == await _emails(life)


async def test_large_values_travel_a_few_at_a_time(database: str) -> None:
    """Memory does not grow with them: what is sent at once adapts to their size."""
    given = """
    CREATE TABLE users (id int PRIMARY KEY, email text, seen int NOT NULL DEFAULT 0);
    INSERT INTO users SELECT i, repeat(md5(i::text), 20000) FROM generate_series(1, 60) i;
    """
    async with living(database, "change-type", fields("digest"), given) as life:
        await life.start()
        # Twenty rows at first, of 13 MB; then fewer and fewer.
        with at("transform.computed", lambda said: said.append("seen"), after=6) as said:
            situation = await life.backfill()
        assert said == ["seen"]
        assert situation.proof is not None
        assert situation.proof.mismatches == 0
