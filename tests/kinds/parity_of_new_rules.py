"""Cases of rules that a new column has and the old one beside it has not; and what all cases begin with."""

import asyncpg
import pytest

from tests.acceptance.cases import Case
from tests.acceptance.cycle import Application

USERS = """CREATE TABLE users(id serial PRIMARY KEY, name text UNIQUE);
INSERT INTO users(name) VALUES ('ann'), ('bob');"""
REVIEWS = """CREATE TABLE reviews(id int PRIMARY KEY, product text, review text);
INSERT INTO reviews VALUES (1, 'pear');"""


async def must_fail(life: Application, statement: str, error: type[asyncpg.PostgresError]) -> None:
    """Expect PostgreSQL to refuse the statement."""
    with pytest.raises(error):
        await life.sql(statement)


async def as_new_code(life: Application, *refused: tuple[str, type[asyncpg.PostgresError]]) -> None:
    """Expect PostgreSQL, or the sync trigger, to refuse each statement with its error."""
    for statement, error in refused:
        await must_fail(life, statement, error)


async def _p19_two_between(life: Application) -> None:
    await as_new_code(
        life,
        ("INSERT INTO reviews(id, verdict) VALUES (9, NULL)", asyncpg.NotNullViolationError),
        ("UPDATE reviews SET verdict = NULL", asyncpg.NotNullViolationError),
    )
    await life.sql("INSERT INTO reviews(id, verdict) VALUES (2, 'amazing')")
    await life.sql("INSERT INTO reviews(id, product) VALUES (3, 'banana')")
    await life.sql("INSERT INTO reviews(id, product, review) VALUES (4, 'fig', NULL), (5, 'fig', 'crunchy')")
    await life.sql("UPDATE reviews SET review = NULL WHERE id = 5; UPDATE reviews SET product = 'kiwi'")
    assert await life.rows("SELECT review, verdict FROM reviews ORDER BY id") == [
        (None, "none"),
        ("amazing", "amazing"),
        (None, "none"),
        (None, "none"),
        (None, "none"),
    ]


async def _p19_two_contracted(life: Application) -> None:
    for statement in (
        "INSERT INTO reviews(id, verdict) VALUES (9, NULL)",
        "INSERT INTO reviews(id) VALUES (9)",
    ):
        await must_fail(life, statement, asyncpg.NotNullViolationError)


P19_TWO = Case(
    "P19 set NOT NULL, under a second name",
    REVIEWS,
    "transform-column",
    {
        "column": "reviews.review",
        "to": "verdict",
        "using": "COALESCE(review, 'none')",
        "back": "verdict",
        "not_null": True,
    },
    "reviews",
    """UPDATE reviews SET review = ''; ALTER TABLE reviews RENAME review TO verdict;
    ALTER TABLE reviews ALTER verdict SET NOT NULL""",
    between=_p19_two_between,
    rolled_back=lambda life: life.sql("INSERT INTO reviews VALUES (6, 'melon', NULL)"),
    undone=lambda life: as_new_code(
        life, ("INSERT INTO reviews(id, verdict) VALUES (9, NULL)", asyncpg.NotNullViolationError)
    ),
    contracted=_p19_two_contracted,
)


async def _p19_row_undone(life: Application) -> None:
    assert await life.value("SELECT verdict FROM reviews WHERE id = 1") == "pear is good"
    await life.sql("INSERT INTO reviews(id, product) VALUES (11, 'date')")
    assert await life.value("SELECT verdict FROM reviews WHERE id = 11") == "date is good"
    await must_fail(
        life,
        "INSERT INTO reviews(id, product, verdict) VALUES (9, 'fig', NULL)",
        asyncpg.NotNullViolationError,
    )


async def _p19_row_between(life: Application) -> None:
    await as_new_code(
        life,
        ("INSERT INTO reviews(id, product, verdict) VALUES (9, 'fig', NULL)", asyncpg.NotNullViolationError),
        ("INSERT INTO reviews(id, verdict) VALUES (9, NULL)", asyncpg.NotNullViolationError),
        ("UPDATE reviews SET verdict = NULL", asyncpg.NotNullViolationError),
        ("UPDATE reviews SET verdict = DEFAULT", asyncpg.NotNullViolationError),
    )
    await life.sql("INSERT INTO reviews(id, product, verdict) VALUES (2, 'apple', 'amazing')")
    await life.sql("INSERT INTO reviews(id, product) VALUES (3, 'banana'), (4, 'cherry')")
    await life.sql("INSERT INTO reviews(id, product, review) VALUES (5, 'fig', NULL), (6, 'fig', 'crunchy')")
    await life.sql("INSERT INTO reviews VALUES (7, 'fig'); INSERT INTO reviews VALUES (8, 'fig', 'dry')")
    await life.app.copy_records_to_table("reviews", records=[(10, "nut")], columns=["id", "product"])
    await life.sql("UPDATE reviews SET product = 'kiwi' WHERE id IN (2, 4)")
    await life.sql("UPDATE reviews SET review = NULL WHERE id = 8")
    assert await life.rows("SELECT review, verdict FROM reviews ORDER BY id") == [
        (None, "pear is good"),
        ("amazing", "amazing"),
        (None, "banana is good"),
        (None, "kiwi is good"),
        (None, "fig is good"),
        ("crunchy", "crunchy"),
        (None, "fig is good"),
        (None, "fig is good"),
        (None, "nut is good"),
    ]
    assert await life.conflicts() == []


P19_ROW = Case(
    "P19 set NOT NULL, of another column of the row, under a second name",
    REVIEWS,
    "transform-column",
    {
        "column": "reviews.review",
        "to": "verdict",
        "using": "coalesce(review, product || ' is good')",
        "back": "verdict",
        "not_null": True,
    },
    "reviews",
    P19_TWO.intended,
    between=_p19_row_between,
    rolled_back=lambda life: life.sql("INSERT INTO reviews VALUES (99, 'melon', NULL)"),
    hidden=lambda life: life.sql("UPDATE reviews SET product = 'plum' WHERE id = 1"),
    undone=_p19_row_undone,
    contracted=_p19_two_contracted,
)


async def _p20_between(life: Application) -> None:
    await life.sql("INSERT INTO reviews(id, verdict) VALUES (2, 'amazing')")
    assert await life.rows("SELECT review, verdict FROM reviews WHERE id = 2") == [
        ("amazing (from new column)", "amazing")
    ]
    await must_fail(life, "UPDATE reviews SET verdict = NULL WHERE id = 2", asyncpg.NotNullViolationError)


P20 = Case(
    "P20 set NOT NULL, with a way back of its own",
    REVIEWS,
    "transform-column",
    {
        "column": "reviews.review",
        "to": "verdict",
        "using": "COALESCE(review, 'none')",
        "back": "verdict || ' (from new column)'",
        "unfit": "accept",
        "not_null": True,
    },
    "reviews",
    P19_TWO.intended,
    between=_p20_between,
    contracted=_p19_two_contracted,
)


async def _p22_between(life: Application) -> None:
    await life.sql("INSERT INTO users(id) VALUES (1); INSERT INTO users(id, name) VALUES (2, 'ann')")
    await life.sql("INSERT INTO users(id, full_name) VALUES (3, 'bob')")
    await life.sql("UPDATE users SET full_name = DEFAULT WHERE id = 3")
    assert await life.rows("SELECT name, full_name FROM users ORDER BY id") == [
        (None, None),
        ("ann", "ann"),
        ("unknown user", "unknown user"),
    ]


async def _given(life: Application, column: str, expected: str | None) -> None:
    await life.sql("INSERT INTO users(id) VALUES (9)")
    assert await life.value(f"SELECT {column} FROM users WHERE id = 9") == expected
    await life.sql("DELETE FROM users WHERE id = 9")


P22_TWO = Case(
    "P22 set a default, under a second name",
    "CREATE TABLE users(id int PRIMARY KEY, name text)",
    "transform-column",
    {
        "column": "users.name",
        "to": "full_name",
        "using": "name",
        "back": "full_name",
        "default": "'unknown user'",
    },
    "users",
    """ALTER TABLE users RENAME name TO full_name;
    ALTER TABLE users ALTER full_name SET DEFAULT 'unknown user'""",
    between=_p22_between,
    rolled_back=lambda life: _given(life, "name", None),
    hidden=lambda life: _given(life, "full_name", "unknown user"),
    contracted=lambda life: _given(life, "full_name", "unknown user"),
)
P23_TWO = Case(
    "P23 drop a default, under a second name",
    "CREATE TABLE users(id int PRIMARY KEY, name text DEFAULT 'was')",
    "transform-column",
    {"column": "users.name", "to": "full_name", "using": "name", "back": "full_name", "default": "NULL"},
    "users",
    "ALTER TABLE users RENAME name TO full_name; ALTER TABLE users ALTER full_name DROP DEFAULT",
    between=lambda life: _given(life, "full_name", "was"),
    rolled_back=lambda life: _given(life, "name", "was"),
    hidden=lambda life: _given(life, "full_name", None),
    contracted=lambda life: _given(life, "full_name", None),
)


async def _p24_two_between(life: Application) -> None:
    await life.sql("INSERT INTO posts(id, title) VALUES (2, 'b')")
    await as_new_code(
        life,
        ("INSERT INTO posts(id, headline) VALUES (3, 'd')", asyncpg.CheckViolationError),
        ("UPDATE posts SET headline = 'd' WHERE id = 1", asyncpg.CheckViolationError),
        # What old code has there is no excuse.
        ("UPDATE posts SET headline = 'b' WHERE id = 2", asyncpg.CheckViolationError),
    )
    await life.sql("UPDATE posts SET headline = 'long enough' WHERE id = 1")
    assert await life.rows("SELECT title, headline FROM posts ORDER BY id") == [
        ("long enough", "long enough"),
        ("b", "---b"),
    ]


async def _p24_two_contracted(life: Application) -> None:
    await must_fail(life, "INSERT INTO posts(id, headline) VALUES (3, 'd')", asyncpg.CheckViolationError)
    assert await life.rows("SELECT headline FROM posts ORDER BY id") == [("long",), ("---b",)]


P24_TWO = Case(
    "P24 a CHECK, under a second name",
    "CREATE TABLE posts(id int PRIMARY KEY, title text); INSERT INTO posts VALUES (1, 'post')",
    "transform-column",
    {
        "column": "posts.title",
        "to": "headline",
        "using": "lpad(title, 4, '-')",
        "back": "headline",
        "unfit": "accept",
        "check": ["CONSTRAINT long CHECK (length(headline) > 3)"],
    },
    "posts",
    """ALTER TABLE posts RENAME title TO headline; DELETE FROM posts WHERE headline = 'b';
    ALTER TABLE posts ADD CONSTRAINT long CHECK (length(headline) > 3)""",
    between=_p24_two_between,
    undone=lambda life: as_new_code(
        life, ("INSERT INTO posts(id, headline) VALUES (3, 'd')", asyncpg.CheckViolationError)
    ),
    contracted=_p24_two_contracted,
)


async def _p25_two_between(life: Application) -> None:
    await life.sql("INSERT INTO posts(id, title) VALUES (2, 'good'), (3, 'good')")
    await life.sql("INSERT INTO posts(id, slug) VALUES (4, 'fine-1')")
    await as_new_code(
        life,
        ("INSERT INTO posts(id, slug) VALUES (5, 'fine-1')", asyncpg.UniqueViolationError),
        ("INSERT INTO posts(id, slug) VALUES (5, 'odd'), (6, 'odd')", asyncpg.UniqueViolationError),
        ("UPDATE posts SET slug = 'fine-1' WHERE id = 3", asyncpg.UniqueViolationError),
    )
    await life.sql("UPDATE posts SET slug = 'fine-2' WHERE id = 4; UPDATE posts SET slug = slug")
    await life.sql("INSERT INTO posts(id, title) VALUES (4, 'x') ON CONFLICT DO NOTHING")
    upsert = "INSERT INTO posts(id, slug) VALUES (4, 'fine-2') ON CONFLICT"
    await life.sql(f"{upsert} DO NOTHING; {upsert} (id) DO UPDATE SET slug = EXCLUDED.slug")
    assert await life.rows("SELECT title FROM posts ORDER BY id") == [("good",)] * 3 + [("fine",)]
    assert await life.value("SELECT count(DISTINCT slug) FROM posts") == 4


P25_TWO = Case(
    "P25 UNIQUE, under a second name",
    "CREATE TABLE posts(id int PRIMARY KEY, title text); INSERT INTO posts VALUES (1, 'good')",
    "transform-column",
    {
        "column": "posts.title",
        "to": "slug",
        "using": "title || '-' || md5(random()::text)",
        "back": "split_part(slug, '-', 1)",
        "unique": True,
    },
    "posts",
    "ALTER TABLE posts RENAME title TO slug; ALTER TABLE posts ADD UNIQUE (slug)",
    between=_p25_two_between,
    undone=lambda life: as_new_code(
        life,
        ("INSERT INTO posts(id, slug) VALUES (5, 'odd'), (6, 'odd')", asyncpg.UniqueViolationError),
    ),
    contracted=lambda life: must_fail(
        life, "INSERT INTO posts(id, slug) SELECT 99, slug FROM posts LIMIT 1", asyncpg.UniqueViolationError
    ),
)


async def _p26_two_between(life: Application) -> None:
    await life.sql("INSERT INTO posts(id, author) VALUES (2, 3), (3, 2)")
    assert await life.rows("SELECT writer FROM posts ORDER BY id") == [(1,), (None,), (2,)]
    await as_new_code(
        life,
        ("INSERT INTO posts(id, writer) VALUES (4, 3)", asyncpg.ForeignKeyViolationError),
        ("UPDATE posts SET writer = 33 WHERE id = 1", asyncpg.ForeignKeyViolationError),
    )
    await life.sql("INSERT INTO posts(id, writer) VALUES (4, 2)")
    assert await life.value("SELECT author FROM posts WHERE id = 4") == 2
    # What fits nowhere is noted, and keeps contract shut.
    assert await life.conflicts() == [("does not fit", "3", None)]
    # Who comes later is found with the next write of the row.
    await life.sql("INSERT INTO users(id, name) VALUES (3, 'late'); UPDATE posts SET id = 5 WHERE id = 2")
    assert await life.value("SELECT writer FROM posts WHERE id = 5") == 3
    await life.sql("DELETE FROM posts WHERE id > 1")


def _p26_two(action: str, left: list[tuple[int | None]]) -> Case:
    async def contracted(life: Application) -> None:
        await must_fail(
            life, "INSERT INTO posts(id, writer) VALUES (3, 33)", asyncpg.ForeignKeyViolationError
        )
        await life.sql("DELETE FROM users WHERE id = 1")
        assert await life.rows("SELECT writer FROM posts ORDER BY id") == left

    async def refused(life: Application) -> None:
        await must_fail(life, "DELETE FROM users WHERE id = 1", asyncpg.ForeignKeyViolationError)

    sql = action.upper().replace("-", " ")
    return Case(
        f"P26 a foreign key, under a second name, {action}",
        f"""{USERS} CREATE TABLE posts(id int PRIMARY KEY, author int); INSERT INTO posts VALUES (1, 1);
        CREATE FUNCTION known(author int) RETURNS int LANGUAGE sql STABLE
        BEGIN ATOMIC SELECT u.id FROM users u WHERE u.id = known.author; END""",
        "transform-column",
        {
            "column": "posts.author",
            "to": "writer",
            "using": "known(author)",
            "back": "writer",
            "unfit": "record",
            "references": "users.id",
            "on_delete": action,
        },
        "posts",
        f"""ALTER TABLE posts RENAME author TO writer;
        ALTER TABLE posts ADD FOREIGN KEY (writer) REFERENCES users(id) ON DELETE {sql}""",
        between=_p26_two_between,
        contracted=refused if action == "no-action" else contracted,
    )


P26_TWO = (
    _p26_two("no-action", []),
    _p26_two("cascade", []),
    _p26_two("set-null", [(None,)]),
    _p26_two("set-default", [(None,)]),
)

SECOND_NAMES = (P19_TWO, P19_ROW, P20, P22_TWO, P23_TWO, P24_TWO, P25_TWO, *P26_TWO)
