"""What bad input gets: an error with its code, the reason, the state of things, the next command; and nothing
is changed.
"""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from expandcontract.engine import plan_files
from expandcontract.engine.verbs import (
    backfill,
    contract,
    plan,
    purge,
    restore,
    rollback,
    start,
    undo,
    verify,
)
from expandcontract.engine.verbs import status as status_verb
from expandcontract.model import killpoints
from expandcontract.model.errors import (
    BadChangeFile,
    BadExpression,
    BadName,
    EcError,
    GateShut,
    LedgerMissing,
    LedgerTooNew,
    MissingPrivilege,
    NameTaken,
    NeedsAcknowledgement,
    NoSuchObject,
    NotConfirmed,
    NotConnected,
    PlanDrifted,
    PlanFails,
    Refused,
    UnknownChange,
    UnsupportedShape,
    UsageError,
    WrongState,
)
from expandcontract.model.phases import ANSWERS, Nothing, Refuse, Stage, Verb
from expandcontract.postgres.connect import Database
from expandcontract.testing.server import Server
from tests.acceptance.catalog import difference, everything
from tests.acceptance.cycle import Life, living

pytestmark = pytest.mark.in_turn(2)

_TABLE = "CREATE TABLE t(id int PRIMARY KEY, name text, taken int); INSERT INTO t VALUES (1, 'a')"
_RENAME = {"column": "t.name", "new_name": "label"}


def _rename(column: str, new: str = "label") -> tuple[str, dict[str, Any]]:
    return "rename-column", {"column": column, "new_name": new}


def _type(**fields: object) -> tuple[str, dict[str, Any]]:
    return "change-type", {"column": "t.name", "to": "label", **fields}


#: What is there, what is asked for, which error it gets, and a word that it must say.
REFUSED: dict[str, tuple[str, tuple[str, Mapping[str, Any]], type[EcError], str]] = {
    "no such table": (_TABLE, _rename("tt.name"), NoSuchObject, "Did you mean"),
    "no such schema": (_TABLE, _rename("nowhere.t.name"), NoSuchObject, "public.t"),
    "no such column": (_TABLE, _rename("t.nam"), NoSuchObject, "name"),
    "capitals": (_TABLE, _rename('"T".name'), NoSuchObject, "public.t"),
    "not a name": (_TABLE, _rename("t."), BadName, "not a name"),
    "not a column": (_TABLE, _rename("name"), BadName, "column"),
    "the new name is taken": (_TABLE, _rename("t.name", "taken"), NameTaken, "taken"),
    "the new name is a system column's": (_TABLE, _rename("t.name", "ctid"), NameTaken, "system"),
    "the new name equals the old": (_TABLE, _rename("t.name", "NAME"), NameTaken, "equals"),
    "the new name is too long": (_TABLE, _rename("t.name", "x" * 64), BadName, "63"),
    "the new name has a table": (_TABLE, _rename("t.name", "t.label"), BadName, "alone"),
    "a view": (_TABLE + ";CREATE VIEW v AS SELECT * FROM t", _rename("v.name"), UnsupportedShape, "view"),
    "a materialized view": (
        _TABLE + ";CREATE MATERIALIZED VIEW v AS SELECT * FROM t",
        _rename("v.name"),
        UnsupportedShape,
        "materialized",
    ),
    "a foreign table": (
        (
            "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; "
            "CREATE FOREIGN TABLE f(name text) SERVER s"
        ),
        _rename("f.name"),
        UnsupportedShape,
        "foreign",
    ),
    "a foreign partition": (
        (
            "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; "
            "CREATE TABLE p(id int, name text) PARTITION BY LIST (id);"
            "CREATE FOREIGN TABLE f PARTITION OF p DEFAULT SERVER s"
        ),
        _rename("p.name"),
        UnsupportedShape,
        "foreign",
    ),
    "a system table": (_TABLE, _rename("pg_catalog.pg_class.relname"), UnsupportedShape, "system"),
    "a partition": (
        "CREATE TABLE p(id int, name text) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p DEFAULT",
        _rename("p1.name"),
        UnsupportedShape,
        "public.p",
    ),
    "a partition key": (
        "CREATE TABLE p(id int, name text) PARTITION BY LIST (name); CREATE TABLE p1 PARTITION OF p DEFAULT",
        _rename("p.name"),
        UnsupportedShape,
        "partition key",
    ),
    "a partition key inside an expression": (
        (
            "CREATE TABLE p(id int, name text) PARTITION BY LIST (lower(name)); "
            "CREATE TABLE p1 PARTITION OF p DEFAULT"
        ),
        _rename("p.name"),
        UnsupportedShape,
        "partition key",
    ),
    "a child": (
        _TABLE + ";CREATE TABLE child() INHERITS (t)",
        _rename("child.name"),
        UnsupportedShape,
        "inherits",
    ),
    "a generated column": (
        "CREATE TABLE t(id int, name text GENERATED ALWAYS AS ('x') STORED)",
        _rename("t.name"),
        UnsupportedShape,
        "generated",
    ),
    "an identity column": (
        "CREATE TABLE t(id int, name int GENERATED ALWAYS AS IDENTITY)",
        _rename("t.name"),
        UnsupportedShape,
        "identity",
    ),
    "an exclusion constraint": (
        "CREATE TABLE t(id int, name int4range, EXCLUDE USING gist (name WITH &&))",
        _rename("t.name"),
        UnsupportedShape,
        "exclusion",
    ),
    "referenced by a foreign key": (
        "CREATE TABLE t(id int, name text UNIQUE); CREATE TABLE child(name text REFERENCES t(name))",
        _rename("t.name"),
        UnsupportedShape,
        "child",
    ),
    "referenced under another name": (
        "CREATE TABLE t(id int, name text UNIQUE); CREATE TABLE child(t_name text REFERENCES t(name))",
        _rename("t.name"),
        UnsupportedShape,
        "child",
    ),
    "the replica identity": (
        (
            "CREATE TABLE t(id int, name text NOT NULL); CREATE UNIQUE INDEX i ON t(name); "
            "ALTER TABLE t REPLICA IDENTITY USING INDEX i"
        ),
        _rename("t.name"),
        UnsupportedShape,
        "replica identity",
    ),
    "unique over partitions": (
        (
            "CREATE TABLE p(id int, name text, UNIQUE (id, name)) PARTITION BY LIST (id); "
            "CREATE TABLE p1 PARTITION OF p DEFAULT"
        ),
        _rename("p.name"),
        UnsupportedShape,
        "unique",
    ),
    "a typed table": (
        "CREATE TYPE of_t AS (id int, name text); CREATE TABLE t OF of_t",
        _rename("t.name"),
        UnsupportedShape,
        "typed",
    ),
    "1,600 columns, most of them dropped": (
        (
            "DO $$ BEGIN CREATE TABLE t(id int PRIMARY KEY, name text); FOR n IN 1..1598 LOOP "
            "ALTER TABLE t ADD c int; ALTER TABLE t DROP c; END LOOP; END $$"
        ),
        _rename("t.name"),
        UnsupportedShape,
        "not dropped",
    ),
    "published without replica identity": (
        "CREATE TABLE t(id int, name text);CREATE PUBLICATION outward FOR TABLE t",
        _rename("t.name"),
        UnsupportedShape,
        "REPLICA IDENTITY FULL",
    ),
    "a partition without replica identity": (
        (
            "CREATE TABLE p(id int, name text) PARTITION BY LIST (id); "
            "CREATE TABLE p1 PARTITION OF p (PRIMARY KEY (id)) FOR VALUES IN (1); "
            "CREATE TABLE p2 PARTITION OF p DEFAULT; CREATE PUBLICATION outward FOR ALL TABLES"
        ),
        _rename("p.name"),
        UnsupportedShape,
        "public.p2",
    ),
    "a foreign key that cannot be": (
        "CREATE TABLE other(id int PRIMARY KEY); CREATE TABLE t(name int REFERENCES other)",
        _type(type="text"),
        PlanFails,
        "incompatible types",
    ),
    "published": (
        _TABLE + ";CREATE PUBLICATION outward FOR TABLE t",
        _rename("t.name"),
        NeedsAcknowledgement,
        "--acknowledge publication",
    ),
    "no such type": (_TABLE, _type(type="intt"), BadExpression, "intt"),
    "more than a type": (_TABLE, _type(type="int, ADD COLUMN x int"), BadExpression, "type"),
    "a type with a default": (_TABLE, _type(type="int DEFAULT 5"), BadExpression, "type"),
    "no cast": ("CREATE TABLE t(name point)", _type(type="int"), BadExpression, "--using"),
    "neither name nor swap": (
        _TABLE,
        ("change-type", {"column": "t.name", "type": "int"}),
        BadChangeFile,
        "--swap",
    ),
    "at once, and beside it": (_TABLE, _type(type="text", instant=True), BadChangeFile, "--instant"),
    "one-way with back": (_TABLE, _type(type="int", one_way=True, back="1"), BadChangeFile, "exclude"),
    "an unknown field": (_TABLE, _type(type="int", usign="1"), BadChangeFile, "Did you mean using"),
    "a wrong type of field": (_TABLE, _type(type=5), BadChangeFile, "type"),
    "a missing field": (_TABLE, ("rename-column", {"column": "t.name"}), BadChangeFile, "new_name"),
    "an unknown kind": (_TABLE, ("rename-colum", {}), UsageError, "Did you mean rename-column"),
}


_AWAY = """
DROP SCHEMA public CASCADE; CREATE SCHEMA public;
DROP PUBLICATION IF EXISTS outward; DROP FOREIGN DATA WRAPPER IF EXISTS w CASCADE
"""


async def test_what_cannot_be_is_refused_with_a_reason(database: str, subtests: pytest.Subtests) -> None:
    """Its class and exit code are right, somebody who reads it knows why, and the catalog is as before."""
    async with living(database, "rename-column", _RENAME) as life:
        for name, (given, (kind, fields), error, word) in REFUSED.items():
            with subtests.test(name):
                await life.sql(f"{_AWAY};{given}")
                before = await everything(life.app)
                with pytest.raises(error) as refused:
                    await start.start(life.context, plan.named(kind, dict(fields), ()))
                raised = refused.value
                assert type(raised) is error
                assert raised.exit_code in (2, 4)
                assert word in f"{raised.message} {raised.why} {raised.next}"
                assert raised.why or raised.next
                assert raised.state
                assert difference(before, await everything(life.app)) == []
                assert await life.rows("SELECT FROM expandcontract.change") == []


async def test_a_temporary_table_cannot_be_seen(database: str) -> None:
    """It belongs to the session that made it."""
    async with living(database, "rename-column", _RENAME, "CREATE TEMPORARY TABLE t(name text)") as life:
        with pytest.raises(NoSuchObject):
            await life.start()


async def test_each_missing_privilege_is_named(database: str) -> None:
    """Those of the role that runs the change, and those of roles that write, on the functions that forward
    uses.
    """
    name = database.split("/")[3].partition("?")[0]
    given = f"""{_TABLE}; CREATE ROLE stranger_{name} LOGIN; GRANT SELECT, UPDATE ON t TO stranger_{name};
    CREATE FUNCTION up(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT upper($1)';
        REVOKE EXECUTE ON FUNCTION up(text) FROM PUBLIC"""
    async with living(database, "rename-column", _RENAME, given) as life:
        kind, fields = _type(type="text", using="up(name)")
        with pytest.raises(MissingPrivilege, match=f"stranger_{name} may not execute public.up"):
            await start.start(life.context, plan.named(kind, fields, ()))
        await life.sql(
            f"GRANT USAGE ON SCHEMA expandcontract TO stranger_{name}; "
            f"GRANT ALL ON ALL TABLES IN SCHEMA expandcontract TO stranger_{name}"
        )
        before = await everything(life.app)
        stranger = Database(database.replace("postgres@", f"stranger_{name}@"))
        try:
            context = type(life.context)(stranger, life.context.policy, life.context.listen, "x")
            with pytest.raises(MissingPrivilege) as refused:
                await start.start(context, life.change)
        finally:
            await stranger.close()
        for what in ("owns public.t", "CREATE on schema public", "CREATE on schema expandcontract_sync"):
            assert what in refused.value.message
        assert difference(before, await everything(life.app)) == []


async def test_a_role_that_only_reads_is_told_so(database: str) -> None:
    """By what its role or database was set to: before anything is asked, with the way out."""
    async with living(database, "rename-column", _RENAME, _TABLE) as life:
        name = database.split("/")[3].partition("?")[0]
        await life.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        await life.context.database.close()
        with pytest.raises(Refused, match="default_transaction_read_only is on") as refused:
            await life.start()
        assert (refused.value.exit_code, refused.value.why) == (4, "It is set by the database.")


async def test_a_plan_that_is_not_the_reviewed_one_is_refused(database: str) -> None:
    """With the difference and the fingerprint to accept; accepting goes on."""
    async with living(database, "rename-column", _RENAME, _TABLE) as life:
        with pytest.raises(PlanDrifted) as drifted:
            await life.start(reviewed="0123456789ab")
        fingerprint = (await life.plan()).fingerprint
        assert f"--accept {fingerprint}" in drifted.value.next
        assert await life.rows("SELECT FROM expandcontract.change") == []
        await life.start(reviewed="0123456789ab", accept=fingerprint)


async def test_a_server_that_cannot_be_reached() -> None:
    """Host, role and database are named; the password never."""
    for url in (
        "postgresql://u:secret@127.0.0.1:1/d",
        "host=127.0.0.1 port=1 user=u password=secret dbname=d",
    ):
        database = Database(url)
        with pytest.raises(NotConnected) as refused:
            await database.server_version()
        said = str(vars(refused.value))
        assert "secret" not in said
        assert "127.0.0.1" in said
        assert refused.value.exit_code == 2


async def test_a_wrong_password_is_not_printed() -> None:
    """Nor is it anywhere in the error."""
    with Server.start(tcp=True, settings={"fsync": "off"}) as server:
        right = server.url()
        password = right.split(":")[2].partition("@")[0]
        database = Database(right.replace(password, "wrongpassword"))
        with pytest.raises(NotConnected) as refused:
            await database.server_version()
        assert "wrongpassword" not in str(vars(refused.value))
        assert "password" in refused.value.why


async def test_a_ledger_that_is_too_new(database: str) -> None:
    """A newer program wrote it: this one touches nothing."""
    async with living(database, "rename-column", _RENAME, _TABLE) as life:
        await life.sql("INSERT INTO expandcontract.schema_version(version, name) VALUES (9999, 'later')")
        with pytest.raises(LedgerTooNew):
            await life.start()


async def test_without_a_ledger(empty_database: str) -> None:
    """Nothing is guessed: the error says how to make one."""
    database_ = Database(empty_database)
    connection = await asyncpg.connect(empty_database)
    await connection.execute(_TABLE)
    await connection.close()
    from expandcontract.engine.context import Context
    from expandcontract.model.policy import Policy

    context = Context(database_, Policy(), lambda _: None, "x")
    try:
        with pytest.raises(LedgerMissing) as refused:
            await start.start(context, plan.named(*_rename("t.name"), ()))
        assert "ec init" in f"{refused.value.message} {refused.value.next}"
    finally:
        await database_.close()


FILES = {
    "no such key": ('schema = "ec.change/1"\nchnage = []', "chnage"),
    "no schema": ("[[change]]\nkind = 'rename-column'", "'schema'"),
    "another schema": ('schema = "ec.change/9"', "ec.change/9"),
    "a mapping for a list": ('schema = "ec.change/1"\n[change]\nkind = "rename-column"', "'change'"),
    "no list": ('schema = "ec.change/1"', "'change'"),
    "two changes": (
        'schema = "ec.change/1"\n[[change]]\nkind = "rename-column"\n[[change]]\nkind = "x"',
        "change[1]",
    ),
    "no kind": ('schema = "ec.change/1"\n[[change]]\ncolumn = "t.name"', "change[0].kind"),
    "an unknown field": (
        'schema = "ec.change/1"\n[[change]]\nkind = "rename-column"\ncolumn = "t.name"\nnew_nmae = "x"',
        "new_nmae",
    ),
    "a wrong type": (
        'schema = "ec.change/1"\n[[change]]\nkind = "rename-column"\ncolumn = 5\nnew_name = "x"',
        "column",
    ),
    "not TOML": ("schema = ", "cannot be read"),
    "an unknown key of the plan": (
        'schema = "ec.change/1"\n[[change]]\nkind = "x"\n[plan]\nfingerpint = "x"',
        "fingerprint",
    ),
}


@pytest.mark.parametrize("case", FILES.values(), ids=FILES)
def test_a_change_file_is_refused_with_file_and_key(tmp_path: Path, case: tuple[str, str]) -> None:
    """X19: and with the nearest key that there is."""
    text, word = case
    folder = tmp_path / "0001_x"
    folder.mkdir()
    (folder / "change.toml").write_text(text)
    with pytest.raises(BadChangeFile) as refused:
        plan_files.read(folder)
    said = f"{refused.value.message} {refused.value.why}"
    assert word in said
    assert "change.toml" in said


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """The nearest name is offered."""
    (tmp_path / "0001_rename_t_name").mkdir()
    (tmp_path / "0001_rename_t_name" / "change.toml").write_text("")
    with pytest.raises(UnknownChange) as refused:
        plan_files.find(tmp_path, "0001_rename_t_nam")
    assert "0001_rename_t_name" in refused.value.why


class _Died(BaseException):
    """Stands for a process that dies."""


async def _not_started(life: Life) -> None:
    def reached(point: str) -> None:
        if point == "start.created":
            raise _Died

    killpoints.watch(reached)
    try:
        with pytest.raises(_Died):
            await life.start()
    finally:
        killpoints.watch(None)


async def _hidden(life: Life) -> None:
    await life.ready()
    await life.contract()


async def _purged(life: Life) -> None:
    await _hidden(life)
    await life.purge()


async def _rolled_back(life: Life) -> None:
    await life.start()
    await life.rollback()


STAGES: dict[Stage, Callable[[Life], Awaitable[object]]] = {
    Stage.NOT_STARTED: _not_started,
    Stage.BEFORE_READY: Life.start,
    Stage.READY: Life.ready,
    Stage.HIDDEN: _hidden,
    Stage.PURGED: _purged,
    Stage.ROLLED_BACK: _rolled_back,
}


async def _do(life: Life, verb: Verb) -> None:
    context, name = life.context, life.name
    match verb:
        case Verb.START:
            await start.start(context, life.change)
        case Verb.BACKFILL:
            await backfill.backfill(context, name)
        case Verb.VERIFY:
            await verify.verify(context, name)
        case Verb.CONTRACT:
            await contract.contract(context, name)
        case Verb.UNDO:
            await undo.undo(context, name)
        case Verb.PURGE:
            await purge.purge(context, name, now=True, confirm=name)
        case Verb.ROLLBACK:
            await rollback.rollback(context, name)
        case Verb.RESTORE:
            await restore.restore(context, name)


@pytest.mark.parametrize("stage", STAGES, ids=str)
async def test_a_verb_that_does_not_apply_says_what_does(database: str, stage: Stage) -> None:
    """Every cell of the table of verbs and states that is 4, or nothing to do: nothing is changed by it."""
    async with living(database, "rename-column", _RENAME, _TABLE) as life:
        await STAGES[stage](life)
        assert (await status_verb.one(life.context, life.name)).stage == stage
        before = await everything(life.app)
        for verb in Verb:
            match ANSWERS[verb][stage]:
                case Refuse():
                    with pytest.raises(WrongState) as refused:
                        await _do(life, verb)
                    assert refused.value.exit_code == 4
                    assert refused.value.state
                    assert life.name in refused.value.next
                case Nothing():
                    await _do(life, verb)
                case _:
                    continue
            assert difference(before, await everything(life.app)) == []
            assert (await status_verb.one(life.context, life.name)).stage == stage


async def test_what_destroys_asks_to_be_confirmed(database: str) -> None:
    """Purge inside the undo window, a second attempt with --once, --discard without the name."""
    async with living(database, "rename-column", _RENAME, _TABLE) as life:
        await life.ready()
        with pytest.raises(NotConfirmed):
            await life.rollback(discard=True)
        await life.contract()
        for consent in ({}, {"yes": True}, {"now": True}, {"now": True, "confirm": "another"}):
            with pytest.raises(NotConfirmed) as refused:
                await purge.purge(life.context, life.name, **consent)
            assert f"--confirm {life.name}" in refused.value.next
        await life.undo()
        with pytest.raises(GateShut):
            await life.contract()
        await life.rollback()
        with pytest.raises(WrongState):
            await life.start(once=True)
