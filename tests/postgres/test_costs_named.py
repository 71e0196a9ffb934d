"""What a change costs that the catalog shows, and nothing but the catalog."""

import asyncpg

from expandcontract.model.change import Change
from tests.postgres.scripted import compiled


async def test_what_rests_on_where_rows_lie_is_named(database: str) -> None:
    """A BRIN index on the order of insertion, and a mark for CLUSTER; a table without either has no such
    cost.
    """
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("CREATE TABLE t (id int PRIMARY KEY, at timestamp, v int)")
        change = Change("0001_t", "rename-column", {"column": "t.v", "new_name": "w"})
        before = {note.code for note in (await compiled(database, change)).costs}
        await connection.execute(
            "CREATE INDEX in_order ON t USING brin (at); ALTER TABLE t CLUSTER ON t_pkey"
        )
        after = {note.code: note.sentence for note in (await compiled(database, change)).costs}
        assert after.keys() - before == {"brin", "cluster"}
        assert "in_order" in after["brin"]
        assert "t_pkey" in after["cluster"]
    finally:
        await connection.close()


async def test_who_gives_no_list_of_columns_meets_another_order_after_purge(database: str) -> None:
    """Until then the hidden column holds the place; of the last column nothing is moved."""
    connection = await asyncpg.connect(database)
    try:
        await connection.execute('CREATE TABLE t (id int PRIMARY KEY, name text, "Note" text)')
        sentences = {}
        for column in ("name", "Note"):
            change = Change("0001_t", "rename-column", {"column": f't."{column}"', "new_name": "w"})
            costs = (await compiled(database, change)).costs
            (sentences[column],) = (note.sentence for note in costs if note.code == "column-list")
        assert 'what they give for name goes into "Note"' in sentences["name"]
        assert "purge" not in sentences["Note"]
    finally:
        await connection.close()


async def test_who_takes_xmin_for_a_version_is_named(database: str) -> None:
    """A view, and a function about the table; a table of whose rows nobody reads it has no such cost."""
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
        change = Change("0001_t", "rename-column", {"column": "t.v", "new_name": "w"})
        assert "row-version" not in {note.code for note in (await compiled(database, change)).costs}
        await connection.execute("""
            CREATE VIEW versions AS SELECT id, xmin::text AS version FROM t;
            CREATE FUNCTION version_of(int) RETURNS text LANGUAGE plpgsql AS
            $$ BEGIN RETURN (SELECT xmin::text FROM t WHERE id = $1); END $$
        """)
        (said,) = (n.sentence for n in (await compiled(database, change)).costs if n.code == "row-version")
        assert "public.version_of(integer)" in said
        assert "view public.versions" in said
    finally:
        await connection.close()
