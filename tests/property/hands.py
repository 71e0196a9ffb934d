"""The tables that the machine works on, and what somebody else's hands do to them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.chaos import life

ROWS = 12
TABLE = life.TABLE.replace(f"generate_series(1, {life.ROWS})", f"generate_series(1, {ROWS})")
PLAIN = f"{TABLE}; UPDATE people SET name = id::text, number = id"


@dataclass(frozen=True)
class Leaf:
    """A partition that comes and goes, with the keys for which there is no room without it."""

    name: str
    first: int
    end: int

    @property
    def bounds(self) -> str:
        return f"FOR VALUES FROM ({self.first}) TO ({self.end})"

    def __contains__(self, key: int) -> bool:
        return self.first <= key < self.end


LEAF = Leaf("people_b", 10, 100)
PARTITIONED = f"""
CREATE TABLE people (
    id int PRIMARY KEY,
    name varchar(40) NOT NULL DEFAULT 'nobody',
    pad text DEFAULT '',
    CONSTRAINT people_name_check CHECK (length(name) > 0)
) PARTITION BY RANGE (id);
CREATE TABLE people_a PARTITION OF people FOR VALUES FROM (0) TO ({LEAF.first});
CREATE TABLE {LEAF.name} PARTITION OF people {LEAF.bounds};
CREATE INDEX ix_people_name ON people (name);
INSERT INTO people (id, name) SELECT g, g FROM generate_series(1, {ROWS}) g;
"""


@dataclass(frozen=True)
class Shape:
    """A table and the change of it. `unique`: so are the values of the pair. `swaps`: new code waits for
    contract.
    """

    example: str
    table: str = PLAIN
    unique: bool = False
    swaps: bool = False
    partitioned: bool = False

    @property
    def template(self) -> str:
        """The name of the database that each example begins as a copy of."""
        return f"template_{self.example}{'_parts' if self.partitioned else ''}"


SHAPES: Mapping[str, Shape] = {
    "rename": Shape("rename"),
    "to": Shape("to", unique=True),
    "swap": Shape("swap", swaps=True),
    "parts": Shape("rename", PARTITIONED, partitioned=True),
}

#: Whether the trigger is there and fires as it was made to.
INTACT = """
SELECT EXISTS (
    SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE tgrelid = 'people'::regclass AND tgname LIKE '~ec%' AND tgenabled = 'A'
        AND prosrc NOT LIKE '%tampered%'
)
"""
TRIGGER = '"~ec_0001_people"'
_OFF = f"ALTER TABLE people DISABLE TRIGGER {TRIGGER}"


@dataclass(frozen=True)
class Tampering:
    """What is done in the transaction before a row is written, and after it. `lasts`: nothing keeps the sides
    in sync from then on.
    """

    before: str
    after: str = ""
    lasts: bool = True

    def around(self, write: str) -> str:
        """Return the transaction."""
        return "; ".join(filter(None, ("BEGIN", self.before, write, self.after, "COMMIT")))


TAMPERINGS: Mapping[str, Tampering] = {
    "disabled": Tampering(_OFF),
    "disabled for a moment": Tampering(
        _OFF, f"ALTER TABLE people ENABLE ALWAYS TRIGGER {TRIGGER}", lasts=False
    ),
    "dropped": Tampering(f"DROP TRIGGER {TRIGGER} ON people"),
    "function replaced": Tampering(
        f"CREATE OR REPLACE FUNCTION expandcontract_sync.{TRIGGER}() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN /* tampered */ RETURN NEW; END'"
    ),
    "silent for replicas": Tampering(
        f"ALTER TABLE people ENABLE TRIGGER {TRIGGER}; SET LOCAL session_replication_role = replica"
    ),
}


def rewrites(shape: Shape) -> Iterator[str]:
    """Yield what moves all rows of the table to another file."""
    yield "VACUUM FULL people"
    if not shape.partitioned:  # until 15
        yield "CLUSTER people USING people_pkey"
