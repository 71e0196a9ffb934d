"""Rules that only the new side of a pair has: who must keep them, from when on, and what is refused."""

from typing import Any

import asyncpg
import pytest

from expandcontract.engine.verbs import plan
from expandcontract.model.errors import EcError
from expandcontract.model.phases import Section
from tests.acceptance.cycle import Application, opened
from tests.acceptance.script import scripted
from tests.kinds.cases import MERGE, NAMES, PEOPLE

pytestmark = pytest.mark.in_turn(3)

POSTS = """
CREATE TABLE posts (id integer PRIMARY KEY, title text, body json, author integer, rank integer DEFAULT 0);
INSERT INTO posts (id, title, author) SELECT n, 'Title ' || n, 1 FROM generate_series(1, 9) n;
CREATE TABLE users (id integer PRIMARY KEY, name text UNIQUE); INSERT INTO users VALUES (1, 'ann');
"""
TITLE: dict[str, Any] = {"column": "posts.title", "to": "headline", "using": "title", "back": "headline"}
BY: dict[str, Any] = {"column": "posts.author", "to": "writer", "using": "author", "back": "writer"}
LONG = {"check": ["length(headline) > 3"]}


async def test_old_code_never_fails_for_a_rule_of_the_new_side(database: str) -> None:
    """What it writes is stored, the comparison counts it, and contract does not get through."""
    given = f"{POSTS} INSERT INTO posts (id, title) VALUES (11, 'x')"
    async with scripted(database, "transform-column", TITLE | LONG | {"unique": True}, given) as script:
        await script.start()
        await script.settle()
        assert await script.mismatches() == 1
        await script.sql("UPDATE posts SET title = 'y' WHERE id = 1")
        await script.sql("INSERT INTO posts (id, title) VALUES (12, 'Title 3')")
        # Two that break the CHECK, and two that are equal.
        assert await script.mismatches() == 4
        await script.sql("UPDATE posts SET rank = 1")
        with pytest.raises(asyncpg.UniqueViolationError):
            await script.sql("UPDATE posts SET headline = 'Title 4' WHERE id = 5")
        await script.sql("DELETE FROM posts WHERE id = 12")
        with pytest.raises(Exception, match="is violated by some row"):
            await script.contract()
        await script.take_back(Section.CONTRACT)
        await script.sql("UPDATE posts SET title = 'z' WHERE id = 2")


async def test_whoever_repeats_what_old_code_wrote_is_not_refused(database: str) -> None:
    """An ORM that writes a row back as it read it changes nothing."""
    async with scripted(database, "transform-column", TITLE | LONG, POSTS) as script:
        await script.ready()
        await script.sql("UPDATE posts SET title = 'x' WHERE id = 1")
        await script.sql("UPDATE posts SET headline = 'x', title = 'x', rank = 5 WHERE id = 1")
        with pytest.raises(asyncpg.CheckViolationError) as caught:
            await script.sql("UPDATE posts SET headline = 'y' WHERE id = 1")
        await script.sql("UPDATE posts SET headline = 'both of them', title = 'both of them' WHERE id = 1")
        assert await script.conflicts() == []
        assert (caught.value.constraint_name, caught.value.table_name) == ("posts_headline_check", "posts")


#: A trigger of the user that looks at the pair.
WATCHED = f"""{POSTS}
CREATE FUNCTION ranked() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN NEW.rank := length(NEW.title); RETURN NEW; END';
CREATE TRIGGER ranked BEFORE INSERT OR UPDATE ON posts FOR EACH ROW EXECUTE FUNCTION ranked();
"""


@pytest.mark.parametrize("given", [POSTS, WATCHED], ids=["alone", "beside a trigger"])
async def test_who_writes_both_sides_in_sync_has_lost_nothing(database: str, given: str) -> None:
    """And is held to the rules all the same: what back gives again is no excuse for new code."""
    fields = TITLE | LONG | {"using": "lpad(title, 4, '-')", "unfit": "accept"}
    async with scripted(database, "transform-column", fields, given) as script:
        await script.ready()
        await script.sql(
            "INSERT INTO posts (id, title, headline) VALUES (30, 'both of them', 'both of them')"
        )
        await script.sql("UPDATE posts SET title = 'once more', headline = 'once more' WHERE id = 30")
        assert await script.rows("SELECT title, headline FROM posts WHERE id = 30") == [("once more",) * 2]
        assert await script.conflicts() == []
        await script.sql("INSERT INTO posts (id, title) VALUES (31, 'b')")
        with pytest.raises(asyncpg.CheckViolationError):
            await script.sql("UPDATE posts SET title = 'b', headline = 'b' WHERE id = 31")
        await script.sql("UPDATE posts SET author = 2 WHERE id = 31")
        assert await script.value("SELECT headline FROM posts WHERE id = 31") == "---b"


async def test_a_check_that_fails_by_itself_refuses_new_code_alone(database: str) -> None:
    """A value of which nobody can say whether it keeps the rule does not come in."""
    fields = TITLE | {"check": ["headline::integer > 0"]}
    async with scripted(
        database, "transform-column", fields, "CREATE TABLE posts (id integer, title text)"
    ) as script:
        await script.ready()
        await script.sql("INSERT INTO posts VALUES (1, 'old')")
        with pytest.raises(asyncpg.CheckViolationError, match="invalid input syntax"):
            await script.sql("INSERT INTO posts (id, headline) VALUES (2, 'new')")
        await script.sql("INSERT INTO posts (id, headline) VALUES (2, '7')")
        assert await script.conflicts() == []


async def test_a_role_that_may_not_read_what_is_referred_to_writes_all_the_same(database: str) -> None:
    """PostgreSQL looks with the owner's rights, a trigger cannot: what it lets in is named by verify."""
    async with scripted(database, "transform-column", BY | {"references": "users.id"}, POSTS) as script:
        await script.ready()
        await script.sql("CREATE ROLE ec_writer_alone; GRANT INSERT ON posts TO ec_writer_alone")
        try:
            await script.sql(
                "SET ROLE ec_writer_alone; INSERT INTO posts (id, writer) VALUES (20, 99); RESET ROLE"
            )
            assert await script.mismatches() == 1
        finally:
            await script.sql("DROP OWNED BY ec_writer_alone; DROP ROLE ec_writer_alone")


async def test_a_default_that_makes_another_value_each_time_comes_with_contract(database: str) -> None:
    """Before, nobody could tell it from what new code gave; undo takes it away."""
    fields = TITLE | {"default": "gen_random_uuid()::text"}
    async with scripted(database, "transform-column", fields, POSTS) as script:
        before = await script.describe()
        await script.ready()
        await script.sql("INSERT INTO posts (id) VALUES (20)")
        assert await script.rows("SELECT title, headline FROM posts WHERE id = 20") == [(None, None)]
        await script.contract()
        await script.sql("INSERT INTO posts (id) VALUES (21)")
        assert await script.value("SELECT length(headline) FROM posts WHERE id = 21") == 36
        await script.undo()
        await script.sql("INSERT INTO posts (id) VALUES (22)")
        assert await script.rows("SELECT title, headline FROM posts WHERE id = 22") == [(None, None)]
        await script.rollback()
        assert await script.describe() == before


async def test_several_new_columns_have_rules_of_their_own(database: str) -> None:
    """NOT NULL of each part; a row that gives no part at all is one of old code."""
    fields = {
        "column": "people.full_name",
        "into": ["first = split_part(full_name, ' ', 1)", "last text = split_part(full_name, ' ', 2)"],
        "one_way": True,
        "not_null": ["last"],
        "check": ["first <> last"],
    }
    given = f"{PEOPLE} ALTER TABLE people ALTER full_name DROP NOT NULL"
    async with scripted(database, "split-column", fields, given) as script:
        await script.ready()
        with pytest.raises(asyncpg.NotNullViolationError) as caught:
            await script.sql("INSERT INTO people (id, first) VALUES (901, 'Ada')")
        assert caught.value.column_name == "last"
        with pytest.raises(asyncpg.CheckViolationError):
            await script.sql("UPDATE people SET first = last WHERE id = 1")
        await script.sql("INSERT INTO people (id) VALUES (902)")
        assert await script.mismatches() == 1


async def test_what_nothing_leads_back_to_must_be_given(database: str) -> None:
    """An INSERT of new code alone fails for NOT NULL of the old column, and the plan says so before."""
    fields = {"column": "people.full_name", "to": "name", "using": "upper(full_name)", "one_way": True}
    async with scripted(database, "transform-column", fields, PEOPLE) as script:
        (said,) = (n for n in script.planned.to_acknowledge if n.code == "old-must-be-given:full_name")
        assert "an INSERT of new code that gives name alone fails" in said.sentence
        await script.ready()
        with pytest.raises(asyncpg.NotNullViolationError):
            await script.sql("INSERT INTO people (id, name) VALUES (901, 'ADA')")
        await script.sql("INSERT INTO people (id, full_name, name) VALUES (901, 'Ada', 'ADA')")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a CHECK of other columns": ({"check": ["rank > 0"]}, "does not name headline"),
    "a CHECK that names the old column": ({"check": ["headline = title"]}, "names title, which goes"),
    "a CHECK of no column that there is": ({"check": ["headlin <> ''"]}, 'column "headlin" does not exist'),
    "a CHECK that is no condition": ({"check": ["headline || ''"]}, "must be type boolean"),
    "more than a CHECK": ({"check": ["true); DROP TABLE posts; --"]}, "--check"),
    "a name twice": (
        {"check": ["CONSTRAINT a CHECK (headline <> '')", "CONSTRAINT a CHECK (headline <> 'x')"]},
        "The name a is taken",
    ),
    "a name that an index has": ({"check": ["CONSTRAINT posts_pkey CHECK (headline <> '')"]}, "is taken"),
    "a name like ours": ({"check": ["CONSTRAINT \"~ec_x\" CHECK (headline <> '')"]}, "begins like"),
    "UNIQUE of what has no order": (
        {"column": "posts.body", "to": "text", "using": "body", "back": "text", "unique": True},
        "no default operator class",
    ),
    "a table that is not there": ({"references": "nowhere"}, "does not exist"),
    "a column that is not unique": ({"references": "posts.title"}, "no unique constraint"),
    "a column of another type": ({"references": "users.id"}, "cannot be implemented"),
    "the table itself": ({**BY, "references": "posts.id"}, "--references names public.posts itself"),
    "a default of another type": ({**BY, "default": "'x'::date"}, "--default"),
    "a default over columns": ({"default": "title"}, "cannot use column reference"),
}


async def test_what_is_refused(database: str, subtests: pytest.Subtests) -> None:
    """With the word that is wrong, and nothing changed."""
    async with opened(database, "transform-column", TITLE, POSTS):
        for what, (fields, said) in REFUSED.items():
            with subtests.test(what):
                async with opened(database, "transform-column", TITLE | fields) as application:
                    with pytest.raises(EcError) as caught:
                        await application.plan()
                    assert said in f"{caught.value.message} {caught.value.why}"


async def _planned(application: Application, fields: dict[str, Any]) -> None:
    application.change = plan.named("split-column", fields, ())
    await application.plan()


OF_PARTS: dict[str, tuple[dict[str, Any], str]] = {
    "no such column": ({"not_null": ["middle"]}, "--not-null names middle, which is none of first, last"),
    "a default with a type": ({"default": ["first text = 'x'"]}, "gives first a type, text"),
    "no assignment": ({"references": ["users"]}, "is not NAME [TYPE] = EXPR"),
    "actions on nothing": ({"on_delete": "cascade"}, "say what --references does"),
}


async def test_what_is_refused_of_several_columns(database: str, subtests: pytest.Subtests) -> None:
    """They are named by those who ask for them."""
    fields = {
        "column": "people.full_name",
        "into": ["first = split_part(full_name, ' ', 1)", "last text = split_part(full_name, ' ', 2)"],
        "back": "first || ' ' || last",
    }
    async with opened(database, "split-column", fields, PEOPLE):
        for what, (more, said) in OF_PARTS.items():
            with subtests.test(what):
                async with opened(database, "split-column", fields) as application:
                    with pytest.raises(EcError) as caught:
                        await _planned(application, fields | more)
                    assert said in f"{caught.value.message} {caught.value.why}"


def test_where_nobody_could_say_who_must_keep_a_rule_there_is_none() -> None:
    """By a swap both sides have one name, and what a program makes no expression makes again."""
    for more in ({"swap": True}, {"to": "new", "transform": "module:name"}):
        with pytest.raises(EcError, match="go with --to, and not with --transform"):
            plan.named("change-type", {"column": "t.c", "type": "text", "not_null": True, **more}, ())


async def test_a_partitioned_table_takes_no_unique_new_column(database: str) -> None:
    """PostgreSQL looks for an equal value in one partition alone."""
    given = """CREATE TABLE posts (id integer PRIMARY KEY, title text) PARTITION BY RANGE (id);
    CREATE TABLE posts_low PARTITION OF posts FOR VALUES FROM (0) TO (100)"""
    async with opened(database, "transform-column", TITLE | {"unique": True}, given) as application:
        with pytest.raises(EcError, match="is partitioned"):
            await application.plan()


async def test_a_merged_column_may_be_not_null_where_the_old_ones_are_not(database: str) -> None:
    """A NULL that new code gives is told from nothing by what --into makes of nothing."""
    fields = MERGE | {
        "into": "full_name text = COALESCE(first_name, '?') || COALESCE(' ' || last_name, '')",
        "not_null": True,
    }
    given = f"{NAMES} ALTER TABLE people ALTER first_name DROP NOT NULL, ALTER last_name DROP NOT NULL"
    given += ", ALTER last_name DROP DEFAULT"
    async with scripted(database, "merge-columns", fields, given) as script:
        await script.ready()
        with pytest.raises(asyncpg.NotNullViolationError):
            await script.sql("INSERT INTO people (id, full_name) VALUES (901, NULL)")
        await script.sql("INSERT INTO people (id) VALUES (901)")
        assert await script.value("SELECT full_name FROM people WHERE id = 901") == "?"
        await script.contract()
        with pytest.raises(asyncpg.NotNullViolationError):
            await script.sql("INSERT INTO people (id) VALUES (902)")


@pytest.mark.parametrize(
    ("left", "code", "said"),
    [
        ("nothing", "EC301", "has no CHECK, UNIQUE or foreign key nothing over title"),
        ("ranked", "EC301", "has no CHECK, UNIQUE or foreign key ranked over title"),
        ("by_title", "EC301", "has no CHECK, UNIQUE or foreign key by_title over title"),
        ('"NOT NULL"', "EC303", "NOT NULL of title cannot be left behind"),
        ("a" * 64, "EC202", "is 64 bytes long"),
    ],
)
async def test_only_a_rule_of_the_column_is_left_behind(
    database: str, left: str, code: str, said: str
) -> None:
    """What is none, one of another column, an index that is no rule, and what cannot be told apart."""
    given = f"""{POSTS} CREATE INDEX by_title ON posts (title); ALTER TABLE posts ALTER title SET NOT NULL,
        ADD CONSTRAINT ranked CHECK (rank >= 0), ADD CONSTRAINT long CHECK (title <> '')"""
    async with opened(database, "transform-column", TITLE | {"without": [left]}, given) as application:
        with pytest.raises(EcError, match=said) as refused:
            await application.plan()
        assert refused.value.code == code


async def test_what_is_left_behind_is_said(database: str) -> None:
    """By the plan, with what happens when; the other rules go along."""
    given = f"""{POSTS} ALTER TABLE posts ADD CONSTRAINT long CHECK (title <> ''), ADD UNIQUE (title),
        ADD CONSTRAINT short CHECK (length(title) < 99)"""
    fields = TITLE | {"without": ["long", "posts_title_key"]}
    async with opened(database, "transform-column", fields, given) as application:
        made = await application.plan()
        told = [note.sentence for note in made.hazards if note.code == "left-behind"]
        assert [each.partition(" stays on the old side alone")[0] for each in told] == [
            "UNIQUE posts_title_key",
            "CHECK long, CHECK ((title <> ''::text)),",
        ]
        begin = [step.id for step in made.steps(Section.CONTRACT) if step.becomes is None]
        assert begin == ["check:short", "check:short:validate"]
