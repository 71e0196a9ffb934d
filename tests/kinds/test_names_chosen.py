"""Names that the user chose for what goes along with a column: from contract on."""

from typing import Any

import pytest

from expandcontract.engine.verbs import plan
from expandcontract.model.errors import EcError, NameTaken, NoSuchObject, UsageError
from tests.acceptance.catalog import describe
from tests.acceptance.cycle import Life, living, opened

GIVEN = """
CREATE TABLE teams (name text PRIMARY KEY);
INSERT INTO teams SELECT 't' || g FROM generate_series(1, 9) g;
CREATE TABLE users (
    id int PRIMARY KEY, name text NOT NULL CONSTRAINT team REFERENCES teams, other int,
    CONSTRAINT nonempty CHECK (name <> ''), CONSTRAINT once UNIQUE (name, id)
);
CREATE INDEX find ON users (name);
CREATE INDEX lower_find ON users (lower(name));
CREATE INDEX taken ON users (other);
INSERT INTO users SELECT g, 't' || g FROM generate_series(1, 9) g;
"""
OWN = {each: each for each in ("find", "team", "nonempty", "once")}
FIELDS: dict[str, Any] = {
    "column": "users.name",
    "new_name": "display_name",
    "names": {**OWN, "lower_find": '"By Display"'},
}
#: What stands on a column, by its name.
ON = """
SELECT array_agg(name ORDER BY name COLLATE "C") FROM (
    SELECT indexname::text FROM pg_indexes WHERE tablename = 'users' AND indexdef ~ $1
    UNION SELECT conname::text FROM pg_constraint
    WHERE conrelid = 'users'::regclass AND contype <> 'n' AND pg_get_constraintdef(oid) ~ $1
) AS on_it(name)
"""


async def on(life: Life, column: str) -> list[str]:
    """Return the names of what stands on a column."""
    return list(await life.value(ON, rf"[(, ]\"?{column}\"?[), ]") or ())


async def test_what_goes_along_is_called_as_the_user_chose(database: str) -> None:
    """A name of its own that the old object has until contract, or another one; undo, again, and purge."""
    every = ["By Display", "find", "nonempty", "once", "team"]
    async with living(database, "rename-column", FIELDS, GIVEN) as life:
        assert await on(life, "name") == ["find", "lower_find", "nonempty", "once", "team"]
        await life.ready()
        ready = await describe(life.app, "users")
        assert "By Display" in await on(life, "display_name")
        await life.contract()
        assert await on(life, "display_name") == every
        await life.undo()
        assert await describe(life.app, "users") == ready
        await life.verify()
        await life.contract()
        assert await on(life, "display_name") == every
        await life.purge()
        assert await on(life, "display_name") == every
        assert not [line for line in await describe(life.app, "users") if "~ec_" in line]


@pytest.mark.parametrize(
    ("names", "error", "said"),
    [
        ({"nobody": "x"}, NoSuchObject, "No index or constraint nobody of public.users goes along with name"),
        ({"taken": "x"}, NoSuchObject, "These do: find, lower_find, nonempty, once, team"),
        ({"find": "taken"}, NameTaken, "There is a taken in schema public already"),
        ({"find": "x", "once": "x"}, NameTaken, "There is a x in schema public already, or about to be"),
        ({"find": '"~ec_x"'}, NameTaken, "begins like what ec makes for itself"),
        ({"find": "x"}, UsageError, "exclude each other"),
    ],
)
async def test_a_name_that_cannot_be_is_refused(
    database: str, names: dict[str, str], error: type[EcError], said: str
) -> None:
    """When it is planned."""
    fields = {**FIELDS, "names": names, **({"instant": True} if error is UsageError else {})}
    async with opened(database, "rename-column", FIELDS, GIVEN) as app:
        with pytest.raises(error) as found:
            await plan.make(app.context, plan.named("rename-column", fields, ()))
        assert said in f"{found.value.message} {found.value.why}"
