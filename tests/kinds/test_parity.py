"""P cases: what the best of today's tools do, of columns and tables that come or go, of rules and of indexes.

At each turn both versions see what they must; in the end the table has what was intended, and nothing else.
"""

import asyncpg
import pytest

from tests.acceptance.cases import Case, run, run_as_operator
from tests.acceptance.catalog import difference
from tests.acceptance.cycle import Application
from tests.acceptance.script import scripted
from tests.kinds.parity_of_left_rules import LEFT_BEHIND, NOT_NULL
from tests.kinds.parity_of_new_rules import P19_ROW, REVIEWS, SECOND_NAMES, USERS, must_fail
from tests.kinds.parity_of_several import SEVERAL

pytestmark = pytest.mark.in_turn(2)


async def _p1_between(life: Application) -> None:
    await life.sql("INSERT INTO users(name) VALUES ('old'); INSERT INTO users(name, age) VALUES ('new', 21)")
    assert await life.rows("SELECT age FROM users ORDER BY id") == [(None,), (None,), (None,), (21,)]


P1 = Case(
    "P1 nullable column",
    USERS,
    "add-column",
    {"column": "users.age", "type": "int"},
    "users",
    "ALTER TABLE users ADD age int",
    between=_p1_between,
    contracted=lambda life: life.sql("INSERT INTO users(name, age) VALUES ('later', 22)"),
)


def _filled(name: str, given: str, value: str = "upper(name)") -> Case:
    """P2 to P5: the column is filled from another one, whatever tells one row from another."""

    async def between(life: Application) -> None:
        await life.sql("INSERT INTO products(name) VALUES ('apple')")
        await life.sql("INSERT INTO products(name, description) VALUES ('banana', 'a yellow banana')")
        assert await life.rows("SELECT description FROM products ORDER BY name") == [
            ("APPLE",),
            ("a yellow banana",),
            ("CHERRIES",),
        ]

    async def contracted(life: Application) -> None:
        # What only new code had written went with the rollback; the column is filled anew.
        assert await life.rows("SELECT description FROM products ORDER BY name") == [
            ("APPLE",),
            ("BANANA",),
            ("CHERRIES",),
        ]

    return Case(
        name,
        f"{given} INSERT INTO products(name) VALUES ('cherries');",
        "add-column",
        {"column": "products.description", "type": "text", "fill": value},
        "products",
        "ALTER TABLE products ADD description text",
        between=between,
        contracted=contracted,
    )


FILLS = (
    _filled("P2 filled, serial key", "CREATE TABLE products(id serial PRIMARY KEY, name text);"),
    _filled("P3 filled, text key", "CREATE TABLE products(name text PRIMARY KEY);"),
    _filled("P4 filled, unique and no key", "CREATE TABLE products(name text NOT NULL UNIQUE);"),
    _filled("P5 filled, nothing unique", "CREATE TABLE products(name text);"),
)


async def _p6_between(life: Application) -> None:
    await life.sql(
        "INSERT INTO users(name) VALUES ('old'); INSERT INTO users(name, nick) VALUES ('new', 'n')"
    )
    assert await life.rows("SELECT nick FROM users ORDER BY id") == [("ann!",), ("bob!",), ("old!",), ("n",)]


async def _p6_contracted(life: Application) -> None:
    await must_fail(life, "INSERT INTO users(name) VALUES ('none')", asyncpg.NotNullViolationError)


P6 = Case(
    "P6 NOT NULL without default",
    USERS,
    "add-column",
    {"column": "users.nick", "type": "text", "not_null": True, "fill": "name || '!'"},
    "users",
    "ALTER TABLE users ADD nick text; UPDATE users SET nick = ''; ALTER TABLE users ALTER nick SET NOT NULL",
    between=_p6_between,
    contracted=_p6_contracted,
)


async def _p7_between(life: Application) -> None:
    await life.sql(
        "INSERT INTO users(name) VALUES ('old'); INSERT INTO users(name, plan) VALUES ('new', 'x')"
    )
    seen = await life.rows("SELECT plan FROM users ORDER BY id")
    assert seen == [("free",), ("free",), ("free",), ("x",)]


P7 = Case(
    "P7 constant default",
    USERS,
    "add-column",
    {"column": "users.plan", "type": "text", "default": "'free'"},
    "users",
    "ALTER TABLE users ADD plan text DEFAULT 'free'",
    between=_p7_between,
    contracted=lambda life: life.sql("INSERT INTO users(name) VALUES ('later')"),
)


async def _p8_between(life: Application) -> None:
    await life.sql("INSERT INTO users(name) VALUES ('old')")
    assert await life.value("SELECT count(DISTINCT token) FROM users") == await life.value(
        "SELECT count(*) FROM users"
    )


P8 = Case(
    "P8 volatile default",
    USERS,
    "add-column",
    {"column": "users.token", "type": "uuid", "default": "gen_random_uuid()", "not_null": True},
    "users",
    "ALTER TABLE users ADD token uuid NOT NULL DEFAULT gen_random_uuid()",
    between=_p8_between,
)


async def _p9_between(life: Application) -> None:
    await life.sql("INSERT INTO users(name) VALUES ('old')")
    await must_fail(life, "INSERT INTO users(name, title) VALUES ('new', 'x')", asyncpg.CheckViolationError)
    assert await life.rows("SELECT title FROM users ORDER BY id") == [("-ann",), ("-bob",), ("-old",)]


P9 = Case(
    "P9 with CHECK",
    USERS,
    "add-column",
    {"column": "users.title", "type": "text", "fill": "lpad(name, 4, '-')", "check": "length(title) > 3"},
    "users",
    "ALTER TABLE users ADD title text CHECK (length(title) > 3)",
    between=_p9_between,
    contracted=lambda life: must_fail(
        life, "INSERT INTO users(name, title) VALUES ('new', 'x')", asyncpg.CheckViolationError
    ),
)


async def _p10_new(life: Application) -> None:
    await life.sql("INSERT INTO users(name) VALUES ('old'); INSERT INTO users(name, code) VALUES ('new', 1)")
    await must_fail(life, "INSERT INTO users(name, code) VALUES ('newer', 1)", asyncpg.UniqueViolationError)


async def _p10_contracted(life: Application) -> None:
    await life.sql("INSERT INTO users(name, code) VALUES ('first', 1)")
    await must_fail(life, "INSERT INTO users(name, code) VALUES ('second', 1)", asyncpg.UniqueViolationError)


P10 = Case(
    "P10 UNIQUE",
    USERS,
    "add-column",
    {"column": "users.code", "type": "int", "unique": True},
    "users",
    "ALTER TABLE users ADD code int UNIQUE",
    between=_p10_new,
    contracted=_p10_contracted,
)


async def _p11_between(life: Application) -> None:
    await life.sql("INSERT INTO orders(id) VALUES (1); INSERT INTO orders(id, buyer) VALUES (2, 1)")
    await must_fail(life, "INSERT INTO orders(id, buyer) VALUES (3, 99)", asyncpg.ForeignKeyViolationError)
    await must_fail(life, "DELETE FROM users WHERE id = 1", asyncpg.ForeignKeyViolationError)


P11 = Case(
    "P11 a foreign key",
    f"{USERS} CREATE TABLE orders(id int PRIMARY KEY);",
    "add-column",
    {"column": "orders.buyer", "type": "int", "references": "users"},
    "orders",
    "ALTER TABLE orders ADD buyer int REFERENCES users",
    between=_p11_between,
)


async def _p11_cascade_between(life: Application) -> None:
    await life.sql("INSERT INTO orders(id) VALUES (2); INSERT INTO orders(id, buyer) VALUES (3, 2)")
    await must_fail(life, "INSERT INTO orders(id, buyer) VALUES (4, NULL)", asyncpg.NotNullViolationError)
    await life.sql("DELETE FROM users WHERE id = 2")
    assert await life.rows("SELECT id, buyer FROM orders ORDER BY id") == [(1, 1), (2, 1)]


P11_CASCADE = Case(
    "P11 a foreign key that every row has",
    f"{USERS} CREATE TABLE orders(id int PRIMARY KEY); INSERT INTO orders VALUES (1);",
    "add-column",
    {
        "column": "orders.buyer",
        "type": "int",
        "default": "1",
        "not_null": True,
        "references": "users",
        "on_delete": "cascade",
    },
    "orders",
    "ALTER TABLE orders ADD buyer int NOT NULL DEFAULT 1 REFERENCES users ON DELETE CASCADE",
    between=_p11_cascade_between,
)


async def _p12_between(life: Application) -> None:
    await life.sql("INSERT INTO users(id, first, last) VALUES (2, 'Jane', 'Roe')")
    assert await life.value("SELECT name FROM users WHERE id = 2") == "Jane Roe"
    await life.sql("UPDATE users SET name = 'A B' WHERE id = 1")
    assert await life.rows("SELECT first, last FROM users WHERE id = 1") == [("A", "B")]


P12 = Case(
    "P12 a name split",
    "CREATE TABLE users(id int PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'John Doe')",
    "split-column",
    {
        "column": "users.name",
        "into": ["first text = split_part(name, ' ', 1)", "last text = split_part(name, ' ', 2)"],
        "back": "first || ' ' || last",
    },
    "users",
    "ALTER TABLE users DROP name, ADD first text, ADD last text",
    between=_p12_between,
)


async def _p17_between(life: Application) -> None:
    assert await life.rows("SELECT upper_name FROM users ORDER BY id") == [("JOHN DOE",), ("JANE DOE",)]
    await life.sql("INSERT INTO users VALUES (3, 'test testsson')")
    await life.sql("INSERT INTO users(id, upper_name) VALUES (4, 'TEST TESTSSON')")
    assert await life.rows("SELECT name, upper_name FROM users WHERE id > 2 ORDER BY id") == [
        ("test testsson", "TEST TESTSSON"),
        ("test testsson", "TEST TESTSSON"),
    ]


P17 = Case(
    "P17 another meaning",
    """CREATE TABLE users(id int PRIMARY KEY, name text);
    INSERT INTO users VALUES (1, 'john Doe'), (2, 'jane Doe')""",
    "transform-column",
    {
        "column": "users.name",
        "to": "upper_name",
        "using": "upper(name)",
        "back": "lower(upper_name)",
        "unfit": "accept",
    },
    "users",
    "ALTER TABLE users RENAME name TO upper_name",
    between=_p17_between,
)


async def _p19_between(life: Application) -> None:
    await life.sql("INSERT INTO reviews(id, product) VALUES (2, 'banana')")
    await life.sql("INSERT INTO reviews VALUES (3, 'apple', 'crunchy')")
    assert await life.rows("SELECT review FROM reviews ORDER BY id") == [
        ("pear is good",),
        ("banana is good",),
        ("crunchy",),
    ]


P19 = Case(
    "P19 set NOT NULL",
    REVIEWS,
    "set-not-null",
    {"column": "reviews.review", "fill": "product || ' is good'"},
    "reviews",
    "UPDATE reviews SET review = ''; ALTER TABLE reviews ALTER review SET NOT NULL",
    between=_p19_between,
    rolled_back=lambda life: life.sql("INSERT INTO reviews VALUES (9, 'melon', NULL)"),
    contracted=lambda life: must_fail(
        life, "INSERT INTO reviews VALUES (4, 'melon', NULL)", asyncpg.NotNullViolationError
    ),
)

P21 = Case(
    "P21 drop NOT NULL",
    "CREATE TABLE users(id int PRIMARY KEY, name text NOT NULL); INSERT INTO users VALUES (1, 'a')",
    "drop-not-null",
    {"column": "users.name"},
    "users",
    "ALTER TABLE users ALTER name DROP NOT NULL",
    rolled_back=lambda life: must_fail(
        life, "INSERT INTO users VALUES (2, NULL)", asyncpg.NotNullViolationError
    ),
    contracted=lambda life: life.sql("INSERT INTO users VALUES (2, NULL)"),
)


def _default(name: str, default: str, before: str | None, after: str | None) -> Case:
    async def given(life: Application, number: int, expected: str | None) -> None:
        await life.sql(f"INSERT INTO users(id) VALUES ({number})")
        for _ in range(2):
            assert await life.value("SELECT name FROM users WHERE id = $1", number) == expected
            await life.sql(
                f"UPDATE users SET name = 'x'; UPDATE users SET name = DEFAULT WHERE id = {number}"
            )

    return Case(
        name,
        "CREATE TABLE users(id int PRIMARY KEY, name text DEFAULT 'was')",
        "set-default",
        {"column": "users.name", "default": default},
        "users",
        f"ALTER TABLE users ALTER name SET DEFAULT {default}"
        if default != "NULL"
        else "ALTER TABLE users ALTER name DROP DEFAULT",
        between=lambda life: given(life, 1, after),
        rolled_back=lambda life: given(life, 2, before),
        contracted=lambda life: given(life, 3, after),
    )


P22 = _default("P22 set default", "'unknown user'", "was", "unknown user")
P23 = _default("P23 drop default", "NULL", "was", None)

P24 = Case(
    "P24 a CHECK",
    "CREATE TABLE posts(id int PRIMARY KEY, title text); INSERT INTO posts VALUES (1, 'post')",
    "add-check",
    {"table": "posts", "name": "long", "check": "length(title) > 3"},
    "posts",
    "ALTER TABLE posts ADD CONSTRAINT long CHECK (length(title) > 3)",
    between=lambda life: life.sql("INSERT INTO posts VALUES (2, 'b'); DELETE FROM posts WHERE id = 2"),
    contracted=lambda life: must_fail(life, "INSERT INTO posts VALUES (3, 'd')", asyncpg.CheckViolationError),
)
P25 = Case(
    "P25 UNIQUE",
    "CREATE TABLE posts(id int PRIMARY KEY, title text); INSERT INTO posts VALUES (1, 'good')",
    "add-unique",
    {"table": "posts", "columns": "title"},
    "posts",
    "ALTER TABLE posts ADD UNIQUE (title)",
    between=lambda life: life.sql("INSERT INTO posts VALUES (2, 'good'); DELETE FROM posts WHERE id = 2"),
    contracted=lambda life: must_fail(
        life, "INSERT INTO posts VALUES (3, 'good')", asyncpg.UniqueViolationError
    ),
)
P26 = Case(
    "P26 a foreign key",
    f"{USERS} CREATE TABLE posts(id int PRIMARY KEY, by int); INSERT INTO posts VALUES (1, 1)",
    "add-foreign-key",
    {"columns": "posts.by", "references": "users", "on_delete": "cascade"},
    "posts",
    "ALTER TABLE posts ADD FOREIGN KEY (by) REFERENCES users ON DELETE CASCADE",
    between=lambda life: life.sql("INSERT INTO posts VALUES (2, 3); DELETE FROM posts WHERE id = 2"),
    contracted=lambda life: must_fail(
        life, "INSERT INTO posts VALUES (3, 33)", asyncpg.ForeignKeyViolationError
    ),
)

_POSTS = """CREATE TABLE authors(id int PRIMARY KEY);
CREATE TABLE posts(id int PRIMARY KEY, title text NOT NULL DEFAULT 'none' UNIQUE,
    author int DEFAULT NULL REFERENCES authors, CONSTRAINT long CHECK (length(title) > 3));
INSERT INTO posts VALUES (1, 'good');
COMMENT ON COLUMN posts.title IS 'in bold';"""


def _dropped(name: str, constraint: str, breaks: str) -> Case:
    """P29: it refuses until contract, and nothing else of the column goes with it."""
    return Case(
        name,
        _POSTS,
        "drop-constraint",
        {"table": "posts", "name": constraint},
        "posts",
        f"ALTER TABLE posts DROP CONSTRAINT {constraint}",
        between=lambda life: must_fail(life, breaks, asyncpg.IntegrityConstraintViolationError),
        rolled_back=lambda life: must_fail(life, breaks, asyncpg.IntegrityConstraintViolationError),
        contracted=lambda life: life.sql(breaks),
    )


P29 = (
    _dropped("P29 drop a CHECK", "long", "INSERT INTO posts VALUES (2, 'bad')"),
    _dropped("P29 drop a UNIQUE", "posts_title_key", "INSERT INTO posts VALUES (2, 'good')"),
    _dropped("P29 drop a foreign key", "posts_author_fkey", "INSERT INTO posts VALUES (2, 'other', 7)"),
)


async def _p34_between(life: Application) -> None:
    await life.sql("INSERT INTO users(mail) VALUES ('foo@example.com')")
    await life.sql("INSERT INTO users(mail, name) VALUES ('bar@example.com', 'Bar')")
    assert await life.rows("SELECT name FROM users ORDER BY id") == [("Ann",), ("FOO@EXAMPLE.COM",), ("Bar",)]


async def _p34_hidden(life: Application) -> None:
    await life.sql("INSERT INTO users(mail) VALUES ('baz@example.com')")


async def _p34_undone(life: Application) -> None:
    assert await life.value("SELECT name FROM users WHERE mail = 'baz@example.com'") == "BAZ@EXAMPLE.COM"


P34 = Case(
    "P34 drop a column",
    """CREATE TABLE users(id serial PRIMARY KEY, mail text, name text);
    CREATE INDEX ON users(name); INSERT INTO users(mail, name) VALUES ('a', 'Ann')""",
    "drop-column",
    {"column": "users.name", "fill": "upper(mail)"},
    "users",
    "ALTER TABLE users DROP name",
    between=_p34_between,
    hidden=_p34_hidden,
    undone=_p34_undone,
    contracted=lambda life: life.sql("INSERT INTO users(mail) VALUES ('later')"),
)


def _index(label: str, made: str, **fields: object) -> Case:
    return Case(
        f"P36 index, {label}",
        'CREATE TABLE events(id int PRIMARY KEY, a text, b int, "Day" date)',
        "add-index",
        {"table": "events", **fields},
        "events",
        made,
    )


P36 = (
    _index(
        "unique, partial",
        "CREATE UNIQUE INDEX ON events(a) WHERE b > 0",
        columns="a",
        unique=True,
        where="b > 0",
    ),
    _index("descending", "CREATE INDEX ON events(b DESC NULLS LAST)", columns="b DESC NULLS LAST"),
    _index(
        "hash with fillfactor",
        "CREATE INDEX ON events USING hash (a) WITH (fillfactor = 70)",
        columns="a",
        method="hash",
        storage="fillfactor = 70",
    ),
    _index(
        "capitals in its name", 'CREATE INDEX "By Day" ON events("Day")', columns='"Day"', name='"By Day"'
    ),
    _index("operator class", "CREATE INDEX ON events(a text_pattern_ops)", columns="a text_pattern_ops"),
    _index("columns in the order listed", "CREATE INDEX ON events(b, a)", columns="b, a"),
)


async def _valid(life: Application) -> None:
    query = "SELECT indisvalid AND indisready FROM pg_index WHERE indexrelid = 'events_b_idx'::regclass"
    assert await life.value(query)


P36_DROP = Case(
    "P36 drop index",
    "CREATE TABLE events(id int PRIMARY KEY, b int); CREATE INDEX ON events(b)",
    "drop-index",
    {"index": "events_b_idx"},
    "events",
    "DROP INDEX events_b_idx",
    between=_valid,
    rolled_back=_valid,
    undone=_valid,
)

CASES = (
    P1,
    *FILLS,
    P6,
    P7,
    P8,
    P9,
    P10,
    P11,
    P11_CASCADE,
    P12,
    P17,
    P19,
    P21,
    P22,
    P23,
    P24,
    P25,
    P26,
    *SECOND_NAMES,
    *P29,
    *LEFT_BEHIND,
    SEVERAL,
    P34,
    *P36,
    P36_DROP,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_both_versions_see_what_they_must(database: str, case: Case) -> None:
    """The whole cycle: there and back, then to the end."""
    await run(database, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", [P19_ROW, NOT_NULL], ids=lambda case: case.name)
async def test_the_verbs_come_to_the_same(database: str, case: Case) -> None:
    """Those in which most rests on what the trigger is told, as an operator carries them."""
    await run_as_operator(database, case)


async def test_a_table_that_is_renamed_is_written_under_both_names(database: str) -> None:
    """P33: what each version writes the other one reads; numbers are given out as before; after contract the
    table itself has the new name, and nothing the old one.
    """
    fields = {"table": "users", "new_name": "customers"}
    async with scripted(database, "rename-table", fields, USERS) as life:
        await life.ready()
        await life.sql("INSERT INTO users(name) VALUES ('old'); INSERT INTO customers(name) VALUES ('new')")
        await life.sql("UPDATE users SET name = 'by old' WHERE name = 'ann'")
        await life.sql("UPDATE customers SET name = 'by new' WHERE name = 'bob'")
        for name in ("users", "customers"):
            seen = await life.rows(f"SELECT id, name FROM {name} ORDER BY id")
            assert seen == [(1, "by old"), (2, "by new"), (3, "old"), (4, "new")]
            await must_fail(life, f"INSERT INTO {name}(name) VALUES ('new')", asyncpg.UniqueViolationError)
        await life.contract()
        assert await life.value("SELECT relkind FROM pg_class WHERE oid = 'customers'::regclass") == b"r"
        assert await life.value("SELECT to_regclass('users')") is None
        await life.sql("INSERT INTO customers(name) VALUES ('later')")


async def test_a_column_that_is_renamed_at_once_is_written_under_both_names(database: str) -> None:
    """P31 without a copy: what the column has it keeps, whichever name is written; after contract the table
    has it under the new name alone.
    """
    given = f"""{USERS} ALTER TABLE users ALTER name SET DEFAULT 'nobody', ADD CHECK (name <> '');
        COMMENT ON COLUMN users.name IS 'in full'; GRANT SELECT (name) ON users TO PUBLIC"""
    fields = {"column": "users.name", "new_name": "full_name", "instant": True}
    async with scripted(database, "rename-column", fields, given) as life:
        before = await life.describe()
        await life.ready()
        await life.sql("INSERT INTO users(name) VALUES ('old'); INSERT INTO users(full_name) VALUES ('new')")
        await life.sql("UPDATE users SET name = 'by old' WHERE full_name = 'ann'")
        await life.sql("UPDATE users SET full_name = 'by new' WHERE name = 'bob'")
        await life.sql("INSERT INTO users DEFAULT VALUES")
        seen = await life.rows("SELECT id, name, full_name FROM users ORDER BY id")
        names = enumerate(("by old", "by new", "old", "new", "nobody"), 1)
        assert seen == [(number, name, name) for number, name in names]
        for name in ("name", "full_name"):
            await must_fail(life, f"INSERT INTO users({name}) VALUES ('')", asyncpg.CheckViolationError)
            await must_fail(life, f"INSERT INTO users({name}) VALUES ('new')", asyncpg.UniqueViolationError)
        await life.contract()
        await life.sql("ALTER TABLE users RENAME full_name TO name")
        assert difference(before, await life.describe()) == []
