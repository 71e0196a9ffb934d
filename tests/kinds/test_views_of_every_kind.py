"""What becomes of views of every sort and level, where a change is asked to do something about them."""

from collections.abc import Mapping
from typing import Any

import pytest

from expandcontract.engine.verbs import plan
from expandcontract.model.errors import BadChangeFile, PlanFails, UnsupportedShape
from expandcontract.model.phases import Section
from expandcontract.model.plan import Plan
from tests.acceptance.cycle import opened
from tests.acceptance.script import Script, scripted
from tests.kinds.watched import Watched

pytestmark = pytest.mark.in_turn(3)

GIVEN = """
CREATE SCHEMA "Reports";
CREATE TABLE people (
    id integer PRIMARY KEY, name text, fax integer, given text, family text, note varchar(9) DEFAULT '-',
    other text COLLATE "C"
);
INSERT INTO people
    SELECT n, 'User ' || n, n * 10, 'First' || n, 'Last' || n, 'n' FROM generate_series(1, 20) n;
CREATE VIEW known WITH (security_barrier = true, check_option = local) AS
    SELECT p.id, p.name, p.fax AS "The Fax", p.given, p.family, p.note FROM people p WHERE p.id > 0;
ALTER VIEW known ALTER COLUMN id SET DEFAULT 7;
COMMENT ON VIEW known IS 'it''s known';
COMMENT ON COLUMN known."The Fax" IS 'of old';
GRANT SELECT, UPDATE ON known TO pg_monitor WITH GRANT OPTION;
CREATE MATERIALIZED VIEW stored WITH (fillfactor = 70, toast.autovacuum_enabled = false) AS
    SELECT people.id, people.name, 'a "people".name' AS said, people.fax, people.given, people.family,
        people.note
    FROM people;
CREATE UNIQUE INDEX stored_id ON stored (id);
CREATE INDEX "Stored Name" ON stored (upper(name)) WHERE fax > 0;
ALTER INDEX "Stored Name" ALTER COLUMN 1 SET STATISTICS 77;
CREATE STATISTICS stored_both (dependencies) ON name, fax FROM stored;
ALTER STATISTICS stored_both SET STATISTICS 55;
ALTER MATERIALIZED VIEW stored CLUSTER ON stored_id;
ALTER MATERIALIZED VIEW stored ALTER COLUMN name SET STATISTICS 33, ALTER COLUMN name SET (n_distinct = -0.5),
    ALTER COLUMN name SET STORAGE external;
COMMENT ON MATERIALIZED VIEW stored IS 'stored away';
COMMENT ON COLUMN stored.name IS 'whose';
COMMENT ON INDEX stored_id IS 'one of each';
COMMENT ON STATISTICS stored_both IS 'both';
GRANT SELECT ON stored TO PUBLIC;
GRANT SELECT (name) ON stored TO pg_monitor;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n, max(k.id) AS most FROM known k;
CREATE VIEW above AS SELECT s.name, s.fax, s.note, c.n FROM stored s CROSS JOIN counted c;
GRANT SELECT ON counted, stored TO pg_database_owner;
ALTER VIEW above OWNER TO pg_database_owner;
GRANT SELECT ON above TO postgres;
CREATE MATERIALIZED VIEW "Reports"."Top" AS SELECT s.id, s.fax AS more, s.given FROM stored s WITH NO DATA;
CREATE VIEW topmost AS SELECT a.name || '!' AS called FROM above a;
CREATE VIEW apart AS SELECT id FROM people;
"""

FOLLOW: Mapping[str, tuple[str, Mapping[str, Any], str]] = {
    "rename-column": ("rename-column", {"column": "people.fax", "new_name": "telefax"}, "telefax = 7"),
    "change-type": (
        "change-type", {"column": "people.fax", "type": "bigint", "to": "telefax"}, "telefax = 7",
    ),
    "swap": ("change-type", {"column": "people.fax", "type": "bigint", "swap": True}, "fax = 7"),
    "transform-column": (
        "transform-column",
        {"column": "people.fax", "to": "cents", "using": "fax * 100", "back": "cents / 100"}, "cents = 700",
    ),
    "split-column": (
        "split-column",
        {
            "column": "people.name",
            "into": ["first = split_part(name, ' ', 1)", "last = split_part(name, ' ', 2)"],
            "back": "first || ' ' || last",
        },
        "first = 'New'",
    ),
    "merge-columns": (
        "merge-columns",
        {
            "columns": ["people.given", "people.family"],
            "into": "whole = given || ' ' || family",
            "back": ["given = split_part(whole, ' ', 1)", "family = split_part(whole, ' ', 2)"],
        },
        "whole = 'New Name'",
    ),
    "drop-column": ("drop-column", {"column": "people.note"}, "fax = 7"),
}  # fmt: skip
GO: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "drop-column": ("drop-column", {"column": "people.fax", "drop_views": True}),
    "drop-table": ("drop-table", {"table": "people", "drop_views": True}),
}

#: All of them with all that they have, as it would be dumped.
_VIEWS = """
SELECT c.oid::regclass::text, pg_get_viewdef(c.oid), c.reloptions, c.relowner::regrole::text, c.relacl::text,
    obj_description(c.oid, 'pg_class'), c.relispopulated,
    (SELECT t.reloptions FROM pg_class t WHERE t.oid = c.reltoastrelid),
    ARRAY(SELECT format('%s %s %s %s %s %s %s %s', a.attname, format_type(a.atttypid, a.atttypmod), a.attacl,
            col_description(c.oid, a.attnum), pg_get_expr(d.adbin, d.adrelid), a.attoptions, a.attstorage,
            nullif(a.attstattarget, -1))
        FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 ORDER BY a.attnum),
    ARRAY(SELECT format('%s %s %s %s', pg_get_indexdef(i.indexrelid), i.indisclustered, i.indisvalid,
            obj_description(i.indexrelid, 'pg_class'))
            || ARRAY(SELECT nullif(a.attstattarget, -1) FROM pg_attribute a
                     WHERE a.attrelid = i.indexrelid)::text
        FROM pg_index i WHERE i.indrelid = c.oid ORDER BY 1),
    ARRAY(SELECT format('%s %s %s %s', pg_get_statisticsobjdef(s.oid), nullif(s.stxstattarget, -1),
            obj_description(s.oid, 'pg_statistic_ext'), s.stxowner::regrole)
        FROM pg_statistic_ext s WHERE s.stxrelid = c.oid ORDER BY 1)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND n.nspname IN ('public', 'Reports') ORDER BY 1
"""
_SHOWN = (
    "SELECT * FROM known ORDER BY id",
    "SELECT * FROM stored ORDER BY id",
    "SELECT * FROM counted",
    "SELECT * FROM above ORDER BY name",
    "SELECT * FROM topmost ORDER BY called",
)
_OURS = "SELECT relname::text FROM pg_class WHERE relname LIKE '~ec%' AND relkind IN ('v', 'm', 'i')"
_TYPES = {"integer", "bigint"}


async def _shown(script: Script) -> list[Any]:
    return [await script.rows(query) for query in _SHOWN]


async def _contracted(script: Script) -> list[Any]:
    """Return everything but text and types of those that are there under their own names."""
    found = [row for row in await script.rows(_VIEWS) if "~ec_" not in row[0]]
    bare = [[" ".join(p for p in each.split(" ") if p not in _TYPES) for each in row[8]] for row in found]
    return [(row[0], *row[2:8], columns, *row[9:]) for row, columns in zip(found, bare, strict=True)]


def _empty(shown: list[Any], column: str) -> list[Any]:
    """Return what is shown where nobody knows a note any more."""
    if column != "people.note":
        return shown
    return [[tuple(None if value == "n" else value for value in row) for row in rows] for rows in shown]


@pytest.mark.parametrize("which", FOLLOW)
async def test_views_show_what_they_showed_and_come_back(database: str, which: str) -> None:
    """Of every sort and level: after contract they give the same rows, under the same names, with all that
    they had, and what new code writes; after undo they are the very ones of before, with the rows of then;
    after purge nothing of ours is left.
    """
    kind, fields, write = FOLLOW[which]
    column = str(fields.get("column", ""))
    async with scripted(database, kind, {**fields, "recreate_views": True}, GIVEN) as script:
        before, kept, shown = await script.rows(_VIEWS), await _contracted(script), await _shown(script)
        await script.ready()
        await script.run(Section.CONTRACT)
        assert await _shown(script) == _empty(shown, column)
        assert await _contracted(script) == kept
        await script.sql(f"UPDATE people SET {write} WHERE id = 1; REFRESH MATERIALIZED VIEW stored")
        written = await _shown(script)
        assert written != _empty(shown, column)
        await script.sql(f"UPDATE people SET {write} WHERE id = 2")
        await script.run(Section.UNDO)
        assert await script.rows(_VIEWS) == before
        assert await script.rows(_OURS) == []
        undone = await _shown(script)
        assert undone not in (written, shown)
        await script.run(Section.CONTRACT, Section.PURGE)
        assert await _shown(script) == _empty(undone, column)
        assert await _contracted(script) == kept
        assert await script.rows(_OURS) == []


@pytest.mark.parametrize("which", GO)
async def test_views_that_go_along_come_back(database: str, which: str) -> None:
    """After contract none is there under its name; undo brings back the very ones, and purge drops them."""
    async with scripted(database, *GO[which], GIVEN) as script:
        before = await script.rows(_VIEWS)
        await script.ready()
        await script.run(Section.CONTRACT)
        assert [row[0] for row in await script.rows(_VIEWS) if "~ec_" not in row[0]] in ([], ["apart"])
        await script.run(Section.UNDO)
        assert await script.rows(_VIEWS) == before
        await script.run(Section.CONTRACT, Section.PURGE)
        assert await script.rows(_OURS) == []


@pytest.mark.parametrize("which", ["rename-column", "change-type", "split-column"])
async def test_what_views_read_is_taken_back_where_a_turn_does_not_come_about(
    database: str, which: str
) -> None:
    """Contract and undo have views read the other side before their turns. Taken back, before contract as in
    undo, each shows and has what it did; nothing made beside is in the way of a rollback.
    """
    kind, fields, _ = FOLLOW[which]
    async with scripted(database, kind, {**fields, "recreate_views": True}, GIVEN) as script:
        before, shown = (await script.describe(), await script.rows(_VIEWS)), await _shown(script)
        await script.ready()
        ready = await script.describe()
        await script.prepare(Section.CONTRACT)
        assert await script.rows(_OURS) != []
        assert await _shown(script) == shown
        await script.take_back(Section.CONTRACT)
        assert await script.rows(_OURS) == []
        assert (await script.describe(), await script.rows(_VIEWS)) == (ready, before[1])
        await script.run(Section.CONTRACT)
        contracted = (await script.describe(), await script.rows(_VIEWS))
        await script.prepare(Section.UNDO)
        assert await _shown(script) == shown
        await script.take_back(Section.UNDO)
        assert (await script.describe(), await script.rows(_VIEWS)) == contracted
        await script.run(Section.UNDO)
        await script.prepare(Section.CONTRACT)
        await script.take_back(Section.CONTRACT)
        await script.run(Section.ROLLBACK)
        assert await script.rows(_OURS) == []
        assert (await script.describe(), await script.rows(_VIEWS)) == before


@pytest.mark.parametrize("which", ["rename-column", "change-type", "merge-columns", "drop-column"])
async def test_nothing_is_filled_under_a_strong_lock(database: str, which: str) -> None:
    """A materialized view is filled while its tables are read and written, and a turn reads no row of any."""
    kind, fields, _ = FOLLOW[which]
    async with scripted(database, kind, {**fields, "recreate_views": True}, GIVEN) as script:
        watched = Watched(**vars(script))
        await watched.whole_life()
    assert watched.statements > 0
    assert watched.faults == [], "\n".join(watched.faults)


_BAD = """
CREATE VIEW filtered AS SELECT id FROM people WHERE note = 'n';
CREATE VIEW each_once AS SELECT DISTINCT note FROM people;
CREATE TABLE others (fax integer, note text);
CREATE VIEW placed AS SELECT people.id FROM people JOIN others USING (fax);
CREATE VIEW ruled AS SELECT id, name FROM people;
CREATE RULE writes AS ON INSERT TO ruled DO INSTEAD INSERT INTO people (id, name) VALUES (NEW.id, NEW.name);
"""
_REFUSED = {
    "filtered": ("drop-column", {}, PlanFails, "does not only show"),
    "each_once": ("drop-column", {}, PlanFails, "does not only show"),
    "placed": ("transform-column", {}, PlanFails, "USING"),
    "ruled": ("split-column", {}, UnsupportedShape, "Rule writes"),
    "": ("transform-column", {"back": None, "one_way": True}, BadChangeFile, "--one-way"),
}


async def test_each_is_named_by_the_plan_or_refused(database: str) -> None:
    """With what is done about it, before anything is changed; and what cannot follow is refused by name."""
    async with opened(database, "rename-column", FOLLOW["rename-column"][1], GIVEN) as life:

        async def said(which: str, more: Mapping[str, Any]) -> Plan:
            kind, fields, _ = FOLLOW[which]
            asked = {**fields, "recreate_views": True, **more}
            return await plan.make(life.context, plan.named(kind, asked, ()))

        follow = [note for note in (await said("split-column", {})).hazards if note.code == "follows"]
        assert [note.sentence.partition(" public")[0].partition(' "Rep')[0] for note in follow] == [
            "View",
            "Materialized view",
            "Materialized view",
            "View",
        ]
        acknowledged = {note.code for note in (await said("split-column", {})).to_acknowledge}
        assert "view-write:public.known" in acknowledged
        await life.sql(_BAD)
        for view, (which, more, error, match) in _REFUSED.items():
            with pytest.raises(error) as refused:
                await said(which, more)
            text = f"{refused.value.message} {refused.value.why}"
            assert view in text
            assert match in text
            await life.sql(f"DROP VIEW {view}" if view else "SELECT")
