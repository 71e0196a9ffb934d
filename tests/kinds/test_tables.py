"""Changes of whole tables: what they refuse, and what holds while a view stands in a table's place."""

from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlsplit

import asyncpg
import pytest

from expandcontract import gates
from expandcontract.engine.verbs import plan
from expandcontract.engine.verbs import start as start_verb
from expandcontract.model.errors import BadName, EcError, GateShut, NameTaken, NoSuchObject, UnsupportedShape
from expandcontract.model.plan import Plan
from tests.acceptance.cycle import Application, Expected, Life, living, opened

pytestmark = pytest.mark.in_turn(3)

GIVEN = """
CREATE ROLE {app} LOGIN; CREATE ROLE {clerk};
CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL DEFAULT '-', owner text DEFAULT current_user);
INSERT INTO users SELECT n, 'User ' || n FROM generate_series(1, 5) n;
COMMENT ON TABLE users IS 'who may log in';
GRANT SELECT, INSERT ON users TO {app} WITH GRANT OPTION;
GRANT UPDATE (name) ON users TO {clerk};
GRANT SELECT (id, name) ON users TO {clerk};
ALTER DEFAULT PRIVILEGES GRANT DELETE ON TABLES TO {clerk};
"""
#: What each role may do, by name and column.
MAY = """
SELECT grantee, privilege_type, is_grantable, '' AS name FROM information_schema.role_table_grants
WHERE table_name = $1 AND grantee <> current_user
UNION ALL
SELECT grantee, privilege_type, is_grantable, column_name FROM information_schema.column_privileges
WHERE table_name = $1 AND grantee <> current_user
ORDER BY 1, 2, 4
"""
ODD = """
CREATE TABLE users (id integer PRIMARY KEY, name text);
CREATE TABLE taken (id integer); CREATE TYPE mood AS ENUM ('ok');
CREATE VIEW seen AS SELECT * FROM users;
CREATE TABLE sales (id integer, day date) PARTITION BY RANGE (day);
CREATE TABLE sales_now PARTITION OF sales DEFAULT;
"""


@pytest.fixture
async def odd(database: str) -> AsyncIterator[Application]:
    """Give a database with what cannot be asked for."""
    async with opened(database, "rename-table", {"table": "users", "new_name": "accounts"}, ODD) as found:
        yield found


async def _planned(odd: Application, fields: dict[str, str]) -> Plan:
    return await plan.make(odd.context, plan.named("rename-table", fields, ()))


async def test_what_cannot_be_renamed_is_refused(odd: Application) -> None:
    """Each refusal says what is wrong before anything is changed."""

    async def refused(table: str, new_name: str) -> EcError:
        with pytest.raises(EcError) as caught:
            await _planned(odd, {"table": table, "new_name": new_name})
        return caught.value

    near = await refused("user", "accounts")
    assert isinstance(near, NoSuchObject)
    assert "Did you mean users?" in near.why
    for taken in ("taken", "seen", "mood", "users", '"~ec_users"', "users_pkey"):
        assert isinstance(await refused("users", taken), NameTaken), taken
    for bad in ("other.accounts", "a" * 64):
        assert isinstance(await refused("users", bad), BadName), bad
    for shape in ("seen", "sales_now"):
        assert isinstance(await refused(shape, "accounts"), UnsupportedShape), shape


async def test_a_partitioned_table_is_planned(odd: Application) -> None:
    """A view stands for all of its partitions, and the copy on which the plan is tried has some."""
    assert (await _planned(odd, {"table": "sales", "new_name": "orders"})).aside is not None


@pytest.fixture
async def renamed(database: str) -> AsyncIterator[Life]:
    """Give a table that has both names."""
    number = urlsplit(database).path.rpartition("_")[2]
    roles = {"app": f"app_{number}", "clerk": f"clerk_{number}"}
    fields = {"table": "users", "new_name": "accounts"}
    async with living(database, "rename-table", fields, GIVEN.format(**roles)) as life:
        life.roles = roles  # type: ignore[attr-defined]
        try:
            yield life
        finally:
            for role in roles.values():
                await life.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def _start(life: Life, *also: str) -> None:
    await life.start(acknowledged=Expected({"view", *also}))


async def test_the_view_has_what_the_table_has(renamed: Life) -> None:
    """Privileges of tables and columns, with what default privileges gave taken away again; the comment."""
    before = await renamed.rows(MAY, "users")
    await _start(renamed)
    assert before
    assert await renamed.rows(MAY, "users") == before
    assert await renamed.rows(MAY, "accounts") == before
    assert await renamed.value("SELECT obj_description('users'::regclass)") == "who may log in"
    await renamed.contract()
    await renamed.sql("GRANT DELETE ON accounts TO PUBLIC")
    await renamed.undo()
    later = await renamed.rows(MAY, "accounts")
    assert await renamed.rows(MAY, "users") == later
    assert len(later) == len(before) + 1


async def test_who_may_read_some_columns_does_so_through_the_view(renamed: Life) -> None:
    """Who may read and write some columns only does so under both names, and no others under either."""
    await _start(renamed)
    await renamed.sql(f"SET ROLE {renamed.roles['clerk']}")  # type: ignore[attr-defined]
    try:
        for table in ("users", "accounts"):
            await renamed.sql(f"UPDATE {table} SET name = '{table}' WHERE id = 1")
            assert await renamed.rows(f"SELECT id, name FROM {table} WHERE id = 1") == [(1, table)]
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await renamed.sql(f"SELECT owner FROM {table}")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await renamed.sql(f"UPDATE {table} SET owner = 'me'")
    finally:
        await renamed.sql("RESET ROLE")


async def test_policies_hold_through_the_view(renamed: Life) -> None:
    """The view reads with the rights of who asks: row-level security is as it was. The plan names who has too
    few of those.
    """
    role = renamed.roles["app"]  # type: ignore[attr-defined]
    await renamed.sql(
        f"UPDATE users SET owner = '{role}' WHERE id = 1; ALTER TABLE users ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY own ON users USING (owner = current_user)"
    )
    told = {note.code: note.sentence for note in (await renamed.plan()).to_acknowledge}
    assert renamed.roles["clerk"] in told["column-privileges"]  # type: ignore[attr-defined]
    await _start(renamed, "column-privileges")
    await renamed.sql(f"SET ROLE {role}")
    try:
        assert await renamed.rows("SELECT id FROM users") == [(1,)]
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await renamed.sql("INSERT INTO users (id, owner) VALUES (9, 'somebody')")
    finally:
        await renamed.sql("RESET ROLE")


async def test_what_stands_on_the_view_keeps_contract_shut(renamed: Life) -> None:
    """A view that came later is named by a hard gate, a function's text by a soft one; before they are gone
    nothing is dropped.
    """
    await _start(renamed)
    await renamed.sql(
        "CREATE VIEW late AS SELECT id FROM users; CREATE FUNCTION counted() RETURNS bigint LANGUAGE sql"
        " AS 'SELECT count(*) FROM users'"
    )
    verdicts = {each.gate: each for each in gates.judge_all(await renamed.situation())}
    assert not verdicts["dependents-clear"].open
    assert "view public.late" in verdicts["dependents-clear"].reason
    assert not verdicts["mentions"].open
    with pytest.raises(GateShut):
        await renamed.contract()
    await renamed.sql("DROP VIEW late; DROP FUNCTION counted()")
    await renamed.contract()
    assert await renamed.value("SELECT to_regclass('users')") is None


async def test_undo_does_not_take_a_name_from_another(renamed: Life) -> None:
    """A table that has the old name by now stays, and undo says so."""
    await _start(renamed)
    await renamed.contract()
    await renamed.sql("CREATE TABLE users (id integer)")
    with pytest.raises(NameTaken):
        await renamed.undo()
    await renamed.sql("DROP TABLE users")
    await renamed.undo()
    assert await renamed.value("SELECT count(*) FROM users") == 5


async def test_other_changes_of_the_table_wait(renamed: Life) -> None:
    """Under either name another change is refused, with the name of the one that has the table."""
    await _start(renamed)
    for table in ("users", "accounts"):
        other = plan.named("drop-column", {"column": f"{table}.owner"}, ("0001_rename_table_users",))
        with pytest.raises(EcError, match="0001_rename_table_users"):
            await start_verb.start(renamed.context, other)
    with pytest.raises(EcError, match="0001_rename_table_users"):
        await plan.make(renamed.context, plan.named("drop-column", {"column": "users.owner"}, ()))


async def test_a_rollback_of_what_never_began_leaves_all_as_it_is(renamed: Life) -> None:
    """Where expand failed, rollback finds a table under its old name, and touches nothing."""
    name = renamed.roles["clerk"]  # type: ignore[attr-defined]
    await renamed.sql(f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {name}")
    blocker = await asyncpg.connect(renamed.url)
    try:
        async with blocker.transaction():
            await blocker.execute("SELECT 1 FROM users")
            context = renamed.context
            policy = replace(context.policy, lock_budget=context.policy.lock_timeout)
            hurried = replace(context, policy=policy)
            with pytest.raises(EcError):
                await start_verb.start(hurried, renamed.change, start_verb.Consent(acknowledged={"view"}))
    finally:
        await blocker.close()
    await renamed.rollback()
    assert await renamed.value("SELECT relkind FROM pg_class WHERE oid = 'users'::regclass") == b"r"
