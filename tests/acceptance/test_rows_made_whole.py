"""Triggers of the user that look at the pair see what this write made of both sides, and what they change of
it reaches the other side.
"""

import asyncpg
import pytest

from expandcontract.model.phases import Section
from tests.acceptance.cycle import Application, living
from tests.acceptance.script import scripted

pytestmark = pytest.mark.in_turn(3)

#: BEFORE triggers by every habit: one computes, one refuses, one counts elsewhere, one normalises; one has a
#: name that sorts near ours.
GIVEN = """
CREATE TABLE t (id int PRIMARY KEY, title text, slug text, body text DEFAULT '');
INSERT INTO t SELECT n, 'Title ' || n, 'title ' || n FROM generate_series(1, 5) n;
CREATE TABLE seen (what text);
CREATE FUNCTION slug() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.slug := lower(NEW.title); RETURN NEW; END $$;
CREATE FUNCTION short() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF length(NEW.title) > 20 THEN RAISE 'too long: %', NEW.title; END IF; RETURN NEW; END $$;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO public.seen VALUES (TG_OP || ' ' || NEW.title); RETURN NEW; END $$;
CREATE FUNCTION trimmed() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.title := btrim(NEW.title); RETURN NEW; END $$;
CREATE TRIGGER "A short" BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION short();
CREATE TRIGGER slug BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION slug();
CREATE TRIGGER tell BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER "~Trimmed" BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION trimmed();
"""
RENAME = {"column": "t.title", "new_name": "headline"}
ROW = "SELECT title, headline, slug FROM t WHERE id = $1"
SEEN = "DELETE FROM seen RETURNING what"


async def _see(app: Application, statement: str) -> list[str]:
    """Run a statement, and return what its triggers told."""
    await app.rows(SEEN)
    await app.sql(statement)
    return [what for (what,) in await app.rows(SEEN)]


async def test_whatever_writes_the_new_side(database: str) -> None:
    """INSERT, UPDATE, upsert, MERGE and COPY of new code: each trigger sees the old side as this write makes
    it; so it is before ready, in rows that are not filled, and after.
    """
    async with scripted(database, "rename-column", RENAME, GIVEN) as life:
        await life.run(Section.EXPAND, Section.DUAL_WRITE)
        for number in (1, 2):
            told = await _see(life, f"UPDATE t SET headline = 'New {number}' WHERE id = {number}")
            assert told == [f"UPDATE New {number}"]
            new = f"New {number}"
            assert await life.rows(ROW, number) == [(new, new, new.lower())]
            if number == 1:
                assert await life.value("SELECT headline FROM t WHERE id = 5") is None
                await life.run(Section.BACKFILL)
        assert await _see(life, "INSERT INTO t (id, headline) VALUES (10, 'In')") == ["INSERT In"]
        upsert = (
            "INSERT INTO t (id, headline) VALUES (10, 'Up') ON CONFLICT (id) DO UPDATE SET headline = 'Over'"
        )
        assert await _see(life, upsert) == ["INSERT Up", "UPDATE Over"]
        merge = """MERGE INTO t USING (VALUES (10, 'Merged')) v(id, h) ON t.id = v.id
            WHEN MATCHED THEN UPDATE SET headline = v.h"""
        assert await _see(life, merge) == ["UPDATE Merged"]
        await life.app.copy_records_to_table("t", records=[(11, "Copied")], columns=["id", "headline"])
        assert await life.rows(SEEN) == [("INSERT Copied",)]
        assert await life.rows("SELECT title, slug FROM t WHERE id >= 10 ORDER BY id") == [
            ("Merged", "merged"),
            ("Copied", "copied"),
        ]
        assert await life.mismatches() == 0
        assert await life.conflicts() == []


async def test_what_a_trigger_changes_of_the_old_side_is_the_rule_of_the_table(database: str) -> None:
    """Old and new code write a value with blanks, which a trigger takes off the old side: both sides get what
    the trigger made, nothing counts as a conflict, and nobody is noted for what the trigger wrote.
    """
    async with scripted(database, "rename-column", RENAME, GIVEN) as life:
        await life.ready()
        for writer, side in (("old", "title"), ("new", "headline")):
            await life.sql(f"SET application_name = 'ec {writer}'")
            await life.sql(f"UPDATE t SET {side} = '  by {writer} ' WHERE id = 1")
            await life.sql(f"INSERT INTO t (id, {side}) VALUES ({len(writer + side)}, '  by {writer} ')")
            pairs = await life.rows(
                "SELECT DISTINCT title, headline FROM t WHERE title LIKE $1", f"%{writer}%"
            )
            assert pairs == [(f"by {writer}", f"by {writer}")]
        noted = "SELECT application_name, side FROM expandcontract.old_use ORDER BY 1, 2"
        assert await life.rows(noted) == [("ec new", "new"), ("ec old", "old")]
        assert await life.conflicts() == []
        assert await life.mismatches() == 0


async def test_what_a_trigger_changes_of_the_new_side_reaches_the_old_one(database: str) -> None:
    """New code's migration brings a trigger that normalises its own column."""
    async with scripted(database, "rename-column", RENAME, GIVEN) as life:
        await life.ready()
        await life.sql("""
            DROP TRIGGER "~Trimmed" ON t;
            CREATE FUNCTION upper_new() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN NEW.headline := upper(NEW.headline); RETURN NEW; END $$;
            CREATE TRIGGER upper_new BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION upper_new();
            UPDATE t SET title = 'by old' WHERE id = 1; UPDATE t SET headline = 'by new' WHERE id = 2;
        """)
        assert await life.rows("SELECT title, headline FROM t WHERE id < 3 ORDER BY id") == [
            ("BY OLD", "BY OLD"),
            ("BY NEW", "BY NEW"),
        ]
        assert await life.conflicts() == []


async def test_what_a_trigger_refuses_or_skips_is_not_written(database: str) -> None:
    """A check that raises sees the new side's value; a row that a trigger takes out is not there; one that
    keeps the old column as it was keeps both; one that writes other rows of the table keeps those in sync.
    """
    async with scripted(database, "rename-column", RENAME, GIVEN) as life:
        await life.ready()
        with pytest.raises(asyncpg.RaiseError, match="too long: far too long for anybody"):
            await life.sql("UPDATE t SET headline = 'far too long for anybody' WHERE id = 1")
        await life.sql("""
            CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.title = 'skip' THEN RETURN NULL; END IF;
                IF NEW.id = 2 THEN NEW.title := OLD.title; END IF;
                IF NEW.id = 3 AND pg_trigger_depth() = 1 THEN
                    UPDATE public.t SET title = ' nested ' WHERE id = 4;
                    UPDATE public.t SET headline = ' deeper ' WHERE id = 5;
                END IF;
                RETURN NEW; END $$;
            CREATE TRIGGER guard BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION guard();
            UPDATE t SET headline = 'skip' WHERE id = 1;
            UPDATE t SET headline = 'other' WHERE id = 2;
            UPDATE t SET headline = ' outer ' WHERE id = 3;
        """)
        assert await life.rows("SELECT title, headline FROM t ORDER BY id") == [
            ("Title 1", "Title 1"),
            ("Title 2", "Title 2"),
            ("outer", "outer"),
            ("nested", "nested"),
            ("deeper", "deeper"),
        ]
        assert await life.conflicts() == []


async def test_nobody_pays_whose_triggers_do_not_look(database: str) -> None:
    """A table whose triggers stamp other columns has one trigger of ours; one that takes the whole row, or
    gets the column's name as an argument, counts as looking.
    """
    stamps = """
        CREATE TABLE t (id int PRIMARY KEY, title text, at timestamptz);
        CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN -- the title stays
            NEW.at := now(); RETURN NEW; END $$;
        CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION stamp();
    """
    ours = (
        "SELECT tgname::text FROM pg_trigger WHERE tgrelid = 't'::regclass AND tgname ~ '^[!~]e' ORDER BY 1"
    )
    async with scripted(database, "rename-column", RENAME, stamps) as life:
        await life.run(Section.EXPAND, Section.DUAL_WRITE)
        assert await life.rows(ours) == [("~ec_0001_rename_t_title",)]
        await life.run(Section.ROLLBACK)
        await life.sql("""CREATE OR REPLACE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF NEW IS DISTINCT FROM OLD THEN NEW.at := now(); END IF; RETURN NEW; END $$""")
        plan = await life.plan()
        made = [s for step in plan.steps(Section.DUAL_WRITE) for s in step.action.statements]  # type: ignore[union-attr]
        assert any(s.startswith('CREATE TRIGGER "!ec_0001_rename_t_title"') for s in made)


async def test_a_trigger_that_comes_later_is_named_and_a_repair_puts_ours_before_it(database: str) -> None:
    """New code's migration brings the first trigger that looks at the pair: status and gate name it, a repair
    makes rows whole for it, also before ready; and what takes our trigger away leaves nothing behind.
    """
    plain = "CREATE TABLE t (id int PRIMARY KEY, title text, slug text); INSERT INTO t VALUES (1, 'One')"
    async with living(database, "rename-column", RENAME, plain) as life:
        await life.start()
        await life.sql("""CREATE FUNCTION slug() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN NEW.slug := lower(NEW.headline); RETURN NEW; END $$;
            CREATE TRIGGER slug BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION slug()""")
        (fault,) = (await life.situation()).live.sync_faults
        assert fault.startswith('Trigger slug looks at the pair, and "!ec_0001_rename_t_title"')
        await life.backfill()
        assert (await life.situation()).live.sync_faults == ()
        await life.sql("UPDATE t SET title = 'By old' WHERE id = 1")
        assert await life.rows("SELECT headline, slug FROM t") == [("By old", "by old")]
        await life.sql('DROP TRIGGER "!ec_0001_rename_t_title" ON t')
        assert len((await life.situation()).live.sync_faults) == 1
        await life.backfill()
        await life.rollback()
        assert await life.rows("SELECT tgname::text FROM pg_trigger WHERE tgrelid = 't'::regclass") == [
            ("slug",)
        ]


async def test_what_no_trigger_of_ours_can_bring_about_is_acknowledged(database: str) -> None:
    """By the column's name or by a column more: each is named before start, and one that would break every
    write after contract keeps that shut.
    """
    given = """
        CREATE TABLE t (id int PRIMARY KEY, title text, tsv tsvector, verified bool);
        CREATE TABLE audit (id int);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN -- INSERT INTO audit SELECT NEW.*;
            NEW.verified := row_to_json(NEW.*) IS NULL; RETURN NEW; END $$;
        CREATE FUNCTION archive() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO audit SELECT 'U', now(), NEW.*; RETURN NULL; END $$;
        CREATE TRIGGER verify BEFORE UPDATE OF title ON t FOR EACH ROW EXECUTE FUNCTION note();
        CREATE TRIGGER tsv BEFORE INSERT OR UPDATE ON t FOR EACH ROW
            EXECUTE FUNCTION tsvector_update_trigger(tsv, 'pg_catalog.simple', 'title');
        CREATE TRIGGER archive AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION archive();
        CREATE FUNCTION latest() RETURNS SETOF t LANGUAGE sql AS 'SELECT id, title, tsv, verified FROM t';
        CREATE FUNCTION counted() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM t';
        CREATE TABLE old_t (LIKE t);
        CREATE FUNCTION titled(a t) RETURNS text LANGUAGE sql AS 'SELECT a.title';
        CREATE FUNCTION found() RETURNS TABLE (a int, b text, c tsvector, d bool) LANGUAGE plpgsql AS
        $$ BEGIN RETURN QUERY SELECT * FROM t; END $$;
        CREATE FUNCTION listed(OUT a int, OUT b text, OUT c tsvector, OUT d bool) RETURNS SETOF record
            LANGUAGE sql AS 'SELECT x.* FROM t x';
        CREATE FUNCTION moved() RETURNS void LANGUAGE sql AS
        $$ WITH gone AS (DELETE FROM t WHERE id < 0 RETURNING *) INSERT INTO old_t SELECT * FROM gone $$;
        CREATE FUNCTION kept() RETURNS void LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO old_t (id, title, tsv, verified) SELECT * FROM t; END $$;
        CREATE FUNCTION twice() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN -- SELECT * FROM t
            INSERT INTO t SELECT * FROM old_t; INSERT INTO audit SELECT count(*) FROM t;
            PERFORM * FROM t; RETURN EXISTS (SELECT * FROM t); END $$;
    """
    async with scripted(database, "rename-column", RENAME, given) as life:
        codes = {note.code for note in life.planned.hazards if note.acknowledge}
        assert codes == {
            "update-of:verify",
            "trigger-argument:tsv",
            "whole-row:archive",
            "row-function:public.latest()",
            "row-argument:public.titled(public.t)",
            *(f"every-column:public.{name}()" for name in ("found", "listed", "moved", "kept")),
            "insert-all:public.twice()",
        }
        sentences = [note.sentence for note in life.planned.hazards if note.code == "dependent:trigger"]
        assert any("trigger tsv ON public.t names title" in sentence for sentence in sentences)


async def test_the_rule_of_the_table_holds_for_who_writes_both_sides(database: str) -> None:
    """The row was in sync before the user's trigger changed the old side: the new one does not overrule it,
    nor does an earlier row of the statement count for this one. What lost is kept.
    """
    async with scripted(database, "rename-column", RENAME, GIVEN) as life:
        await life.ready()
        await life.sql("UPDATE t SET title = ' both ', headline = ' both ' WHERE id = 1")
        await life.sql("""INSERT INTO t (id, title, headline)
            VALUES (11, NULL, ' new '), (12, ' one ', ' one '), (13, ' old ', NULL),
                   (14, ' two ', ' two ')""")
        both = "SELECT title, headline FROM t WHERE id = 1 OR id > 10 ORDER BY id"
        assert await life.rows(both) == [(each, each) for each in ("both", "new", "one", "old", "two")]
        lost = [("both written", each, f" {each} ") for each in ("both", "one", "two")]
        assert await life.conflicts() == lost
