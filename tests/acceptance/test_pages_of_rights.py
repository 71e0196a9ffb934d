"""The pages on roles and retention: their commands, as somebody types them."""

from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from expandcontract.testing.server import Server
from tests.acceptance.pages import run_page

pytestmark = pytest.mark.slow

_ROLES = ("dashboards", "oncall", "ann", "ec_owner", "app")


async def test_the_commands_of_both_pages_run(server: Server, empty_database: str, tmp_path: Path) -> None:
    """The ledger is made by the script, and each grant goes through psql; retention finds nothing to do."""
    name = urlsplit(empty_database).path.removeprefix("/")
    there = {"PGHOST": str(server.directory), "PGDATABASE": name, "EC_DATABASE_URL": empty_database}
    admin = await asyncpg.connect(empty_database)
    try:
        await admin.execute("".join(f"CREATE ROLE {role};" for role in _ROLES))
        strictly = {"| psql": "| psql -v ON_ERROR_STOP=1", "psql -f": "psql -v ON_ERROR_STOP=1 -f"}
        run_page("roles.md", strictly, there, server, tmp_path)
        may = "SELECT has_function_privilege('ann', oid, 'EXECUTE') FROM pg_proc WHERE proname = $1"
        assert await admin.fetchval(may, "acknowledge")
        assert "is left that may go" in run_page("retention.md", {}, there, server, tmp_path)
    finally:
        await admin.execute("".join(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role};" for role in _ROLES))
        await admin.close()
