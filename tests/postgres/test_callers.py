"""What any role may call gets nothing into the ledger that its rights on the table would not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest

from expandcontract.ledger import lease
from expandcontract.ledger.migrate import migrate
from expandcontract.ledger.reader import watch_queries
from expandcontract.model.errors import LockBudgetSpent
from expandcontract.postgres.query import together
from tests.acceptance.catalog import Connection
from tests.postgres import ledgers
from tests.postgres.ledgers import Ledger
from tests.waiting import SECONDS

pytestmark = pytest.mark.in_turn(2)

USE = "SELECT expandcontract_sync.note_use('0001_rename', $1, $2)"
CONFLICT = "SELECT expandcontract_sync.note_conflict('0001_rename', $1, $2, 'a', 'b', current_user, 'why')"
BEAT = "SELECT expandcontract_sync.heartbeat('web', '1', 'w:1', $1::float8)"


@asynccontextmanager
async def _as(url: str, role: str) -> AsyncIterator[Connection]:
    conn = await asyncpg.connect(url.replace("//postgres@", f"//{role}@", 1))
    try:
        yield conn
    finally:
        await conn.close()


@pytest.fixture
async def ledger(database: str) -> AsyncIterator[Ledger]:
    """Give a ledger with one change, a stranger without any grant, and roles that write by some way."""
    async with ledgers.opened(database) as bare:
        await bare.sql(ledgers.TABLE)
        made = await ledgers.with_change(bare, ledgers.plan(catalog={"primary_key": ["id"]}))
        await made.sql(
            """
            CREATE ROLE stranger LOGIN; CREATE ROLE teller LOGIN; CREATE ROLE group_of_tellers;
            CREATE ROLE remote LOGIN; CREATE ROLE parent_only LOGIN; CREATE ROLE by_view LOGIN;
            CREATE ROLE by_set LOGIN NOINHERIT;
            GRANT INSERT, UPDATE ON public.users TO group_of_tellers;
            GRANT group_of_tellers TO teller, by_set;
            CREATE TABLE public.parents (id int PRIMARY KEY);
            ALTER TABLE public.users ADD parent int REFERENCES public.parents ON DELETE SET NULL;
            GRANT DELETE, SELECT ON public.parents TO parent_only;
            CREATE VIEW public.people AS SELECT * FROM public.users; GRANT INSERT ON public.people TO by_view;
            """
        )
        try:
            yield made
        finally:
            await made.sql(
                """
                DROP OWNED BY stranger, teller, group_of_tellers, remote, parent_only, by_view, by_set;
                DROP ROLE stranger, teller, group_of_tellers, remote, parent_only, by_view, by_set;
                """
            )


async def _noted(ledger: Ledger) -> list[tuple[str, str]]:
    async with ledger.database.transaction() as conn:
        found = await conn.exec_driver_sql("SELECT side, role FROM expandcontract.old_use ORDER BY at")
        return [(row.side, row.role) for row in found]


async def test_a_role_without_any_right_has_nothing_noted(ledger: Ledger, database: str) -> None:
    """It can shut no gate and open none, by itself or from a trigger of its own, and its call is no error."""
    async with _as(database, "stranger") as conn:
        await conn.execute(USE, "old", "postgres")
        await conn.execute(CONFLICT, "does not fit", '{"id": 1}')
        await conn.execute(
            """
            CREATE TEMP TABLE own (x int);
            CREATE FUNCTION pg_temp.forge() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM expandcontract_sync.note_use('0001_rename', 'new', 'postgres'); RETURN NEW; END $$;
            CREATE TRIGGER forge BEFORE INSERT ON own FOR EACH ROW EXECUTE FUNCTION pg_temp.forge();
            INSERT INTO own VALUES (1);
            """
        )
    assert await _noted(ledger) == []
    assert await ledger.one("SELECT count(*) FROM expandcontract.conflict") == 0


async def test_a_view_of_ones_own_is_no_way_to_write(ledger: Ledger, database: str) -> None:
    """Anybody may make a view over any table, and writes through it what its owner, themselves, may write."""
    async with _as(database, "stranger") as conn:
        await conn.execute("CREATE TEMP VIEW own AS SELECT * FROM public.users")
        await conn.execute("CREATE TEMP VIEW over_it AS SELECT * FROM own")
        await conn.execute("CREATE TEMP TABLE rules (id int)")
        await conn.execute("CREATE RULE r AS ON INSERT TO rules DO ALSO UPDATE public.users SET name = 'x'")
        await conn.execute(USE, "new", "stranger")
        await conn.execute(CONFLICT, "does not fit", '{"id": 1}')
    assert await _noted(ledger) == []
    assert await ledger.one("SELECT count(*) FROM expandcontract.conflict") == 0


async def test_a_way_of_several_parts_is_one(ledger: Ledger, database: str) -> None:
    """Views over views, a chain of foreign keys, a function that calls another with other rights."""
    await ledger.sql(
        """
        CREATE VIEW public.outer_people AS SELECT * FROM public.people;
        GRANT INSERT ON public.outer_people TO stranger;
        CREATE TABLE public.grandparents (id int PRIMARY KEY);
        ALTER TABLE public.parents ADD up int REFERENCES public.grandparents ON DELETE CASCADE;
        GRANT DELETE, SELECT ON public.grandparents TO remote;
        """
    )
    for role in ("stranger", "remote"):
        async with _as(database, role) as conn:
            await conn.execute(USE, "old", role)
    assert await _noted(ledger) == [("old", "stranger"), ("old", "remote")]


async def test_who_may_write_by_any_way_is_noted_by_a_true_name(ledger: Ledger, database: str) -> None:
    """Own rights, a role that was set, a foreign key, a view: and a name that is claimed stands beside the
    role that logged in.
    """
    async with _as(database, "teller") as conn:
        await conn.execute(USE, "old", "teller")
        await conn.execute(USE, "old", "postgres")
    async with _as(database, "by_set") as conn:
        await conn.execute("SET ROLE group_of_tellers")
        await conn.execute(USE, "old", "group_of_tellers")
    async with _as(database, "parent_only") as conn:
        await conn.execute(USE, "old", "postgres")
    async with _as(database, "by_view") as conn:
        await conn.execute(USE, "old", "by_view")
    assert await _noted(ledger) == [
        ("old", "teller"),
        ("old", "postgres, session of teller"),
        ("old", "group_of_tellers"),
        ("old", "postgres, session of parent_only"),
        ("old", "by_view"),
    ]


async def test_a_write_through_a_function_of_the_owner_is_noted(ledger: Ledger, database: str) -> None:
    """Who writes only through a SECURITY DEFINER function is an old writer like any other."""
    await ledger.sql(
        """
        CREATE FUNCTION public.tell() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN
                PERFORM expandcontract_sync.note_use('0001_rename', 'old', current_user);
                RETURN NEW;
            END $$;
        CREATE TRIGGER tell BEFORE INSERT ON public.users FOR EACH ROW EXECUTE FUNCTION public.tell();
        CREATE FUNCTION public.enter(text) RETURNS void LANGUAGE sql SECURITY DEFINER
            AS $$ INSERT INTO public.users (id, name) VALUES (77, $1) $$;
        REVOKE EXECUTE ON FUNCTION public.enter(text) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION public.enter(text) TO remote;
        """
    )
    async with _as(database, "remote") as conn:
        await conn.execute("SELECT enter('x')")
    assert await _noted(ledger) == [("old", "postgres, session of remote")]


async def test_a_write_through_functions_of_several_owners_is_noted(ledger: Ledger, database: str) -> None:
    """A function with the rights of one role may call another with those of a second, who may write."""
    await ledger.sql(
        """
        CREATE FUNCTION public.tell() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN
                PERFORM expandcontract_sync.note_use('0001_rename', 'old', current_user);
                RETURN NEW;
            END $$;
        CREATE TRIGGER tell BEFORE INSERT ON public.users FOR EACH ROW EXECUTE FUNCTION public.tell();
        CREATE FUNCTION public.inner_enter(text) RETURNS void LANGUAGE sql SECURITY DEFINER
            AS $$ INSERT INTO public.users (id, name) VALUES (77, $1) $$;
        CREATE FUNCTION public.enter(text) RETURNS void LANGUAGE sql SECURITY DEFINER
            AS $$ SELECT public.inner_enter($1) $$;
        ALTER FUNCTION public.inner_enter OWNER TO teller;
        ALTER FUNCTION public.enter OWNER TO parent_only;
        REVOKE EXECUTE ON FUNCTION public.enter, public.inner_enter FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION public.inner_enter TO parent_only;
        REVOKE DELETE ON public.parents FROM parent_only;
        GRANT EXECUTE ON FUNCTION public.enter TO remote;
        """
    )
    async with _as(database, "remote") as conn:
        await conn.execute("SELECT enter('x')")
    assert await _noted(ledger) == [("old", "teller, session of remote")]


async def test_nobody_has_a_value_of_their_own_given_back(ledger: Ledger, database: str) -> None:
    """What a rollback kept is written by ec alone: a role that may write the table cannot note it."""
    async with _as(database, "teller") as conn:
        for kind in ("kept", "transform"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="Only ec itself"):
                await conn.execute(CONFLICT, kind, '{"id": 1}')
    assert await ledger.one("SELECT count(*) FROM expandcontract.conflict") == 0


@pytest.mark.parametrize("key", ['{"id": "no number"}', '{"other": 1}', "[1]", "{", '{"id": 1, "more": 2}'])
async def test_a_key_that_names_no_row_is_kept_as_text(ledger: Ledger, database: str, key: str) -> None:
    """Whoever reads keys later casts them to the types of the primary key: none fails for ever."""
    async with _as(database, "teller") as conn:
        await conn.execute(CONFLICT, "does not fit", key)
        await conn.execute(CONFLICT, "does not fit", '{"id": 12}')
    kinds = "SELECT string_agg(jsonb_typeof(key), ' ' ORDER BY id) FROM expandcontract.conflict"
    assert await ledger.one(kinds) == "string object"


@pytest.mark.parametrize("every", ["Infinity", "NaN", "-1", "0", "1e300"])
async def test_a_heartbeat_that_means_nothing_is_refused(ledger: Ledger, database: str, every: str) -> None:
    """No interval that cannot be: every reader of the fleet would fail."""
    async with _as(database, "stranger") as conn:
        with pytest.raises(asyncpg.InvalidParameterValueError):
            await conn.execute(BEAT, float(every))
        await conn.execute(BEAT, 5.0)
    assert await ledger.one("SELECT count(*) FROM expandcontract.fleet_v1") == 1


async def test_whose_heartbeat_says_something_of_the_application(ledger: Ledger, database: str) -> None:
    """Of who may use the table, by a role that it is in or a view of who may; not by a view of its own."""
    for role in ("stranger", "teller", "by_view"):
        async with _as(database, role) as conn:
            await conn.execute("CREATE TEMP VIEW own AS SELECT * FROM public.users")
            await conn.execute(BEAT, 5.0)
    relation = (await ledger.situation()).relation
    async with ledger.database.transaction() as conn:
        seen = await together(conn, {"fleet": watch_queries(ledger.tables)["fleet"]}, [relation])
    assert {each["role"] for each in seen["fleet"] if relation in each["tables"]} == {"teller", "by_view"}


@pytest.mark.parametrize("name", ["expandcontract.lease", "expandcontract.migrate"])
async def test_an_advisory_lock_that_somebody_keeps_is_named(
    ledger: Ledger, database: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any role may hold any advisory lock: no verb waits for it without an end, and its holder is named."""
    monkeypatch.setattr(lease, "_PATIENCE", timedelta(milliseconds=200))
    monkeypatch.setattr("expandcontract.ledger.migrate._PATIENCE", timedelta(milliseconds=200))
    number = ledger.id if name == "expandcontract.lease" else 0
    async with _as(database, "stranger") as conn:
        await conn.execute(f"SELECT pg_advisory_lock(hashtext('{name}'), hashint8({number}))")
        work = migrate(ledger.database) if number == 0 else _leased(ledger)
        with pytest.raises(LockBudgetSpent, match="role stranger"):
            await asyncio.wait_for(work, SECONDS)


async def _leased(ledger: Ledger) -> None:
    async with lease.acquire(
        ledger.database, ledger.tables, ledger.id, verb="start", exclusive=True, who="me"
    ):
        pass


async def test_two_starts_are_told_apart_by_a_lock_that_strangers_cannot_take(
    ledger: Ledger, database: str
) -> None:
    """The lock under which columns are taken takes a right on the ledger."""
    async with _as(database, "stranger") as conn:
        await conn.execute(
            "SELECT pg_advisory_lock(hashtext('expandcontract.columns'), 'public.users'::regclass::int)"
        )
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute("BEGIN; LOCK TABLE expandcontract.state_rule IN SHARE ROW EXCLUSIVE MODE")
        await ledger.sql("SELECT expandcontract.refuse_taken_columns(c) FROM expandcontract.change c")


async def test_an_event_has_the_role_that_logged_in(ledger: Ledger) -> None:
    """The name in `who` is the environment's word; the role and the address are the server's."""
    found = await ledger.one("SELECT DISTINCT session_role FROM expandcontract.event")
    assert found == "postgres"
