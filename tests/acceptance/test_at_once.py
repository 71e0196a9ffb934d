"""What PostgreSQL does at once, the plan says."""

import pytest

from tests.acceptance.cycle import living

AT_ONCE = {
    "longer": ("varchar(20)", "varchar(40)", "", True),
    "to text": ("varchar(20)", "text", "CREATE INDEX ON t (c); CREATE UNIQUE INDEX ON t (c)", True),
    "wider": ("numeric(10,2)", "numeric(12,2)", "", True),
    "shorter": ("varchar(40)", "varchar(20)", "", False),
    "another representation": ("int", "bigint", "", False),
    "with a check": ("varchar(20)", "text", "ALTER TABLE t ADD CHECK (c <> '')", False),
    "an index that is built anew": (
        "varchar(20)", "text", "CREATE INDEX ON t (c varchar_pattern_ops) WHERE length(c) > 1", False,
    ),
    "with a trigger that names it": (
        "varchar(20)", "text",
        ("CREATE TRIGGER r BEFORE UPDATE OF c ON t FOR EACH ROW "
         "EXECUTE FUNCTION suppress_redundant_updates_trigger()"),
        False,
    ),
}  # fmt: skip


@pytest.mark.in_turn(4)
@pytest.mark.parametrize("case", AT_ONCE)
async def test_the_plan_says_what_postgres_does_at_once(database: str, case: str) -> None:
    """With the statement; where the table or an index is written, or rows are looked at, it says nothing."""
    before, after, more, at_once = AT_ONCE[case]
    given = f"CREATE TABLE t (id int PRIMARY KEY, c {before}); {more}"
    fields = {"column": "t.c", "type": after, "swap": True}
    if case == "shorter":
        fields |= {"unfit": "accept"}
    async with living(database, "change-type", fields, given) as life:
        said = [note.sentence for note in (await life.plan()).costs if note.code == "at-once"]
        assert len(said) == at_once
        if at_once:
            assert "ALTER TABLE public.t ALTER COLUMN c TYPE" in said[0]
            await life.sql(f"ALTER TABLE t ALTER COLUMN c TYPE {after}")
