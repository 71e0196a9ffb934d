"""Pairs whose expressions read columns of the row that belong to neither side."""

import asyncio

import asyncpg
import pytest

from expandcontract import gates
from expandcontract.engine.verbs import plan, start
from expandcontract.model.errors import BadExpression, Refused
from tests.acceptance.cycle import living, opened
from tests.acceptance.script import Script, scripted
from tests.waiting import until

pytestmark = pytest.mark.in_turn(3)
REVIEWS = """CREATE TABLE reviews (id int PRIMARY KEY, product text, review text, stars int DEFAULT 0);
    INSERT INTO reviews VALUES (1, 'pear', NULL), (2, 'fig', 'crunchy'), (3, NULL, NULL)"""
#: A tag that back takes off again: what forward made of another product is in sync through back alone.
TAGGED = {
    "column": "reviews.review",
    "to": "tagged",
    "using": "review || ' #' || product",
    "back": "regexp_replace(tagged, ' #.*', '')",
}


async def _seen(life: Script) -> list[tuple[object, ...]]:
    return await life.rows("SELECT id, review, tagged FROM reviews ORDER BY id")


async def _as_both(life: Script, *, ready: bool) -> None:
    """Old code and new code write, and either of them the column that forward reads."""
    await life.sql("INSERT INTO reviews(id, product, review) VALUES (4, 'kiwi', 'sour'), (5, NULL, NULL)")
    await life.sql("INSERT INTO reviews(id, product, tagged) VALUES (6, 'melon', 'sweet #fruit')")
    assert (await _seen(life))[3:] == [
        (4, "sour", "sour #kiwi"),
        (5, None, None),
        (6, "sweet", "sweet #fruit"),
    ]
    # What forward made is made anew, and what new code wrote stays; an unrelated write changes nothing.
    await life.sql("UPDATE reviews SET product = upper(product) WHERE id > 1; UPDATE reviews SET stars = 5")
    assert (await _seen(life))[1:] == [
        (2, "crunchy", "crunchy #FIG"),
        (3, None, None),
        (4, "sour", "sour #KIWI"),
        (5, None, None),
        (6, "sweet", "sweet #fruit"),
    ]
    # Whoever writes a side beside it means that side.
    await life.sql("UPDATE reviews SET product = 'nut', tagged = 'hard #shell' WHERE id = 4")
    await life.sql("UPDATE reviews SET product = 'nut', review = 'soft' WHERE id = 6")
    assert (await _seen(life))[3::2] == [(4, "hard", "hard #shell"), (6, "soft", "soft #nut")]
    assert await life.conflicts() == []
    if ready:
        with pytest.raises(asyncpg.PostgresError) as refused:
            await life.sql("UPDATE reviews SET product = NULL WHERE id = 2")
        assert refused.value.sqlstate == "EC320"
    await life.sql("DELETE FROM reviews WHERE id > 3; UPDATE reviews SET product = 'fig' WHERE id = 2")


async def test_what_forward_reads_makes_anew_what_it_made(database: str) -> None:
    """A row's new side follows what forward reads until new code writes it: before the copy and after it, by
    INSERT, UPDATE and an UPDATE of both; a value that would not fit any more is refused. Every row compares,
    after contract the new side is the truth, and undo loses nothing.
    """
    async with scripted(database, "transform-column", TAGGED, REVIEWS) as life:
        assert life.planned.uses == ("product",)
        await life.start()
        await _as_both(life, ready=False)
        await life.backfill()
        assert await _seen(life) == [(1, None, None), (2, "crunchy", "crunchy #fig"), (3, None, None)]
        await _as_both(life, ready=True)
        await life.verify()
        await life.contract()
        await life.sql("UPDATE reviews SET product = 'date'; INSERT INTO reviews VALUES (7, 'pea')")
        await life.sql("INSERT INTO reviews(id, product, tagged) VALUES (8, 'pea', 'green #pod')")
        hidden = life.planned.hidden_column
        assert await life.rows(
            f'SELECT id, "{hidden}", tagged FROM reviews WHERE id IN (2, 7, 8) ORDER BY id'
        ) == [
            (2, "crunchy", "crunchy #fig"),
            (7, None, None),
            (8, "green", "green #pod"),
        ]
        await life.undo()
        await life.verify()
        await life.sql("UPDATE reviews SET product = 'plum'")
        assert (await _seen(life))[1:] == [
            (2, "crunchy", "crunchy #fig"),
            (3, None, None),
            (7, None, None),
            (8, "green", "green #pod"),
        ]
        await life.verify()
        await life.rollback()
        await life.sql("ALTER TABLE reviews ALTER product TYPE varchar(20)")


async def test_triggers_of_the_user_change_what_forward_reads(database: str) -> None:
    """Between our two triggers one of the user's changes the column that forward reads: the new side is made
    of what is stored, and what new code wrote stays.
    """
    given = f"""{REVIEWS}; CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        NEW.product := lower(NEW.product); NEW.stars := length(NEW.review); RETURN NEW; END $$;
        CREATE TRIGGER tidy BEFORE INSERT OR UPDATE ON reviews FOR EACH ROW EXECUTE FUNCTION tidy()"""
    async with scripted(database, "transform-column", TAGGED, given) as life:
        await life.start()
        await life.backfill()
        await life.sql("INSERT INTO reviews(id, product, review) VALUES (4, 'KIWI', 'sour')")
        await life.sql("INSERT INTO reviews(id, product, tagged) VALUES (5, 'KIWI', 'sour #SWEET')")
        await life.sql("UPDATE reviews SET product = 'FIG' WHERE id > 3")
        assert (await _seen(life))[3:] == [(4, "sour", "sour #fig"), (5, "sour", "sour #SWEET")]
        await life.verify()
        assert await life.conflicts() == []


PRICES = """CREATE TABLE prices (id int, euros numeric, rate numeric, region text, PRIMARY KEY (id, region))
    PARTITION BY LIST (region);
    CREATE TABLE north PARTITION OF prices FOR VALUES IN ('n');
    CREATE TABLE south PARTITION OF prices FOR VALUES IN ('s');
    INSERT INTO prices VALUES (1, 10, 2, 'n'), (2, NULL, 2, 'n'), (3, 30, 3, 's')"""


async def test_back_reads_as_well(database: str) -> None:
    """Where both ways read a column, what forward made is made anew when it changes, and where new code wrote
    the new side, the old one; after contract the hidden one. A row that moves to another partition meanwhile
    keeps both.
    """
    fields = {
        "column": "prices.euros",
        "to": "local",
        "using": "CASE region WHEN 'x' THEN 0 ELSE euros * rate END",
        "back": "trim_scale(local / rate)",
        "unfit": "accept",
    }
    async with scripted(database, "transform-column", fields, PRICES) as life:
        query = "SELECT id, euros, local FROM prices ORDER BY id"
        await life.ready()
        await life.sql("UPDATE prices SET rate = 4, region = 's' WHERE id < 3")
        await life.sql("INSERT INTO prices(id, local, rate, region) VALUES (4, 9.0, 3, 's')")
        assert await life.rows(query) == [(1, 10, 40), (2, None, None), (3, 30, 90), (4, 3, 9)]
        # 9.0 is not what forward makes of 3: it is new code's.
        await life.sql("UPDATE prices SET rate = 9, region = 'n' WHERE id = 4")
        assert await life.rows(f"{query} OFFSET 3") == [(4, 1, 9)]
        await life.verify()
        await life.contract()
        await life.sql("UPDATE prices SET rate = rate * 2")
        await life.undo()
        assert await life.rows(query) == [(1, 5, 40), (2, None, None), (3, 15, 90), (4, 0.5, 9)]
        await life.verify()


async def test_one_way_and_what_is_another_value_each_time(database: str) -> None:
    """Of a pair that is filled once the same holds: what forward still makes of the row as it was is made
    anew. What is another value each time nobody can tell from new code's, and stays.
    """
    fields = {"column": "reviews.review", "to": "line", "using": "concat(review, product)", "one_way": True}
    async with scripted(database, "transform-column", fields, REVIEWS) as life:
        await life.ready()
        await life.sql("UPDATE reviews SET line = 'mine' WHERE id = 1; UPDATE reviews SET product = 'date'")
        assert await life.rows("SELECT line FROM reviews ORDER BY id") == [
            ("mine",),
            ("crunchydate",),
            ("date",),
        ]
        await life.verify()
        await life.rollback()


async def test_several_columns_read_others(database: str) -> None:
    """Each column of a split is made of what any of the expressions reads, and so is one that merges."""
    split = {
        "column": "reviews.review",
        "into": ["first text = concat(product, ':', review)", "second int = stars + length(review)"],
        "one_way": True,
    }
    async with scripted(database, "split-column", split, REVIEWS) as life:
        await life.ready()
        await life.sql("UPDATE reviews SET stars = 3, product = 'nut' WHERE id = 2")
        assert await life.rows("SELECT first, second FROM reviews WHERE id = 2") == [("nut:crunchy", 10)]
        await life.rollback()


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "a generated column": ({"using": "review || upper_product"}, "that are not generated"),
    "back reads the old side": ({"back": "tagged || review"}, "--back names review"),
    "nothing of the other side": ({"using": "product"}, "--using names product, and not review"),
    "views show what back makes": (
        {"back": "tagged || product", "recreate_views": True},
        "A view need not have those columns",
    ),
    "a query": ({"using": "(SELECT max(id) FROM other)"}, "--using 'function(review)'"),
}


async def test_what_no_expression_may_read(database: str, subtests: pytest.Subtests) -> None:
    """A generated column has no value yet when the trigger is called, the old side goes at contract, a view
    need not have the column, and a query is a function's.
    """
    given = """CREATE TABLE reviews (id int PRIMARY KEY, product text, review text,
        upper_product text GENERATED ALWAYS AS (upper(product)) STORED); CREATE TABLE other (id text)"""
    async with opened(database, "transform-column", TAGGED, given):
        for what, (fields, said) in REFUSED.items():
            with subtests.test(what):
                async with opened(database, "transform-column", TAGGED | fields) as application:
                    with pytest.raises(BadExpression) as caught:
                        await application.plan()
                    error = caught.value
                    assert said in f"{error.message} {error.why} {error.next}"


async def test_two_sessions_write_either_side_of_what_is_read(database: str) -> None:
    """Old code writes the column that forward reads while new code writes the new side, in either order: the
    row ends as one after the other. What COPY and an upsert bring is no other than an INSERT and an UPDATE.
    """
    async with scripted(database, "transform-column", TAGGED, REVIEWS) as life:
        await life.ready()
        other = await asyncpg.connect(database)
        blocked = "SELECT cardinality(pg_blocking_pids($1)) > 0"
        try:
            product, tagged = (
                f"UPDATE reviews SET {each} WHERE id = "
                for each in ("product = 'fig2'", "tagged = 'mine #own'")
            )
            for first, second, key in ((tagged, product, 2), (product, tagged, 4)):
                await life.sql("INSERT INTO reviews VALUES (4, 'fig', 'crunchy') ON CONFLICT DO NOTHING")
                async with life.app.transaction():
                    await life.sql(first + str(key))
                    waiting = asyncio.create_task(other.execute(second + str(key)))
                    await until(lambda: life.value(blocked, other.get_server_pid()), waiting)
                await waiting
        finally:
            await other.close()
        await life.app.copy_records_to_table(
            "reviews", records=[(5, "pea", "green")], columns=["id", "product", "review"]
        )
        upsert = "INSERT INTO reviews(id, product, review) VALUES (5, 'pod', 'x') ON CONFLICT (id)"
        await life.sql(f"{upsert} DO UPDATE SET product = EXCLUDED.product; {upsert} DO NOTHING")
        assert (await _seen(life))[1::2] == [(2, "mine", "mine #own"), (4, "mine", "mine #own")]
        assert (await _seen(life))[4] == (5, "green", "green #pod")
        await life.verify()


async def test_what_is_read_is_no_other_changes_to_claim(database: str) -> None:
    """While it is read nobody renames it by another change; who does so by hand is named, and the writes of
    the application go on.
    """
    async with living(database, "transform-column", TAGGED, REVIEWS) as life:
        await life.start()
        renames = plan.named("rename-column", {"column": "reviews.product", "new_name": "item"}, ())
        with pytest.raises(Refused, match="product"):
            await start.start(life.context, renames, start.Consent())
        await life.sql("ALTER TABLE reviews RENAME product TO item; UPDATE reviews SET stars = 1")
        shut = {each.gate: each.reason for each in gates.judge_all(await life.situation()) if not each.open}
        assert "product" in shut["sync-intact"]


async def test_the_plan_says_what_is_read(database: str) -> None:
    """It looks at rows with all that the expressions read, and says what a write of that does, and what NULL
    may become.
    """
    given = f"{REVIEWS}, (8, NULL, 'bare'), (9, 'nut', 'a #b')"
    async with opened(database, "transform-column", TAGGED, given) as application:
        told = {note.code: note for note in (await application.plan()).hazards}
        assert told["unfit"].found == "2 of 5 rows: id = 8; id = 9."
        assert "A write of that alone makes tagged anew" in told["reads"].sentence
        assert "may make a value of NULL, by what else it reads" in told["fills-null"].sentence


async def test_a_column_that_keeps_its_name_reads_others(database: str) -> None:
    """With --swap the columns exchange their names at contract, and what is read stays."""
    given = """CREATE TABLE bags (id int PRIMARY KEY, stars int NOT NULL, weight int);
        INSERT INTO bags VALUES (1, 6, 2), (2, 8, 4), (3, 5, NULL)"""
    fields = {
        "column": "bags.stars",
        "type": "numeric",
        "swap": True,
        "using": "stars::numeric * COALESCE(weight, 1)",
        "back": "(stars / COALESCE(weight, 1))::int",
    }
    async with scripted(database, "change-type", fields, given) as life:
        await life.ready()
        await life.sql("UPDATE bags SET weight = 3")
        new = life.planned.new_column
        assert await life.rows(f'SELECT stars, "{new}" FROM bags ORDER BY id') == [(6, 18), (8, 24), (5, 15)]
        await life.verify()
        await life.contract()
        await life.sql("UPDATE bags SET weight = 6; INSERT INTO bags VALUES (4, 7, 2)")
        await life.undo()
        assert await life.rows(f'SELECT stars, "{new}" FROM bags ORDER BY id') == [
            (3, 18),
            (4, 24),
            (3, 15),
            (7, 14),
        ]
