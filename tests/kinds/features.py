"""A schema of many tables in which each feature of PostgreSQL stands that a change may meet."""

from collections.abc import Iterator

_COLUMNS = (
    "plain text",
    "counted integer DEFAULT 0",
    "amount numeric(12, 2) NOT NULL DEFAULT 0",
    "at timestamptz DEFAULT now()",
    "stamp timestamp",
    "doc jsonb DEFAULT '{}'",
    "raw json",
    "tags text[]",
    "flag boolean NOT NULL DEFAULT false",
    "kind mood DEFAULT 'calm'",
    "mail text",
    '"Mixed Case" varchar(40)',
    "code char(8)",
    "price money",
    "net inet",
    "span int4range",
    "uid uuid DEFAULT gen_random_uuid()",
    "doubled integer GENERATED ALWAYS AS (counted * 2) STORED",
    "ratio double precision CHECK (ratio >= 0)",
    'body text COLLATE "C"',
    "place pair_of",
    "bits bit varying(9)",
    "wait interval",
    "word tsvector",
    "blob bytea",
)
_PREPARE = """
CREATE TYPE mood AS ENUM ('calm', 'busy', 'lost');
CREATE DOMAIN address AS text CHECK (VALUE LIKE '%@%');
CREATE TYPE pair_of AS (one integer, other text);
CREATE SCHEMA "Other Schema";
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.stamp := now(); RETURN NEW; END';
"""
#: What stands on a column of that name; `n` is the table's number.
_ON = (
    ("plain", "CREATE INDEX ON {t} (plain, id); COMMENT ON COLUMN {t}.plain IS 'somebody''s words'"),
    ("plain", "CREATE VIEW view_{n} AS SELECT id, plain FROM {t}"),
    ("counted", "ALTER TABLE {t} ADD CONSTRAINT counted_{n} CHECK (counted >= 0) NOT VALID"),
    ("counted", "GRANT SELECT (counted) ON {t} TO PUBLIC"),
    ("kind", "CREATE INDEX ON {t} (kind) WHERE kind <> 'lost'"),
    ("tags", "CREATE INDEX ON {t} USING gin (tags)"),
    ("body", "CREATE INDEX ON {t} (lower(body) DESC NULLS LAST) INCLUDE (id)"),
    ("ratio", "CREATE STATISTICS stat_{n} ON id, ratio FROM {t}"),
    ("stamp", "CREATE TRIGGER touch BEFORE UPDATE ON {t} FOR EACH ROW EXECUTE FUNCTION touch()"),
    ("at", "CREATE MATERIALIZED VIEW seen_{n} AS SELECT id, at FROM {t}"),
    ("flag", "ALTER TABLE {t} ENABLE ROW LEVEL SECURITY; CREATE POLICY flagged ON {t} USING (flag)"),
)
#: The same, where a table is not partitioned.
_ON_PLAIN = (
    ("uid", "ALTER TABLE {t} ADD UNIQUE (uid)"),
    ("span", "ALTER TABLE {t} ADD EXCLUDE USING gist (span WITH &&)"),
    ("wait", "ALTER TABLE {t} ADD above bigint REFERENCES {t}; CREATE INDEX ON {t} (above)"),
)


def script(tables: int) -> str:
    """Return the statements that make the schema, without rows."""
    made = (f"{statement};" for number in range(tables) for statement in _table(number))
    return "\n".join((_PREPARE, *made, "CREATE PUBLICATION all_of_it FOR TABLE t1, t2;"))


def _table(number: int) -> Iterator[str]:
    name = f'"Other Schema"."Table {number}"' if number % 11 == 5 else f"t{number}"
    columns = [_COLUMNS[(number * 7 + step) % len(_COLUMNS)] for step in range(9)]
    columns += ["counted integer DEFAULT 0"] if any(c.startswith("doubled") for c in columns) else []
    columns += ["box address"] if number % 9 == 2 else []
    key = "id bigint GENERATED ALWAYS AS IDENTITY" if number % 3 else "id bigserial"
    listed, partitioned = ", ".join(dict.fromkeys([key, *columns])), number % 10 == 4
    if partitioned:
        yield f"CREATE TABLE {name} ({listed}, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)"
        year = "FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')"
        yield f"CREATE TABLE {_beside(name, '2025')} PARTITION OF {name} {year}"
    else:
        yield f"CREATE TABLE {name} ({listed}, PRIMARY KEY (id))"
    if number % 13 == 6 and not partitioned:
        yield f"CREATE TABLE {_beside(name, 'child')} (extra text) INHERITS ({name})"
    names = {each.split()[0] for each in columns}
    for column, statement in _ON if partitioned else (*_ON, *_ON_PLAIN):
        if column in names:
            yield statement.format(t=name, n=number)


def _beside(name: str, suffix: str) -> str:
    return f'{name[:-1]}_{suffix}"' if name.endswith('"') else f"{name}_{suffix}"
