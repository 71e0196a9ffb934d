"""The tables `t`, whose column `old` is to fill `new`. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

RENAME = ("rename-column", {"column": "t.old", "new_name": "new"})
WIDEN = ("change-type", {"column": "t.old", "type": "bigint", "to": "new"})


@dataclass(frozen=True)
class Shape:
    """One table.

    Args:
        name: in a word.
        columns: of CREATE TABLE.
        values: over `g`, which counts the rows from 1.
        new: the type of the new column, and `forward` its value.
        constraints: indexes and more, made after the rows.
        keyed: whether `id` is the primary key, which begins after `least`.
        change: the kind, and its fields.
        scale: the share of rows that this table gets; `load_scale` under load, where a copy has to last.
        load: what the application does with row `:n`, in one transaction; `load_index` is what it needs for
        that.
    """

    name: str
    columns: str
    values: str
    new: str
    load: str
    constraints: str = ""
    forward: str = "old"
    keyed: bool = True
    least: str | int = 0
    change: tuple[str, Mapping[str, str]] = field(default=RENAME)
    scale: float = 1.0
    load_scale: float = 1.0
    load_index: str = ""

    @property
    def spec(self) -> Mapping[str, str]:
        """The fields of the change."""
        return self.change[1]

    @property
    def script(self) -> str:
        """What pgbench runs; `{rows}` is left to fill in."""
        return f"\\set n random(1, {{rows}})\n\\set v random(1, 1000000000)\nBEGIN;\n{self.load}\nEND;\n"


_PEOPLE = "old text, email text, at timestamptz, pad text"
_MOMENT = "timestamptz '2024-01-01' + g * interval '1 min'"
_PERSON = f"'name ' || g, 'user' || g || '@example.com', {_MOMENT}, lpad(g::text, 47, '-')"
_BY_ID = "SELECT old FROM t WHERE id = :n;\nUPDATE t SET old = 'name ' || :v::text WHERE id = :n;"
_BY_EMAIL = _BY_ID.replace("id = :n", "email = 'user' || :n::text || '@example.com'")
_BY_UUID = "SELECT old FROM t WHERE id = {id};\nUPDATE t SET old = :v WHERE id = {id};".format(
    id="md5(:n::text)::uuid"
)

MIDDLING = Shape(
    name="middling",
    columns=f"id bigint, {_PEOPLE}",
    values=f"g, {_PERSON}",
    constraints="ALTER TABLE t ADD PRIMARY KEY (id); CREATE INDEX ON t (email); CREATE INDEX ON t (at)",
    new="text",
    load=_BY_ID,
)
UUID = Shape(
    name="uuid",
    columns="id uuid, old int, email text, city text, at timestamptz",
    values=f"md5(g::text)::uuid, g, md5('e' || g), md5('c' || g % 5000), {_MOMENT}",
    constraints="ALTER TABLE t ADD PRIMARY KEY (id); CREATE INDEX ON t (email, city);"
    " CREATE INDEX ON t (city, email, at)",
    new="bigint",
    forward="old::bigint",
    least="00000000-0000-0000-0000-000000000000",
    change=WIDEN,
    load=_BY_UUID,
)
NARROW = Shape(
    name="narrow",
    columns="id bigint, old int",
    values="g, g",
    constraints="ALTER TABLE t ADD PRIMARY KEY (id)",
    new="int",
    load="SELECT old FROM t WHERE id = :n;\nUPDATE t SET old = :v WHERE id = :n;",
    load_scale=2.0,
)
WIDE = Shape(
    name="wide",
    columns="id bigint, old text, pad text",
    values="g, 'n' || g, repeat(md5(g::text), 33)",
    constraints="ALTER TABLE t ALTER pad SET STORAGE EXTERNAL; ALTER TABLE t ADD PRIMARY KEY (id);"
    " CREATE INDEX ON t (old)",
    new="text",
    load=_BY_ID,
    scale=0.2,
    load_scale=0.5,
)
NONE = Shape(
    name="none",
    columns=_PEOPLE,
    values=_PERSON,
    new="text",
    keyed=False,
    load=_BY_EMAIL,
    load_index="CREATE INDEX ON t (email)",
)
SHAPES = {shape.name: shape for shape in (MIDDLING, UUID, NARROW, WIDE, NONE)}
