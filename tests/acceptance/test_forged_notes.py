"""Nobody who cannot write the table opens a gate by what any role may call."""

import asyncpg

from tests.acceptance.script import Script, scripted

_RENAME = {"column": "public.users.name", "new_name": "handle"}
_GIVEN = "CREATE TABLE public.users(id int PRIMARY KEY, name text)"
#: Something that any role may call, with the rights of who may write the table; and a write of new code.
_HARMLESS = (
    "CREATE FUNCTION public.today() RETURNS date LANGUAGE sql SECURITY DEFINER AS 'SELECT current_date'"
)
_ENTER = """CREATE FUNCTION public.enter(text) RETURNS void LANGUAGE {language} SECURITY DEFINER
    SET search_path = public, pg_temp AS {body}"""
_BODIES = {
    "sql": "$$ INSERT INTO users (id, handle) VALUES (77, $1) $$",
    "plpgsql": "$$ BEGIN INSERT INTO users (id, handle) VALUES (77, $1); END $$",
}
_FORGED = "PERFORM expandcontract_sync.note_use('{change}', 'new', current_user)"


async def _noted(script: Script) -> list[tuple[object, ...]]:
    return await script.rows("SELECT side, role FROM expandcontract.old_use ORDER BY at")


async def _forge(url: str, script: Script) -> None:
    """Do all that a role can do which has no right on the table: call it from a trigger of its own, with what
    a stack would show in the text of a statement, and put our own trigger's function on its own table.
    """
    ours, change = script.planned.trigger, script.name
    function = await script.value("SELECT tgfoid::regprocedure::text FROM pg_trigger WHERE tgname = $1", ours)
    frame = f"PL/pgSQL function {function} line 1 at PERFORM"
    call = _FORGED.format(change=change)
    statement = call.replace("PERFORM", "SELECT")
    bodies = (call, f'{call} /* "\n{frame}\n */', f'EXECUTE $x${statement} /* {statement}"\n{frame}\n */$x$')
    conn: asyncpg.Connection = await asyncpg.connect(url.replace("//postgres@", "//stranger@", 1))
    try:
        await conn.execute("CREATE TEMP TABLE own (id int, name text, handle text)")
        for body in bodies:
            await conn.execute(
                f"""CREATE OR REPLACE FUNCTION pg_temp.forge() RETURNS trigger LANGUAGE plpgsql AS $f$
                BEGIN {body}; RETURN NEW; END $f$;
                CREATE OR REPLACE TRIGGER forge BEFORE INSERT ON own
                FOR EACH ROW EXECUTE FUNCTION pg_temp.forge();
                INSERT INTO own VALUES (1)"""
            )
        await conn.execute(
            f"""DROP TRIGGER forge ON own;
            CREATE TRIGGER forge BEFORE INSERT OR UPDATE ON own FOR EACH ROW EXECUTE FUNCTION {function};
            INSERT INTO own (id, handle) VALUES (1, 'x');
            CREATE TABLE pg_temp.outer_one (id int);
            CREATE OR REPLACE FUNCTION pg_temp.again() RETURNS trigger LANGUAGE plpgsql AS $f$
            BEGIN INSERT INTO pg_temp.own (id, handle) VALUES (2, 'y'); RETURN NEW; END $f$;
            CREATE TRIGGER again BEFORE INSERT ON pg_temp.outer_one
            FOR EACH ROW EXECUTE FUNCTION pg_temp.again();
            INSERT INTO pg_temp.outer_one VALUES (1)"""
        )
    finally:
        await conn.close()


async def test_new_code_is_not_seen_in_who_cannot_write_the_table(database: str) -> None:
    """Although there is a function with the rights of who can, which everybody may call."""
    async with scripted(database, "rename-column", _RENAME, f"{_GIVEN}; {_HARMLESS}") as script:
        await script.start()
        await script.settle()
        await script.sql("CREATE ROLE stranger LOGIN")
        try:
            await _forge(database, script)
            assert await _noted(script) == []
        finally:
            await script.sql("DROP OWNED BY stranger; DROP ROLE stranger")


async def test_new_code_is_seen_in_who_writes_through_a_function(database: str) -> None:
    """In whichever language: it has no other way."""
    async with scripted(database, "rename-column", _RENAME, _GIVEN) as script:
        await script.start()
        await script.settle()
        await script.sql("CREATE ROLE visitor LOGIN")
        try:
            for language, body in _BODIES.items():
                await script.sql(f"{_ENTER.format(language=language, body=body)}; DELETE FROM users")
                conn = await asyncpg.connect(database.replace("//postgres@", "//visitor@", 1))
                await conn.execute("SELECT enter('x')")
                await conn.close()
                await script.sql("DROP FUNCTION enter")
            assert await _noted(script) == [("new", "postgres, session of visitor")] * 2
        finally:
            await script.sql("DROP OWNED BY visitor; DROP ROLE visitor")
