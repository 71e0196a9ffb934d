"""Each kind, for the columns of a schema of a hundred tables in which every feature stands.

There is a plan, each statement of which was tried on the server, or an error that says why there is none.
"""

import os
from collections import Counter
from typing import Any

import asyncpg
import pytest

from expandcontract.changes import registry
from expandcontract.engine import planner
from expandcontract.engine.verbs import plan
from expandcontract.model.errors import EcError, UnsupportedShape
from expandcontract.model.names import quote
from expandcontract.postgres.connect import Database
from tests.kinds.features import script

TABLES = 100
#: One column in so many is asked about, each time others.
EVERY = 1 if os.environ.get("EC_TEST_ALL") == "1" else 17
_COLUMNS = """
SELECT c.oid::regclass::text AS table_name, a.attname AS name, a.attnotnull AS not_null
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relnamespace IN ('public'::regnamespace, '"Other Schema"'::regnamespace)
    AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid)
ORDER BY 1, a.attnum
"""


def _fields(kind: str, table: str, name: str) -> dict[str, Any] | None:
    """Return what may be asked of a column; None for a kind that is about something else."""
    quoted = quote(name)
    column = f"{table}.{quoted}"
    asked: dict[str, dict[str, Any]] = {
        "rename-column": {"column": column, "new_name": "renamed"},
        "change-type": {"column": column, "type": "text", "to": "as_text"},
        "transform-column": {"column": column, "to": "other", "using": quoted, "back": "other"},
        "split-column": {
            "column": column,
            "into": [f"one text = {quoted}::text", f"two text = {quoted}::text"],
            "one_way": True,
        },
        "drop-column": {"column": column},
        "drop-not-null": {"column": column},
        "set-not-null": {"column": column},
        "add-index": {"table": table, "columns": quoted},
        "add-unique": {"table": table, "columns": quoted},
    }
    return asked.get(kind)


#: Which columns a kind is for, by whether they are NOT NULL; the others have nothing to set or to drop.
_FITS = {"set-not-null": False, "drop-not-null": True}

#: What is refused for what the column is: keys, and what has a rule that no recipe carries.
_KEYS = (
    "key",
    "is partitioned by",
    "identity",
    "generated column",
    "exclusion constraint",
    "refers to",
    "is a rule on",
    "replica",
)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", [k for k in registry.kinds() if _fields(k, "t", "c") is not None])
async def test_every_column_has_a_plan_or_a_reason(database: str, kind: str) -> None:
    """No traceback, and fewer than 3 in 100 refused for another reason than a key."""
    connection = await asyncpg.connect(database)
    found = Database(database)
    said: Counter[str] = Counter()
    try:
        await connection.execute(script(TABLES))
        columns = [
            row
            for row in await connection.fetch(_COLUMNS)
            if _FITS.get(kind, row["not_null"]) == row["not_null"]
        ]
        asked = columns[sum(map(ord, kind)) % EVERY :: EVERY]
        for row in asked:
            change = plan.named(kind, _fields(kind, row["table_name"], row["name"]) or {}, ())
            try:
                async with found.transaction() as conn:
                    await planner.compile_plan(conn, change, "expandcontract")
            except UnsupportedShape as error:
                if not any(word in error.message for word in _KEYS):
                    said[f"{error.message} {error.why}"] += 1
            except EcError:
                continue  # what the type does not take, such as an index on json
    finally:
        await found.close()
        await connection.close()
    assert said.total() <= max(1, 0.03 * len(asked)), said
