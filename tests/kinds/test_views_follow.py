"""--recreate-views: what becomes of views over a column, of every level, at contract, undo and purge."""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from expandcontract import gates
from expandcontract.engine.verbs import plan
from expandcontract.model.errors import ColumnOwned, EcError, GateShut, MissingPrivilege, PlanFails, Refused
from expandcontract.model.phases import Stage
from tests.acceptance.cycle import Expected, Life, living, opened
from tests.acceptance.moments import dies_at
from tests.kinds.test_other_tables import begun

pytestmark = pytest.mark.in_turn(3)

GIVEN = """
CREATE SCHEMA "Reports";
CREATE TABLE towns (id integer PRIMARY KEY, fax integer);
CREATE TABLE users (id integer PRIMARY KEY, name text, fax integer, town integer DEFAULT 1);
INSERT INTO towns VALUES (1, 7);
INSERT INTO users SELECT n, 'User ' || n, n FROM generate_series(1, 50) n;
CREATE VIEW known WITH (security_barrier = true, check_option = local) AS
    SELECT id, name, fax AS "The Fax" FROM users WHERE fax > 0;
ALTER VIEW known ALTER COLUMN name SET DEFAULT 'nobody';
COMMENT ON VIEW known IS 'it''s known';
COMMENT ON COLUMN known."The Fax" IS 'of old';
CREATE VIEW "Reports".sums AS SELECT t.fax AS town_fax, sum(k."The Fax") AS total, count(u.fax) AS many
    FROM known k JOIN users u USING (id) JOIN towns t ON t.id = u.town GROUP BY t.fax;
CREATE VIEW above AS SELECT total + 1 AS more FROM "Reports".sums;
CREATE VIEW apart AS SELECT id FROM users;
CREATE FUNCTION takes() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER takes INSTEAD OF INSERT ON "Reports".sums FOR EACH ROW EXECUTE FUNCTION takes();
COMMENT ON TRIGGER takes ON "Reports".sums IS 'takes it';
CREATE RULE gives AS ON UPDATE TO above DO INSTEAD UPDATE users SET fax = NEW.more WHERE id = 1;
COMMENT ON RULE gives ON above IS 'gives it';
GRANT SELECT, UPDATE ON known TO pg_monitor WITH GRANT OPTION;
GRANT SELECT (total) ON "Reports".sums TO PUBLIC;
ALTER VIEW above OWNER TO pg_database_owner;
GRANT SELECT ON above TO pg_monitor;
"""
RENAME = ("rename-column", {"column": "users.fax", "new_name": "telefax", "recreate_views": True})
RETYPE = ("change-type", {"column": "users.fax", "type": "bigint", "to": "telefax", "recreate_views": True})
SWAP = ("change-type", {"column": "users.fax", "type": "bigint", "swap": True, "recreate_views": True})

#: All of them with all that they have, as it would be dumped.
_VIEWS = """
SELECT c.oid::regclass::text, pg_get_viewdef(c.oid), c.reloptions, c.relowner::regrole::text, c.relacl::text,
    obj_description(c.oid, 'pg_class'),
    ARRAY(SELECT format('%s %s %s %s %s', a.attname, format_type(a.atttypid, a.atttypmod), a.attacl,
            col_description(c.oid, a.attnum), pg_get_expr(d.adbin, d.adrelid))
        FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 ORDER BY a.attnum),
    ARRAY(SELECT format('%s %s', pg_get_ruledef(r.oid), obj_description(r.oid, 'pg_rewrite'))
        FROM pg_rewrite r WHERE r.ev_class = c.oid ORDER BY r.rulename),
    ARRAY(SELECT format('%s %s', pg_get_triggerdef(t.oid), obj_description(t.oid, 'pg_trigger'))
        FROM pg_trigger t WHERE t.tgrelid = c.oid ORDER BY t.tgname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'v' AND n.nspname IN ('public', 'Reports') ORDER BY 1
"""
_SHOWN = (
    "SELECT * FROM known ORDER BY id",
    'SELECT * FROM "Reports".sums',
    "SELECT * FROM above",
)


async def _shown(life: Life) -> list[Any]:
    return [await life.rows(query) for query in _SHOWN]


@pytest.mark.parametrize(("kind", "fields"), [RENAME, RETYPE, SWAP], ids=["rename", "type", "swap"])
async def test_views_follow_and_come_back(database: str, kind: str, fields: dict[str, Any]) -> None:
    """After contract they give the same rows under the same names, with everything that they had, also while
    new code alone writes; after undo and rollback they are as they were, and purge finds none in its way.
    """
    async with living(database, kind, fields, GIVEN) as life:
        before, shown = await life.rows(_VIEWS), await _shown(life)
        await life.ready(acknowledged=Expected({"text-body"}))
        await life.contract()
        assert await _shown(life) == shown
        new = "fax" if fields.get("swap") else "telefax"
        await life.sql(f"UPDATE users SET {new} = 100 WHERE id = 1")
        assert await life.value('SELECT "The Fax" FROM known WHERE id = 1') == 100
        await life.sql('UPDATE known SET name = DEFAULT WHERE id = 2; INSERT INTO "Reports".sums VALUES (1)')
        contracted = [row for row in await life.rows(_VIEWS) if "~ec_" not in row[0]]
        assert [_kept(row) for row in contracted] == [_kept(row) for row in before]
        await life.undo()
        assert await life.rows(_VIEWS) == before
        await life.backfill()
        await life.contract()
        assert (await life.purge()).stage == Stage.PURGED
        assert [_kept(row) for row in await life.rows(_VIEWS)] == [_kept(row) for row in before]


async def test_a_rule_may_name_a_view_that_is_made_after_its_own(database: str) -> None:
    """All views are made anew before the first of their rules is, and back again."""
    given = """CREATE TABLE users (id integer PRIMARY KEY, fax integer);
        INSERT INTO users VALUES (1, 1);
        CREATE VIEW one AS SELECT id, fax FROM users;
        CREATE VIEW other AS SELECT id, fax FROM users;
        CREATE RULE goes_on AS ON UPDATE TO one
            DO INSTEAD UPDATE other SET fax = NEW.fax WHERE id = NEW.id"""
    async with living(database, *RETYPE, given) as life:
        await life.ready()
        await life.contract()
        await life.sql("UPDATE one SET fax = 2")
        assert await life.value("SELECT telefax FROM users") == 2
        await life.undo()
        await life.sql("UPDATE one SET fax = 3")
        assert await life.value("SELECT fax FROM users") == 3


def _kept(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what must stay: no text, in which the column has another name, and no type."""
    columns = [" ".join(part for part in each.split(" ") if part not in _TYPES) for each in row[6]]
    return (row[0], *row[2:6], columns, [each.rpartition(";")[2] for each in row[7]], row[8])


_TYPES = {"integer", "bigint", "numeric"}


async def test_what_cannot_follow_is_said_before_anything_is_changed(database: str) -> None:
    """A view in which PostgreSQL names the column by its place is refused by the plan; what is no view must
    be acknowledged where it stays behind; what follows need not be.
    """
    async with opened(database, *RENAME, GIVEN) as life:
        await life.sql("""CREATE MATERIALIZED VIEW stored AS SELECT fax FROM users;
            CREATE FUNCTION counts() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM known; END""")
        said = await life.plan()
        assert said.to_acknowledge == ()
        follow = (note.sentence for note in said.hazards if note.code == "follows")
        assert {sentence.partition("iew ")[2].split()[0] for sentence in follow} == {
            "public.known",
            "public.stored",
            '"Reports".sums',
            "public.above",
        }
        retyped = await plan.make(life.context, plan.named(*RETYPE, ()))
        assert {note.code for note in retyped.to_acknowledge} == {"on-view:function public.counts()"}
        await life.sql("CREATE VIEW placed AS SELECT name FROM users JOIN towns USING (fax)")
        with pytest.raises(PlanFails, match="contract") as refused:
            await life.plan()
        assert "View placed" in f"{refused.value.message} {refused.value.why}"


async def test_what_follows_is_in_nobodys_way(database: str) -> None:
    """What uses a view that follows is no old reader, and the view is not named by the gate; one that came
    after the plan goes on with the hidden column, and keeps purge from it.
    """
    async with living(database, *RENAME, GIVEN) as life:
        await life.ready()
        by_name = {verdict.gate: verdict for verdict in gates.judge_all(await life.situation())}
        assert "known" not in by_name["dependents-clear"].reason
        await life.sql("CREATE VIEW late AS SELECT fax FROM users")
        await life.contract()
        with pytest.raises(GateShut, match=r"view public\.late") as refused:
            await life.purge()
        assert "known" not in refused.value.message


SIMPLE = """CREATE TABLE users (id integer PRIMARY KEY, fax integer); INSERT INTO users VALUES (1, 1);
    CREATE VIEW known AS SELECT id, fax FROM users;
    CREATE MATERIALIZED VIEW stored AS SELECT fax FROM users;
    CREATE VIEW above AS SELECT fax FROM stored"""


async def test_whatever_comes_after_a_turn_that_died_finds_its_views(database: str) -> None:
    """They read the other side already. A rollback takes that back, and a purge; contract and undo go on."""
    async with living(database, *RENAME, SIMPLE) as life:
        before = await life.rows(_VIEWS)

        async def dies(verb: Callable[[], Awaitable[object]], turn: str) -> None:
            with dies_at(f"{turn}.begun"):
                await verb()
            assert await life.rows("SELECT fax FROM above UNION ALL SELECT fax FROM known") == [(1,), (1,)]

        await life.ready()
        await dies(life.contract, "contract.hide")
        await life.rollback()
        assert await life.rows(_VIEWS) == before
        await life.ready()
        await dies(life.contract, "contract.hide")
        assert (await life.contract()).stage == Stage.HIDDEN
        await dies(life.undo, "undo.unhide")
        await life.undo()
        assert await life.rows(_VIEWS) == before
        await life.backfill()
        await life.contract()
        await dies(life.undo, "undo.unhide")
        assert (await life.purge()).stage == Stage.PURGED
        assert await life.rows("SELECT fax FROM above UNION ALL SELECT fax FROM known") == [(1,), (1,)]
        assert await life.rows("SELECT FROM pg_class WHERE relname LIKE '~ec%'") == []


async def test_only_the_views_themselves_are_locked(database: str) -> None:
    """Another table that a view reads stays readable and writable: whoever has it in use stops nothing."""
    async with living(database, *RETYPE, GIVEN) as life:
        await life.ready()
        reader = await asyncpg.connect(life.url)
        try:
            async with reader.transaction():
                await reader.execute("UPDATE towns SET fax = fax")
                await life.contract()
                await life.undo()
        finally:
            await reader.close()


#: A constant of a domain's array calls the domain's CHECK whenever its text is parsed.
TRAP = """
CREATE FUNCTION of_keeper() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
    IF current_user <> 'keeper' THEN RAISE EXCEPTION 'called by %', current_user; END IF;
    RETURN true;
END $$;
CREATE ROLE keeper;
CREATE ROLE stranger;
GRANT ALL ON SCHEMA public, "Reports" TO keeper;
ALTER TABLE users OWNER TO keeper;
ALTER TABLE towns OWNER TO keeper;
ALTER VIEW known OWNER TO keeper;
ALTER VIEW "Reports".sums OWNER TO keeper;
ALTER VIEW above OWNER TO stranger;
SET ROLE keeper;
CREATE DOMAIN trap AS integer CHECK (of_keeper());
CREATE VIEW sprung AS SELECT fax, '{1}'::trap[] AS caught FROM users;
CREATE MATERIALIZED VIEW stored AS SELECT fax, '{1}'::trap[] AS caught FROM users WHERE of_keeper();
RESET ROLE
"""


async def test_views_of_somebody_else(database: str) -> None:
    """Who owns the table must own the views, or be a member of who does: said before anything happens. What a
    view's text calls when it is parsed runs with the rights of the table's owner, and not with a superuser's.
    """
    try:
        async with living(database, *RENAME, GIVEN + TRAP) as life:
            with pytest.raises(MissingPrivilege, match=r"public\.above"):
                await life.start()
            await life.sql("ALTER VIEW above OWNER TO keeper")
            await life.ready()
            await life.contract()
            await life.undo()
            await life.rollback()
    finally:
        async with opened(database, *RENAME, "DROP TABLE users CASCADE") as after:
            await after.sql("DROP OWNED BY keeper, stranger CASCADE; DROP ROLE keeper, stranger")


TWO = """
CREATE TABLE users (id integer PRIMARY KEY, fax integer);
CREATE TABLE towns (id integer PRIMARY KEY, phone integer);
CREATE VIEW both_of AS SELECT fax, phone FROM users JOIN towns ON towns.id = users.id;
"""


async def test_a_view_is_made_anew_by_one_change_at_a_time(database: str) -> None:
    """Undo of the one would bring back a view from before the other. Two that replace it are in nobody's
    way, on whichever tables.
    """
    other = {"column": "towns.phone", "new_name": "telephone", "recreate_views": True}
    async with living(database, *RENAME, TWO) as life:
        await life.start()
        with pytest.raises(ColumnOwned, match="both_of"):
            await begun(
                life, "change-type", column="towns.phone", type="bigint", swap=True, recreate_views=True
            )
        await begun(life, "rename-column", **other)


#: Whoever calls it leaves a mark that no rollback takes away.
MARKED = """
CREATE SEQUENCE called;
CREATE ROLE keeper;
CREATE ROLE stranger;
GRANT ALL ON SCHEMA public TO keeper, stranger;
GRANT ALL ON SEQUENCE called TO PUBLIC;
CREATE FUNCTION marks() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
    IF current_user <> 'stranger' THEN PERFORM nextval('public.called'); END IF;
    RETURN true;
END $$;
CREATE TABLE users (id integer PRIMARY KEY, fax integer);
CREATE VIEW known AS SELECT fax FROM users;
ALTER TABLE users OWNER TO keeper;
ALTER VIEW known OWNER TO keeper;
SET ROLE stranger;
CREATE DOMAIN trap AS integer CHECK (marks());
RESET ROLE;
"""
_TRAPPED = """CREATE VIEW {0} AS SELECT fax, '{{1}}'::trap[] AS caught FROM users;
    ALTER VIEW {0} OWNER TO stranger; ALTER SEQUENCE called RESTART"""


async def test_a_strangers_view_is_not_read_with_the_rights_of_who_owns_the_table(database: str) -> None:
    """Neither by the plan, which is refused, nor by contract, where somebody has put it in the place of one
    that was there when the change began.
    """
    try:
        async with living(database, *RENAME, MARKED) as life:
            await life.sql(_TRAPPED.format("trapped"))
            with pytest.raises(MissingPrivilege, match=r"trapped belongs to stranger"):
                await life.plan()
            assert not await life.value("SELECT is_called FROM called")
            await life.sql("DROP VIEW trapped")
            await life.ready()
            await life.sql("DROP VIEW known;" + _TRAPPED.format("known"))
            with pytest.raises(EcError, match="known belongs to stranger"):
                await life.contract()
            assert not await life.value("SELECT is_called FROM called")
            assert (await life.situation()).state == "active"
            await life.sql("DROP VIEW known")
            await life.contract()
    finally:
        async with opened(database, *RENAME, "DROP TABLE IF EXISTS users CASCADE") as after:
            await after.sql("DROP OWNED BY keeper, stranger CASCADE; DROP ROLE keeper, stranger")


BUILT_ON = {
    "view": ("CREATE VIEW later AS SELECT id FROM known", "View public.later", "DROP VIEW later"),
    "function": (
        "CREATE FUNCTION later() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM known; END",
        "Function public.later()",
        "DROP FUNCTION later()",
    ),
    "rows": (
        "CREATE TABLE later (id integer, rows known[])",
        "Column rows of table public.later",
        "DROP TABLE later",
    ),
    "rule": (
        "CREATE RULE later AS ON INSERT TO towns DO ALSO DELETE FROM known WHERE id = NEW.id",
        "Rule later on table public.towns",
        "DROP RULE later ON towns",
    ),
}


async def test_what_is_built_on_a_view_that_was_made_anew_is_named_before_undo(database: str) -> None:
    """Undo drops that view, so it says first what would be in the way, and changes nothing."""
    given = """CREATE TABLE towns (id integer);
        CREATE TABLE users (id integer PRIMARY KEY, fax integer); INSERT INTO users VALUES (1, 1);
        CREATE VIEW known AS SELECT id, fax FROM users; CREATE VIEW above AS SELECT id, fax FROM known"""
    async with living(database, *RETYPE, given) as life:
        await life.ready()
        await life.contract()
        for make, what, drop in BUILT_ON.values():
            await life.sql(make)
            with pytest.raises(Refused, match="which contract made anew") as refused:
                await life.undo()
            assert refused.value.message.startswith(what)
            assert (await life.situation()).stage == Stage.HIDDEN
            await life.sql(drop)
        assert (await life.undo()).stage == Stage.READY


async def test_rules_of_other_tables_over_a_view_that_is_made_anew_are_named(database: str) -> None:
    """They go on with the hidden view, and would write what goes with purge."""
    given = """CREATE TABLE towns (id integer); CREATE TABLE users (id integer PRIMARY KEY, fax integer);
        CREATE VIEW known AS SELECT id, fax FROM users;
        CREATE RULE through AS ON DELETE TO towns DO ALSO DELETE FROM known WHERE id = OLD.id"""
    async with opened(database, *RETYPE, given) as application:
        hazards = (await application.plan()).hazards
        assert [note.code for note in hazards if "rule through ON" in note.sentence] == [
            "on-view:rule through ON public.towns"
        ]


async def test_privileges_of_every_sort_go_along(database: str) -> None:
    """TRIGGER and REFERENCES on a view as well, which only who makes triggers there has."""
    role = "may_trigger_on_views"
    given = f"""CREATE TABLE users (id integer PRIMARY KEY, fax integer);
        CREATE VIEW known AS SELECT id, fax FROM users;
        CREATE ROLE {role}; GRANT TRIGGER, REFERENCES, TRUNCATE ON known TO {role} WITH GRANT OPTION"""
    acl = "SELECT relacl::text FROM pg_class WHERE oid = 'known'::regclass"
    async with living(database, *RETYPE, given) as life:
        try:
            before = await life.value(acl)
            await life.ready()
            await life.contract()
            assert await life.value(acl) == before
            await life.undo()
            assert await life.value(acl) == before
        finally:
            await life.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")
