"""The worked plans in phases/: they are what `ec plan` writes today, and they run to their end."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from expandcontract.engine import plan_files
from expandcontract.engine.context import Context
from expandcontract.engine.verbs import backfill, contract, init, plan, purge, start, undo
from expandcontract.model.change import Change
from expandcontract.model.phases import State
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database
from tests.acceptance.cycle import Expected
from tests.conftest import VERSION

PHASES = Path(__file__).parents[2] / "phases"
UPDATE = os.environ.get("EC_UPDATE_GOLDEN") == "1"

#: What was typed for each folder.
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "0001_rename_users_name": ("rename-column", {"column": "users.name", "new_name": "display_name"}),
    "0002_change_orders_total_type": (
        "change-type",
        {"column": "orders.total", "type": "bigint", "to": "total_cents"},
    ),
    "0003_change_reviews_rating_type": (
        "change-type",
        {
            "column": "reviews.rating",
            "type": "integer",
            "swap": True,
            "using": "nullif(rating, 'none')::integer",
            "back": "rating::text",
        },
    ),
    "0004_change_articles_title_type": (
        "change-type",
        {"column": "articles.title", "type": "text", "to": "plain_title", "transform": "html:unescape"},
    ),
    "0010_add_title_length_to_articles": (
        "add-check",
        {"table": "articles", "name": "title_length", "check": "length(title) BETWEEN 1 AND 200"},
    ),
    "0020_index_reviews": (
        "add-index",
        {"where": "rating is not null", "table": "reviews", "columns": "product, lower(rating) DESC"},
    ),
    "0030_rename_table_reviews": ("rename-table", {"table": "reviews", "new_name": "ratings"}),
    "0040_add_users_token": (
        "add-column",
        {"column": "users.token", "type": "uuid", "default": "gen_random_uuid()", "not_null": True},
    ),
    "0041_update_articles": (
        "update-rows",
        {"table": "articles", "set": ["title = trim(title)"], "where": "title <> trim(title)"},
    ),
}
ROWS = """
INSERT INTO users (name, email) SELECT 'User ' || n, n || '@example.org' FROM generate_series(1, 50) n;
INSERT INTO orders SELECT n, n, n * 10 FROM generate_series(1, 50) n;
INSERT INTO reviews (product, rating) SELECT 'p' || n, (n % 5)::text FROM generate_series(1, 50) n;
INSERT INTO articles (title) SELECT 'Fish &amp; chips ' || n FROM generate_series(1, 50) n;
"""


@pytest.fixture
async def context(database: str) -> AsyncIterator[Context]:
    """Give a ledger beside the tables of phases/schema.sql."""
    connection = await asyncpg.connect(database)
    try:
        await connection.execute((PHASES / "schema.sql").read_text())
        await connection.execute(ROWS)
    finally:
        await connection.close()
    context = Context(
        Database(database),
        Policy(quiet_for=timedelta(0), soak=timedelta(microseconds=1)),
        lambda _: None,
        "tests",
    )
    await init.init(context)
    yield context
    await context.database.close()


def test_every_folder_is_known() -> None:
    """No plan lies in phases/ that is not tested here."""
    assert plan_files.names(PHASES) == tuple(ASKED)


@pytest.mark.skipif(VERSION != 18, reason="not on PostgreSQL 18, for which the plans are written")
@pytest.mark.parametrize("name", ASKED)
async def test_a_worked_plan_is_what_is_compiled_today(context: Context, name: str) -> None:
    """Every file of the folder is, byte for byte, what `ec plan` writes against a live server."""
    kind, fields = ASKED[name]
    if UPDATE:
        await plan.make(context, Change(name, kind, fields), folder=PHASES)
    kept = plan_files.find(PHASES, name)
    made = await plan.make(context, kept.change)
    schema = context.database.ledger_schema
    assert kept.change == Change(name, kind, fields)
    assert plan_files.difference(made, kept.folder, schema) == ""
    assert plan_files.change_toml(made) == (kept.folder / plan_files.FILE).read_text()


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("name", ASKED)
async def test_a_worked_plan_runs_to_its_end(context: Context, name: str) -> None:
    """Each goes from start to purge, with an undo on the way, and copies every row where it copies any."""
    change = plan_files.find(PHASES, name).change
    await start.start(context, change, start.Consent(acknowledged=Expected({"view"})))
    ready = await backfill.backfill(context, name)
    if not ready.plan.contracts:
        assert ready.state == State.FINISHED
        return
    await contract.contract(context, name)
    await undo.undo(context, name, accept_loss="transform" in change.spec)
    await backfill.backfill(context, name)
    await contract.contract(context, name)
    end = await purge.purge(context, name, now=True, confirm=name)
    assert end.state == State.PURGED
    async with context.database.transaction() as conn:
        copied = "SELECT sum(rows) FROM expandcontract.walk WHERE purpose = 'copy'"
        assert (await conn.exec_driver_sql(copied)).scalar_one() == (50 if end.plan.copies else None)
