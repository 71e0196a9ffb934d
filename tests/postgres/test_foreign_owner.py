"""A superuser at work on somebody else's table: what the owner wrote does not become a superuser by it."""

import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import start
from expandcontract.ledger.migrate import migrate
from expandcontract.model.change import Change
from expandcontract.model.errors import EcError, NeedsAcknowledgement
from expandcontract.model.events import ignore
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database
from tests.acceptance.catalog import Connection
from tests.postgres.scripted import compiled

pytestmark = pytest.mark.in_turn(2)

GIVEN = """
CREATE ROLE mallory;
GRANT CREATE ON SCHEMA public TO mallory;
CREATE SEQUENCE worked; GRANT ALL ON SEQUENCE worked TO mallory;
SET ROLE mallory;
CREATE FUNCTION evil(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        PERFORM nextval('worked');
    END IF;
    RETURN $1;
END $$;
CREATE TABLE t (id int PRIMARY KEY, name text CHECK (name <> evil('x')) DEFAULT evil('y'));
CREATE INDEX ON t (evil(name)) WHERE name <> evil('z');
INSERT INTO t SELECT g, 'n' || g FROM generate_series(1, 5) g;
RESET ROLE;
"""
RENAME = Change("0001_t", "rename-column", {"column": "t.name", "new_name": "title"})
_EXPRESSIONS = {"using": "evil(name) || evil('a')", "back": "evil(b)"}
TYPE = Change("0001_t", "change-type", {"column": "t.name", "type": "text", "to": "b", **_EXPRESSIONS})
OUTSIDE = Change(
    "0001_t", "change-type", {"column": "t.name", "type": "int", "to": "b", "transform": "builtins:len"}
)


@contextlib.asynccontextmanager
async def _given(database: str) -> AsyncIterator[Connection]:
    conn = await asyncpg.connect(database)
    try:
        await conn.execute(GIVEN)
        yield conn
    finally:
        await conn.execute("DROP OWNED BY mallory CASCADE; DROP ROLE mallory")
        await conn.close()


@pytest.mark.parametrize("change", [RENAME, TYPE], ids=["rename", "type"])
async def test_to_plan_evaluates_nothing_of_the_owner_as_a_superuser(database: str, change: Change) -> None:
    """Also what PostgreSQL folds into constants when it plans: CHECKs, indexes, --using."""
    async with _given(database) as conn:
        plan = await compiled(database, change)
        assert "foreign-owner" not in [note.code for note in plan.hazards]
        assert await conn.fetchval("SELECT is_called FROM worked") is False


async def test_a_superuser_acknowledges_whose_code_a_transform_fires(database: str) -> None:
    """Rows that a program fills are written with the rights of the session: start says whose table it is, and
    goes on only when somebody trusts them; to who planned it makes no difference. Otherwise nobody is asked.
    """
    async with _given(database) as conn:
        db = Database(database)
        try:
            await migrate(db)
            context = Context(db, Policy(), ignore, "me")
            with pytest.raises(NeedsAcknowledgement, match="foreign-owner") as refused:
                await start.start(context, OUTSIDE, start.Consent())
            assert "mallory" in refused.value.why
            assert "--acknowledge foreign-owner" in refused.value.next
            assert await conn.fetchval("SELECT count(*) FROM expandcontract.change") == 0
            with pytest.raises(EcError) as other:
                await start.start(context, TYPE, start.Consent(once=True, reviewed="another"))
            assert "foreign-owner" not in str(other.value)
        finally:
            await db.close()
