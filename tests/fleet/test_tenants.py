"""Schemas of one database as targets of a fleet."""

import asyncio
import json

import asyncpg
import pytest

from tests.fleet.conftest import CHANGE, READY, Make, execute

SCHEMAS = ("tenant_1", 'T"enant two')
DISCOVER = r"""
[[discover]]
in = "name = shop"
schemas = "SELECT nspname FROM pg_namespace WHERE nspname ~* '^t.?enant';"
labels = { kind = "tenant" }
"""


async def _columns(url: str) -> set[tuple[str, str]]:
    connection = await asyncpg.connect(url)
    try:
        query = "SELECT table_schema, column_name FROM information_schema.columns WHERE table_name = 'users'"
        return {(row[0], row[1]) for row in await connection.fetch(query)}
    finally:
        await connection.close()


@pytest.mark.slow
def test_each_schema_has_the_change_under_one_name_and_the_same_plan(desk: Make) -> None:
    """Names without a schema mean the tenant's; plans are alike but for the schema, whatever its name; the
    table of that name in public is nobody's, and each tenant is where it is.
    """
    fleet = desk("shop")
    for schema in SCHEMAS:
        quoted = '"' + schema.replace('"', '""') + '"'
        execute(
            fleet.urls["shop"],
            f"CREATE SCHEMA {quoted}; CREATE TABLE {quoted}.users (LIKE users INCLUDING ALL)",
        )
        execute(fleet.urls["shop"], f"INSERT INTO {quoted}.users SELECT * FROM public.users")
    fleet.inventory(DISCOVER)
    names = [f"shop/{schema}" for schema in SCHEMAS]
    found = fleet.read("fleet", "targets")
    assert sorted(each["name"] for each in found["targets"]) == sorted(names)
    assert not [each["fault"] for each in found["targets"] if each["fault"]]

    planned = fleet.read("fleet", "plan", "rename-column", "users.email", "mail")
    assert [sorted(group["targets"]) for group in planned["plans"]] == [sorted(names)]
    assert planned["change"] == CHANGE
    done = fleet.read("fleet", "run", CHANGE)
    assert done["results"] == {"done": 2}
    found = fleet.states()
    assert list(found) == sorted(names)
    assert set(found.values()) <= READY
    assert fleet.read("fleet", "plan", CHANGE)["plans"] == planned["plans"]

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        columns = runner.run(_columns(fleet.urls["shop"]))
    assert {schema for schema, column in columns if column == "mail"} == set(SCHEMAS)

    at = {each["target"]: str(each["index"]) for each in planned["targets"]}
    reason = ("--reason", "it's theirs")
    answer = json.loads(
        fleet.ec("fleet", "exec", "--index", at[names[1]], "--json", "--", "pause", CHANGE, *reason)
    )
    assert [(each["name"], each["paused_why"]) for each in answer["changes"]] == [
        (f"{CHANGE}@{SCHEMAS[1]}", "it's theirs")
    ]
    answer = json.loads(fleet.ec("fleet", "exec", "--index", at[names[0]], "--json", "--", "status", CHANGE))
    assert [(each["name"], each["paused_why"]) for each in answer["changes"]] == [
        (f"{CHANGE}@tenant_1", None)
    ]
    assert fleet.read("fleet", "resume", CHANGE)["results"] == {"done": 2}
