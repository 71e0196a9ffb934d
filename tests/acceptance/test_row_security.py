"""Policies that would hide rows from the role that carries the change."""

import pytest

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import start
from expandcontract.model.errors import MissingPrivilege
from expandcontract.model.events import ignore
from expandcontract.postgres.connect import Database
from tests.acceptance.cycle import POLICY, living

GIVEN = """
CREATE ROLE keeper_1 LOGIN;
CREATE TABLE users (id int PRIMARY KEY, name text);
INSERT INTO users VALUES (1, 'Ada');
ALTER TABLE users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, OWNER TO keeper_1;
GRANT CREATE ON SCHEMA public TO keeper_1
"""
RIGHTS = """
GRANT USAGE ON SCHEMA expandcontract TO keeper_1;
GRANT USAGE, CREATE ON SCHEMA expandcontract_sync TO keeper_1;
GRANT ALL ON ALL TABLES IN SCHEMA expandcontract TO keeper_1
"""


async def test_a_role_that_would_miss_rows_is_refused_before_anything_is_there(database: str) -> None:
    """Row-level security that is forced applies to the owner, too: start names what is missing."""
    fields = {"column": "users.name", "new_name": "full_name"}
    async with living(database, "rename-column", fields, GIVEN) as life:
        await life.sql(RIGHTS)
        theirs = Database(database.replace("//postgres@", "//keeper_1@", 1))
        try:
            with pytest.raises(MissingPrivilege) as refused:
                await start.start(Context(theirs, POLICY, ignore, "keeper"), life.change)
            assert "BYPASSRLS, as row-level security of public.users" in refused.value.message
            assert await life.value("SELECT count(*) FROM expandcontract.change") == 0
        finally:
            await theirs.close()
            await life.sql("DROP OWNED BY keeper_1; DROP ROLE keeper_1")
