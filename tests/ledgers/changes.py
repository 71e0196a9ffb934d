"""The table and its changes of which witnesses are kept: one for each way in which a pair comes about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAME = "0001_people"
ROWS = 60
TABLE = f"""
CREATE TABLE public.people (
    id int PRIMARY KEY,
    name varchar(40) NOT NULL DEFAULT 'nobody',
    number int,
    pad text DEFAULT '',
    CONSTRAINT people_name_check CHECK (length(name) > 0),
    CONSTRAINT people_number_key UNIQUE (number)
);
CREATE INDEX ix_people_name ON public.people (name);
CREATE UNIQUE INDEX people_name_id ON public.people (name, id);
COMMENT ON COLUMN public.people.name IS 'what they are called';
INSERT INTO public.people (id, name, number) SELECT g, 'name ' || g, g FROM generate_series(1, {ROWS}) g;
"""


@dataclass(frozen=True)
class Kept:
    """A change of `people`: the columns that old code writes, that new code writes before contract, and after
    it; how both write a value made of `%s`, and what the same would be without `ec`, as SQL.
    """

    kind: str
    fields: Mapping[str, Any]
    old: str
    new: str
    after: str
    value: str
    intended: str


CHANGES = {
    "rename": Kept(
        "rename-column",
        {"column": "people.name", "new_name": "display_name"},
        "name",
        "display_name",
        "display_name",
        "'n%s'",
        """ALTER TABLE people RENAME name TO display_name;
        ALTER TABLE people RENAME CONSTRAINT people_name_check TO people_display_name_check;
        ALTER TABLE people RENAME CONSTRAINT people_name_not_null TO people_display_name_not_null;
        ALTER INDEX ix_people_name RENAME TO ix_people_display_name;
        ALTER INDEX people_name_id RENAME TO people_display_name_id""",
    ),
    "to": Kept(
        "change-type",
        {"column": "people.number", "type": "bigint", "to": "big_number"},
        "number",
        "big_number",
        "big_number",
        "1000 + %s",
        """ALTER TABLE people ALTER number TYPE bigint;
        ALTER TABLE people RENAME number TO big_number;
        ALTER TABLE people RENAME CONSTRAINT people_number_key TO people_big_number_key""",
    ),
    "swap": Kept(
        "change-type",
        {"column": "people.name", "type": "text", "swap": True},
        "name",
        "~ec_new_name",
        "name",
        "'n%s'",
        """ALTER TABLE people ALTER name TYPE text;
        ALTER TABLE people ALTER name SET DEFAULT 'nobody'::text""",
    ),
}
#: What was done last, and the point at which its process died; none where it came to its end.
STAGES = {
    "expanded": (("start",), "expand.done"),
    "dual-written": (("start",), None),
    "copying": (("start", "backfill"), "copy.batch.committed"),
    "copied": (("start", "backfill"), "backfill.copy.recorded"),
    "ready": (("start", "ready"), None),
    "proven": (("start", "backfill"), None),
    "hidden": (("start", "backfill", "contract"), None),
    "undone": (("start", "backfill", "contract", "undo"), None),
}
