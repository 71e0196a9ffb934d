"""One case for each kind: what stands there, what is asked for, and what old and new code write meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

USERS = """
CREATE TABLE users (
    id integer PRIMARY KEY,
    name text NOT NULL,
    fax text NOT NULL,
    note text DEFAULT '-',
    seen integer DEFAULT 0
);
INSERT INTO users SELECT n, 'User ' || n, n::text FROM generate_series(1, 200) n;
"""
#: With a partition that is partitioned itself.
PARTS = """
CREATE TABLE parts (id integer NOT NULL, name text) PARTITION BY RANGE (id);
CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (id);
CREATE TABLE parts_top PARTITION OF parts_high FOR VALUES FROM (100) TO (200);
INSERT INTO parts SELECT n, 'Part ' || n FROM generate_series(0, 199) n;
"""


RULES = f"""{USERS}
CREATE TABLE towns (id integer PRIMARY KEY);
INSERT INTO towns SELECT generate_series(0, 9);
ALTER TABLE users ADD COLUMN town integer REFERENCES towns, ADD COLUMN code integer UNIQUE,
    ADD CONSTRAINT late CHECK (seen >= 0) NOT VALID, ADD CONSTRAINT named CHECK (name <> '');
COMMENT ON CONSTRAINT named ON users IS 'has a name';
"""


ODD_PARTS = """
CREATE TABLE "Odd ""Parts" (id integer PRIMARY KEY, "The Name" text DEFAULT '-', n integer DEFAULT 1)
    PARTITION BY RANGE (id);
CREATE TABLE few PARTITION OF "Odd ""Parts" FOR VALUES FROM (0) TO (100);
CREATE TABLE many PARTITION OF "Odd ""Parts" FOR VALUES FROM (100) TO (9000000) PARTITION BY HASH (id);
CREATE TABLE many_0 PARTITION OF many FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE many_1 PARTITION OF many FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO "Odd ""Parts" SELECT generate_series(0, 199);
"""
OLD_PART, NEW_PART = (
    f"""INSERT INTO "Odd ""Parts" (id, "The Name") VALUES ($1, '{who}')""" for who in ("old", "new")
)


@dataclass(frozen=True)
class Case:
    """A change of `kind`. `old` and `new` are statements of the two versions, with $1 for a fresh number; the
    old one runs until contract, the new one from ready on. `holds` is a query that is true at the end.
    With `discard` a rollback is asked to lose what new code wrote. What is built `anew` stays so.
    """

    id: str
    kind: str
    fields: Mapping[str, Any]
    old: str
    new: str
    given: str = USERS
    holds: str = "SELECT true"
    acknowledged: tuple[str, ...] = field(default=())
    discard: bool = False
    anew: bool = False


ORDERS = """
CREATE TABLE orders (id integer PRIMARY KEY, total bigint NOT NULL CHECK (total >= 0), who text);
CREATE INDEX ON orders (total);
INSERT INTO orders SELECT n, n FROM generate_series(1, 200) n;
"""

OVER_ORDERS = """
CREATE VIEW of_orders AS SELECT id, total, who FROM orders;
CREATE MATERIALIZED VIEW kept AS SELECT total, count(*) AS many FROM orders GROUP BY total;
CREATE UNIQUE INDEX kept_total ON kept (total);
CREATE VIEW most_of_all AS SELECT max(k.total) AS most FROM kept k JOIN of_orders o USING (total);
"""

PEOPLE = """
CREATE TABLE people (id integer PRIMARY KEY, full_name text NOT NULL, note text);
INSERT INTO people SELECT n, 'User Number ' || n FROM generate_series(1, 200) n;
"""

NAMES = """
CREATE TABLE people (
    id integer PRIMARY KEY, first_name text NOT NULL, note text, last_name text NOT NULL DEFAULT ''
);
INSERT INTO people (id, first_name, last_name)
SELECT n, 'User', 'Number ' || n FROM generate_series(1, 200) n;
"""
#: Parts that lie in partitions, with names that must be quoted.
PLACES = """
CREATE TABLE places (id integer PRIMARY KEY, "The Town" text, "order" integer) PARTITION BY RANGE (id);
CREATE TABLE places_low PARTITION OF places FOR VALUES FROM (0) TO (100);
CREATE TABLE places_high PARTITION OF places FOR VALUES FROM (100) TO (9000000);
INSERT INTO places SELECT n, 'Town ' || n, n FROM generate_series(1, 199) n;
INSERT INTO places VALUES (0);
"""
MERGE = {
    "columns": ["people.first_name", "people.last_name"],
    "into": "full_name = first_name || ' ' || last_name",
    "back": [
        "first_name = split_part(full_name, ' ', 1)",
        "last_name = substr(full_name, length(split_part(full_name, ' ', 1)) + 2)",
    ],
}

CASES = [
    Case(
        "transform-column",
        "transform-column",
        {"column": "orders.total", "to": "cents", "using": "total * 100", "back": "cents / 100"},
        "INSERT INTO orders (id, total) VALUES ($1, 7)",
        "INSERT INTO orders (id, cents) VALUES ($1, 700)",
        given=ORDERS,
        holds="SELECT bool_and(cents % 100 = 0) AND count(*) > 200 FROM orders",
    ),
    Case(
        "transform-column with rules of its own",
        "transform-column",
        {
            "column": "orders.who",
            "to": "clerk",
            "using": "COALESCE(who, 'nobody')",
            "back": "clerk",
            "not_null": True,
            "check": ["clerk <> ''", "CONSTRAINT worth CHECK (total > 0 OR clerk <> 'nobody')"],
            "references": "clerks",
            "on_delete": "cascade",
        },
        "INSERT INTO orders (id, total) VALUES ($1, 7)",
        "INSERT INTO orders (id, total, clerk) VALUES ($1, 7, 'Ada')",
        given=f"""{ORDERS} CREATE TABLE clerks (name text PRIMARY KEY);
        INSERT INTO clerks VALUES ('nobody'), ('Ada')""",
        holds="SELECT count(clerk) = count(*) AND bool_or(clerk = 'Ada') FROM orders",
    ),
    Case(
        "transform-column with views",
        "transform-column",
        {
            "column": "orders.total",
            "to": "cents",
            "using": "total * 100",
            "back": "cents / 100",
            "recreate_views": True,
        },
        "INSERT INTO orders (id, total) VALUES ($1, 7)",
        "INSERT INTO orders (id, cents) VALUES ($1, 700)",
        given=f"{ORDERS}{OVER_ORDERS}",
        holds="SELECT max(total) = 200 AND (SELECT max(most) = 200 FROM most_of_all) FROM of_orders",
        acknowledged=("view-write:public.of_orders",),
    ),
    Case(
        "split-column",
        "split-column",
        {
            "column": "people.full_name",
            "into": [
                "first_name = split_part(full_name, ' ', 1)",
                "last_name text = substr(full_name, length(split_part(full_name, ' ', 1)) + 2)",
            ],
            "back": "first_name || ' ' || last_name",
        },
        "INSERT INTO people (id, full_name) VALUES ($1, 'Ada Lovelace')",
        "INSERT INTO people (id, first_name, last_name) VALUES ($1, 'Ada Augusta', 'King')",
        given=PEOPLE,
        holds="SELECT bool_and(first_name IS NOT NULL) AND bool_or(first_name = 'Ada Augusta') FROM people",
    ),
    Case(
        "split-column that is only filled",
        "split-column",
        {
            "column": "people.full_name",
            "into": [
                "first_name = split_part(full_name, ' ', 1)",
                "last_name text = substr(full_name, length(split_part(full_name, ' ', 1)) + 2)",
            ],
            "back": "concat_ws(' ', first_name, nullif(last_name, ''))",
        },
        "INSERT INTO people (id, full_name) VALUES ($1, 'Ada Lovelace')",
        "INSERT INTO people (id, first_name, last_name) VALUES ($1, 'Ada Augusta', 'King')",
        given=PEOPLE,
        holds="SELECT bool_and(first_name IS NOT NULL) AND bool_or(first_name = 'Ada Augusta') FROM people",
    ),
    Case(
        "split-column with rules of its own, and of the old one",
        "split-column",
        {
            "column": "people.full_name",
            "into": [
                "first_name = split_part(full_name, ' ', 1)",
                "last_name text = substr(full_name, length(split_part(full_name, ' ', 1)) + 2)",
            ],
            "back": "first_name || ' ' || last_name",
            "not_null": ["first_name", "last_name"],
            "unique": ["last_name"],
            "check": ["first_name <> last_name"],
            "default": ["first_name = 'Ada'"],
        },
        "INSERT INTO people (id, full_name) VALUES ($1::integer, 'Ada ' || $1::integer)",
        "INSERT INTO people (id, first_name, last_name) VALUES ($1::integer, 'Augusta', 'K ' || $1::integer)",
        given=f"""{PEOPLE} ALTER TABLE people ADD UNIQUE (full_name),
        ADD CONSTRAINT named CHECK (full_name <> '')""",
        holds="SELECT count(first_name) = count(*) AND bool_or(first_name = 'Augusta') FROM people",
        acknowledged=(
            "unique-dropped:people_full_name_key",
            "check-dropped:named",
            "unique-at-contract:people_last_name_key",
        ),
    ),
    Case(
        "merge-columns",
        "merge-columns",
        MERGE,
        "INSERT INTO people (id, first_name, last_name) VALUES ($1, 'Ada Augusta', 'King')",
        "INSERT INTO people (id, full_name) VALUES ($1, 'Ada Lovelace')",
        given=NAMES,
        holds="SELECT bool_or(full_name = 'Ada Augusta King') AND count(full_name) = count(*) FROM people",
        acknowledged=("default-dropped:last_name",),
    ),
    Case(
        "merge-columns with rules of the old ones, and of its own",
        "merge-columns",
        MERGE
        | {"not_null": True, "unique": True, "check": ["CONSTRAINT long CHECK (length(full_name) > 2)"]},
        "INSERT INTO people (id, first_name, last_name) VALUES ($1::integer, 'Ada', $1::integer::text)",
        "INSERT INTO people (id, full_name) VALUES ($1::integer, 'Augusta ' || $1::integer)",
        given=f"""{NAMES} CREATE TABLE firsts (name text PRIMARY KEY);
        INSERT INTO firsts VALUES ('User'), ('Ada'), ('Augusta');
        ALTER TABLE people ADD CONSTRAINT one UNIQUE (first_name, last_name),
            ADD CONSTRAINT apart CHECK (first_name <> last_name),
            ADD CONSTRAINT known FOREIGN KEY (first_name) REFERENCES firsts;
        COMMENT ON CONSTRAINT apart ON people IS 'two names';""",
        holds="SELECT bool_or(full_name LIKE 'Augusta %') AND count(full_name) = count(*) FROM people",
        acknowledged=(
            "default-dropped:last_name",
            "unique-dropped:one",
            "check-dropped:apart",
            "foreign-key-dropped:known",
            "unique-at-contract:people_full_name_key",
        ),
    ),
    Case(
        "merge-columns that are only filled",
        "merge-columns",
        {
            "columns": ['places."The Town"', 'places."order"'],
            "into": """place text = concat_ws(' / ', nullif("The Town", ''), "order")""",
            "back": [
                """"The Town" = split_part(place, ' / ', 1)""",
                """"order" = nullif(split_part(place, ' / ', 2), '')::integer""",
            ],
        },
        """INSERT INTO places (id, "The Town", "order") VALUES ($1, 'Rome', 7)""",
        "INSERT INTO places (id, place) VALUES ($1, 'Bern / 8')",
        given=PLACES,
        holds="SELECT bool_or(place = 'Rome / 7') AND bool_or(place = 'Town 7 / 7') FROM places",
    ),
    Case(
        "drop-column",
        "drop-column",
        {"column": "users.fax"},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "INSERT INTO users (id, name) VALUES ($1, 'new')",
        holds="SELECT count(*) = 4 FROM information_schema.columns WHERE table_name = 'users'",
    ),
    Case(
        "drop-column that goes on to be filled",
        "drop-column",
        {"column": "users.fax", "fill": "name || ' by post'"},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "INSERT INTO users (id, name) VALUES ($1, 'new')",
        holds="SELECT count(*) = 4 FROM information_schema.columns WHERE table_name = 'users'",
    ),
    Case(
        "drop-column with a default",
        "drop-column",
        {"column": "users.note"},
        "INSERT INTO users (id, name, fax, note) VALUES ($1, 'old', 'x', 'y')",
        "INSERT INTO users (id, name, fax) VALUES ($1, 'new', 'x')",
        holds="SELECT count(*) = 4 FROM information_schema.columns WHERE table_name = 'users'",
    ),
    Case(
        "drop-column of an identity",
        "drop-column",
        {"column": "users.number"},
        "INSERT INTO users (id, name, fax, number) OVERRIDING SYSTEM VALUE VALUES ($1, 'old', 'x', $1)",
        "INSERT INTO users (id, name, fax) VALUES ($1, 'new', 'x')",
        given=USERS + "ALTER TABLE users ADD number integer GENERATED ALWAYS AS IDENTITY;",
        holds="SELECT count(*) = 5 FROM information_schema.columns WHERE table_name = 'users'",
    ),
    Case(
        "drop-index",
        "drop-index",
        {"index": "users_lower_seen"},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "INSERT INTO users (id, name, fax) VALUES ($1, 'new', 'x')",
        given=USERS
        + """CREATE INDEX users_lower_seen ON users (lower(name), seen) TABLESPACE pg_default WHERE seen > 0;
        COMMENT ON INDEX users_lower_seen IS 'for the report';
        ALTER INDEX users_lower_seen ALTER COLUMN 1 SET STATISTICS 500;""",
        holds="SELECT to_regclass('users_lower_seen') IS NULL",
    ),
    Case(
        "drop-index of partitions",
        "drop-index",
        {"index": "parts_name_idx"},
        "INSERT INTO parts (id, name) VALUES ($1 % 200, 'old')",
        "INSERT INTO parts (id, name) VALUES ($1 % 200, 'new')",
        given=PARTS + "CREATE INDEX ON parts (name); ALTER INDEX parts_top_name_idx RENAME TO top;",
        holds="SELECT NOT EXISTS (SELECT FROM pg_index WHERE indrelid::regclass::text LIKE 'parts%')",
    ),
    Case(
        "replace-index",
        "replace-index",
        {"index": "users_name_seen", "columns": "seen, name", "storage": "fillfactor = 70"},
        "INSERT INTO users (id, name, fax, seen) VALUES ($1, 'old', 'x', $1)",
        "INSERT INTO users (id, name, fax, seen) VALUES ($1, 'new', 'x', $1)",
        given=USERS + "CREATE UNIQUE INDEX users_name_seen ON users (name, seen);",
        holds="SELECT to_regclass('users_name_seen') IS NULL AND indisunique FROM pg_index"
        " WHERE indexrelid = 'users_seen_name_idx'::regclass",
    ),
    Case(
        "reindex",
        "reindex",
        {"name": "users_pkey"},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "INSERT INTO users (id, name, fax) VALUES ($1, 'new', 'x')",
        holds="SELECT count(*) = 1 AND bool_and(indisvalid) FROM pg_index WHERE indrelid = 'users'::regclass",
        anew=True,
    ),
    Case(
        "reindex of a table",
        "reindex",
        {"name": "parts"},
        "INSERT INTO parts (id, name) VALUES ($1 % 200, 'old')",
        "INSERT INTO parts (id, name) VALUES ($1 % 200, 'new')",
        given=PARTS + "CREATE INDEX ON parts (name); CREATE INDEX ON parts_low (id);",
        holds="SELECT count(*) = 5 AND bool_and(indisvalid) FROM pg_index"
        " WHERE indrelid::regclass::text LIKE 'parts%'",
        anew=True,
    ),
    Case(
        "add-index that is unique",
        "add-index",
        {"table": "users", "columns": "lower(name)", "unique": True},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old ' || $1::integer, 'x')",
        "INSERT INTO users (id, name, fax) VALUES ($1, 'new ' || $1::integer, 'x')",
        holds="SELECT indisunique AND indisvalid FROM pg_index"
        " WHERE indexrelid = 'users_lower_idx'::regclass",
    ),
    Case(
        "add-unique",
        "add-unique",
        {"table": "users", "columns": "name, seen", "initially_deferred": True},
        "INSERT INTO users (id, name, fax, seen) VALUES ($1, 'old', 'x', $1)",
        "INSERT INTO users (id, name, fax, seen) VALUES ($1, 'new', 'x', $1)",
        holds="SELECT pg_get_constraintdef(oid) = 'UNIQUE (name, seen) DEFERRABLE INITIALLY DEFERRED'"
        " FROM pg_constraint WHERE conname = 'users_name_seen_key'",
    ),
    Case(
        "add-primary-key",
        "add-primary-key",
        {"table": "users", "columns": "seen, name"},
        "INSERT INTO users (id, name, fax, seen) VALUES ($1, 'old', 'x', $1)",
        "INSERT INTO users (id, name, fax, seen) VALUES ($1, 'new', 'x', $1)",
        given=USERS.replace("PRIMARY KEY", ""),
        holds="SELECT pg_get_constraintdef(oid) = 'PRIMARY KEY (seen, name)'"
        " FROM pg_constraint WHERE conname = 'users_pkey'",
    ),
    Case(
        "add-primary-key of partitions",
        "add-primary-key",
        {"table": "parts", "columns": "id, name"},
        "INSERT INTO parts (id, name) VALUES ($1::integer % 200, 'old' || $1)",
        "INSERT INTO parts (id, name) VALUES ($1::integer % 200, 'new' || $1)",
        given=PARTS,
        holds="SELECT count(*) = 4 AND bool_and(indisprimary AND indisvalid) FROM pg_index"
        " WHERE indrelid::regclass::text LIKE 'parts%'",
    ),
    Case(
        "add-index",
        "add-index",
        {"table": "users", "columns": "name, lower(fax) DESC", "where": "seen = 0", "include": "note"},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "INSERT INTO users (id, name, fax) VALUES ($1, 'new', 'x')",
        holds="SELECT indisvalid AND pg_get_indexdef(indexrelid) LIKE '%btree (name, lower(fax) DESC) INCLUDE"
        " (note) WHERE (seen = 0)' FROM pg_index WHERE indexrelid = 'users_name_lower_note_idx'::regclass",
    ),
    Case(
        "add-index of partitions",
        "add-index",
        {"table": "parts", "columns": "name", "name": "parts_by_name"},
        "INSERT INTO parts (id, name) VALUES ($1 % 200, 'old')",
        "INSERT INTO parts (id, name) VALUES ($1 % 200, 'new')",
        given=PARTS,
        holds="SELECT count(*) = 4 AND bool_and(indisvalid) FROM pg_index"
        " WHERE indrelid::regclass::text LIKE 'parts%'",
    ),
    Case(
        "add-check",
        "add-check",
        {"table": "users", "name": "seen_late", "check": "seen >= 0 AND length(name) > 2"},
        "INSERT INTO users (id, name, fax, seen) VALUES ($1, 'old', 'x', $1)",
        "INSERT INTO users (id, name, fax, seen) VALUES ($1, 'new', 'x', NULL)",
        holds="SELECT convalidated FROM pg_constraint WHERE conname = 'seen_late'",
    ),
    Case(
        "set-not-null",
        "set-not-null",
        {"column": "users.note"},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "INSERT INTO users (id, name, fax, note) VALUES ($1, 'new', 'x', 'y')",
        holds="SELECT attnotnull FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'note'"
        " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname LIKE '~%' OR NOT convalidated)",
    ),
    Case(
        "drop-not-null",
        "drop-not-null",
        {"column": "users.fax"},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "UPDATE users SET fax = 'y' WHERE id = $1 % 200",
        holds="SELECT is_nullable = 'YES' FROM information_schema.columns WHERE column_name = 'fax'",
    ),
    Case(
        "set-default",
        "set-default",
        {"column": "users.seen", "default": "floor(random() * 10)"},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "INSERT INTO users (id, name, fax, seen) VALUES ($1, 'new', 'x', DEFAULT)",
        holds="SELECT count(*) > 1 FROM (SELECT DISTINCT seen FROM users)",
    ),
    Case(
        "set-default to nothing",
        "set-default",
        {"column": "users.note", "default": "NULL"},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "INSERT INTO users (id, name, fax) VALUES ($1, 'new', 'x')",
        holds="SELECT column_default IS NULL FROM information_schema.columns WHERE column_name = 'note'",
    ),
    Case(
        "rename-constraint",
        "rename-constraint",
        {"table": "users", "old": "named", "new": "has_name"},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "INSERT INTO users (id, name, fax) VALUES ($1, 'new', 'x')",
        given=RULES,
        holds="SELECT count(*) = 1 FROM pg_constraint WHERE conname = 'has_name'",
    ),
    Case(
        "validate-constraint",
        "validate-constraint",
        {"table": "users", "name": "late"},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "INSERT INTO users (id, name, fax) VALUES ($1, 'new', 'x')",
        given=RULES,
        holds="SELECT convalidated FROM pg_constraint WHERE conname = 'late'",
    ),
    Case(
        "drop-constraint of a check",
        "drop-constraint",
        {"table": "users", "name": "named"},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "INSERT INTO users (id, name, fax) VALUES ($1, 'new', 'x')",
        given=RULES,
        holds="SELECT NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'named')",
    ),
    Case(
        "drop-constraint of a foreign key",
        "drop-constraint",
        {"table": "users", "name": "users_town_fkey"},
        "INSERT INTO users (id, name, fax, town) VALUES ($1, 'old', 'x', $1 % 10)",
        "INSERT INTO users (id, name, fax, town) VALUES ($1, 'new', 'x', $1 % 10)",
        given=RULES,
        holds="SELECT NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'users_town_fkey')",
    ),
    Case(
        "drop-constraint of a unique",
        "drop-constraint",
        {"table": "users", "name": "users_code_key"},
        "INSERT INTO users (id, name, fax, code) VALUES ($1, 'old', 'x', $1)",
        "INSERT INTO users (id, name, fax, code) VALUES ($1, 'new', 'x', $1)",
        given=RULES,
        holds="SELECT to_regclass('users_code_key') IS NULL",
    ),
    Case(
        "set-not-null of partitions",
        "set-not-null",
        {"column": '"Odd ""Parts"."The Name"'},
        OLD_PART,
        NEW_PART,
        given=ODD_PARTS,
        holds="SELECT count(*) = 5 AND bool_and(attnotnull) FROM pg_attribute WHERE attname = 'The Name'",
    ),
    Case(
        "add-check of partitions",
        "add-check",
        {"table": '"Odd ""Parts"', "name": '"A ""Rule"', "check": 'length("The Name") < n + 3'},
        OLD_PART,
        NEW_PART,
        given=ODD_PARTS,
        holds="SELECT count(*) = 5 AND bool_and(convalidated) FROM pg_constraint WHERE conname LIKE '%Rule'",
    ),
    Case(
        "drop-not-null of partitions",
        "drop-not-null",
        {"column": '"Odd ""Parts".n'},
        OLD_PART,
        NEW_PART,
        given=f'{ODD_PARTS} ALTER TABLE "Odd ""Parts" ALTER n SET NOT NULL',
        holds="SELECT count(*) = 5 AND NOT bool_or(attnotnull) FROM pg_attribute WHERE attname = 'n'",
    ),
]
