"""W9: every shape of table that a column may be in goes through the whole cycle."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from expandcontract.model.names import quote, split
from tests.acceptance.cases import Case, rename_not_null, run
from tests.acceptance.cycle import Application

_COLUMNS = "id int, name text DEFAULT 'none', size int"
_FILL = "INSERT INTO {table} SELECT i, 'name ' || i, i FROM generate_series(1, {rows}) i"


@dataclass(frozen=True)
class Shape:
    """A table with `name` and `size`, and rows. `given` has `{columns}` where those columns go and `{fill}`
    where the rows come in.
    """

    given: str
    rows: int = 30
    table: str = "t"
    name: str = "name"
    size: str = "size"
    new: str = "label"
    #: Indexes and constraints that are called after `name`, and what they are called after the rename.
    renames: Mapping[str, str] = field(default_factory=dict)
    not_null: tuple[str, str] | None = None

    @property
    def script(self) -> str:
        """Everything that makes the table."""
        fill = _FILL.format(table=self.table, rows=self.rows)
        return self.given.replace("{columns}", _COLUMNS).replace("{fill}", fill)


_BY_RANGE = """
CREATE TABLE t({columns}, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE t_low PARTITION OF t FOR VALUES FROM (MINVALUE) TO (10);
CREATE TABLE t_high PARTITION OF t FOR VALUES FROM (10) TO (MAXVALUE);
CREATE INDEX t_name_idx ON t(name); CREATE INDEX t_size_idx ON t(size);
{fill}
"""
_BY_LIST = """
CREATE TABLE t({columns}, part int GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (id,
    part)) PARTITION BY LIST (part);
CREATE TABLE t_some PARTITION OF t FOR VALUES IN (1, 2, 3, 4, 5);
CREATE TABLE t_rest PARTITION OF t DEFAULT;
ALTER TABLE t ALTER part DROP IDENTITY;
INSERT INTO t SELECT i, 'name ' || i, i, i FROM generate_series(1, 30) i
"""
_BY_HASH = """
CREATE TABLE parents(id int PRIMARY KEY); INSERT INTO parents SELECT generate_series(1, 100);
CREATE TABLE t({columns}, CHECK (size > 0), FOREIGN KEY (size) REFERENCES parents) PARTITION BY HASH (id);
CREATE TABLE t_0 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE t_1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1);
ALTER TABLE t ALTER size SET NOT NULL;
{fill}
"""
_TWO_LEVELS = """
CREATE TABLE t({columns}) PARTITION BY RANGE (id);
CREATE TABLE t_low PARTITION OF t FOR VALUES FROM (0) TO (20) PARTITION BY HASH (id);
CREATE TABLE t_low_0 PARTITION OF t_low FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE t_low_1 PARTITION OF t_low FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE t_rest PARTITION OF t DEFAULT;
CREATE INDEX ON t(name, size);
{fill}
"""
_INHERITED = """
CREATE TABLE t({columns}, CHECK (size < 1000)); CREATE TABLE child(more text) INHERITS (t);
    CREATE TABLE grandchild() INHERITS (child);
CREATE INDEX ON t(name);
{fill};
INSERT INTO child SELECT i, 'child ' || i, i, 'm' FROM generate_series(101, 120) i;
INSERT INTO grandchild SELECT i, 'grandchild ' || i, i, 'm' FROM generate_series(201, 220) i
"""
_TOASTED = """
CREATE TABLE t({columns});
ALTER TABLE t ALTER name SET STORAGE external;
INSERT INTO t SELECT i, repeat('x', 20000) || i, i FROM generate_series(1, 5) i
"""
_LONG = "n" * 55 + "\u00e4\u00f6\u00fc\u00df"
_SHOP = '"My ""Shop"""."Guest Book"'
_FULL = """"Full 'Name'" """.strip()
_NEW = '"new ""name"""'
_SIZE = '"SIZE %s $1"'
_FORCED = """
CREATE TABLE t({columns}); CREATE ROLE {role};
ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON t USING (id % 2 = 0); GRANT SELECT, INSERT, UPDATE ON t TO {role};
{fill}
"""

SHAPES = {
    "no rows": Shape("CREATE TABLE t({columns}, PRIMARY KEY (id))", rows=0),
    "one row": Shape("CREATE TABLE t({columns}); {fill}", rows=1),
    "no key": Shape("CREATE TABLE t({columns}); {fill}"),
    "composite key": Shape("CREATE TABLE t({columns}, b int DEFAULT 1, PRIMARY KEY (b, id)); {fill}"),
    "uuid key": Shape("CREATE TABLE t({columns}, u uuid PRIMARY KEY DEFAULT gen_random_uuid()); {fill}"),
    "identity always": Shape(
        "CREATE TABLE t({columns}, k int GENERATED ALWAYS AS IDENTITY PRIMARY KEY); {fill}"
    ),
    "unlogged": Shape("CREATE UNLOGGED TABLE t({columns}); {fill}"),
    "inherited": Shape(_INHERITED, renames={"INDEX t_name_idx": "t_label_idx"}),
    "by range": Shape(_BY_RANGE, renames={"INDEX t_name_idx": "t_label_idx"}),
    "by list": Shape(_BY_LIST),
    "by hash": Shape(_BY_HASH),
    "two levels": Shape(_TWO_LEVELS, renames={"INDEX t_name_size_idx": "t_label_size_idx"}),
    "toasted": Shape(_TOASTED),
    "fillfactor": Shape("CREATE TABLE t({columns}) WITH (fillfactor = 50); {fill}"),
    "row security forced": Shape(_FORCED),
    "blanks and quotes": Shape(
        'CREATE SCHEMA "My ""Shop"""; '
        f"CREATE TABLE {_SHOP}(id int, {_FULL} text, {_SIZE} int); "
        f'CREATE INDEX "an ""index""" ON {_SHOP}({_FULL}, {_SIZE}); {{fill}}',
        table=_SHOP,
        name=_FULL,
        size=_SIZE,
        new=_NEW,
        renames={'INDEX "My ""Shop"""."an ""index"""': '"an ""index""_new ""name"""'},
    ),
    "63 bytes": Shape(
        f'CREATE TABLE "{_LONG}"(id int PRIMARY KEY, "{_LONG}" text CONSTRAINT filled NOT NULL '
        "CONSTRAINT once UNIQUE "
        f"CONSTRAINT not_empty CHECK (\"{_LONG}\" <> ''), size int); {{fill}}",
        table=f'"{_LONG}"',
        name=f'"{_LONG}"',
        renames={
            f'TABLE "{_LONG}" RENAME CONSTRAINT {each}': f"{each}_label" for each in ("once", "not_empty")
        },
        not_null=("filled", "filled_label"),
    ),
    "reserved words": Shape(
        'CREATE SCHEMA "select"; CREATE TABLE "select"."table"("id" int, "from" text, "user" int); {fill}',
        table='"select"."table"',
        name='"from"',
        size='"user"',
    ),
}

#: Each shape meets one of the kinds, what has partitions, children or odd names both.
_BOTH = {"inherited", "by range", "by list", "by hash", "two levels", "blanks and quotes"}
_TYPE = {"no rows", "composite key", "identity always", "fillfactor", "row security forced", "reserved words"}


def _rename(name: str) -> Case:
    shape = SHAPES[name]
    renames = [
        f"ALTER {each} {'' if 'CONSTRAINT' in each else 'RENAME'} TO {new}"
        for each, new in shape.renames.items()
    ]
    if shape.not_null is not None:
        renames.append(rename_not_null(shape.table, *shape.not_null))
    return _case(
        shape,
        f"{name}, rename",
        "rename-column",
        {"column": f"{shape.table}.{shape.name}", "new_name": shape.new},
        ";".join((f"ALTER TABLE {shape.table} RENAME {shape.name} TO {shape.new}", *renames)),
        (shape.name, shape.new, shape.new, "{} || '+'"),
    )


def _type(name: str) -> Case:
    shape = SHAPES[name]
    new = quote("~ec_new_" + split(shape.size)[0])
    return _case(
        shape,
        f"{name}, type",
        "change-type",
        {"column": f"{shape.table}.{shape.size}", "type": "bigint", "swap": True},
        f"ALTER TABLE {shape.table} ALTER {shape.size} TYPE bigint",
        (shape.size, new, shape.size, "{} + 1"),
    )


def _case(
    shape: Shape,
    name: str,
    kind: str,
    fields: dict[str, Any],
    intended: str,
    sides: tuple[str, str, str, str],
) -> Case:
    old, new, final, change = sides

    async def written(life: Application) -> None:
        await life.sql(f"UPDATE {shape.table} SET {old} = {change.format(old)} WHERE id % 3 = 1")
        await life.sql(f"UPDATE {shape.table} SET {new} = {change.format(new)} WHERE id % 3 = 2")
        await life.sql(f"UPDATE {shape.table} SET id = id WHERE id % 3 = 0")
        different = f"SELECT count(*) FROM {shape.table} WHERE {old} IS DISTINCT FROM {new} OR {new} IS NULL"
        assert await life.value(different) == 0

    async def hidden(life: Application) -> None:
        await life.sql(f"UPDATE {shape.table} SET {final} = {change.format(final)}")

    async def undone(life: Application) -> None:
        await written(life)

    return Case(
        name,
        shape.script,
        kind,
        fields,
        shape.table,
        intended,
        between=written,
        again=written,
        hidden=hidden,
        undone=undone,
    )


CASES = [_rename(name) for name in SHAPES if name not in _TYPE] + [
    _type(name) for name in SHAPES if name in _TYPE | _BOTH
]


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_every_shape_of_table_is_carried(database: str, case: Case) -> None:
    """No row is left out, whatever the table looks like, and nothing but the intended change remains."""
    role = "somebody_" + database.split("/")[3].partition("?")[0]
    await run(database, replace(case, given=case.given.replace("{role}", role)))
