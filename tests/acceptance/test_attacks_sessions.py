"""Attacks on sessions and databases: settings, copies, prepared transactions, many operators."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from expandcontract.model.errors import CopiedDatabase, EcError, LockBudgetSpent
from expandcontract.model.phases import Stage
from expandcontract.postgres.connect import Database
from tests.acceptance.cycle import Life, living

pytestmark = pytest.mark.in_turn(3)

RENAME = ("rename-column", {"column": "public.users.name", "new_name": "display_name"})
USERS = """CREATE TABLE users(id int PRIMARY KEY, name text, email text);
INSERT INTO users SELECT i, 'n' || i, 'e' || i FROM generate_series(1, 300) i;"""

SETTINGS = (
    "statement_timeout = '2s'", "lock_timeout = '500ms'", "idle_session_timeout = '300ms'",
    "idle_in_transaction_session_timeout = '2s'", "search_path = nowhere", "row_security = off",
    "default_transaction_isolation = 'serializable'", "session_replication_role = replica",
    "enable_tidscan = off", "enable_indexscan = off",
    "standard_conforming_strings = off", "transform_null_equals = on", "array_nulls = off",
    "check_function_bodies = off", "quote_all_identifiers = on", "datestyle = german",
    "bytea_output = escape", "extra_float_digits = -5", "plpgsql.extra_errors = 'all'",
    "timezone = 'Asia/Tokyo'",
)  # fmt: skip


async def test_settings_of_the_role_change_nothing(database: str) -> None:
    """Timeouts, paths, planner switches and ways of quoting that somebody set for the role of ec."""
    async with living(database, *RENAME, USERS) as life:
        name = await life.value("SELECT current_database()")
        for setting in SETTINGS:
            await life.sql(f'ALTER DATABASE "{name}" SET {setting}')
        await life.context.database.close()
        await life.ready()
        await life.contract()
        await life.undo()
        await life.backfill()
        await life.contract()
        await life.purge()
        assert await life.value("SELECT count(*) FROM users WHERE display_name = 'n' || id") == 300


async def test_a_copy_goes_on_by_itself_only_after_a_proof(database: str) -> None:
    """A copy may have diverged: contract is refused there until its own rows were compared."""
    async with living(database, *RENAME, USERS, to=Stage.READY) as life:
        name = await life.value("SELECT current_database()")
        await life.context.database.close()
        await life.app.close()
        await _execute(database.replace(name, "postgres"), f'CREATE DATABASE "{name}_copy" TEMPLATE "{name}"')
    copy = database.replace(name, f"{name}_copy")
    try:
        async with living(copy, *RENAME) as life:
            with pytest.raises(CopiedDatabase):
                await life.contract()
            await life.backfill()
            await life.contract()
            await life.undo()
            await life.rollback()
    finally:
        await _execute(database, f'DROP DATABASE "{name}_copy" WITH (FORCE)')


async def test_a_prepared_transaction_is_waited_for_and_named(database: str) -> None:
    """It holds its locks without a session: expand and contract give up in time, and no row is lost."""
    async with living(database, *RENAME, USERS) as life:
        hasty = replace(
            life,
            context=replace(
                life.context, policy=replace(life.context.policy, lock_budget=timedelta(seconds=6))
            ),
        )
        await life.sql("BEGIN; UPDATE users SET name = 'first' WHERE id = 7; PREPARE TRANSACTION 'before'")
        with pytest.raises(LockBudgetSpent) as spent:
            await hasty.start()
        assert "before" in spent.value.why
        await life.sql("COMMIT PREPARED 'before'")
        await life.ready()
        await life.sql("BEGIN; UPDATE users SET name = 'second' WHERE id = 8; PREPARE TRANSACTION 'across'")
        with pytest.raises(LockBudgetSpent):
            await hasty.contract()
        await life.sql("COMMIT PREPARED 'across'")
        await life.contract()
        found = await life.rows("SELECT display_name FROM users WHERE id IN (7, 8) ORDER BY id")
        assert found == [("first",), ("second",)]


async def test_many_operators_at_once(database: str) -> None:
    """Every verb from several sides at the same moments: each gets an answer of ec, all rows are in sync."""
    async with living(database, *RENAME, USERS, to=Stage.READY) as life:
        others = [replace(life, context=replace(life.context, database=Database(database))) for _ in range(4)]
        try:
            verbs = ("start", "backfill", "verify", "contract", "undo")
            for turn in range(5):
                moves = [verbs[(turn + place) % len(verbs)] for place in range(len(others))]
                answers = await asyncio.gather(*map(_tried, others, moves))
                assert [a for a in answers if not (a is None or isinstance(a, EcError))] == []
            await life.undo()
            await life.backfill()
            assert (
                await life.value("SELECT count(*) FROM users WHERE name IS DISTINCT FROM display_name") == 0
            )
        finally:
            for other in others:
                await other.context.database.close()


async def _tried(life: Life, verb: str) -> BaseException | None:
    try:
        await getattr(life, verb)()
    except Exception as error:  # noqa: BLE001 - what it is, is what the test is about
        return error
    return None


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
