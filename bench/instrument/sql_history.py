"""What the statements of a migration in SQL do."""

import re
from collections.abc import Iterator

_LEXED = re.compile(
    r"""(?P<skip>--[^\n]*|/\*.*?\*/)|(?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$.*?\$\3\$)|(?P<one>.)""",
    re.DOTALL,
)
_NAME = r'(?:"[^"]*"|[^\s"])+'
#: Where the way back begins, in files that hold both ways.
_DOWN = re.compile(
    r"^\s*--\s*(\+goose down|\+migrate down|migrate:down|@undo|rollback:?|down)\b.*",
    re.IGNORECASE | re.MULTILINE,
)
_ALTER = re.compile(
    rf"ALTER TABLE\s+(?:IF EXISTS\s+)?(?:ONLY\s+)?{_NAME}\s*\*?\s+(?P<actions>.*)", re.IGNORECASE | re.DOTALL
)
#: What a part of ALTER TABLE does; the first that fits.
_ACTIONS = (
    (r"ADD\s+(CONSTRAINT\s+\S+\s+)?FOREIGN KEY", "add foreign key"),
    (r"ADD\s+(CONSTRAINT\s+\S+\s+)?CHECK", "add check"),
    (r"ADD\s+(CONSTRAINT\s+\S+\s+)?UNIQUE", "add unique"),
    (r"ADD\s+(CONSTRAINT\s+\S+\s+)?PRIMARY KEY", "add primary key"),
    (r"ADD\s+(CONSTRAINT\s+\S+\s+)?EXCLUDE", "add exclusion"),
    (r"ADD\s+CONSTRAINT\s+\S+\s+NOT NULL", "set NOT NULL"),
    (r"ADD\b(?=.*\bNOT NULL\b)", "add column NOT NULL"),
    (r"ADD\b", "add column"),
    (r"DROP CONSTRAINT", "drop constraint"),
    (r"DROP\b", "drop column"),
    (r"ALTER\s+(COLUMN\s+)?\S+\s+(SET DATA\s+)?TYPE", "change type"),
    (r"ALTER\s+(COLUMN\s+)?\S+\s+SET NOT NULL", "set NOT NULL"),
    (r"ALTER\s+(COLUMN\s+)?\S+\s+DROP NOT NULL", "drop NOT NULL"),
    (r"ALTER\s+(COLUMN\s+)?\S+\s+(SET|DROP) DEFAULT", "set default"),
    (r"ALTER\s+(COLUMN\s+)?\S+\s+SET STATISTICS", "statistics"),
    (r"ALTER\s+(COLUMN\s+)?\S+\s+(ADD|DROP|SET) (GENERATED|IDENTITY)", "alter identity"),
    (r"ALTER\s+(COLUMN\s+)?\S+\s+(DROP|SET) EXPRESSION", "alter generated column"),
    (r"ALTER\s+(COLUMN\s+)?\S+\s+(SET|RESET)\s*\(", "settings"),
    (r"ALTER\s+CONSTRAINT", "alter constraint"),
    (r"VALIDATE CONSTRAINT", "validate constraint"),
    (r"RENAME CONSTRAINT", "rename constraint"),
    (r"RENAME TO", "rename table"),
    (r"RENAME\b", "rename column"),
    (r"(ATTACH|DETACH) PARTITION", "partitions"),
    (r"SET SCHEMA", "move to another schema"),
    (r"OWNER TO", "grant"),
    (r"(SET|RESET)\s*\(|REPLICA IDENTITY|CLUSTER ON|SET WITHOUT CLUSTER", "settings"),
    (r"SET (LOGGED|UNLOGGED|TABLESPACE)", "rewrite"),
    (r"(ENABLE|DISABLE|FORCE|NO FORCE)\b.*ROW LEVEL SECURITY", "row security"),
    (r"(ENABLE|DISABLE)\b.*(TRIGGER|RULE)", "create trigger"),
    (r"(NO )?INHERIT", "inheritance"),
)
_STATEMENTS = (
    (r"CREATE (GLOBAL |LOCAL )?(TEMP|TEMPORARY) ", "nothing in the database"),
    (r"CREATE (UNLOGGED |FOREIGN )?TABLE", "create table"),
    (r"DROP (FOREIGN )?TABLE", "drop table"),
    (r"CREATE (UNIQUE )?INDEX", "add index"),
    (r"DROP INDEX", "drop index"),
    (r"ALTER INDEX .* RENAME TO", "rename index"),
    (r"ALTER INDEX", "settings"),
    (r"REINDEX", "reindex"),
    (r"(WITH .*)?UPDATE ", "update rows"),
    (r"(WITH .*)?DELETE FROM", "delete rows"),
    (r"TRUNCATE", "truncate"),
    (r"(WITH .*)?INSERT INTO|COPY ", "insert rows"),
    (r"ALTER TYPE .* ADD VALUE", "add enum value"),
    (r"ALTER TYPE .* RENAME VALUE", "rename enum value"),
    (r"CREATE (TYPE|DOMAIN)", "create type"),
    (r"(ALTER|DROP) (TYPE|DOMAIN|COLLATION)", "alter or drop type"),
    (r"CREATE (OR REPLACE )?(RECURSIVE )?(MATERIALIZED )?VIEW", "create view"),
    (r"(ALTER|DROP) (MATERIALIZED )?VIEW", "alter or drop view"),
    (r"REFRESH", "statistics"),
    (r"CREATE (OR REPLACE )?(FUNCTION|PROCEDURE|AGGREGATE|OPERATOR|CAST)", "create function"),
    (r"(ALTER|DROP) (FUNCTION|PROCEDURE|AGGREGATE|OPERATOR|CAST)", "alter or drop function"),
    (r"CREATE (OR REPLACE )?(CONSTRAINT )?(TRIGGER|RULE|EVENT TRIGGER)", "create trigger"),
    (r"(ALTER|DROP) (TRIGGER|RULE|EVENT TRIGGER)", "alter or drop trigger"),
    (r"CREATE SEQUENCE", "create sequence"),
    (r"(ALTER|DROP) SEQUENCE", "alter or drop sequence"),
    (r"(CREATE|ALTER|DROP) POLICY", "row security"),
    (r"CREATE SCHEMA", "create schema"),
    (r"(ALTER|DROP) SCHEMA", "alter or drop schema"),
    (r"(CREATE|ALTER|DROP) EXTENSION", "create extension"),
    (r"VACUUM FULL|CLUSTER", "rewrite"),
    (r"(CREATE|ALTER|DROP) STATISTICS|ANALYZE|VACUUM", "statistics"),
    (r"(CREATE|ALTER|DROP) (PUBLICATION|SUBSCRIPTION)", "publication"),
    (r"COMMENT ON", "comment"),
    (r"GRANT|REVOKE|(CREATE|ALTER|DROP) (ROLE|USER|GROUP)|ALTER DEFAULT PRIVILEGES", "grant"),
    (r"SET |RESET |BEGIN|START TRANSACTION|COMMIT|END$|LOCK |SAVEPOINT|NOTIFY", "settings"),
    (r"SELECT |ALTER (DATABASE|SYSTEM)", "settings"),
    (r"DO ", "unread: a block of code"),
)


def operations(sql: str) -> Iterator[str]:
    """Yield what a script does, up to its way back where it has one."""
    down = _DOWN.search(sql)
    for statement in _parts(sql[: down.start()] if down else sql, ";"):
        yield from _statement(" ".join(statement.split()))


def _statement(statement: str) -> Iterator[str]:
    if not statement:
        return
    altered = _ALTER.match(statement)
    if altered is not None:
        for action in _parts(altered["actions"], ","):
            yield _first(_ACTIONS, action.strip(), "ALTER TABLE")
        return
    yield _first(_STATEMENTS, statement, " ".join(statement.split()[:2]).upper())


def _first(patterns: tuple[tuple[str, str], ...], text: str, unread: str) -> str:
    named = ((pattern.replace(r"\S+", _NAME), what) for pattern, what in patterns)
    return next(
        (what for pattern, what in named if re.match(pattern, text, re.IGNORECASE)), f"unread: {unread}"
    )


def _parts(sql: str, separator: str) -> Iterator[str]:
    """Yield what stands between separators that are in no quotes, remarks or parentheses."""
    part, depth = "", 0
    for found in _LEXED.finditer(sql):
        one = found["one"]
        depth += {"(": 1, ")": -1}.get(one or "", 0)
        if one == separator and depth <= 0:
            yield part
            part = ""
        else:
            part += " " if found["skip"] else found[0]
    yield part
