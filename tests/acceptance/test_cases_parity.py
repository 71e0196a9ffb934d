"""P cases: what the best of today's tools do, for a column that changes its name or its type."""

from dataclasses import replace

import pytest

from expandcontract.model.errors import Mismatches, NeedsAcknowledgement, UnsupportedShape
from tests.acceptance.cases import Case, rename_not_null, run, run_as_operator
from tests.acceptance.catalog import everything
from tests.acceptance.cycle import Application, living

pytestmark = pytest.mark.in_turn(3)


async def _p13_between(life: Application) -> None:
    await life.sql("INSERT INTO reviews(username, product, stars) VALUES ('new', 'n', 5)")
    await life.sql("INSERT INTO reviews(username, product, rating) VALUES ('old', 'o', '8')")
    seen = await life.rows("SELECT rating, stars FROM reviews ORDER BY id")
    assert seen == [("3", 3), ("0", 0), ("5", 5), ("8", 8)]


async def _p13_contracted(life: Application) -> None:
    await life.sql("INSERT INTO reviews(username, product, stars) VALUES ('new', 'n', 3)")
    assert await life.rows("SELECT stars FROM reviews ORDER BY id") == [(3,), (0,), (5,), (8,), (3,)]


P13 = Case(
    "P13 text to integer",
    """CREATE TABLE reviews(id serial PRIMARY KEY, username text, product text, rating text DEFAULT '0');
    INSERT INTO reviews(username, product, rating) VALUES ('a', 'x', '3'), ('b', 'y', DEFAULT)""",
    "change-type",
    {
        "column": "reviews.rating",
        "type": "int",
        "to": "stars",
        "using": "rating::int",
        "back": "stars::text",
    },
    "reviews",
    """ALTER TABLE reviews ALTER rating DROP DEFAULT;
    ALTER TABLE reviews ALTER rating TYPE int USING rating::int;
    ALTER TABLE reviews ALTER rating SET DEFAULT 0;
    ALTER TABLE reviews RENAME rating TO stars""",
    between=_p13_between,
    contracted=_p13_contracted,
)


async def _p14_between(life: Application) -> None:
    await life.sql("INSERT INTO names(id) VALUES (2)")
    assert await life.rows("SELECT name, label FROM names WHERE id = 2") == [("alice", "alice")]


P14 = Case(
    "P14 compatible default",
    "CREATE TABLE names(id int PRIMARY KEY, name varchar(20) DEFAULT 'alice'); INSERT INTO names VALUES (1)",
    "change-type",
    {"column": "names.name", "type": "text", "to": "label"},
    "names",
    """ALTER TABLE names ALTER name DROP DEFAULT;
    ALTER TABLE names ALTER name TYPE text;
    ALTER TABLE names ALTER name SET DEFAULT 'alice';
    ALTER TABLE names RENAME name TO label""",
    between=_p14_between,
)

_ORDERS = """
CREATE ROLE clerk_{db};
CREATE TABLE customers(id bigint PRIMARY KEY);
INSERT INTO customers SELECT generate_series(1, 9);
CREATE TABLE orders(
    id int PRIMARY KEY,
    number serial UNIQUE,
    customer int NOT NULL DEFAULT 1 REFERENCES customers ON DELETE CASCADE,
    place int,
    CONSTRAINT customer_positive CHECK (customer > 0),
    CONSTRAINT one_place UNIQUE (customer, place)
);
CREATE INDEX orders_customer_idx ON orders(customer DESC NULLS LAST) INCLUDE (place);
CREATE INDEX by_size ON orders((customer % 10)) WHERE customer > 2;
CREATE UNIQUE INDEX once ON orders(customer, place) WHERE place > 100;
CREATE STATISTICS orders_customer_stat ON customer, place FROM orders;
COMMENT ON COLUMN orders.customer IS 'who ''pays''';
COMMENT ON INDEX orders_customer_idx IS 'newest first';
COMMENT ON CONSTRAINT customer_positive ON orders IS 'no debts';
ALTER TABLE orders ALTER customer SET STATISTICS 321, ALTER customer SET (n_distinct = -0.5);
GRANT SELECT (customer), UPDATE (customer) ON orders TO clerk_{db};
INSERT INTO orders SELECT i, nextval('orders_number_seq'), i, i FROM generate_series(1, 5) i;
"""


async def _orders_hidden(life: Application) -> None:
    await life.sql("INSERT INTO orders(id, place) VALUES (7, 7)")
    assert await life.value("SELECT pg_typeof(customer)::text FROM orders WHERE id = 7") == "bigint"


async def _orders_contracted(life: Application) -> None:
    await life.sql("DELETE FROM customers WHERE id = 2")
    assert await life.rows("SELECT id FROM orders ORDER BY id") == [(1,), (3,), (4,), (5,), (7,)]


P15 = Case(
    "P15 everything that a column has, type",
    _ORDERS,
    "change-type",
    {"column": "orders.customer", "type": "bigint", "swap": True},
    "orders",
    "ALTER TABLE orders ALTER customer TYPE bigint, ALTER customer SET DEFAULT '1'::bigint",
    hidden=_orders_hidden,
    contracted=_orders_contracted,
)


async def _serial_contracted(life: Application) -> None:
    await life.sql("INSERT INTO orders(id, customer) VALUES (8, 8)")
    assert await life.value("SELECT ticket FROM orders WHERE id = 8") == await life.value(
        "SELECT max(ticket) FROM orders"
    )


P15_SEQUENCE = Case(
    "P15 a sequence that the column owns",
    _ORDERS,
    "change-type",
    {"column": "orders.number", "type": "bigint", "to": "ticket"},
    "orders",
    """ALTER TABLE orders ALTER number TYPE bigint;
    ALTER SEQUENCE orders_number_seq AS bigint;
    ALTER TABLE orders RENAME number TO ticket;
    ALTER TABLE orders RENAME CONSTRAINT orders_number_key TO orders_ticket_key;"""
    + rename_not_null("orders", "orders_number_not_null", "orders_ticket_not_null"),
    contracted=_serial_contracted,
)


async def _capitals_between(life: Application) -> None:
    await life.sql("""INSERT INTO "Customers"("Id", "array") VALUES (3, 'old')""")
    await life.sql("""INSERT INTO "Customers"("Id", "table") VALUES (4, 'new')""")
    assert await life.rows("""SELECT "table" FROM "Customers" ORDER BY "Id" """) == [
        ("x",),
        ("old",),
        ("new",),
    ]


P16 = Case(
    "P16 capitals and reserved words, name",
    """CREATE TABLE "Customers"("Id" int PRIMARY KEY, "array" text NOT NULL CHECK ("array" <> ''),
    "user" int);
    CREATE INDEX ON "Customers"("array");
    INSERT INTO "Customers" VALUES (1, 'x', 2)""",
    "rename-column",
    {"column": '"Customers"."array"', "new_name": '"table"'},
    '"Customers"',
    """ALTER TABLE "Customers" RENAME "array" TO "table";
    ALTER TABLE "Customers" RENAME CONSTRAINT "Customers_array_check" TO "Customers_table_check";
    ALTER INDEX "Customers_array_idx" RENAME TO "Customers_table_idx";"""
    + rename_not_null('"Customers"', "Customers_array_not_null", "Customers_table_not_null"),
    between=_capitals_between,
)
P16_TYPE = Case(
    "P16 capitals and reserved words, type",
    P16.given,
    "change-type",
    {"column": '"Customers"."user"', "type": "bigint", "swap": True},
    '"Customers"',
    'ALTER TABLE "Customers" ALTER "user" TYPE bigint',
)


async def _p31_between(life: Application) -> None:
    await life.sql("INSERT INTO users(name) VALUES ('old'); INSERT INTO users(full_name) VALUES ('new')")
    await life.sql("UPDATE users SET full_name = 'by new' WHERE name = 'a'")
    await life.sql("UPDATE users SET name = 'by old' WHERE full_name = 'b'")
    seen = await life.rows("SELECT name, full_name FROM users ORDER BY id")
    assert seen == [("by new",) * 2, ("by old",) * 2, ("old",) * 2, ("new",) * 2]


async def _p31_hidden(life: Application) -> None:
    await life.sql("INSERT INTO users(full_name) VALUES ('hidden'); INSERT INTO users DEFAULT VALUES")


async def _p31_undone(life: Application) -> None:
    seen = await life.rows("SELECT name FROM users ORDER BY id OFFSET 4")
    assert seen == [("hidden",), ("nobody",)]
    await life.sql("INSERT INTO users(name) VALUES ('old again')")
    assert await life.rows("SELECT full_name FROM users WHERE name = 'old again'") == [("old again",)]


P31 = Case(
    "P31 rename with all that the column has",
    """CREATE ROLE reader_{db};
    CREATE TABLE users(id serial PRIMARY KEY, name text NOT NULL DEFAULT 'nobody', mail text,
    CHECK (name <> ''));
    CREATE INDEX ix_users_name ON users(name);
    CREATE INDEX ix_users_lower_name ON users(lower(name), mail) WHERE name <> 'x';
    ALTER TABLE users ADD UNIQUE (name, mail);
    COMMENT ON COLUMN users.name IS 'first and last';
    GRANT SELECT (name) ON users TO reader_{db} WITH GRANT OPTION;
    GRANT SELECT (name) ON users TO PUBLIC;
    ALTER TABLE users ALTER name SET STORAGE external;
    INSERT INTO users(name) VALUES ('a'), ('b')""",
    "rename-column",
    {"column": "users.name", "new_name": "full_name"},
    "users",
    """ALTER TABLE users RENAME name TO full_name;
    ALTER INDEX ix_users_name RENAME TO ix_users_full_name;
    ALTER INDEX ix_users_lower_name RENAME TO ix_users_lower_full_name;
    ALTER TABLE users RENAME CONSTRAINT users_name_mail_key TO users_full_name_mail_key;
    ALTER TABLE users RENAME CONSTRAINT users_name_check TO users_full_name_check;"""
    + rename_not_null("users", "users_name_not_null", "users_full_name_not_null"),
    between=_p31_between,
    hidden=_p31_hidden,
    undone=_p31_undone,
)
P31_SERIAL = Case(
    "P31 rename of a serial column",
    "CREATE TABLE tickets(id int, number serial); INSERT INTO tickets(id) SELECT generate_series(1, 3)",
    "rename-column",
    {"column": "tickets.number", "new_name": "ticket"},
    "tickets",
    "ALTER TABLE tickets RENAME number TO ticket;"
    + rename_not_null("tickets", "tickets_number_not_null", "tickets_ticket_not_null"),
    contracted=lambda life: _serial_goes_on(life, "tickets"),
)


async def _serial_goes_on(life: Application, table: str) -> None:
    await life.sql(f"INSERT INTO {table}(id) VALUES (4)")
    assert await life.value(f"SELECT ticket FROM {table} WHERE id = 4") == 4


CASES = (P13, P14, P15, P15_SEQUENCE, P16, P16_TYPE, P31, P31_SERIAL)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_column_is_carried_with_all_that_it_has(database: str, case: Case) -> None:
    """At each turn both versions see what they must; in the end the table has what was intended, and nothing
    else.
    """
    await run(database, _in(database, case))


@pytest.mark.parametrize("case", [P15, P31], ids=lambda case: case.name)
async def test_the_verbs_come_to_the_same(database: str, case: Case) -> None:
    """The two columns that have the most, as an operator carries them."""
    await run_as_operator(database, _in(database, case))


def _in(database: str, case: Case) -> Case:
    """Return the case with names of roles that no other test has."""
    name = database.split("/")[3].partition("?")[0]
    return replace(case, given=case.given.replace("{db}", name))


async def test_a_default_that_the_new_type_cannot_hold_is_dropped_with_a_notice(database: str) -> None:
    """P14: start goes on; where NEW gives no value there is none, and contract waits until such rows are
    corrected.
    """
    fields = {"column": "reviews.rating", "type": "int", "to": "stars"}
    given = (
        "CREATE TABLE reviews(id int PRIMARY KEY, rating text DEFAULT 'no cast'); "
        "INSERT INTO reviews VALUES (1, '7')"
    )
    async with living(database, "change-type", fields, given) as life:
        assert "default-dropped" in {note.code for note in (await life.plan()).hazards}
        await life.ready()
        await life.sql("INSERT INTO reviews(id) VALUES (2)")
        assert await life.rows("SELECT rating, stars FROM reviews ORDER BY id") == [
            ("7", 7),
            ("no cast", None),
        ]
        with pytest.raises(Mismatches):
            await life.verify()
        await life.sql("UPDATE reviews SET rating = '0' WHERE id = 2")
        await life.verify()
        await life.contract()
        await life.sql("INSERT INTO reviews(id) VALUES (3)")
        assert await life.rows("SELECT stars FROM reviews ORDER BY id") == [(7,), (0,), (None,)]


async def test_a_check_that_does_not_fit_the_new_type_is_dropped_with_a_notice(database: str) -> None:
    """P15: the plan says which one is not carried; undo brings it back on the old side."""
    fields = {"column": "reviews.rating", "type": "int", "to": "stars"}
    given = (
        "CREATE TABLE reviews(id int PRIMARY KEY, rating text CHECK (rating LIKE '%0')); "
        "INSERT INTO reviews VALUES (1, '70')"
    )
    async with living(database, "change-type", fields, given) as life:
        with pytest.raises(NeedsAcknowledgement, match="check-dropped:reviews_rating_check"):
            await life.start()
        await life.ready(acknowledged=["check-dropped:reviews_rating_check"])
        await life.contract()
        await life.sql("INSERT INTO reviews VALUES (2, 5)")


@pytest.mark.parametrize("key", ["PRIMARY KEY (id)", "PRIMARY KEY (id, name)"])
@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("rename-column", {"column": "users.id", "new_name": "user_id"}),
        ("change-type", {"column": "users.id", "type": "bigint", "swap": True}),
    ],
)
async def test_a_column_of_the_primary_key_is_refused(
    database: str, key: str, kind: str, fields: dict[str, object]
) -> None:
    """P30: there is no recipe for it yet. The refusal says so, and nothing is changed."""
    given = f"CREATE TABLE users(id int, name text, {key}); INSERT INTO users VALUES (1, 'a')"
    async with living(database, kind, fields, given) as life:
        before = await everything(life.app)
        with pytest.raises(UnsupportedShape, match="primary key") as refused:
            await life.start()
        assert refused.value.exit_code == 4
        assert refused.value.why
        assert await everything(life.app) == before
        assert await life.rows("SELECT FROM expandcontract.change") == []
