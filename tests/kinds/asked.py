"""What may be asked of each table, column, index and constraint of a schema, kind by kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import asyncpg

Row: TypeAlias = Mapping[str, Any]
Fields: TypeAlias = dict[str, Any]

#: What is looked at, one row each: tables that are no partition or child, and what they have.
_TABLES = """
SELECT c.oid, c.oid::regclass::text AS t, c.relname::text AS bare,
       EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p') AS keyed,
       quote_ident(n.nspname) AS schema
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND n.nspname !~ '^(pg_|information_schema$|expandcontract)'
    AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid)
"""
SOURCES = {
    "table": f"SELECT * FROM ({_TABLES}) AS found ORDER BY t",
    "column": f"""
        SELECT found.*, quote_ident(a.attname) AS name, a.attnotnull AS not_null, a.atttypid,
               lead(quote_ident(a.attname)) OVER behind AS next,
               lead(pg_get_expr(d.adbin, d.adrelid)) OVER behind AS later,
               pg_get_expr(d.adbin, d.adrelid) AS written,
               (SELECT o.conrelid::regclass::text || '.' || quote_ident(b.attname)
                FROM pg_constraint o JOIN pg_attribute b ON b.attrelid = o.conrelid AND b.attnum = o.conkey[1]
                WHERE o.contype = 'p' AND cardinality(o.conkey) = 1 AND b.atttypid = a.atttypid
                    AND o.conparentid = 0
                ORDER BY o.conrelid = a.attrelid, o.conrelid LIMIT 1) AS referred
        FROM ({_TABLES}) AS found
        JOIN pg_attribute a ON a.attrelid = found.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated = ''
        WINDOW behind AS (PARTITION BY a.attrelid ORDER BY a.attnum)
        ORDER BY t, a.attnum""",
    "index": f"""
        SELECT found.*, i.indexrelid::regclass::text AS name, k.conname AS conname
        FROM ({_TABLES}) AS found JOIN pg_index i ON i.indrelid = found.oid
        LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
        ORDER BY t, 2, name""",
    "constraint": f"""
        SELECT found.*, quote_ident(k.conname) AS name, NOT k.convalidated AS unproven
        FROM ({_TABLES}) AS found JOIN pg_constraint k ON k.conrelid = found.oid
        WHERE k.coninhcount = 0 AND k.conparentid = 0 AND k.contype <> 'n' ORDER BY t, name""",
}


@dataclass(frozen=True)
class Asked:
    """A kind, or a way of asking for it, as `label`; `fields` of a row of `source`, None where it is for
    something else.
    """

    label: str
    source: str
    fields: Callable[[Row], Fields | None]

    @property
    def kind(self) -> str:
        """The kind's name."""
        return self.label.split()[0]


def _column(row: Row) -> str:
    return f"{row['t']}.{row['name']}"


def _if(condition: object, fields: Fields) -> Fields | None:
    return fields if condition else None


ASKED = (
    Asked("rename-column", "column", lambda r: {"column": _column(r), "new_name": "renamed"}),
    Asked(
        "rename-column --instant",
        "column",
        lambda r: {"column": _column(r), "new_name": "renamed", "instant": True},
    ),
    Asked("change-type", "column", lambda r: {"column": _column(r), "type": "text", "to": "as_text"}),
    Asked(
        "transform-column",
        "column",
        lambda r: {"column": _column(r), "to": "other", "using": r["name"], "back": "other"},
    ),
    Asked(
        "split-column",
        "column",
        lambda r: {
            "column": _column(r),
            "into": [f"one text = {r['name']}::text", f"two text = {r['name']}::text"],
            "one_way": True,
        },
    ),
    Asked(
        "merge-columns",
        "column",
        lambda r: _if(
            # It is not for columns whose default is more than a constant.
            r["next"] and "(" not in f"{r['written']}{r['later']}",
            {
                "columns": [_column(r), f"{r['t']}.{r['next']}"],
                "into": f"merged text = concat({r['name']}, {r['next']})",
                "one_way": True,
            },
        ),
    ),
    Asked("drop-column", "column", lambda r: {"column": _column(r)}),
    Asked("drop-not-null", "column", lambda r: _if(r["not_null"], {"column": _column(r)})),
    Asked("set-not-null", "column", lambda r: _if(not r["not_null"], {"column": _column(r)})),
    Asked("set-default", "column", lambda r: {"column": _column(r), "default": r["written"] or "NULL"}),
    Asked("add-index", "column", lambda r: {"table": r["t"], "columns": r["name"]}),
    Asked("add-unique", "column", lambda r: {"table": r["t"], "columns": r["name"]}),
    Asked(
        "add-primary-key", "column", lambda r: _if(not r["keyed"], {"table": r["t"], "columns": r["name"]})
    ),
    Asked(
        "add-check",
        "column",
        lambda r: {"table": r["t"], "name": "there", "check": f"{r['name']} IS DISTINCT FROM NULL"},
    ),
    Asked(
        "add-foreign-key",
        "column",
        lambda r: _if(
            r["referred"], {"columns": _column(r), "references": r["referred"], "name": "refers"}
        ),
    ),
    Asked(
        "update-rows",
        "column",
        lambda r: {"table": r["t"], "set": [f"{r['name']} = NULL"], "where": f"{r['name']} IS NOT NULL"},
    ),
    Asked("delete-rows", "column", lambda r: {"table": r["t"], "where": f"{r['name']} IS NOT NULL"}),
    Asked(
        "add-column", "table", lambda r: {"column": f"{r['t']}.more", "type": "text", "not_null": True,
                                          "default": "'x'"},
    ),
    Asked(
        "add-column --fill",
        "table",
        lambda r: {"column": f"{r['t']}.more", "type": "text", "fill": "now()::text"},
    ),
    Asked("rename-table", "table", lambda r: {"table": r["t"], "new_name": "renamed"}),
    Asked("drop-table", "table", lambda r: {"table": r["t"]}),
    Asked(
        "create-table",
        "table",
        lambda r: {"statement": f"CREATE TABLE {r['schema']}.beside (LIKE {r['t']} INCLUDING ALL)"},
    ),
    Asked("reindex", "table", lambda r: {"name": r["t"]}),
    Asked("drop-index", "index", lambda r: _if(r["conname"] is None, {"index": r["name"]})),
    Asked("drop-constraint", "constraint", lambda r: {"table": r["t"], "name": r["name"]}),
    Asked(
        "validate-constraint",
        "constraint",
        lambda r: _if(r["unproven"], {"table": r["t"], "name": r["name"]}),
    ),
    Asked("rename-constraint", "constraint", lambda r: {"table": r["t"], "old": r["name"], "new": "renamed"}),
)  # fmt: skip


async def rows(connection: "asyncpg.Connection[Any]", asked: Asked) -> list[Fields]:
    """Return all that may be asked for of the schema."""
    found = (asked.fields(row) for row in await connection.fetch(SOURCES[asked.source]))
    return [fields for fields in found if fields is not None]
