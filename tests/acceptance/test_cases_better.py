"""X cases: where today's tools fail, and `ec` must not."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from expandcontract.engine import plan_files
from expandcontract.engine.context import Context
from expandcontract.engine.verbs import init, plan
from expandcontract.model import killpoints
from expandcontract.model.errors import BadExpression, GateShut, Interrupted
from expandcontract.model.phases import Section, Stage
from expandcontract.model.plan import Plan
from expandcontract.model.step import Sweep
from expandcontract.testing.server import Server
from tests.acceptance.catalog import difference, everything
from tests.acceptance.cycle import Life, living
from tests.acceptance.script import scripted

pytestmark = pytest.mark.in_turn(3)

Asked: TypeAlias = tuple[str, dict[str, Any]]

_ORDERS = """
CREATE TABLE customers(id bigint PRIMARY KEY); INSERT INTO customers SELECT generate_series(1, 50);
CREATE TABLE orders(
    id serial PRIMARY KEY, customer int NOT NULL DEFAULT 1 REFERENCES customers UNIQUE CHECK (customer > 0),
        note text
) WITH (autovacuum_enabled = off);
CREATE INDEX ON orders(customer DESC) WHERE note IS NULL;
COMMENT ON COLUMN orders.customer IS 'who pays';
INSERT INTO orders(customer) SELECT generate_series(1, 50);
"""
_RENAME: Asked = ("rename-column", {"column": "orders.customer", "new_name": "client"})
_TYPE: Asked = ("change-type", {"column": "orders.customer", "type": "bigint", "to": "client"})
_SWAP: Asked = ("change-type", {"column": "orders.customer", "type": "bigint", "swap": True})
KINDS: dict[str, Asked] = {"rename": _RENAME, "type": _TYPE, "swap": _SWAP}


#: What is no expression, and what the error says.
NO_EXPRESSIONS = {
    "a::bigint +": "syntax error",
    "a::bigint)": "parenthesis",
    "(a": "parenthesis",
    "": "empty",
    "nothing::bigint": "nothing",
    "a; DROP TABLE t": "';'",
    "1); DROP TABLE t; --": "parenthesis",
    r"E'\' ' ; SELECT 1 ; SELECT ' '": "';'",
    "$x$ ' $x$ ; SELECT 1 ; SELECT $$ ' $$": "';'",
    "a'": "quote",
    "a IS NOT NULL, ADD COLUMN smuggled int": "syntax error",
    "a /* b */": "'/*'",
    "other::bigint": "other",
    "ARRAY[a]": "bigint",
    "(SELECT 1)": "subquery",
    "max(a)": "aggregate",
    "$1::bigint": "parameter",
}

#: What ends each statement of ours.
_MARK = re.compile(r" /\* ec[^*]*\*/")


@pytest.mark.parametrize("key", ["PRIMARY KEY (id)", "CHECK (true)"])
async def test_an_expression_that_is_none_is_refused_before_anything_happens(
    database: str, key: str, subtests: pytest.Subtests
) -> None:
    """X3: with the parser's own words, whether or not the table has a key."""
    given = f"CREATE TABLE t(id int, a text, other text, {key}); INSERT INTO t VALUES (1, '1', '2')"
    fields = {"column": "t.a", "type": "bigint", "to": "b"}
    async with living(database, "change-type", fields, given) as life:
        before = await everything(life.app)
        for using, phrase in NO_EXPRESSIONS.items():
            with subtests.test(using):
                change = plan.named("change-type", {**fields, "using": using}, ())
                with pytest.raises(BadExpression) as refused:
                    await replace(life, change=change).start()
                assert phrase in f"{refused.value.message} {refused.value.why}"
                assert refused.value.exit_code == 4
                assert difference(before, await everything(life.app)) == []
                assert await life.rows("SELECT FROM expandcontract.change") == []
        assert (await life.start()).stage == Stage.BEFORE_READY


async def test_names_in_rules_are_told_apart_by_the_parser(database: str) -> None:
    """X17: `id` is neither `aid` nor a text that says id."""
    given = """
        CREATE TABLE t (key int PRIMARY KEY, id int, aid int, note text,
            CHECK (id > 0 AND aid > "id" AND note <> 'id' AND length('id') <> id));
        CREATE INDEX ON t ((id + aid)) WHERE aid > 0 AND note <> 'id'; INSERT INTO t VALUES (1, 1, 3, 'x')"""
    fields = {"column": "t.id", "new_name": "number"}
    async with scripted(database, "rename-column", fields, given) as script:
        await script.ready()
        await script.contract()
        await script.purge()
        (rule,) = await script.rows(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conrelid = 't'::regclass AND contype = 'c'"
        )
        assert rule[0].removeprefix("CHECK ") == (
            "(((number > 0) AND (aid > number) AND (note <> 'id'::text) AND (length('id'::text) <> number)))"
        )
        (index,) = await script.rows(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index "
            "WHERE indrelid = 't'::regclass AND NOT indisunique"
        )
        assert index[0].endswith("btree (((number + aid))) WHERE ((aid > 0) AND (note <> 'id'::text))")


async def test_what_is_made_belongs_to_the_owner_of_the_table(database: str) -> None:
    """X18: whoever runs the change: columns and indexes, and the views that stand in a table's place."""
    role = f"owner_{database.split('/')[3].partition('?')[0]}"
    given = f"CREATE ROLE {role}; GRANT CREATE, USAGE ON SCHEMA public TO {role}"
    owners = """SELECT DISTINCT relowner::regrole::text FROM pg_class
        WHERE relnamespace = 'public'::regnamespace"""
    asked: tuple[Asked, ...] = (
        ("rename-column", {"column": "a.name", "new_name": "label"}),
        ("rename-column", {"column": "b.name", "new_name": "label", "instant": True}),
        ("rename-table", {"table": "c", "new_name": "letters"}),
        ("add-index", {"table": "d", "columns": "name"}),
        ("add-column", {"column": "e.code", "type": "int", "unique": True}),
    )
    for (kind, fields), table in zip(asked, "abcde", strict=True):
        given += f"""; CREATE TABLE {table} (id serial PRIMARY KEY, name text UNIQUE, other int);
            CREATE INDEX ON {table} (name, other); ALTER TABLE {table} OWNER TO {role}"""
        async with scripted(database, kind, fields, given) as script:
            given = "SELECT"
            await script.ready()
            assert await script.rows(owners) == [(role,)], kind
            if table == "e":
                await script.sql(
                    f"REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}; DROP ROLE {role}"
                )


async def test_what_depends_on_the_old_column_is_named_and_stops_purge_alone(database: str) -> None:
    """X8, X10: views, policies and the like go on with the hidden column; purge names them, and goes through
    without them.
    """
    given = (
        _ORDERS
        + """CREATE VIEW v AS SELECT customer FROM orders; CREATE MATERIALIZED VIEW m AS SELECT customer FROM
            orders;
    CREATE POLICY p ON orders USING (customer > 0);
    ALTER TABLE orders ADD twice int GENERATED ALWAYS AS (customer * 2) STORED;
    CREATE FUNCTION f() RETURNS bigint BEGIN ATOMIC SELECT sum(customer) FROM orders; END;
    CREATE FUNCTION text_body() RETURNS bigint LANGUAGE sql AS 'SELECT sum(customer) FROM orders'"""
    )
    async with living(database, *_RENAME, given) as life:
        hazards = " ".join(note.sentence for note in (await life.plan()).hazards)
        for name in ("public.v", "public.m", "p ON", "twice", "public.f()", "text_body()"):
            assert name in hazards
        await life.ready()
        with pytest.raises(GateShut, match="mentions") as shut:
            await life.contract()
        assert "text_body" in shut.value.why
        assert "public.v" not in shut.value.why
        await life.sql("DROP FUNCTION text_body()")
        await life.contract()
        await life.sql(
            "UPDATE orders SET client = 49 WHERE client = 50 AND false; INSERT INTO customers VALUES (60)"
        )
        await life.sql("INSERT INTO orders(client) VALUES (60)")
        assert await life.value("SELECT max(customer) FROM v") == 60
        with pytest.raises(GateShut) as refused:
            await life.purge()
        for name in ("public.v", "public.m", "p ON", "twice", "public.f()"):
            assert name in refused.value.message
        await life.sql(
            "DROP FUNCTION f(); ALTER TABLE orders DROP twice; DROP POLICY p ON orders; DROP VIEW v; "
            "DROP MATERIALIZED VIEW m"
        )
        await life.purge()
        assert await life.value("SELECT max(client) FROM orders") == 60


async def test_a_column_list_of_a_publication_is_named(database: str) -> None:
    """X10: it must be acknowledged, since a subscriber would stop."""
    given = _ORDERS + "CREATE PUBLICATION outward FOR TABLE orders"
    async with living(database, *_RENAME, given) as life:
        hazards = {note.code for note in (await life.plan()).hazards if note.acknowledge}
        assert "publication" in hazards


class _Died(BaseException):
    """Stands for kill -9 at a named point: nothing after it runs."""


@contextmanager
def _dies_at(point: str) -> Iterator[None]:
    def reached(here: str) -> None:
        if here == point:
            raise _Died

    killpoints.watch(reached)
    try:
        yield
    finally:
        killpoints.watch(None)


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("kind", KINDS)
async def test_contract_again_after_it_died_between_two_of_its_steps(database: str, kind: str) -> None:
    """X22: whatever was left is done, once; the ledger says which steps are done."""
    async with living(database, *KINDS[kind], _ORDERS) as life:
        await life.ready()
        contract = (await life.situation()).plan.steps(Section.CONTRACT)
        assert len(contract) > 1
        for step in contract:
            for moment in ("begun", "acted", "recorded"):
                with _dies_at(f"contract.{step.id}.{moment}"), suppress(_Died):
                    await life.contract()
        done = (await life.contract()).steps_done
        assert {f"contract.{step.id}" for step in contract} <= done
        await life.undo()
        await life.verify()
        await life.contract()
        await life.purge()


async def test_the_ledger_keeps_who_did_what_and_how_many_rows(database: str) -> None:
    """X25: after a rollback it tells who started and rolled back, when, and what was touched."""
    async with living(database, *_RENAME, _ORDERS, to=Stage.READY) as life:
        await life.rollback()
        query = (
            "SELECT who, data->>'state' FROM expandcontract.event WHERE kind IN ('created', "
            "'state') ORDER BY id"
        )
        assert await life.rows(query) == [("the operator", None), ("the operator", "rolled_back")]
        assert await life.value("SELECT sum(rows) FROM expandcontract.chunk WHERE purpose = 'copy'") == 50
        phases = await life.rows("SELECT phase, status, finished_at IS NULL FROM expandcontract.phase")
        assert {status for _, status, _ in phases} == {"undone"}


async def test_init_again_changes_no_row(database: str) -> None:
    """X26: nor does anything else that it finds."""
    async with living(database, *_RENAME, _ORDERS, to=Stage.READY) as life:
        tables = await life.rows(
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'expandcontract'::regnamespace AND "
            "relkind = 'r'"
        )
        query = " UNION ALL ".join(
            f"SELECT '{table}', t::text || t.xmin::text FROM expandcontract.{table} t" for (table,) in tables
        )
        before = sorted(await life.rows(query))
        assert await init.init(life.context) == ()
        assert sorted(await life.rows(query)) == before


async def test_an_interruption_ends_after_the_batch_and_is_resumed(database: str) -> None:
    """X28: Ctrl-C. What was copied is committed, the exit code says so, and the same command goes on from
    there.
    """
    given = _ORDERS + (
        "INSERT INTO customers SELECT generate_series(51, 20000); "
        "INSERT INTO orders(customer) SELECT generate_series(51, 20000)"
    )
    async with living(database, *_RENAME, given) as life:
        await life.start()
        stop = asyncio.Event()
        stopped = replace(
            life, context=Context(life.context.database, life.context.policy, life.context.listen, "x", stop)
        )

        def reached(point: str) -> None:
            if point == "copy.batch.committed":
                stop.set()

        killpoints.watch(reached)
        try:
            with pytest.raises(Interrupted) as interrupted:
                await stopped.backfill(batch=100)
        finally:
            killpoints.watch(None)
        assert interrupted.value.exit_code == 130
        first = await life.value("SELECT count(*) FROM orders WHERE client IS NOT NULL")
        assert 0 < first < 20000
        situation = await life.backfill()
        assert situation.ready
        assert situation.copy is not None
        assert situation.copy.rows == 20000


_LINE = re.compile(r"^\S+ \S+ \S+ \[\d+\] (?P<database>\S+) (?P<app>.*?) (?P<kind>[A-Z]+):  (?P<text>.*)$")
#: What acts on the table or the catalog. The rest reads, or writes the ledger.
_ACTS = re.compile(
    r"(ALTER|CREATE|DROP|LOCK|GRANT|REVOKE|COMMENT|ANALYZE|VACUUM|TRUNCATE|REINDEX|WITH|UPDATE|DELETE|INSERT|DO)\b"
)
#: What stops readers or writers.
_STOPS = re.compile(
    r"LOCK TABLE (?!ec_clone)[^;]* IN (ACCESS EXCLUSIVE|SHARE ROW EXCLUSIVE|SHARE|EXCLUSIVE) MODE"
)
_SWEEPS = re.compile(
    r"\b(UPDATE|INSERT INTO) .*FROM ONLY public\.orders\b|\bFROM ONLY public\.orders .*\bUPDATE\b"
)
_LEDGER = re.compile(r"(UPDATE|INSERT INTO|DELETE FROM) expandcontract\.")


def _logged(server: Server, database: str, since: int) -> list[str]:
    """Return the statements that `ec` sent to the database since a place in the log, whitespace folded."""
    records: list[str] = []
    ours = False
    with server.log_path.open(encoding="utf-8", errors="replace") as log:
        log.seek(since)
        for line in log:
            if line.startswith("\t"):
                if ours:
                    records[-1] += " " + line.strip()
                continue
            match = _LINE.match(line.rstrip("\n"))
            ours = match is not None and (
                (match["database"], match["app"].split(" ")[0], match["kind"]) == (database, "ec", "LOG")
            )
            if match is not None and ours:
                records.append(match["text"])
    statements = [
        record.partition(": ")[2] for record in records if record.startswith(("execute", "statement"))
    ]
    # Whoever holds a lock that others wait for waits for no answer.
    assert [
        text for text in statements if _STOPS.search(text) and not text.rstrip("; ").endswith("COMMIT")
    ] == []
    # Several go out in one message, each with its mark.
    return [
        one.removeprefix("; ").strip()
        for statement in statements
        for one in _MARK.split(" ".join(statement.split()))
        if one
    ]


def _acting(logged: list[str]) -> list[str]:
    """Leave out what reads, what the ledger is written with, and the empty clone that is rolled back."""
    return [
        statement
        for statement in logged
        if _ACTS.match(statement)
        and not (statement.startswith("WITH") and not _SWEEPS.search(statement))
        and not _LEDGER.match(statement)
        and "ec_clone" not in statement
        and "pg_temp." not in statement
        and "ec_default" not in statement
        and "ec.lent_path" not in statement  # a setting, as SET is
        and "ec:" not in statement  # what the server tells of itself meanwhile
    ]


def _printed(plan: Plan, sections: tuple[Section, ...]) -> tuple[list[str], set[str]]:
    """Return what the plan prints: the statements that run once, in order, and those that a sweep repeats."""
    once: list[str] = []
    repeated: set[str] = set()
    for section in sections:
        for step in plan.steps(section):
            folded = [
                " ".join(statement.split()) for statement in plan_files.statements(step, "expandcontract")
            ]
            if isinstance(step.action, Sweep):
                repeated |= {statement for statement in folded if _ACTS.match(statement)}
            else:
                once += folded
    return once, repeated


@pytest.mark.parametrize("kind", KINDS)
async def test_what_the_plan_prints_is_what_the_server_gets(server: Server, database: str, kind: str) -> None:
    """X20: statement by statement, from start to purge, and for a rollback; nothing else acts on anything."""
    name = database.split("/")[3].partition("?")[0]
    async with living(database, *KINDS[kind], _ORDERS) as life:
        await life.sql(
            f"ALTER DATABASE {name} SET log_statement = 'all'; ALTER DATABASE {name} SET "
            "log_min_messages = 'log'"
        )
        await life.context.database.close()
        life_sections = {
            "backfill": (Section.EXPAND, Section.DUAL_WRITE, Section.BACKFILL, Section.VERIFY),
            "contract": (Section.CONTRACT,),
            "undo": (Section.UNDO,),
            "rollback": (Section.ROLLBACK,),
            "ready": (Section.EXPAND, Section.DUAL_WRITE, Section.BACKFILL, Section.VERIFY),
            "contract again": (Section.CONTRACT,),
            "purge": (Section.PURGE,),
        }
        verbs = {"backfill": "ready", "contract again": "contract"}
        compiled = await life.plan()
        for turn, sections in life_sections.items():
            if turn == "rollback":
                await life.backfill()
            since = server.log_path.stat().st_size
            await getattr(life, verbs.get(turn, turn))()
            await _same(life, server, name, since, *_printed(compiled, sections))


async def _same(
    life: Life, server: Server, database: str, since: int, once: list[str], repeated: set[str]
) -> None:
    await life.context.database.close()
    acted = _acting(_logged(server, database, since))
    swept = [statement for statement in acted if statement in repeated]
    assert difference([*once], [statement for statement in acted if statement not in repeated]) == []
    assert [statement for statement in acted if statement not in repeated] == once
    assert bool(swept) == bool(repeated)
