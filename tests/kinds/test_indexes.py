"""Indexes: what is refused, with what code and sentence, and what becomes of what stood there before."""

from typing import Any

import asyncpg
import pytest

from expandcontract.engine.verbs import plan, start
from expandcontract.model.errors import (
    BadExpression,
    BadName,
    ColumnOwned,
    EcError,
    GateShut,
    NameTaken,
    NoSuchObject,
    PlanFails,
    StepFailed,
    UnsupportedShape,
)
from expandcontract.model.phases import Section, Stage
from expandcontract.model.step import Concurrent
from tests.acceptance.catalog import describe, everything
from tests.acceptance.cycle import Application, living, opened
from tests.kinds.cases import PARTS, USERS

pytestmark = pytest.mark.in_turn(3)

GIVEN = f"""{USERS}{PARTS}
CREATE INDEX users_note_idx ON users (note);
CREATE VIEW everybody AS SELECT * FROM users;
CREATE TABLE children () INHERITS (users);
CREATE SCHEMA other;
CREATE TABLE other."Guest Book" ("Full Name" text, tags jsonb);
CREATE TABLE parts_low_by_id (id integer);
CREATE TABLE known (name text NOT NULL, era int4range, at int, EXCLUDE USING gist (era WITH &&));
CREATE UNIQUE INDEX known_name ON known (name);
ALTER TABLE known REPLICA IDENTITY USING INDEX known_name;
CREATE UNIQUE INDEX users_name ON users (name);
CREATE TABLE fans (name text REFERENCES users (name));
CREATE UNIQUE INDEX users_fax ON users (fax);
CREATE TABLE bare (id integer);
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
    ("drop-index", {"index": "users_note_ix"}, NoSuchObject, "Did you mean users_note_idx"),
    ("drop-index", {"index": "users"}, NoSuchObject, "no index users"),
    ("drop-index", {"index": "a.b.c"}, BadName, "does not name an index"),
    ("drop-index", {"index": "users_pkey"}, UnsupportedShape, "index of constraint users_pkey"),
    ("drop-index", {"index": "known_name"}, UnsupportedShape, "replica identity"),
    ("drop-index", {"index": "users_name"}, UnsupportedShape, "fans_name_fkey on table public.fans depends"),
    ("replace-index", {"index": "users_pkey", "columns": "id"}, UnsupportedShape, "index of constraint"),
    ("replace-index", {"index": "users_fax", "columns": "note"}, UnsupportedShape, "in other columns"),
    ("replace-index", {"index": "users_note_idx", "columns": "no"}, BadExpression, "does not exist"),
    ("reindex", {"name": "nothing"}, NoSuchObject, "no index or table nothing"),
    ("reindex", {"name": "everybody"}, UnsupportedShape, "a view"),
    ("reindex", {"name": "bare"}, UnsupportedShape, "has no index"),
    ("reindex", {"name": "known_era_excl"}, UnsupportedShape, "exclusion constraint"),
    ("reindex", {"name": "users_pkey", "toast": True}, UnsupportedShape, "goes with a table"),
    ("add-unique", {"table": "users", "columns": "nam"}, BadExpression, 'column "nam" does not exist'),
    ("add-unique", {"table": "users", "columns": "lower(name)"}, BadExpression, "takes columns alone"),
    ("add-unique", {"table": "users", "columns": "name DESC"}, BadExpression, "takes columns alone"),
    ("add-unique", {"table": "known", "columns": "era, at", "name": "users"}, NameTaken, "already"),
    ("add-unique", {"table": "parts", "columns": "name"}, UnsupportedShape, "partitioned by id"),
    ("add-unique", {"table": "parts", "columns": "id", "deferrable": True}, UnsupportedShape, "deferrable"),
    ("add-index", {"table": "parts", "columns": "name", "unique": True}, PlanFails, "partitioning columns"),
    (
        "add-primary-key",
        {"table": "users", "columns": "name"},
        UnsupportedShape,
        "users_pkey PRIMARY KEY (id)",
    ),
    ("add-primary-key", {"table": "everybody", "columns": "name"}, UnsupportedShape, "a view"),
    (
        "add-exclusion",
        {"table": "known", "definition": "gist (era WITH &&)"},
        UnsupportedShape,
        "ACCESS EXCLUSIVE",
    ),
    (
        "add-exclusion",
        {"table": "known", "definition": "gist (era WITH %%)"},
        BadExpression,
        "does not exist",
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
        (build,) = made.steps(Section.BACKFILL)
        assert isinstance(build.action, Concurrent)
        assert " users_note_idx1 " in build.action.statement


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


KEPT = f"""{USERS}{PARTS}
CREATE INDEX users_lower_seen ON users (lower(name), seen) INCLUDE (fax) WHERE seen >= 0;
COMMENT ON INDEX users_lower_seen IS 'for the report';
ALTER INDEX users_lower_seen ALTER COLUMN 1 SET STATISTICS 500;
CREATE INDEX users_seen ON users (seen);
ALTER TABLE users CLUSTER ON users_seen;
CREATE INDEX parts_name ON parts (name);
ALTER INDEX parts_top_name_idx RENAME TO top;
"""


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("index", ["users_lower_seen", "users_seen", "parts_name"])
async def test_undo_builds_an_index_again_as_it_was(database: str, index: str) -> None:
    """Its definition, its comment, its statistics targets, the mark of CLUSTER, the names of partitions'."""
    names = """SELECT array_agg(relname ORDER BY relname) FROM pg_class
        WHERE relkind IN ('i', 'I') AND relnamespace = 'public'::regnamespace"""
    async with living(database, "drop-index", {"index": index}, KEPT) as life:
        table = index.partition("_")[0]
        before = await describe(life.app, table), await life.value(names)
        await life.start()
        await life.contract()
        assert await life.value("SELECT to_regclass($1) IS NULL", index)
        await life.undo()
        assert (await describe(life.app, table), await life.value(names)) == before


async def test_another_index_of_that_name_is_not_dropped(database: str) -> None:
    """What has the name by now is not what was asked for: contract stops at it."""
    async with living(database, "drop-index", {"index": "users_seen"}, KEPT) as life:
        await life.start()
        await life.sql("DROP INDEX users_seen; CREATE INDEX users_seen ON users (fax)")
        with pytest.raises(StepFailed, match="something else has the name"):
            await life.contract()
        assert await life.value("SELECT to_regclass('users_seen') IS NOT NULL")


@pytest.mark.parametrize("kind", ["add-unique", "add-index"])
async def test_what_somebody_built_by_hand_is_not_made_a_rule(database: str, kind: str) -> None:
    """The very index under the very name, made after the plan: contract would drop it with its undo, so it
    stops there; neither that nor rollback drops it.
    """
    by_hand = "CREATE UNIQUE INDEX {} ON users (id, seen)"
    fields: dict[str, Any] = {"table": "users", "columns": "id, seen"}
    fields |= {"unique": True} if kind == "add-index" else {}
    async with living(database, kind, fields, USERS) as life:
        await life.start()
        await life.backfill()
        name = "users_id_seen_key" if kind == "add-unique" else "users_id_seen_idx"
        await life.sql(by_hand.format(name))
        with pytest.raises(StepFailed, match="done by somebody else"):
            await life.contract()
        assert await life.value("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)", name)
        await life.sql(f"DROP INDEX {name}")
        assert (await life.contract()).stage == Stage.HIDDEN
        await life.undo()
        assert await life.value("SELECT to_regclass($1) IS NULL", name)
        await life.backfill()
        await life.sql(by_hand.format(name))
        with pytest.raises(StepFailed, match="done by somebody else"):
            await life.contract()
        await life.rollback()
        assert await life.value("SELECT to_regclass($1) IS NOT NULL", name)


async def test_what_somebody_built_by_hand_stays_at_rollback(database: str) -> None:
    """An index that was there before the first step looked is used, and not dropped."""
    fields = {"table": "users", "columns": "seen, id"}
    async with living(database, "add-index", fields, USERS) as life:
        await life.start()
        await life.sql("CREATE INDEX users_seen_id_idx ON users (seen, id)")
        assert (await life.backfill()).stage == Stage.FINISHED
        await life.rollback()
        assert await life.value("SELECT to_regclass('users_seen_id_idx') IS NOT NULL")


def _left(label: str, of: str = "id") -> str:
    """Return what leaves behind what a REINDEX of the key leaves that dies, or another failed build."""
    name = f"users_pkey_{label}"
    invalid = f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass"
    return f"CREATE UNIQUE INDEX {name} ON users ({of}); {invalid}"


async def test_what_a_reindex_that_died_left_is_dropped(database: str) -> None:
    """Before the plan it is named by it, after it found by the step; the index is another one afterwards."""
    async with living(database, "reindex", {"name": "users_pkey"}, USERS) as life:
        await life.sql(_left("ccold"))
        made = await life.plan()
        assert [note.code for note in made.hazards] == ["leftover"]
        was = await life.value("SELECT 'users_pkey'::regclass::oid")
        await life.start()
        await life.sql(_left("ccnew"))
        assert (await life.backfill()).stage == Stage.FINISHED
        assert await life.value("SELECT array_agg(relname::text) FROM pg_class WHERE relname ~ '_cc'") is None
        assert await life.value("SELECT 'users_pkey'::regclass::oid") != was


async def test_an_invalid_index_that_is_no_copy_is_none_of_ours(database: str) -> None:
    """Somebody's failed build may have any name: it stays, and is not taken for the sign of what was done."""
    async with living(database, "reindex", {"name": "users_pkey"}, USERS) as life:
        await life.sql(_left("ccold", "id, seen"))
        await life.sql(_left("ccnew", "id, name"))
        assert [note.code for note in (await life.plan()).hazards] == []
        was = await life.value("SELECT 'users_pkey'::regclass::oid")
        assert (await life.ready()).stage == Stage.FINISHED
        await life.rollback()
        assert await life.value("SELECT 'users_pkey'::regclass::oid") != was
        assert await life.value("SELECT count(*) FROM pg_class WHERE relname ~ 'users_pkey_cc'") == 2


async def test_an_index_of_one_partition_and_those_of_toast_tables(database: str) -> None:
    """What is asked for is built anew, and nothing beside it."""
    given = """
    CREATE TABLE docs (id integer, body text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
    CREATE TABLE docs_low PARTITION OF docs FOR VALUES FROM (0) TO (100);
    CREATE TABLE docs_high PARTITION OF docs FOR VALUES FROM (100) TO (200);
    INSERT INTO docs SELECT n, repeat(md5(n::text), 999) FROM generate_series(1, 20) n"""
    indexes = """SELECT indexrelid FROM pg_index i JOIN pg_class t ON i.indrelid IN (t.oid, t.reltoastrelid)
        WHERE t.relname ~ '^docs_' ORDER BY t.relname, indrelid = t.oid"""

    async def changed(name: str, *, toast: bool) -> list[bool]:
        async with living(database, "reindex", {"name": name, "toast": toast}, "SELECT") as life:
            before = await life.rows(indexes)
            assert (await life.ready()).stage == Stage.FINISHED
            after = await life.rows(indexes)
            await life.rollback()
            return [one != other for one, other in zip(before, after, strict=True)]

    async with living(database, "reindex", {"name": "docs"}, given):
        # docs_high: of its TOAST table, its own; the same of docs_low.
        assert await changed("docs_low_pkey", toast=False) == [False, False, False, True]
        assert await changed("docs_high", toast=True) == [True, True, False, False]
        assert await changed("docs", toast=True) == [True, True, True, True]


RULES: dict[str, dict[str, Any]] = {
    "add-unique": {"table": "bare", "columns": "id, name"},
    "add-primary-key": {"table": "bare", "columns": "id, name"},
    "add-index": {"table": "bare", "columns": "id, lower(name)", "unique": True},
}
BARE = (
    "CREATE TABLE bare (id integer, name text); INSERT INTO bare SELECT n, 'x' FROM generate_series(1, 20) n;"
)


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("kind", RULES)
async def test_rows_that_are_equal_are_counted_and_named(database: str, kind: str) -> None:
    """Before contract, with their values; and what a contract that fails has built is taken back."""
    async with living(database, kind, RULES[kind], BARE) as life:
        before = await everything(life.app)
        await life.sql("INSERT INTO bare VALUES (3, 'x'), (3, 'x'), (7, 'x')")
        await life.start()
        with pytest.raises(StepFailed, match=r"5 rows, 2 of its values: ctid=\(0,21\) of public.bare and"):
            await life.backfill()
        with pytest.raises(GateShut, match="looks-clean"):
            await life.contract()
        await life.sql(
            "DELETE FROM bare WHERE ctid IN (SELECT max(ctid) FROM bare GROUP BY id HAVING count(*) > 1)"
        )
        await life.sql(
            "DELETE FROM bare WHERE ctid IN (SELECT max(ctid) FROM bare GROUP BY id HAVING count(*) > 1)"
        )
        assert (await life.backfill()).stage == Stage.READY
        # Since then somebody wrote one more.
        await life.sql("INSERT INTO bare VALUES (9, 'x')")
        with pytest.raises(StepFailed, match="could not create unique index") as failed:
            await life.contract()
        assert "holds values" in failed.value.why
        await life.sql("INSERT INTO bare VALUES (9, 'x'), (NULL, NULL)")
        await life.rollback()
        assert await everything(life.app) == before


async def test_rows_without_a_value_are_found_before_a_key(database: str) -> None:
    """They are counted; undo gives the columns back as they were."""
    async with living(database, "add-primary-key", RULES["add-primary-key"], BARE) as life:
        before = await describe(life.app, "bare")
        await life.sql("INSERT INTO bare VALUES (NULL, 'x')")
        await life.start()
        with pytest.raises(StepFailed, match="1 rows have no value"):
            await life.backfill()
        await life.sql("DELETE FROM bare WHERE id IS NULL")
        await life.backfill()
        await life.contract()
        with pytest.raises(asyncpg.NotNullViolationError):
            await life.sql("INSERT INTO bare VALUES (NULL, 'x')")
        await life.undo()
        assert await describe(life.app, "bare") == before


async def test_a_partition_that_comes_late_is_not_built_on_under_the_lock(database: str) -> None:
    """Contract of a constraint stops and takes back what it built; a plain index is built there first."""
    late = "CREATE TABLE parts_late PARTITION OF parts FOR VALUES FROM (200) TO (300)"
    async with living(database, "add-unique", {"table": "parts", "columns": "id, name"}, PARTS) as life:
        before = await everything(life.app)
        await life.start()
        await life.backfill()
        await life.sql(late)
        with pytest.raises(StepFailed, match="parts_late came after the plan"):
            await life.contract()
        await life.sql("DROP TABLE parts_late")
        await life.rollback()
        assert await everything(life.app) == before
    async with living(database, "add-index", {"table": "parts", "columns": "name"}) as life:
        await life.start()
        await life.sql(late)
        assert (await life.backfill()).stage == Stage.FINISHED
        assert await life.value(
            "SELECT count(*) = 5 AND bool_and(indisvalid) FROM pg_index"
            " WHERE indrelid::regclass::text LIKE 'parts%'"
        )


async def test_columns_of_a_build_belong_to_it_until_it_is_finished(database: str) -> None:
    """A rename of one of them waits; from then on the index is carried like any other."""
    async with living(database, "add-index", {"table": "users", "columns": "lower(name)"}, USERS) as life:
        await life.start()
        rename = plan.named("rename-column", {"column": "users.name", "new_name": "title"}, ())
        with pytest.raises(ColumnOwned, match="0001_index_users_lower_name"):
            await start.start(life.context, rename)
        await life.backfill()
        begun = await start.start(life.context, rename)
        assert "index:users_lower_idx" in [step.id for step in begun.plan.steps(Section.BACKFILL)]


async def test_an_index_beside_a_rename_of_another_column(database: str) -> None:
    """That a third index is over both columns is in nobody's way."""
    given = USERS + "CREATE INDEX ON users (seen, note);"
    async with living(database, "add-index", {"table": "users", "columns": "seen"}, given) as life:
        await start.start(
            life.context, plan.named("rename-column", {"column": "users.note", "new_name": "remark"}, ())
        )
        await life.start()
        assert (await life.backfill()).stage == Stage.FINISHED
