"""What a change without a pair keeps up by a trigger is looked at, and put back, like that of a pair."""

from expandcontract.model.names import quote
from tests.acceptance.cycle import living

GIVEN = """
CREATE TABLE users (id integer PRIMARY KEY, fax text);
INSERT INTO users SELECT n, n FROM generate_series(1, 10) n;
"""


async def test_what_notes_writers_is_put_back(database: str) -> None:
    """Whether its trigger went, or its function was altered: it is told, and `ec backfill` mends it."""
    async with living(database, "drop-column", {"column": "users.fax"}, GIVEN) as life:
        await life.start()
        plan = (await life.situation()).plan
        (function,) = plan.kept_up().functions
        body = "RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
        for hands in (
            f"DROP TRIGGER {quote(plan.trigger)} ON users",
            f"CREATE OR REPLACE FUNCTION {function.sql}() {body}",
        ):
            await life.sql(hands)
            damaged = await life.situation()
            assert damaged.live.sync_faults
            assert not damaged.ready
            await life.backfill()
            assert (await life.situation()).ready
        await life.sql("UPDATE users SET fax = 'x' WHERE id = 1")
        assert (await life.situation()).old_writers
