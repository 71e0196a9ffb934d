"""What migrations of Rails do, read line by line: nothing of them is run."""

import re
from collections.abc import Iterator

from instrument import sql_history

_CALLS = {
    "create_table": "create table",
    "create_join_table": "create table",
    "drop_table": "drop table",
    "drop_join_table": "drop table",
    "rename_table": "rename table",
    "remove_column": "drop column",
    "remove_columns": "drop column",
    "remove_reference": "drop column",
    "remove_belongs_to": "drop column",
    "remove_timestamps": "drop column",
    "rename_column": "rename column",
    "change_column": "change type",
    "change_column_default": "set default",
    "change_column_comment": "comment",
    "change_table_comment": "comment",
    "add_index": "add index",
    "add_concurrent_index": "add index",
    "remove_index": "drop index",
    "remove_concurrent_index": "drop index",
    "remove_concurrent_index_by_name": "drop index",
    "rename_index": "rename index",
    "add_foreign_key": "add foreign key",
    "add_concurrent_foreign_key": "add foreign key",
    "remove_foreign_key": "drop constraint",
    "validate_foreign_key": "validate constraint",
    "add_check_constraint": "add check",
    "remove_check_constraint": "drop constraint",
    "validate_check_constraint": "validate constraint",
    "add_unique_constraint": "add unique",
    "remove_unique_constraint": "drop constraint",
    "add_exclusion_constraint": "add exclusion",
    "add_not_null_constraint": "set NOT NULL",
    "remove_not_null_constraint": "drop NOT NULL",
    "validate_not_null_constraint": "validate constraint",
    "enable_extension": "create extension",
    "create_enum": "create type",
    "add_enum_value": "add enum value",
    "update_column_in_batches": "update rows",
    "update_all": "update rows",
    "delete_all": "delete rows",
    "destroy_all": "delete rows",
}
_CALL = re.compile(r"\b(?P<name>[a-z_]+)\b[( ]+(?P<rest>.*)")
#: Inside of change_table; a create_table is one operation, whatever stands in it.
_IN_TABLE = {
    "remove": "drop column",
    "rename": "rename column",
    "change": "change type",
    "change_default": "set default",
    "index": "add index",
    "foreign_key": "add foreign key",
}
_BODY = re.compile(
    r"def (?:self\.)?(?:change|up)\b(?P<body>.*?)(?=^\s*def (?:self\.)?down\b|\Z)", re.DOTALL | re.MULTILINE
)
#: Lines by which a program moves rows.
_ROWS = re.compile(r"\.(update_all|update_column|update!?|find_each|in_batches|each_batch|save!?|destroy)\b")
_SQL = re.compile(
    r"execute[( ]+(?:<<[~-]?['\"]?(?P<tag>\w+)['\"]?.*?\n(?P<heredoc>.*?)^\s*(?P=tag)\b"
    r"|(?P<quote>['\"])(?P<text>.*?)(?<!\\)(?P=quote))",
    re.DOTALL | re.MULTILINE,
)
_TABLE = re.compile(
    r"\b(?P<call>create_table|change_table)\b.*?\bdo\s*\|(?P<name>\w+)\|(?P<body>.*?)^\s*end\b",
    re.DOTALL | re.MULTILINE,
)


def operations(source: str) -> Iterator[str]:
    """Yield what `change` or `up` does."""
    found = _BODY.search(source)
    body = re.sub(r"^\s*#.*$", "", found["body"] if found else "", flags=re.MULTILINE)
    for sql in _SQL.finditer(body):
        yield from sql_history.operations(sql["heredoc"] or sql["text"] or "")
    body = _SQL.sub("", body)
    for table in _TABLE.finditer(body):
        yield from _table(table)
    for line in _TABLE.sub("", body).splitlines():
        yield from _line(line)


def _table(table: "re.Match[str]") -> Iterator[str]:
    if table["call"] == "create_table":
        yield "create table"
        return
    for line in table["body"].splitlines():
        called = re.match(rf"\s*{table['name']}\.(?P<name>\w+)(?P<rest>.*)", line)
        if called is not None:
            yield _IN_TABLE.get(called["name"]) or _added(called["rest"])


def _line(line: str) -> Iterator[str]:
    called = _CALL.search(line)
    if called is None:
        return
    name, rest = called["name"], called["rest"]
    if name == "add_column":
        yield _added(rest)
    elif name in ("add_reference", "add_belongs_to"):
        yield _added(rest)
        yield from ("add index",) * ("index: false" not in rest)
        yield from ("add foreign key",) * bool(re.search(r"foreign_key: (?!false)", rest))
    elif name == "add_timestamps":
        yield from (_added(rest),) * 2
    elif name == "change_column_null":
        yield "drop NOT NULL" if re.search(r",\s*true\b", rest) else "set NOT NULL"
    elif name in _CALLS:
        yield _CALLS[name]
    elif _ROWS.search(line):
        yield "update rows" if ".update_all" in line else "unread: a program moves rows"


def _added(rest: str) -> str:
    return "add column NOT NULL" if re.search(r"null:\s*false|:null\s*=>\s*false", rest) else "add column"
