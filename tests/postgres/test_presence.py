"""Who looks at the server sees what ec is at, and ec knows its own sessions whatever they are at."""

from expandcontract.model.presence import at_work, mark, named
from expandcontract.postgres.connect import Database

QUERY = "SELECT application_name, query FROM pg_stat_activity WHERE pid = pg_backend_pid()"


async def test_sessions_and_statements_say_what_they_are_of(database: str) -> None:
    """The verb and the change, in application_name and in the comment that ends a statement."""
    before = Database(database)
    during = Database(database)
    try:
        with at_work("backfill", "0001_rename"):
            async with during.transaction() as conn:
                seen = (await conn.exec_driver_sql(QUERY)).one()
            assert seen.application_name == "ec backfill 0001_rename"
            assert seen.query.endswith("/* ec backfill 0001_rename */")
        async with before.transaction() as conn:
            seen = (await conn.exec_driver_sql(QUERY)).one()
        assert seen.application_name == "ec"
        assert seen.query.endswith("/* ec */")
    finally:
        await before.close()
        await during.close()


def test_a_name_cannot_end_the_mark() -> None:
    """A change's name is somebody's text: it ends no comment and is cut where application_name ends."""
    with at_work("start", "x */ DROP TABLE t; /*\n" + "é" * 60):
        assert mark().count("*/") == 1
        assert "\n" not in mark()
        assert len(named("ec").encode()) <= 63
    assert (mark(), named("ec")) == ("/* ec */", "ec")
