"""Cases of new columns, and of rows that are written."""

from tests.kinds.cases import USERS, Case

DATA_CASES = [
    Case(
        "add-column",
        "add-column",
        {"column": "users.age", "type": "integer", "check": "age > 0", "comment": "in years"},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "INSERT INTO users (id, name, fax, age) VALUES ($1, 'new', 'x', $1)",
        holds="SELECT convalidated FROM pg_constraint WHERE conname = 'users_age_check'",
    ),
    Case(
        "add-column that must have a value",
        "add-column",
        {"column": "users.kind", "type": "varchar(9)", "default": "'plain'", "not_null": True},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "INSERT INTO users (id, name, fax, kind) VALUES ($1, 'new', 'x', 'new')",
        holds="SELECT count(*) FILTER (WHERE kind = 'plain') > 200 AND bool_or(kind = 'new') FROM users",
    ),
    Case(
        "add-column with a volatile default",
        "add-column",
        {
            "column": "users.token",
            "type": "uuid",
            "default": "gen_random_uuid()",
            "not_null": True,
            "unique": True,
        },
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "INSERT INTO users (id, name, fax, token) VALUES ($1, 'new', 'x', gen_random_uuid())",
        holds="SELECT count(*) = count(DISTINCT token) AND count(*) > 200 FROM users",
        discard=True,
    ),
    Case(
        "add-column that refers to another table",
        "add-column",
        {"column": "users.boss", "type": "integer", "references": "bosses"},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "INSERT INTO users (id, name, fax, boss) VALUES ($1, 'new', 'x', 1)",
        given=f"{USERS}CREATE TABLE bosses (id integer PRIMARY KEY); INSERT INTO bosses VALUES (1);",
        holds="SELECT convalidated AND pg_get_constraintdef(oid) LIKE '%REFERENCES bosses(id)' "
        "FROM pg_constraint WHERE conname = 'users_boss_fkey'",
    ),
    Case(
        "add-column that is filled from others",
        "add-column",
        {"column": "users.handle", "type": "text", "fill": "lower(name) || users.id", "not_null": True},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'Old', 'x')",
        "INSERT INTO users (id, name, fax, handle) VALUES ($1, 'new', 'x', 'mine')",
        holds="SELECT bool_and(handle = lower(name) || id OR handle = 'mine') AND bool_or(handle = 'mine') "
        "FROM users",
    ),
    Case(
        "add-column with a default that old rows do not have",
        "add-column",
        {"column": "users.at", "type": "integer", "default": "7", "fill": "seen + id", "not_null": True},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'Old', 'x')",
        "INSERT INTO users (id, name, fax) VALUES ($1, 'new', 'x')",
        holds="SELECT bool_and(at = id) FILTER (WHERE id <= 200) AND bool_or(at = 7) FROM users",
        discard=True,
    ),
    Case(
        "set-not-null that fills",
        "set-not-null",
        {"column": "users.note", "fill": "name || '-' || users.seen"},
        "INSERT INTO users (id, name, fax, note) VALUES ($1, 'old', 'x', NULL)",
        "INSERT INTO users (id, name, fax, note) VALUES ($1, 'new', 'x', 'mine')",
        given=f"{USERS}UPDATE users SET note = NULL WHERE id < 100;",
        holds="SELECT bool_and(note IN ('-', 'mine') OR note = name || '-0') AND bool_or(note = 'old-0') AND "
        "(SELECT attnotnull FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'note') "
        "FROM users",
    ),
    Case(
        "update-rows",
        "update-rows",
        {
            "table": "users",
            "set": ["note = upper(name)", "seen = seen + 1"],
            "where": "seen = 0 AND id < 10000",
        },
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "UPDATE users SET fax = 'new' WHERE id = $1 % 200",
        holds="SELECT count(*) FILTER (WHERE note = upper(name) AND seen = 1) = 200 FROM users",
    ),
    Case(
        "update-rows by a program",
        "update-rows",
        {
            "table": "users",
            "set": ["note", "seen"],
            "where": "seen = 0 AND id < 10000",
            "transform": "tests.acceptance.functions:loud_note",
        },
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "UPDATE users SET fax = 'new' WHERE id = $1 % 200",
        holds="SELECT count(*) FILTER (WHERE note = upper(name) AND seen = 1) = 200 FROM users",
    ),
    Case(
        "delete-rows",
        "delete-rows",
        {"table": "users", "where": "id % 3 = 0 AND id < 10000"},
        "INSERT INTO users (id, name, fax) VALUES ($1, 'old', 'x')",
        "UPDATE users SET fax = 'new' WHERE id = $1 % 200",
        holds="SELECT count(*) FILTER (WHERE id <= 200) = 134 FROM users",
    ),
]
