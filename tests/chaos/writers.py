"""Applications that write without pause, and a model of every row that they keep: what was committed, and
nothing else.
"""

import asyncio
import io
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import asyncpg

#: A row: the value of the pair, and another column.
Row: TypeAlias = tuple[str | None, str]
Rows: TypeAlias = dict[int, Row]

#: Keys of one client lie between two multiples of this; no two clients write the same row.
KEYS = 1_000_000
DEFAULT = "7"
TABLE = f"""
CREATE TABLE items (id int PRIMARY KEY, value {{type}} DEFAULT '{DEFAULT}', pad text NOT NULL DEFAULT '')
"""


@dataclass
class Client:
    """One session of an application that writes the pair through `column`. `rows` are its own, as it last
    committed them.
    """

    name: str
    number: int
    column: str
    rows: Rows
    random: random.Random
    #: Whether NULL may be written: new code may not before ready, when a NULL in the new column says nothing.
    nulls: bool = True
    #: For how long a row may be held before the next one is written, in seconds.
    hold: float = 0.0
    committed: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    writes: int = 0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    resting: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, url: str) -> None:
        """Write until cancelled, resting when told so. After an error nothing more is written."""
        # Statements are sent as text, in one message: nothing is prepared for a table that then changes.
        connection: asyncpg.Connection[Any] = await asyncpg.connect(
            url, server_settings={"application_name": self.name}
        )
        try:
            while not self.errors:
                self.resting.set()
                await self.go_on.wait()
                self.resting.clear()
                try:
                    await _Transaction(self, connection).run()
                except asyncpg.PostgresError as error:
                    self.errors.append(f"{self.name} {self.number}: {error.sqlstate} {error}")
        finally:
            self.resting.set()
            connection.terminate()


class _Transaction:
    """One transaction of a client: some writes in random order, and an end."""

    def __init__(self, client: Client, connection: "asyncpg.Connection[Any]") -> None:
        self._client = client
        self._connection = connection
        self._random = client.random
        self._rows = dict(client.rows)
        self._done: Counter[str] = Counter()

    async def run(self) -> None:
        """Carry it out; only when it commits, the client's model takes it over."""
        aborts = self._random.random() < 0.1
        await self._connection.execute("BEGIN")
        for _ in range(self._random.choice((1, 1, 2, 3, 5))):
            await self._write_something()
            if self._client.hold:
                await asyncio.sleep(self._random.random() * self._client.hold)
        await self._connection.execute("ROLLBACK" if aborts else "COMMIT")
        self._client.writes += self._done.total()
        if aborts:
            self._client.committed["abort"] += 1
        else:
            self._client.rows = self._rows
            self._client.committed += self._done

    async def _write_something(self) -> None:
        kinds = {
            self._update: 8, self._update_other: 4, self._update_some: 2, self._insert: 3,
            self._insert_some: 1, self._copy: 1, self._upsert: 2, self._delete: 1,
            self._delete_and_insert: 1, self._change_key: 1, self._savepoint: 1,
        }  # fmt: skip
        if self._client.nulls:
            kinds[self._update_to_null] = 1
        (write,) = self._random.choices(list(kinds), list(kinds.values()))
        await write()

    async def _execute(self, statement: str, *kinds: str) -> None:
        await self._connection.execute(statement)
        self._done.update(kinds)

    @property
    def _column(self) -> str:
        return self._client.column

    def _mine(self, most: int = 1) -> list[int]:
        keys = list(self._rows)
        return self._random.sample(keys, min(most, len(keys)))

    def _fresh(self) -> int:
        base = self._client.number * KEYS
        while (key := base + self._random.randrange(KEYS)) in self._rows:
            pass
        return key

    def _value(self) -> str:
        return str(self._random.randrange(1_000_000_000))

    async def _update(self) -> None:
        for key in self._mine():
            value = self._value()
            await self._execute(f"UPDATE items SET {self._column} = '{value}' WHERE id = {key}", "update")
            self._rows[key] = (value, self._rows[key][1])

    async def _update_other(self) -> None:
        for key in self._mine():
            pad = self._value()
            await self._execute(f"UPDATE items SET pad = '{pad}' WHERE id = {key}", "update other")
            self._rows[key] = (self._rows[key][0], pad)

    async def _update_some(self) -> None:
        keys, value = self._mine(4), self._value()
        if keys:
            await self._execute(
                f"UPDATE items SET {self._column} = '{value}', pad = 'some' WHERE id IN ({_list(keys)})",
                *["update some"] * len(keys),
            )
            self._rows |= dict.fromkeys(keys, (value, "some"))

    async def _update_to_null(self) -> None:
        for key in self._mine():
            await self._execute(f"UPDATE items SET {self._column} = NULL WHERE id = {key}", "update to NULL")
            self._rows[key] = (None, self._rows[key][1])

    async def _insert(self) -> None:
        key, value = self._fresh(), self._value()
        if self._random.random() < 0.3:
            await self._execute(f"INSERT INTO items (id) VALUES ({key})", "insert default")
            self._rows[key] = (DEFAULT, "")
        elif self._client.nulls and self._random.random() < 0.2:
            await self._execute(f"INSERT INTO items (id, {self._column}) VALUES ({key}, NULL)", "insert NULL")
            self._rows[key] = (None, "")
        else:
            await self._execute(f"INSERT INTO items (id, {self._column}) VALUES ({key}, '{value}')", "insert")
            self._rows[key] = (value, "")

    async def _insert_some(self) -> None:
        fresh = {self._fresh(): self._value() for _ in range(5)}
        values = ", ".join(f"({key}, '{value}')" for key, value in fresh.items())
        await self._execute(
            f"INSERT INTO items (id, {self._column}) VALUES {values}", *["insert some"] * len(fresh)
        )
        self._rows |= {key: (value, "") for key, value in fresh.items()}

    async def _copy(self) -> None:
        fresh = {self._fresh(): self._value() for _ in range(10)}
        lines = io.BytesIO("".join(f"{key},{value}\n" for key, value in fresh.items()).encode())
        await self._connection.copy_to_table(
            "items", source=lines, columns=["id", self._column.strip('"')], format="csv"
        )
        self._done.update(["copy"] * len(fresh))
        self._rows |= {key: (value, "") for key, value in fresh.items()}

    async def _upsert(self) -> None:
        value = self._value()
        for key in [*self._mine(), self._fresh()]:
            await self._execute(
                f"INSERT INTO items (id, {self._column}) VALUES ({key}, '{value}') "
                f"ON CONFLICT (id) DO UPDATE SET {self._column} = EXCLUDED.{self._column}",
                "upsert",
            )
            self._rows[key] = (value, self._rows[key][1] if key in self._rows else "")

    async def _delete(self) -> None:
        for key in self._mine():
            await self._execute(f"DELETE FROM items WHERE id = {key}", "delete")
            del self._rows[key]

    async def _delete_and_insert(self) -> None:
        for key in self._mine():
            value = self._value()
            await self._execute(f"DELETE FROM items WHERE id = {key}", "delete")
            await self._execute(
                f"INSERT INTO items (id, {self._column}) VALUES ({key}, '{value}')", "insert again"
            )
            self._rows[key] = (value, "")

    async def _change_key(self) -> None:
        for key in self._mine():
            other = self._fresh()
            await self._execute(f"UPDATE items SET id = {other} WHERE id = {key}", "change key")
            self._rows[other] = self._rows.pop(key)

    async def _savepoint(self) -> None:
        kept = dict(self._rows)
        await self._execute("SAVEPOINT here")
        await self._update()
        await self._delete()
        await self._insert()
        await self._execute("ROLLBACK TO SAVEPOINT here", "rollback to savepoint")
        self._rows = kept
        await self._update()


def _list(keys: Iterable[int]) -> str:
    return ", ".join(map(str, keys))


@dataclass
class Fleet:
    """The clients of both versions, and the table as it must be."""

    url: str
    clients: list[Client]
    running: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def writes(self) -> int:
        """How many rows were written, aborted ones included."""
        return sum(client.writes for client in self.clients)

    @property
    def rows(self) -> Rows:
        """Every row as it must be."""
        return {key: row for client in self.clients for key, row in client.rows.items()}

    def of(self, name: str) -> list[Client]:
        """The clients of one application."""
        return [client for client in self.clients if client.name == name]

    def go_on(self, *names: str) -> None:
        """Let the clients of these applications write."""
        for name in names:
            for client in self.of(name):
                client.go_on.set()

    async def rest(self, *names: str) -> list[str]:
        """Have the clients of these applications (all, without a name) finish their transactions; return the
        names of those that wrote.
        """
        resting = [c for c in self.clients if c.go_on.is_set() and (not names or c.name in names)]
        for client in resting:
            client.go_on.clear()
        for client in resting:
            await client.resting.wait()
        self.require_no_error()
        return sorted({client.name for client in resting})

    def require_no_error(self) -> None:
        """No statement of an application may fail."""
        assert not [error for client in self.clients for error in client.errors]

    async def wrote(self, rows: int) -> None:
        """Wait until this many rows more were written."""
        until = self.writes + rows
        async with asyncio.timeout(300):
            while self.writes < until:
                self.require_no_error()
                await asyncio.sleep(0.01)


@asynccontextmanager
async def fleet(
    url: str, columns: dict[str, Sequence[str]], *, type_: str, rows: int, seed: int, hold: float = 0.0
) -> AsyncIterator[Fleet]:
    """Make the table with this many rows, and for each application as many resting clients as columns are
    given for it.
    """
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    await connection.execute(TABLE.format(type=type_))
    clients: list[Client] = []
    for name, each in columns.items():
        for column in each:
            number = len(clients)
            mine: Rows = {
                number * KEYS + key: (str(key), "old")
                for key in range(rows // sum(map(len, columns.values())))
            }
            clients.append(Client(name, number, column, mine, random.Random(seed * 100 + number), hold=hold))
    lines = [(key, value, pad) for client in clients for key, (value, pad) in client.rows.items()]
    random.Random(seed).shuffle(lines)
    text = "".join(f"{key},{value},{pad}\n" for key, value, pad in lines)
    await connection.copy_to_table(
        "items", source=io.BytesIO(text.encode()), columns=["id", "value", "pad"], format="csv"
    )
    await connection.close()
    made = Fleet(url, clients)
    made.running = [asyncio.create_task(client.run(url)) for client in clients]
    try:
        yield made
    finally:
        for task in made.running:
            task.cancel()
        await asyncio.gather(*made.running, return_exceptions=True)
