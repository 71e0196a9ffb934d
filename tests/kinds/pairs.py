"""Cases of the kinds whose lives are lived in tests/acceptance: a pair of columns on one table."""

from tests.kinds.cases import PARTS, Case

_RULED = """
CREATE TABLE totals (total integer PRIMARY KEY);
INSERT INTO totals SELECT generate_series(1, 200);
CREATE TABLE orders (
    id integer PRIMARY KEY, number integer,
    total integer NOT NULL DEFAULT 1 CHECK (total > 0) REFERENCES totals, UNIQUE (number, total)
);
CREATE INDEX ON orders (total DESC) WHERE number > 7;
INSERT INTO orders SELECT n, n, n FROM generate_series(1, 200) n;
"""
#: A pair whose old side has every rule that the new one gets.
PAIRS = [
    Case("rename-column", "rename-column", {"column": "orders.total", "new_name": "sum"}, "", "", _RULED),
    Case("change-type", "change-type",
         {"column": "orders.total", "type": "bigint", "swap": True}, "", "", _RULED),
    Case("change-type of partitions", "change-type",
         {"column": "parts.name", "type": "varchar(90)", "swap": True}, "", "",
         f"{PARTS} CREATE INDEX ON parts (name); ALTER TABLE parts ADD CHECK (name > '')"),
]  # fmt: skip
