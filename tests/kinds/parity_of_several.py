"""The case of a new column that differs from the old one in everything at once."""

import asyncpg

from tests.acceptance.cases import Case
from tests.acceptance.cycle import Application
from tests.kinds.parity_of_new_rules import as_new_code


async def _between(life: Application) -> None:
    await as_new_code(
        life,
        ("INSERT INTO reviews(id, verdict) VALUES (9, NULL)", asyncpg.NotNullViolationError),
        ("INSERT INTO reviews(id, verdict) VALUES (9, 'bad')", asyncpg.CheckViolationError),
        ("UPDATE reviews SET verdict = 'bad'", asyncpg.CheckViolationError),
    )
    await life.sql("INSERT INTO reviews(id, stars) VALUES (2, NULL), (3, 7), (4, 12345)")
    await life.sql("INSERT INTO reviews(id, verdict) VALUES (5, '6789'); INSERT INTO reviews(id) VALUES (6)")
    await life.sql(
        "UPDATE reviews SET stars = 8 WHERE id = 4; UPDATE reviews SET verdict = '4321' WHERE id = 3"
    )
    assert await life.rows("SELECT stars, verdict FROM reviews ORDER BY id") == [
        (1234, "1234"),
        (None, "none yet"),
        (4321, "4321"),
        (8, "none yet"),
        (6789, "6789"),
        (None, "none yet"),
    ]


async def _contracted(life: Application) -> None:
    await as_new_code(
        life,
        ("INSERT INTO reviews(id) VALUES (9)", asyncpg.NotNullViolationError),
        ("INSERT INTO reviews(id, verdict) VALUES (9, 'bad')", asyncpg.CheckViolationError),
    )
    assert await life.rows("SELECT verdict FROM reviews WHERE id < 4 ORDER BY id") == [
        ("1234",),
        ("none yet",),
        ("4321",),
    ]


SEVERAL = Case(
    "P28 type, NOT NULL, CHECK and comment at once, under a second name",
    """CREATE TABLE reviews(id int PRIMARY KEY, stars int); COMMENT ON COLUMN reviews.stars IS 'one to five';
    INSERT INTO reviews VALUES (1, 1234)""",
    "change-type",
    {
        "column": "reviews.stars",
        "to": "verdict",
        "type": "text",
        "using": "CASE WHEN length(stars::text) > 3 THEN stars::text ELSE 'none yet' END",
        "back": "CASE WHEN verdict <> 'none yet' THEN verdict::int END",
        "unfit": "accept",
        "not_null": True,
        "check": ["length(verdict) > 3"],
        "comment": "in words",
    },
    "reviews",
    """DELETE FROM reviews; ALTER TABLE reviews ALTER stars TYPE text;
    ALTER TABLE reviews RENAME stars TO verdict;
    ALTER TABLE reviews ALTER verdict SET NOT NULL, ADD CHECK (length(verdict) > 3);
    COMMENT ON COLUMN reviews.verdict IS 'in words'""",
    between=_between,
    rolled_back=lambda life: life.sql("INSERT INTO reviews VALUES (99, NULL)"),
    contracted=_contracted,
)
