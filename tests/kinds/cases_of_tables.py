"""The cases of kinds that are about whole tables, or put a view in the place of one."""

from tests.kinds.cases import Case

FAXES = """
CREATE TABLE faxes (id integer PRIMARY KEY, body text);
INSERT INTO faxes SELECT n, 'x' FROM generate_series(1, 100) n;
CREATE TABLE pages (id integer PRIMARY KEY, fax_id integer REFERENCES faxes ON DELETE CASCADE);
CREATE TABLE stamps (id integer, CONSTRAINT "Stamp it" FOREIGN KEY (id) REFERENCES faxes NOT VALID);
COMMENT ON CONSTRAINT pages_fax_id_fkey ON pages IS 'of one fax';
INSERT INTO pages SELECT n, n FROM generate_series(1, 50) n;
"""

#: What an application does with a table: rows are written, read, locked and written over.
BUSY = """WITH written AS (INSERT INTO {0} (id, name, fax) VALUES ($1, 'x', 'y') RETURNING id),
    again AS (INSERT INTO {0} (id, name, fax) VALUES (1, 'x', 'y')
              ON CONFLICT (id) DO UPDATE SET seen = {0}.seen + 1)
SELECT u.name FROM {0} u WHERE u.id = 2 FOR UPDATE SKIP LOCKED"""

#: A key of several columns and one to another table, rules, values that PostgreSQL makes.
BOOKED = """
CREATE TABLE IF NOT EXISTS bookings (  -- of rooms;
    id bigint GENERATED ALWAYS AS IDENTITY,
    room integer NOT NULL CHECK (room > 0),
    during int4range DEFAULT '[1,2)',
    who integer NOT NULL REFERENCES users ON DELETE CASCADE,
    nights integer GENERATED ALWAYS AS (upper(during) - lower(during)) STORED,
    again bigint,
    PRIMARY KEY (id, room),
    UNIQUE (id),
    FOREIGN KEY (again) REFERENCES bookings (id),
    EXCLUDE USING gist (during WITH &&) WHERE (room = 7)
);"""

TABLES = [
    Case(
        "create-table",
        "create-table",
        {"statement": BOOKED},
        BUSY.format("users"),
        "INSERT INTO bookings (room, who) VALUES ($1, 1)",
        holds="SELECT bool_and(nights = 1) AND count(*) > 0 FROM bookings",
        discard=True,
    ),
    Case(
        "rename-table",
        "rename-table",
        {"table": "users", "new_name": "accounts"},
        BUSY.format("users"),
        BUSY.format("accounts"),
        holds="SELECT count(*) > 200 FROM accounts",
        acknowledged=("view",),
    ),
    Case(
        "rename-column --instant",
        "rename-column",
        {"column": "users.fax", "new_name": "telefax", "instant": True},
        BUSY.format("users"),
        BUSY.format("users").replace("fax", "telefax"),
        holds="SELECT count(telefax) > 200 FROM users",
        acknowledged=("view", "both-names"),
    ),
    Case(
        "drop-table",
        "drop-table",
        {"table": "faxes"},
        "INSERT INTO faxes VALUES ($1, 'old')",
        "INSERT INTO pages VALUES ($1, 7)",
        given=FAXES,
        holds="SELECT to_regclass('faxes') IS NULL AND to_regclass('\"~ec_faxes\"') IS NULL",
    ),
    Case(
        "drop-table with views",
        "drop-table",
        {"table": "faxes", "drop_views": True},
        "INSERT INTO faxes VALUES ($1, 'old')",
        "INSERT INTO pages VALUES ($1, 7)",
        given=f"""{FAXES} CREATE VIEW of_faxes AS SELECT * FROM faxes;
            CREATE MATERIALIZED VIEW kept AS SELECT count(*) FROM of_faxes;""",
        holds="SELECT count(*) = 0 FROM pg_class WHERE relname ~ '^(~ec_)?(kept|of_faxes)'",
    ),
    Case(
        "add-foreign-key",
        "add-foreign-key",
        {"columns": "pages.seal", "references": "seals", "on_delete": "cascade", "name": "sealed"},
        "INSERT INTO pages (id, seal) VALUES ($1, 'a')",
        "INSERT INTO pages (id) VALUES ($1)",
        given="CREATE TABLE seals (id text PRIMARY KEY); INSERT INTO seals VALUES ('a');"
        "CREATE TABLE pages (id integer PRIMARY KEY, seal text);"
        "INSERT INTO pages SELECT n, 'a' FROM generate_series(1, 100) n",
        holds="SELECT convalidated AND confdeltype = 'c' FROM pg_constraint WHERE conname = 'sealed'",
    ),
]
