"""Indexes: what is refused, with what code and sentence, and what becomes of what stood there before."""

from typing import Any

import asyncpg
import pytest

from expandcontract.engine.verbs import plan
from expandcontract.model.errors import (
    BadExpression,
    BadName,
    EcError,
    NameTaken,
    NoSuchObject,
    UnsupportedShape,
)
from expandcontract.model.phases import Section, Stage
from tests.acceptance.cycle import Application, living, opened
from tests.kinds.cases import PARTS, USERS

GIVEN = f"""{USERS}{PARTS}
CREATE INDEX users_note_idx ON users (note);
CREATE VIEW everybody AS SELECT * FROM users;
CREATE TABLE children () INHERITS (users);
CREATE SCHEMA other;
CREATE TABLE other."Guest Book" ("Full Name" text, tags jsonb);
CREATE TABLE parts_low_by_id (id integer);
"""

#: Kind, fields, the error, and what it says.
REFUSED: list[tuple[str, dict[str, Any], type[EcError], str]] = [
    ("add-index", {"table": "user", "columns": "name"}, NoSuchObject, "Did you mean users"),
    ("add-index", {"table": "everybody", "columns": "name"}, UnsupportedShape, "is a view"),
    ("add-index", {"table": "users", "columns": "nam"}, BadExpression, 'column "nam" does not exist'),
    ("add-index", {"table": "users", "columns": "name,,"}, BadExpression, "syntax error"),
    ("add-index", {"table": "users", "columns": "(1 + 1)"}, BadExpression, "names no column"),
    ("add-index", {"table": "users", "columns": "(now() - name::interval)"}, BadExpression, "IMMUTABLE"),
    (
        "add-index",
        {"table": "users", "columns": "id", "method": "gin"},
        BadExpression,
        "no default operator class",
    ),
    (
        "add-index",
        {"table": "users", "columns": "id", "method": "gni"},
        BadExpression,
        '"gni" does not exist',
    ),
    ("add-index", {"table": "users", "columns": "id", "where": "nam = 1"}, BadExpression, "does not exist"),
    ("add-index", {"table": "users", "columns": "id", "storage": "fill = 1"}, BadExpression, "unrecognized"),
    (
        "add-index",
        {"table": "users", "columns": "id", "tablespace": "none_such"},
        BadExpression,
        "does not exist",
    ),
    ("add-index", {"table": "users", "columns": "id", "name": "x" * 64}, BadName, "64 bytes"),
    ("add-index", {"table": "users", "columns": "id", "name": "users_note_idx"}, NameTaken, "btree (note)"),
    ("add-index", {"table": "users", "columns": "id", "name": "parts"}, NameTaken, "already"),
    (
        "add-index",
        {"table": "parts", "columns": "id", "name": "by_id"},
        NameTaken,
        "partition public.parts_low",
    ),
    (
        "add-index",
        {"table": "parts", "columns": "id", "tablespace": "pg_default"},
        UnsupportedShape,
        "partitioned",
    ),
]


async def test_what_is_refused(database: str) -> None:
    """Each before anything is changed, with its own error."""
    async with opened(database, "add-index", {"table": "users", "columns": "id"}, GIVEN) as app:
        for kind, fields, error, said in REFUSED:
            with pytest.raises(error) as found:
                await plan.make(app.context, plan.named(kind, fields, ()))
            assert said in f"{found.value.message} {found.value.why}", (fields, found.value)


async def _planned(app: Application, kind: str, **fields: Any) -> Any:  # noqa: ANN401 - a plan
    return await plan.make(app.context, plan.named(kind, fields, ()))


async def test_an_index_is_what_postgresql_makes_of_the_words(database: str) -> None:
    """Names as it would choose them, quoted where they must be; methods, options and operator classes."""
    async with opened(database, "add-index", {"table": "users", "columns": "id"}, GIVEN) as app:

        async def statement(**fields: str) -> str:
            (step,) = (await _planned(app, "add-index", **fields)).steps(Section.BACKFILL)
            return str(step.action.statement)

        concurrently = "CREATE INDEX CONCURRENTLY"
        assert (
            await statement(
                table="users", columns="note, upper(name) text_pattern_ops", storage="fillfactor=70"
            )
            == f"{concurrently} users_note_upper_idx ON public.users USING btree (note, upper(name) "
            "text_pattern_ops) WITH (fillfactor='70')"
        )
        assert (
            await statement(table='other."Guest Book"', columns="tags jsonb_path_ops", method="gin")
            == f'{concurrently} "Guest Book_tags_idx" ON other."Guest Book" USING gin (tags jsonb_path_ops)'
        )
        assert (
            await statement(
                table="users", columns="id", where="note is null", tablespace="pg_default", name='"By Id"'
            )
            == f'{concurrently} "By Id" ON public.users USING btree (id) TABLESPACE pg_default '
            "WHERE (note IS NULL)"
        )


async def test_the_same_index_again_must_be_wanted(database: str) -> None:
    """One that is there already is named, to be acknowledged; children by inheritance are named."""
    async with opened(database, "add-index", {"table": "users", "columns": "note"}, GIVEN) as app:
        made = await app.plan()
        assert [note.code for note in made.to_acknowledge] == ["same-index:users_note_idx"]
        assert "public.children" in next(note.sentence for note in made.hazards if note.code == "children")
        assert "users_note_idx1 " in made.step(Section.BACKFILL, "index:users_note_idx1").action.statement  # type: ignore[union-attr]


async def test_what_a_build_that_died_left_is_built_anew(database: str) -> None:
    """An invalid index of the same definition under the name is replaced; rollback leaves none."""
    fields = {"table": "users", "columns": "seen"}
    async with living(database, "add-index", fields, USERS) as life:
        await life.sql("INSERT INTO users VALUES (1000, 'twice', 'x')")
        with pytest.raises(asyncpg.UniqueViolationError):
            await life.sql("CREATE UNIQUE INDEX CONCURRENTLY users_seen_idx ON users (seen)")
        await life.sql(
            "UPDATE pg_index SET indisunique = false WHERE indexrelid = 'users_seen_idx'::regclass"
        )
        assert [note.code for note in (await life.plan()).hazards] == ["leftover"]
        await life.start()
        situation = await life.backfill()
        assert situation.stage == Stage.FINISHED
        assert await life.value(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'users_seen_idx'::regclass"
        )
        await life.rollback()
        assert await life.value("SELECT to_regclass('users_seen_idx') IS NULL")
