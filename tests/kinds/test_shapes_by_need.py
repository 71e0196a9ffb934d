"""A shape of table is in the way of a sweep, a trigger, or a column more, and of nothing else."""

from typing import Any

from expandcontract.engine.verbs import plan
from expandcontract.model.errors import Refused
from tests.acceptance.cycle import Expected, living, opened

GIVEN = """
CREATE TABLE log (id integer);
CREATE TABLE ruled (id integer PRIMARY KEY, name text);
CREATE RULE told AS ON UPDATE TO ruled DO ALSO INSERT INTO log VALUES (NEW.id);
CREATE TABLE bare (id integer, name text);
CREATE PUBLICATION news FOR TABLE bare;
CREATE FOREIGN DATA WRAPPER dummy;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER dummy;
CREATE TABLE parts (id integer, name text) PARTITION BY RANGE (id);
CREATE TABLE parts_here PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE FOREIGN TABLE parts_there PARTITION OF parts FOR VALUES FROM (10) TO (20) SERVER elsewhere;
CREATE TYPE person AS (id integer, name text);
CREATE TABLE typed OF person;
"""
#: Table, kind, its fields beside the table, and what is said where it is refused.
ASKED: list[tuple[str, str, dict[str, Any], str]] = [
    ("ruled", "rename-table", {"new_name": "other"}, ""),
    ("ruled", "rename-column", {"new_name": "title", "instant": True}, ""),
    ("ruled", "add-column", {"type": "integer", "default": "7"}, ""),
    ("ruled", "set-not-null", {}, ""),
    ("ruled", "drop-table", {}, ""),
    ("ruled", "set-not-null", {"fill": "'x'"}, "rules ON UPDATE"),
    ("ruled", "rename-column", {"new_name": "title"}, "rules ON UPDATE"),
    ("ruled", "update-rows", {"set": ["name = 'x'"], "where": "name IS NULL"}, "rules ON UPDATE"),
    ("bare", "rename-table", {"new_name": "other"}, ""),
    ("bare", "add-check", {"check": "id > 0"}, ""),
    ("bare", "drop-column", {}, ""),
    ("bare", "rename-column", {"new_name": "title"}, "without replica identity"),
    ("parts", "rename-table", {"new_name": "other"}, ""),
    ("parts", "set-default", {"default": "'x'"}, ""),
    ("parts", "add-index", {"columns": "name"}, ""),
    ("parts", "add-index", {"columns": "id, name", "unique": True}, "foreign partitions"),
    ("parts", "add-check", {"check": "id > 0"}, "no trigger of this one fires"),
    ("parts", "drop-column", {}, "no trigger of this one fires"),
    ("parts", "add-column", {"type": "integer"}, "nothing would be changed"),
    ("typed", "rename-table", {"new_name": "other"}, ""),
    ("typed", "add-index", {"columns": "name"}, ""),
    ("typed", "rename-column", {"new_name": "title", "instant": True}, "typed table"),
]
#: The kinds that name a column, and what it is called where it is not `name`.
COLUMNS = {
    "rename-column": "name",
    "add-column": "more",
    "set-not-null": "name",
    "drop-column": "name",
    "set-default": "name",
}


async def test_a_table_is_refused_for_what_is_done_to_it(database: str) -> None:
    """Of the same table one kind is planned, and another refused with the reason."""
    async with opened(database, "rename-table", {"table": "ruled", "new_name": "other"}, GIVEN) as app:
        wrong = []
        for table, kind, more, why in ASKED:
            on = {"column": f"{table}.{COLUMNS[kind]}"} if kind in COLUMNS else {"table": table}
            try:
                await plan.make(app.context, plan.named(kind, on | more, ()))
                said = ""
            except Refused as error:
                said = f"{error.message} {error.why}"
            if (not why and said) or why not in said:
                wrong.append((table, kind, said))
        assert wrong == []


async def test_a_rule_goes_on_through_the_view(database: str) -> None:
    """While both names of a table are live, a statement under the old one meets the table's rules."""
    async with living(database, "rename-table", {"table": "ruled", "new_name": "other"}, GIVEN) as life:
        await life.sql("INSERT INTO ruled VALUES (1, 'x')")
        await life.start(acknowledged=Expected({"view"}))
        await life.sql("UPDATE ruled SET name = 'y' WHERE id = 1")
        assert await life.rows("SELECT l.id, r.name FROM log l JOIN ruled r USING (id)") == [(1, "y")]
