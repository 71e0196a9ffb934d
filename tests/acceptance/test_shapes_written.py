"""W9 and W10: every shape of table goes from start to contract while applications write it without pause."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from expandcontract.engine.verbs import start
from expandcontract.model.errors import MissingPrivilege
from expandcontract.model.names import quote
from expandcontract.postgres.connect import Database
from expandcontract.postgres.sqlstate import translate
from expandcontract.testing.server import Server
from tests.acceptance.catalog import Connection
from tests.acceptance.cycle import Life, living
from tests.acceptance.test_cases_shapes import SHAPES, Shape

#: So that there is something to do while applications write; slow enough for them to be seen.
ROWS, SLOWLY = 300, {"batch": 25, "max_rate": 1_000}
#: Columns until the new side is the last that PostgreSQL allows for, with some to spare.
WIDE = ", ".join(f"c{number} int" for number in range(1_587))

MORE = {
    "toasted, out of line": Shape(
        "CREATE TABLE t({columns}); ALTER TABLE t ALTER name SET STORAGE external; "
        "INSERT INTO t SELECT i, repeat('x', 20000) || i, i FROM generate_series(1, 60) i"
    ),
    "toasted, compressed": Shape(
        "CREATE TABLE t({columns}); INSERT INTO t SELECT i, repeat('some words ', 5000) || i, i "
        "FROM generate_series(1, 60) i"
    ),
    "toasted, compressed and out of line": Shape(
        "CREATE TABLE t({columns}); INSERT INTO t SELECT i, (SELECT string_agg(md5((i * n)::text), '') "
        "FROM generate_series(1, 500) n), i FROM generate_series(1, 60) i"
    ),
    "1,590 columns": Shape(f"CREATE TABLE t({{columns}}, {WIDE}); {{fill}}"),
    "row security": Shape(
        "CREATE TABLE t({columns}); ALTER TABLE t ENABLE ROW LEVEL SECURITY; "
        "CREATE POLICY half ON t USING (id % 2 = 0); {fill}"
    ),
}
_COLUMNS = "SELECT FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0"
#: Shapes with fewer rows: those that there are parents for.
FEWER = {"no rows": 0, "one row": 1, "by hash": 100}
#: What an INSERT has to give besides.
GIVEN = {"by list": ("part", "3")}


@dataclass
class Writer:
    """An application that inserts, updates and deletes rows of its own through one side."""

    connection: Connection
    table: Shape
    side: str
    number: int
    given: tuple[str, str] | None
    rows: dict[int, str] = field(default_factory=dict)
    committed: int = 0
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.number)

    async def run(self, over: asyncio.Event) -> None:
        """Write until it is over."""
        while not over.is_set():
            await self._transaction()

    async def _transaction(self) -> None:
        rows = dict(self.rows)
        statements = [self._statement(self.chance, rows) for _ in range(self.chance.choice((1, 1, 3)))]
        await self.connection.execute(f"BEGIN; {'; '.join(statements)}; COMMIT")
        self.rows = rows
        self.committed += 1

    def _statement(self, chance: random.Random, rows: dict[int, str]) -> str:
        value = f"{self.side[:3]} {self.number} {chance.randrange(10**12)}".replace("'", "").replace('"', "")
        kind = chance.choices(("update", "insert", "delete"), (6, 3, 1))[0] if rows else "insert"
        if kind == "insert":
            key = 1_000 * (1 + self.number) + 10_000 * chance.randrange(10_000)
            if key in rows:
                kind = "update"
            else:
                rows[key] = value
                return self._insert(key, value)
        key = chance.choice(list(rows))
        if kind == "delete":
            del rows[key]
            return f"DELETE FROM {self.table.table} WHERE id = {key}"
        rows[key] = value
        return f"UPDATE {self.table.table} SET {self.side} = '{value}' WHERE id = {key}"

    def _insert(self, key: int, value: str) -> str:
        names, values = ["id", self.side, self.table.size], [str(key), f"'{value}'", str(1 + key % 99)]
        if self.given is not None:
            names.append(self.given[0])
            values.append(self.given[1])
        return f"INSERT INTO {self.table.table} ({', '.join(names)}) VALUES ({', '.join(values)})"


@asynccontextmanager
async def _writing(writers: Sequence[Writer], what: str) -> AsyncIterator[None]:
    """Let them write while the body runs. Each must have committed something meanwhile."""
    before, over = [writer.committed for writer in writers], asyncio.Event()
    tasks = [asyncio.create_task(writer.run(over)) for writer in writers]
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*tasks)
    for writer, then in zip(writers, before, strict=True):
        assert writer.committed > then, f"{writer.side} was not written during {what}"


@asynccontextmanager
async def _applications(url: str, shape: Shape, name: str) -> AsyncIterator[tuple[Writer, Writer]]:
    """Give an application on the old side, which has all rows, and one on the new side, which has none."""
    connections = [await asyncpg.connect(url) for _ in range(2)]
    old, new = (
        Writer(connection, shape, side, number, GIVEN.get(name))
        for number, (connection, side) in enumerate(zip(connections, (shape.name, shape.new), strict=True))
    )
    rows = await connections[0].fetch(f"SELECT id, {shape.name} FROM {shape.table}")
    old.rows = {key: value for key, value in rows}  # noqa: C416 - a Record is no tuple to the type checker
    try:
        yield old, new
    finally:
        for connection in connections:
            await connection.close()


async def _require(life: Life, shape: Shape, writers: Sequence[Writer], *sides: str) -> None:
    """Every row holds on each side what its writer committed last."""
    expected = {key: value for writer in writers for key, value in writer.rows.items()}
    for side in sides:
        assert dict(await life.app.fetch(f"SELECT id, {side} FROM {shape.table}")) == expected, side


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("name", [*(pytest.param(name, marks=pytest.mark.slow) for name in SHAPES), *MORE])
async def test_no_write_is_lost_on_any_shape_of_table(database: str, name: str) -> None:
    """From start to contract, every row of every leaf is at each turn as its application left it, on both
    sides; applications were seen to write during each of them.
    """
    shape = {**SHAPES, **MORE}[name]
    shape = replace(shape, rows=FEWER.get(name, ROWS))
    role = "somebody_" + database.split("/")[3].partition("?")[0]
    fields = {"column": f"{shape.table}.{shape.name}", "new_name": shape.new}
    async with (
        living(database, "rename-column", fields, shape.script.replace("{role}", role)) as life,
        _applications(database, shape, name) as (old, new),
    ):
        async with _writing([old], "start"):
            await life.start()
        async with _writing([old], "backfill"):
            situation = await life.backfill(**SLOWLY)
        assert situation.proof is not None
        await _require(life, shape, [old], shape.name, shape.new)
        async with _writing([old, new], "verify"):
            await life.verify()
        await _require(life, shape, [old, new], shape.name, shape.new)
        async with _writing([new], "contract"):
            await life.contract()
        await _require(life, shape, [old, new], shape.new, quote(situation.plan.hidden_column))


async def test_a_role_that_owns_nothing_is_told_what_it_lacks(server: Server, database: str) -> None:
    """Without rights on the ledger, on the table, or on either: refused, with the privilege's name and
    nothing changed.
    """
    name = database.split("/")[3].partition("?")[0]
    role, fields = f"stranger_{name}", {"column": "t.name", "new_name": "label"}
    given = f"CREATE TABLE t(id int, name text); CREATE ROLE {role} LOGIN"
    async with living(database, "rename-column", fields, given) as life:
        stranger = Database(server.url(name, role))
        context = replace(life.context, database=stranger)
        with pytest.raises(DBAPIError) as unseen:
            await start.start(context, life.change)
        error = translate(unseen.value)  # as the command line does
        assert isinstance(error, MissingPrivilege)
        assert "schema expandcontract" in error.message
        await life.sql(f"""
            GRANT USAGE, CREATE ON SCHEMA expandcontract, expandcontract_sync TO {role};
            GRANT ALL ON ALL TABLES IN SCHEMA expandcontract TO {role};
            GRANT ALL ON ALL SEQUENCES IN SCHEMA expandcontract TO {role}""")
        with pytest.raises(MissingPrivilege, match=r"SELECT on public\.t"):
            await start.start(context, life.change)
        await life.sql(f"GRANT SELECT ON t TO {role}")
        with pytest.raises(MissingPrivilege) as refused:
            await start.start(context, life.change)
        assert "to be postgres, who owns public.t" in refused.value.message
        assert "CREATE on schema public" in refused.value.message
        assert await life.rows("TABLE expandcontract.change") == []
        assert await life.value(f"SELECT count(*) FROM ({_COLUMNS}) AS c") == 2
        await stranger.close()
        await life.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")
