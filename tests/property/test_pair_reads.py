"""Writes at random beside a pair whose expressions read another column, against a model of who wrote last."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest

from expandcontract.model.names import literal
from tests.acceptance.script import Script, scripted

#: What a row holds: the old side, the new side, and what is read.
Row: TypeAlias = tuple[str | None, str | None, str | None]

GIVEN = """CREATE TABLE t (id int, o text, r text, k text DEFAULT 'a', PRIMARY KEY (id, k))
    PARTITION BY LIST (k);
    CREATE TABLE t_a PARTITION OF t FOR VALUES IN ('a'); CREATE TABLE t_b PARTITION OF t FOR VALUES IN ('b');
    INSERT INTO t VALUES (1, 'x', '1'), (2, NULL, '1'), (3, 'y', NULL)"""
#: One that looks at the pair, so that there are two triggers of ours, and changes what is read.
TIDY = """CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        NEW.o := NEW.o; NEW.r := lower(NEW.r); RETURN NEW; END $$;
    CREATE TRIGGER tidy BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION tidy()"""
FORWARD = "o || '#' || coalesce(r, '-')"
BACK = {
    False: "split_part(n, '#', 1)",
    True: "split_part(n, '#', 1) || CASE split_part(n, '#', 2) WHEN coalesce(r, '-') THEN '' "
    "ELSE '/' || coalesce(r, '-') END",
}
VALUES = {"o": ("u", "v", None), "n": ("u#1", "w#9", "v#-"), "r": ("1", "2", "Q", None), "k": ("a", "b")}


@dataclass
class Model:
    """What the rows must hold. `reading`: back reads the column too. `tidied`: a trigger writes it in lower
    case.
    """

    reading: bool
    tidied: bool
    rows: dict[int, Row] = field(
        default_factory=lambda: {1: ("x", "x#1", "1"), 2: (None, None, "1"), 3: ("y", "y#-", None)}
    )

    def inserted(self, given: Mapping[str, str | None]) -> Row:
        """Return what an INSERT leaves: the new side means itself unless forward makes it of the old one."""
        old, new, read = given.get("o"), given.get("n"), self._tidy(given.get("r"))
        if new is not None and new != forward(old, read):
            return self.back(new, read), new, read
        return old, forward(old, read), read

    def updated(self, row: Row, given: Mapping[str, str | None]) -> Row:
        """Return what an UPDATE leaves of a row."""
        old_was, new_was, read_was = row
        old, new = given.get("o", old_was), given.get("n", new_was)
        read = self._tidy(given["r"]) if "r" in given else read_was
        if new not in (new_was, forward(old, read)):
            return self.back(new, read), new, read
        if old != old_was or new_was == forward(old_was, read_was):
            return old, forward(old, read), read
        # New code wrote it.
        return (self.back(new, read) if read != read_was else old), new, read

    def back(self, new: str | None, read: str | None) -> str | None:
        """Return what back makes."""
        if new is None:
            return None
        first, _, second = new.partition("#")
        return first if not self.reading or second == (read or "-") else f"{first}/{read or '-'}"

    def _tidy(self, read: str | None) -> str | None:
        return read.lower() if read and self.tidied else read


def forward(old: str | None, read: str | None) -> str | None:
    """Return what forward makes."""
    return None if old is None else f"{old}#{read or '-'}"


@pytest.mark.slow
@pytest.mark.in_turn(2)
@pytest.mark.parametrize("reading", [False, True], ids=["forward reads", "back reads as well"])
@pytest.mark.parametrize("tidied", [False, True], ids=["alone", "a trigger writes what is read"])
async def test_who_wrote_last_wins(database: str, reading: bool, tidied: bool) -> None:
    """Whatever is written, before ready and after it, by moves to other partitions too: each row holds what
    the model says, and compares. After contract, and undo, the new side holds what was written to it.
    """
    chance, model = random.Random(f"{reading} {tidied}"), Model(reading, tidied)
    fields = {"column": "t.o", "to": "n", "using": FORWARD, "back": BACK[reading], "unfit": "accept"}
    async with scripted(database, "transform-column", fields, f"{GIVEN}; {TIDY if tidied else ''}") as life:
        await life.start()
        await _write(life, chance, model)
        await life.settle()
        await _write(life, chance, model)
        await life.verify()
        await life.sql("DROP TRIGGER IF EXISTS tidy ON t")
        await life.contract()
        for _ in range(30):
            key, column = chance.choice(sorted(model.rows)), chance.choice("nr")
            value = chance.choice(VALUES[column])
            await life.sql(f"UPDATE t SET {column} = {_sql(value)} WHERE id = {key}")
            _, new, read = model.rows[key]
            model.rows[key] = (None, value, read) if column == "n" else (None, new, value)
        await life.undo()
        await life.verify()
        assert [row[1:] for row in (await _rows(life)).values()] == [row[1:] for row in model.rows.values()]


async def _write(life: Script, chance: random.Random, model: Model) -> None:
    """Write sixty times at random, and hold the rows to the model after each."""
    for _ in range(60):
        columns = chance.sample("onrk", chance.choice((1, 1, 2, 3)))
        given = {column: chance.choice(VALUES[column]) for column in columns}
        if chance.random() < 0.2:
            key = len(model.rows) + 1
            said = {"id": str(key)} | {column: _sql(value) for column, value in given.items()}
            statement = f"INSERT INTO t ({', '.join(said)}) VALUES ({', '.join(said.values())})"
            made = {key: model.inserted(given)}
        else:
            keys = chance.sample(sorted(model.rows), chance.choice((1, 1, 2)))
            sets = ", ".join(f"{column} = {_sql(value)}" for column, value in given.items())
            statement = f"UPDATE t SET {sets} WHERE id IN ({', '.join(map(str, keys))})"
            made = {key: model.updated(model.rows[key], given) for key in keys}
        await life.sql(statement)
        model.rows |= made
        assert await _rows(life) == model.rows, statement


async def _rows(life: Script) -> dict[int, Row]:
    """Return what the rows hold; one that is not filled yet is as good as filled."""
    query = f"SELECT id, o, coalesce(n, {FORWARD}), r FROM t ORDER BY id"
    return {key: (old, new, read) for key, old, new, read in await life.rows(query)}


def _sql(value: str | None) -> str:
    return "NULL" if value is None else literal(value)
