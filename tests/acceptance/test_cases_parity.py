"""P cases: what the best of today's tools do, for a column that changes its name or its type."""

import pytest

from tests.acceptance.cycle import Case, Life, run


async def _p13_between(life: Life) -> None:
    await life.sql("INSERT INTO reviews(username, product, stars) VALUES ('new', 'n', 5)")
    await life.sql("INSERT INTO reviews(username, product, rating) VALUES ('old', 'o', '8')")
    assert await life.rows("SELECT rating, stars FROM reviews ORDER BY id") == [("3", 3), ("0", 0), ("5", 5), ("8", 8)]


async def _p13_contracted(life: Life) -> None:
    await life.sql("INSERT INTO reviews(username, product, stars) VALUES ('new', 'n', 3)")
    assert await life.rows("SELECT stars FROM reviews ORDER BY id") == [(3,), (0,), (5,), (8,), (3,)]


P13 = Case(
    "text to integer",
    """CREATE TABLE reviews(id serial PRIMARY KEY, username text, product text, rating text DEFAULT '0');
    INSERT INTO reviews(username, product, rating) VALUES ('a', 'x', '3'), ('b', 'y', DEFAULT)""",
    "change-type",
    {"column": "reviews.rating", "type": "int", "to": "stars", "using": "rating::int", "back": "stars::text"},
    "reviews",
    """ALTER TABLE reviews ALTER rating DROP DEFAULT;
    ALTER TABLE reviews ALTER rating TYPE int USING rating::int;
    ALTER TABLE reviews ALTER rating SET DEFAULT 0;
    ALTER TABLE reviews RENAME rating TO stars""",
    between=_p13_between,
    contracted=_p13_contracted,
)


@pytest.mark.parametrize("case", [P13], ids=lambda case: case.name)
async def test_a_column_and_all_that_it_has_is_carried_and_nothing_is_left_over(database: str, case: Case) -> None:
    """The whole cycle: at each turn both versions see what they must, and the table has what was intended and nothing else."""
    await run(database, case)
