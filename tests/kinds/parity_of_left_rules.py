"""Cases of rules that an old column has and the new one beside it is not to get."""

import asyncpg

from tests.acceptance.cases import Case, rename_not_null
from tests.acceptance.cycle import Application
from tests.kinds.parity_of_new_rules import must_fail

POSTS = """CREATE TABLE authors(id int PRIMARY KEY);
CREATE TABLE posts(id int PRIMARY KEY, title text NOT NULL DEFAULT 'none' UNIQUE,
    author int DEFAULT NULL REFERENCES authors, CONSTRAINT long CHECK (length(title) > 3));
INSERT INTO authors VALUES (0), (1);
INSERT INTO posts VALUES (1, 'good', 1);
COMMENT ON COLUMN posts.title IS 'in bold';
CREATE INDEX by_author ON posts(author);"""
RENAMED = f"""ALTER TABLE posts RENAME title TO heading;
{rename_not_null("posts", "posts_title_not_null", "posts_heading_not_null")};"""


async def _check_between(life: Application) -> None:
    await life.sql("INSERT INTO posts(id, heading) VALUES (2, 'bad'); UPDATE posts SET author = 0")
    await must_fail(life, "INSERT INTO posts(id, title) VALUES (3, 'odd')", asyncpg.CheckViolationError)
    await must_fail(life, "INSERT INTO posts(id, heading) VALUES (3, 'bad')", asyncpg.UniqueViolationError)
    await must_fail(life, "UPDATE posts SET heading = NULL", asyncpg.IntegrityConstraintViolationError)
    await life.sql("INSERT INTO posts(id) VALUES (4)")
    assert await life.rows("SELECT title, heading FROM posts ORDER BY id") == [
        ("good", "good"),
        ("bad (short)", "bad"),
        ("none", "none"),
    ]


async def _check_undone(life: Application) -> None:
    assert await life.rows("SELECT title, heading FROM posts WHERE id = 7") == [("tiny (short)", "tin")]
    await must_fail(life, "INSERT INTO posts(id, title) VALUES (8, 'odd')", asyncpg.CheckViolationError)


CHECK = Case(
    "P29 drop a CHECK, under a second name",
    POSTS,
    "transform-column",
    {
        "column": "posts.title",
        "to": "heading",
        "using": "title",
        "back": "CASE WHEN length(heading) > 3 THEN heading "
        "ELSE heading || CASE heading WHEN 'tin' THEN 'y' ELSE '' END || ' (short)' END",
        "without": ["long"],
    },
    "posts",
    f"""{RENAMED} ALTER TABLE posts DROP CONSTRAINT long;
    ALTER TABLE posts RENAME CONSTRAINT posts_title_key TO posts_heading_key""",
    between=_check_between,
    rolled_back=lambda life: must_fail(
        life, "INSERT INTO posts VALUES (5, 'odd')", asyncpg.CheckViolationError
    ),
    hidden=lambda life: life.sql("INSERT INTO posts(id, heading) VALUES (7, 'tin')"),
    undone=_check_undone,
    contracted=lambda life: life.sql("INSERT INTO posts(id, heading) VALUES (9, 'bad')"),
)


async def _unique_between(life: Application) -> None:
    await life.sql("INSERT INTO posts(id, heading) VALUES (2, 'good')")
    await must_fail(life, "INSERT INTO posts(id, title) VALUES (3, 'good')", asyncpg.UniqueViolationError)
    await must_fail(life, "INSERT INTO posts(id, title) VALUES (3, 'odd')", asyncpg.CheckViolationError)
    seen = await life.rows("SELECT heading, title LIKE 'good #%' FROM posts ORDER BY id")
    assert seen == [("good", False), ("good", True)]


async def _unique_undone(life: Application) -> None:
    assert await life.value("SELECT count(DISTINCT title) FROM posts WHERE heading = 'good'") == 2
    await must_fail(life, "INSERT INTO posts(id, title) VALUES (8, 'good')", asyncpg.UniqueViolationError)


UNIQUE = Case(
    "P29 drop a UNIQUE, under a second name",
    POSTS,
    "transform-column",
    {
        "column": "posts.title",
        "to": "heading",
        "using": "title",
        "back": "heading || ' #' || gen_random_uuid()",
        "unfit": "accept",
        "without": ["posts_title_key"],
    },
    "posts",
    f"""{RENAMED} ALTER TABLE posts DROP CONSTRAINT posts_title_key;
    ALTER TABLE posts RENAME CONSTRAINT long TO long_heading""",
    between=_unique_between,
    hidden=lambda life: life.sql("INSERT INTO posts(id, heading) VALUES (7, 'good')"),
    undone=_unique_undone,
    contracted=lambda life: life.sql("INSERT INTO posts(id, heading) VALUES (9, 'good')"),
)


async def _key_between(life: Application) -> None:
    await life.sql("INSERT INTO posts(id, title, writer) VALUES (2, 'second', 7), (3, 'third', 1)")
    await must_fail(life, "UPDATE posts SET author = 7", asyncpg.ForeignKeyViolationError)
    await life.sql("UPDATE posts SET title = title || '!'")
    assert await life.rows("SELECT author, writer FROM posts ORDER BY id") == [(1, 1), (0, 7), (1, 1)]


async def _key_undone(life: Application) -> None:
    assert await life.rows("SELECT author, writer FROM posts WHERE id = 7") == [(0, 77)]
    await must_fail(life, "UPDATE posts SET author = 7", asyncpg.ForeignKeyViolationError)


KEY = Case(
    "P29 drop a foreign key, under a second name",
    f"""{POSTS} CREATE FUNCTION known(author int) RETURNS int LANGUAGE sql STABLE
    BEGIN ATOMIC SELECT a.id FROM authors a WHERE a.id = known.author; END""",
    "transform-column",
    {
        "column": "posts.author",
        "to": "writer",
        "using": "author",
        "back": "CASE WHEN writer IS NOT NULL THEN COALESCE(known(writer), 0) END",
        "unfit": "accept",
        "without": ["posts_author_fkey"],
    },
    "posts",
    """ALTER TABLE posts DROP CONSTRAINT posts_author_fkey; ALTER TABLE posts RENAME author TO writer;
    ALTER INDEX by_author RENAME TO by_writer""",
    between=_key_between,
    hidden=lambda life: life.sql("INSERT INTO posts(id, title, writer) VALUES (7, 'later', 77)"),
    undone=_key_undone,
    contracted=lambda life: life.sql("INSERT INTO posts(id, title, writer) VALUES (9, 'last', 9)"),
)


async def _null_between(life: Application) -> None:
    for refused in (
        "INSERT INTO users(id, name) VALUES (9, NULL)",
        "INSERT INTO users(id) VALUES (9)",
        "UPDATE users SET name = NULL",
    ):
        await must_fail(life, refused, asyncpg.NotNullViolationError)
    await life.sql("INSERT INTO users(id, nick) VALUES (2, NULL), (3, 'bob')")
    await life.sql("INSERT INTO users(id, name) VALUES (4, 'X'), (5, 'eve')")
    await life.sql("UPDATE users SET nick = NULL WHERE id = 5; UPDATE users SET age = 7")
    assert await life.rows("SELECT name, nick FROM users ORDER BY id") == [
        ("a", "a"),
        ("X", None),
        ("bob", "bob"),
        ("X", None),
        ("X", None),
    ]
    await life.sql("UPDATE users SET name = 'old' WHERE id = 2; UPDATE users SET nick = 'new' WHERE id = 4")
    assert await life.rows("SELECT name, nick FROM users WHERE id IN (2, 4) ORDER BY id") == [
        ("old", "old"),
        ("new", "new"),
    ]
    assert await life.conflicts() == []


async def _null_hidden(life: Application) -> None:
    await life.sql("INSERT INTO users(id, nick) VALUES (6, NULL); INSERT INTO users(id) VALUES (7)")
    await life.sql("UPDATE users SET nick = NULL WHERE id = 1")


async def _null_undone(life: Application) -> None:
    seen = await life.rows("SELECT name, nick FROM users WHERE id IN (1, 6, 7) ORDER BY id")
    assert seen == [("X", None)] * 3
    await must_fail(life, "INSERT INTO users(id, name) VALUES (9, NULL)", asyncpg.NotNullViolationError)
    await life.sql("INSERT INTO users(id, nick) VALUES (8, NULL)")


NOT_NULL = Case(
    "P21 drop NOT NULL, under a second name",
    """CREATE TABLE users(id int PRIMARY KEY, name text NOT NULL, age int);
    INSERT INTO users VALUES (1, 'a')""",
    "transform-column",
    {
        "column": "users.name",
        "to": "nick",
        "using": "nullif(name, 'X')",
        "back": "coalesce(nick, 'X')",
        "without": ["NOT NULL"],
    },
    "users",
    "ALTER TABLE users ALTER name DROP NOT NULL; ALTER TABLE users RENAME name TO nick",
    between=_null_between,
    rolled_back=lambda life: must_fail(
        life, "INSERT INTO users VALUES (9, NULL)", asyncpg.NotNullViolationError
    ),
    hidden=_null_hidden,
    undone=_null_undone,
    contracted=lambda life: life.sql("INSERT INTO users(id, nick) VALUES (9, NULL)"),
)

LEFT_BEHIND = (CHECK, UNIQUE, KEY, NOT_NULL)
