"""The tables of a change in the ledger: what it claims of them, who is refused, and what stays as planned."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from expandcontract.ledger import change
from expandcontract.ledger.migrate import migrate, migrations
from expandcontract.ledger.tables import Tables
from expandcontract.model.change import Pair, Side
from expandcontract.model.errors import ColumnOwned, GuardRefused
from expandcontract.model.names import RelationName
from expandcontract.model.phases import Phase, Stage, State
from expandcontract.model.plan import Plan, to_data
from expandcontract.model.plan_formats import present
from expandcontract.model.site import Site
from expandcontract.model.upkeep import KeptUp, functions_alone
from expandcontract.postgres.sqlstate import translate
from tests.conftest import VERSION
from tests.ledgers.changes import CHANGES, STAGES
from tests.ledgers.restore import restore
from tests.postgres import ledgers
from tests.postgres.ledgers import WHO, Ledger, refused

PUBLIC = "public"
ORDERS = RelationName(PUBLIC, "orders")
QUICK = ("proven", "hidden")
TABLES = """
CREATE TABLE public.orders (id int PRIMARY KEY, user_id int, note text);
CREATE TABLE public.faxes (id int PRIMARY KEY)
"""


@pytest.fixture
async def ledger(database: str) -> AsyncIterator[Ledger]:
    """A ledger without a change, and tables."""
    async with ledgers.opened(database) as opened:
        await opened.sql(f"{ledgers.TABLE};{TABLES}")
        yield opened


def of(name: str, table: str, *others: Site, claims: tuple[str, ...] | None = ()) -> Plan:
    """Return a plan without a pair that works on several tables."""
    made = ledgers.plan(name, table=RelationName(PUBLIC, table), pair=None, claims=claims, others=others)
    return replace(made, upkeep=(), old_columns=(), new_columns=())


def beside(
    table: str, *, claims: tuple[str, ...] | None = (), uses: tuple[str, ...] = (), may_go: bool = False
) -> Site:
    """Return another table of a change."""
    return Site(RelationName(PUBLIC, table), claims=claims, uses=uses, may_go=may_go)


async def begun(ledger: Ledger, plan: Plan) -> Ledger:
    """Add a change with that plan."""
    relation = await ledger.one("SELECT $1::pg_catalog.regclass::pg_catalog.oid", plan.table.sql)
    async with ledger.database.transaction() as conn:
        id_ = await change.create(conn, ledger.tables, plan, relation=relation, who=WHO, host="here")
    return replace(ledger, id=id_)


async def turned_away(ledger: Ledger, plan: Plan) -> str:
    """Return why a change is not taken into the ledger."""
    with pytest.raises(DBAPIError) as caught:
        await begun(ledger, plan)
    error = translate(caught.value)
    assert isinstance(error, ColumnOwned)
    return error.message


async def test_a_change_stands_on_all_its_tables(ledger: Ledger) -> None:
    """They are written from the plan: numbers, OIDs, claims; and what keeps a pair, with its names."""
    await begun(ledger, of("0001_refer", "orders", beside("users", uses=("id",)), claims=("user_id",)))
    rows = "SELECT pg_catalog.json_agg(s ORDER BY change_id, number) FROM expandcontract.site s"
    first, second = await ledger.one(rows)
    assert (first["number"], first["called"], first["columns"]) == (0, ["public.orders"], ["user_id"])
    assert (second["number"], second["called"], second["uses"]) == (1, ["public.users"], ["id"])
    oid = "SELECT 'public.users'::pg_catalog.regclass::pg_catalog.oid::pg_catalog.text"
    assert str(second["relation"]) == await ledger.one(oid)
    assert await ledger.one("SELECT pg_catalog.count(*) FROM expandcontract.upkeep") == 0
    await ledgers.with_change(ledger)
    upkeep = await ledger.one("SELECT pg_catalog.row_to_json(u) FROM expandcontract.upkeep u")
    assert (upkeep["trigger"], upkeep["old_columns"], upkeep["new_columns"]) == (
        "~ec_1",
        ["name"],
        ["display_name"],
    )
    assert (upkeep["stages"], upkeep["notes_use"]) == (["before ready", "ready"], True)


async def test_what_is_kept_up_is_what_the_plan_says(ledger: Ledger) -> None:
    """Row by row, on whichever table; functions that no trigger calls keep nothing up."""
    kept = (
        KeptUp(
            "~ec_1", ledgers.FUNCTIONS[:1], ledgers.FUNCTIONS, (Stage.READY, Stage.HIDDEN), notes_use=False
        ),
        functions_alone(ledgers.FUNCTIONS),
        KeptUp("~ec_2", ledgers.FUNCTIONS, first_trigger="!ec_2", site=1),
        KeptUp("~ec_3", ledgers.FUNCTIONS, site=1),
    )
    plan = replace(of("0001_refer", "orders", beside("users")), upkeep=kept)
    await begun(ledger, plan)
    asked = (
        "SELECT pg_catalog.json_agg(pg_catalog.to_jsonb(u) - '{change_id,attempt,number}'::text[] ORDER BY"
    )
    rows = await ledger.one(f"{asked} site, number) FROM expandcontract.upkeep u")
    assert rows == [each for each in to_data(plan)["upkeep"] if each["trigger"]]


TURNED_AWAY = (
    (of("0002", "users", claims=("id",)), "Column id of public.users is needed by change 0001_refer"),
    (of("0002", "users", claims=None), "Table public.users is needed by change 0001_refer"),
    (of("0002", "faxes", beside("users", claims=("id",))), "Column id of public.users is needed by"),
    (of("0002", "faxes", beside("users", claims=None)), "Table public.users is needed by change"),
    (of("0002", "orders", claims=("user_id",)), "Column user_id belongs to change 0001_refer"),
    (of("0002", "faxes", beside("orders", uses=("user_id",))), "Column user_id of public.orders belongs"),
    (of("0002", "orders", claims=None), "Table public.orders belongs to change 0001_refer"),
)


async def test_what_a_change_needs_of_a_table_no_other_may_claim(ledger: Ledger) -> None:
    """Neither as its first table nor as another one, until it is over; the error has the change's name."""
    one = await begun(ledger, of("0001_refer", "orders", beside("users", uses=("id",)), claims=("user_id",)))
    for plan, why in TURNED_AWAY:
        assert why in await turned_away(ledger, plan)
    await one.become(State.ROLLED_BACK)
    await begun(ledger, TURNED_AWAY[0][0])


async def test_what_is_only_used_others_may_use_as_well(ledger: Ledger) -> None:
    """Many foreign keys to one table are in the works at once; other columns of it are free."""
    await begun(ledger, of("0001_refer", "orders", beside("users", uses=("id",))))
    await begun(ledger, of("0002_refer", "faxes", beside("users", uses=("id",))))
    await begun(ledger, of("0003_alter", "users", claims=("name",)))


async def test_a_table_that_is_claimed_is_not_used(ledger: Ledger) -> None:
    """Whoever comes second is refused, whichever of the two has it as its first table."""
    await begun(ledger, of("0001_drop", "users", claims=None))
    assert "Table public.users belongs to change 0001_drop" in await turned_away(
        ledger, of("0002_refer", "orders", beside("users", uses=("id",)))
    )
    await begun(ledger, of("0003_drop", "faxes", beside("orders", claims=("note",))))
    assert "Column note belongs to change 0003_drop" in await turned_away(
        ledger, of("0004_alter", "orders", claims=("note",))
    )


async def test_two_that_begin_at_once_see_each_other(ledger: Ledger) -> None:
    """The second waits for the first one's transaction, and is then refused by what that wrote: in the order
    of tables that would deadlock if each table had a lock of its own.
    """
    one = of("0001_one", "orders", beside("users", claims=("name",)), claims=("note",))
    two = of("0002_two", "users", beside("orders", claims=("note",)), claims=("name",))
    oid = "SELECT $1::pg_catalog.regclass::pg_catalog.oid"
    relations = [await ledger.one(oid, each.table.sql) for each in (one, two)]
    async with ledger.database.transaction() as conn:
        await change.create(conn, ledger.tables, one, relation=relations[0], who=WHO, host="here")
        second = asyncio.create_task(begun(ledger, two))
        waits = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks WHERE NOT granted"
        while not await ledger.one(waits):
            assert not second.done()
            await asyncio.sleep(0.01)
    with pytest.raises(DBAPIError) as caught:
        await second
    assert "belongs to change 0001_one" in translate(caught.value).message


async def test_who_dies_in_the_middle_claims_nothing(ledger: Ledger) -> None:
    """The claims are of the transaction that begins the change: the next one may have the columns."""
    plan = of("0001_refer", "orders", beside("users", claims=("name",)))
    relation = await ledger.one("SELECT 'public.orders'::pg_catalog.regclass::pg_catalog.oid")
    with pytest.raises(DBAPIError):  # noqa: PT012 - the session dies inside
        async with ledger.database.transaction() as conn:
            await change.create(conn, ledger.tables, plan, relation=relation, who=WHO, host="here")
            pid = (await conn.exec_driver_sql("SELECT pg_catalog.pg_backend_pid()")).scalar_one()
            await ledger.one("SELECT pg_catalog.pg_terminate_backend($1, 5000)", pid)
            await conn.exec_driver_sql("SELECT 1")
    await begun(ledger, of("0002_alter", "users", claims=("name",)))


async def test_one_that_was_finished_does_not_come_back_over_others(ledger: Ledger) -> None:
    """Taken back, it would need its tables again; another change may have claimed one by then."""
    plan = of("0001_refer", "orders", beside("users", claims=("name",)))
    one = await begun(ledger, plan)
    await one.run(Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL, Phase.VERIFY)
    await one.become(State.FINISHED)
    await begun(ledger, of("0002_alter", "users", claims=("name",)))
    with pytest.raises(DBAPIError) as caught:
        await one.become(State.ROLLED_BACK)
    assert "belongs to change 0002_alter" in translate(caught.value).message


async def test_a_change_has_each_table_once(ledger: Ledger) -> None:
    """Or what is bound to it would be counted twice."""
    with pytest.raises(DBAPIError) as caught:
        await begun(ledger, of("0001_refer", "orders", beside("orders", uses=("id",))))
    assert "has table public.orders already" in translate(caught.value).message


MEDDLING = (
    "UPDATE expandcontract.site SET columns = '{}'",
    "UPDATE expandcontract.site SET pairs = 0",
    "UPDATE expandcontract.site SET relation = 1 WHERE number = 1",
    "UPDATE expandcontract.site SET relation = 'public.faxes'::regclass WHERE number = 1",
    "UPDATE expandcontract.site SET relation = 1 WHERE number = 0",
    "UPDATE expandcontract.upkeep SET old_columns = '{}'",
    "DELETE FROM expandcontract.upkeep",
    "DELETE FROM expandcontract.site WHERE number = 1",
    "TRUNCATE expandcontract.site CASCADE",
    "TRUNCATE expandcontract.upkeep",
    """INSERT INTO expandcontract.site
    SELECT 1, 1, 7, 'public.faxes'::regclass, 'public', 'faxes', '{}', '{}', false, '{}', false, 0, NULL""",
    """INSERT INTO expandcontract.upkeep SELECT 1, 1, 0, 7, '{}', '{}', 'x', '', '[]', '[]', '{}', false""",
)


async def test_the_tables_of_a_change_stay(ledger: Ledger) -> None:
    """Nobody takes a claim, a pair or a table from a change that was started, nor gives it one."""
    one = await ledgers.with_change(ledger, replace(ledgers.plan(), others=(beside("orders"),)))
    await one.begin(Phase.EXPAND)
    for statement in MEDDLING:
        for role in ("origin", "replica"):
            error = await refused(ledger, f"SET LOCAL session_replication_role = {role}; {statement}")
            assert isinstance(error, GuardRefused), (role, statement)


async def test_a_pair_that_nothing_keeps_does_not_begin(ledger: Ledger) -> None:
    """Of what a plan does not say nobody knows that there is no pair; and no proof would tell of it."""
    one = await ledgers.with_change(ledger)
    await ledger.sql("DELETE FROM expandcontract.upkeep")
    with pytest.raises(DBAPIError) as caught:
        await one.begin(Phase.EXPAND)
    assert "a pair of columns that nothing keeps" in translate(caught.value).message


async def test_each_table_with_a_pair_is_compared(ledger: Ledger) -> None:
    """A proof does not end where one of them was not walked, and is bound to all of them."""
    pair = Pair(ORDERS, Side("user_id", "integer"), Side("id", "integer"))
    plan = ledgers.plan()
    kept = KeptUp("~ec_2", ledgers.FUNCTIONS, old_columns=("user_id",), new_columns=("id",), site=1)
    other = Site(ORDERS, claims=(), pair=pair)
    plan = replace(plan, others=(other,), upkeep=(*plan.upkeep, kept))
    one = await ledgers.with_change(ledger, plan)
    await one.run(Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL)
    with pytest.raises(DBAPIError) as caught:
        await one.prove()
    assert "Not every chunk of change 0001_rename was compared" in translate(caught.value).message
    bound = await ledger.one(
        "SELECT pg_catalog.jsonb_path_query_array(expandcontract.bound_state($1), '$.leaves[*].name')", one.id
    )
    assert bound == ["public.users", "public.orders"]
    assert "there is no proof" in await ledger.one("SELECT expandcontract.proof_missing($1)", one.id)


async def test_what_a_table_needs_of_itself(ledger: Ledger) -> None:
    """A key that refers to its own table needs the columns that are referred to as they are."""
    await begun(ledger, replace(of("0001_refer", "orders", claims=("user_id",)), uses=("id",)))
    assert "Column id of public.orders is needed by change 0001_refer" in await turned_away(
        ledger, of("0002_alter", "orders", claims=("id",))
    )
    assert "Column user_id belongs to change 0001_refer" in await turned_away(
        ledger, replace(of("0003_refer", "orders"), uses=("user_id",))
    )


async def test_another_attempt_has_tables_of_its_own(ledger: Ledger) -> None:
    """Those of the last one stay, as history; a plan made anew before it begins replaces its own."""
    one = await begun(ledger, of("0001_refer", "orders", beside("users", uses=("id",))))
    relation = (await one.situation()).relation
    count = "SELECT pg_catalog.array_agg(attempt || '.' || table_name ORDER BY attempt, number)"
    async with ledger.database.transaction() as conn:
        other = of("0001_refer", "orders", beside("faxes", uses=("id",)))
        await change.replan(conn, ledger.tables, one.id, other, relation=relation, who=WHO)
    assert await ledger.one(f"{count} FROM expandcontract.site") == ["1.orders", "1.faxes"]
    await one.become(State.ROLLED_BACK)
    async with ledger.database.transaction() as conn:
        again = of("0001_refer", "orders")
        await change.begin_again(conn, ledger.tables, one.id, again, relation=relation, who=WHO)
    assert await ledger.one(f"{count} FROM expandcontract.site") == ["1.orders", "1.faxes", "2.orders"]


@pytest.mark.skipif(VERSION != 18, reason="not on PostgreSQL 16 and 15: kept by a server of version 18")
@pytest.mark.parametrize(
    "stage", [pytest.param(each, marks=[] if each in QUICK else pytest.mark.slow) for each in STAGES]
)
async def test_what_was_bound_before_is_bound_now(empty_database: str, stage: str) -> None:
    """Of a change with one table the JSON is the same to the byte: `ec init` spoils no proof. What is kept up
    is as the reader of old plans tells it.
    """
    example = list(CHANGES)[list(STAGES).index(stage) % len(CHANGES)]
    asked = "SELECT ARRAY[expandcontract.bound_state(1)::text, expandcontract.sync_state(1)::text]"
    async with ledgers.opened(empty_database, migrated=False) as ledger:
        connection = await asyncpg.connect(empty_database)
        try:
            await restore(connection, "0.1", f"{example}-{stage}")
            tables = Tables("expandcontract")
            for migration in migrations()[8:15]:
                await connection.execute(migration.sql(tables))
                name = f"({migration.version}, '{migration.name}')"
                await connection.execute(
                    f"INSERT INTO expandcontract.schema_version (version, name) VALUES {name}"
                )
            before = await connection.fetchval(asked)
            await migrate(ledger.database)
            assert await connection.fetchval(asked) == before
            stored = json.loads(await connection.fetchval("SELECT plan::text FROM expandcontract.change"))
            row = await connection.fetchval(
                "SELECT pg_catalog.to_jsonb(u)::text FROM expandcontract.upkeep u"
            )
            (read,) = json.loads(json.dumps(present(stored)["upkeep"]))
            assert read == {key: json.loads(row)[key] for key in read}
        finally:
            await connection.close()
