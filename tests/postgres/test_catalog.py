"""The snapshot of a table: every kind of thing that a column can have, on the server that tests run on."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from expandcontract.model.errors import NoSuchObject
from expandcontract.model.names import KEYWORDS, RelationName, parse_target, quote
from expandcontract.postgres.address import parse
from expandcontract.postgres.catalog.column import Grant
from expandcontract.postgres.catalog.default import judge
from expandcontract.postgres.catalog.dependent import ColumnDependent
from expandcontract.postgres.catalog.relation import LeafTable
from expandcontract.postgres.catalog.snapshot import Snapshot, load
from expandcontract.postgres.connect import Database
from expandcontract.postgres.query import rows, value

VERSION = int(os.environ.get("EC_TEST_PG", "18"))
since_15 = pytest.mark.skipif(VERSION < 15, reason="not on PostgreSQL 14")
since_18 = pytest.mark.skipif(VERSION < 18, reason="not on PostgreSQL before 18")

Look = Callable[..., Awaitable[Snapshot]]


@pytest.fixture
async def db(database: str) -> AsyncIterator[Database]:
    """Give the database under test."""
    opened = Database(database)
    yield opened
    await opened.close()


@pytest.fixture
async def look(database: str, db: Database) -> Look:
    """Give a function that runs statements and returns the snapshot for a column."""

    async def after(target: str, *statements: str) -> Snapshot:
        connection = await asyncpg.connect(database)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()
        async with db.transaction() as conn:
            return await load(conn, parse_target(target))

    return after


async def test_a_column_with_everything(look: Look) -> None:
    """Type, collation, NOT NULL, default, storage, statistics, options, comment and privileges are read."""
    snapshot = await look(
        "users.name",
        "CREATE TABLE users (id int, name varchar(20) COLLATE \"C\" NOT NULL DEFAULT 'x')",
        "ALTER TABLE users ALTER name SET STATISTICS 7, ALTER name SET (n_distinct = 5)",
        "ALTER TABLE users ALTER name SET STORAGE EXTERNAL",
        "COMMENT ON COLUMN users.name IS 'the name'",
        "DO $$ BEGIN CREATE ROLE reader_of_name; EXCEPTION WHEN duplicate_object THEN END $$",
        "GRANT SELECT (name), UPDATE (name) ON users TO reader_of_name WITH GRANT OPTION",
    )
    column = snapshot.column("name")
    assert column is not None
    assert (column.number, column.type, column.collation) == (2, "character varying(20)", 'pg_catalog."C"')
    assert (column.not_null, column.not_null_valid) == (True, True)
    assert column.not_null_name == ("users_name_not_null" if VERSION >= 18 else None)
    assert (column.default, column.default_kind) == ("'x'::character varying", "constant")
    assert (column.storage, column.statistics_target, column.options) == ("external", 7, ("n_distinct=5",))
    assert column.comment == "the name"
    assert column.grants == (Grant("reader_of_name", "SELECT", True), Grant("reader_of_name", "UPDATE", True))
    assert snapshot.relation.writers == ("postgres", "reader_of_name")


async def test_a_plain_column_has_nothing(look: Look) -> None:
    """What is the type's own default is None, so that nothing is carried that was never set."""
    column = (await look("t.a", "CREATE TABLE t (a text)")).column("a")
    assert column is not None
    assert (column.collation, column.default, column.default_kind, column.storage) == (None, None, None, None)
    assert (column.compression, column.statistics_target, column.options, column.comment) == (
        None,
        None,
        (),
        None,
    )
    assert not column.not_null


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("'a'", "constant"),
        ("upper('a')", "constant"),
        ("current_user", "stable"),
        ("to_char(now(), 'YYYY')", "stable"),
        ("current_setting('app.tenant')", "opaque"),
        ("random()::text", "volatile"),
        ("clock_timestamp()::text", "volatile"),
        ("nextval('public.s')::text", "volatile"),
        ("public.says_immutable()", "opaque"),
        ("public.volatile_inside()", "opaque"),
    ],
)
async def test_defaults_are_judged_by_the_server(
    db: Database, database: str, expression: str, kind: str
) -> None:
    """Constant, stable or volatile is what PostgreSQL itself holds it for; what only the application can
    evaluate is not evaluated; nothing is left behind.
    """
    connection = await asyncpg.connect(database)
    await connection.execute("CREATE SEQUENCE s")
    await connection.execute(
        "CREATE FUNCTION says_immutable() RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'begin return 1; end'"
    )
    await connection.execute(
        "CREATE FUNCTION volatile_inside() RETURNS text LANGUAGE sql AS 'SELECT random()::text'"
    )
    await connection.close()
    async with db.transaction() as conn:
        assert await judge(conn, "text", expression) == kind
        assert await rows(conn, "SELECT relname FROM pg_class WHERE relname = 'ec_default'") == []
        # A sequence that was asked would have moved.
        assert await value(conn, "SELECT is_called FROM public.s") is False


async def test_a_domain_with_a_check_does_not_look_volatile(db: Database, database: str) -> None:
    """Adding a column of such a domain rewrites whatever its default; that says nothing of the default."""
    connection = await asyncpg.connect(database)
    await connection.execute("CREATE DOMAIN d AS text CHECK (value <> '')")
    await connection.close()
    async with db.transaction() as conn:
        assert await judge(conn, "public.d", "current_user::public.d") == "stable"


@pytest.mark.parametrize(
    ("type_sql", "plain"),
    [
        ("text", True),
        ("varchar(3)", True),
        ("bigint", True),
        ("uuid", True),
        ("date", True),
        ('text COLLATE "C"', True),
        ("char(3)", False),
        ("numeric", False),
        ("double precision", False),
        ("interval", False),
        ("jsonb", False),
        ("json", False),
        ("point", False),
        ("text[]", False),
    ],
)
async def test_plain_equality_is_for_types_whose_equality_is_identity(
    look: Look, type_sql: str, plain: bool
) -> None:
    """1.0 and 1.00, '30 days' and '1 month', 'a' and 'a ' are equal and not identical."""
    column = (await look("t.a", f"CREATE TABLE t (a {type_sql})")).column("a")
    assert column is not None
    assert column.plain_equality is plain


async def test_identity_generated_and_owned_sequences(look: Look) -> None:
    """A serial's sequence is owned, an identity's is not listed; generated columns are marked."""
    snapshot = await look(
        "t.a",
        "CREATE TABLE t (a serial, b int GENERATED ALWAYS AS IDENTITY)",
        "ALTER TABLE t ADD c int GENERATED ALWAYS AS (a + 1) STORED",
    )
    a, b, c = snapshot.columns
    assert (a.owned_sequences, a.default_kind) == ((RelationName("public", "t_a_seq"),), "volatile")
    assert (b.identity, b.owned_sequences) == ("a", ())
    assert (c.generated, c.default, c.default_kind) == ("s", "(a + 1)", None)
    assert snapshot.dependents == (ColumnDependent("generated column", "public.t.c", "a"),)


@pytest.mark.parametrize(
    ("statement", "definition", "columns"),
    [
        ("CREATE INDEX i ON t (a, b DESC)", "btree (a, b DESC)", ("a", "b")),
        ("CREATE INDEX i ON t USING hash (b)", "hash (b)", ("b",)),
        (
            "CREATE INDEX i ON t (lower(b)) INCLUDE (c) WHERE a > 0",
            "btree (lower(b)) INCLUDE (c) WHERE (a > 0)",
            ("c", "a", "b"),
        ),
        ('CREATE INDEX "ix USING btree" ON t (b text_pattern_ops)', "btree (b text_pattern_ops)", ("b",)),
        ("CREATE UNIQUE INDEX i ON t (a) WITH (fillfactor = 50)", "btree (a) WITH (fillfactor='50')", ("a",)),
    ],
)
async def test_an_index_is_what_follows_using(
    look: Look, statement: str, definition: str, columns: tuple[str, ...]
) -> None:
    """The definition begins at the access method, whatever the names, and every column used is listed."""
    snapshot = await look("t.a", "CREATE TABLE t (a int, b text, c int)", statement)
    (index,) = snapshot.indexes
    assert (index.definition, index.columns) == (definition, columns)
    assert index.unique == statement.startswith("CREATE UNIQUE")
    assert index.valid


async def test_constraints_that_are_indexes(look: Look) -> None:
    """Primary key, unique and exclusion constraints come with their index, in key order."""
    snapshot = await look(
        "t.a",
        "CREATE TABLE t (a int, b int, c int4range, PRIMARY KEY (b, a) INCLUDE (c),"
        " CONSTRAINT u UNIQUE (a) DEFERRABLE INITIALLY DEFERRED,"
        " CONSTRAINT x EXCLUDE USING gist (c WITH &&))",
        "COMMENT ON CONSTRAINT u ON t IS 'why'",
        "ALTER TABLE t REPLICA IDENTITY USING INDEX t_pkey, CLUSTER ON t_pkey",
    )
    by_name = {index.name: index for index in snapshot.indexes}
    assert snapshot.primary_key == ("b", "a")
    assert by_name["t_pkey"].columns == ("b", "a", "c")
    assert (by_name["t_pkey"].replica_identity, by_name["t_pkey"].clustered) == (True, True)
    unique = by_name["u"]
    assert (unique.constraint_kind, unique.deferrable, unique.deferred, unique.constraint_comment) == (
        "u",
        True,
        True,
        "why",
    )
    assert by_name["x"].constraint_definition == "EXCLUDE USING gist (c WITH &&)"
    assert {"t", "t_pkey", "u", "x"} <= snapshot.taken_names


async def test_checks_and_foreign_keys_in_both_directions(look: Look) -> None:
    """Own constraints first, then the foreign keys that point here; a self-reference is both."""
    snapshot = await look(
        "t.a",
        "CREATE TABLE t (a int PRIMARY KEY, b int REFERENCES t ON DELETE CASCADE)",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > b) NO INHERIT",
        "CREATE TABLE other (x int, CONSTRAINT f FOREIGN KEY (x) REFERENCES t MATCH FULL DEFERRABLE)",
        "ALTER TABLE t ADD CONSTRAINT n CHECK (a > 0) NOT VALID",
    )
    assert [(c.name, c.kind, c.inbound) for c in snapshot.constraints] == [
        ("c", "c", False),
        ("n", "c", False),
        ("t_b_fkey", "f", False),
        ("f", "f", True),
        ("t_b_fkey", "f", True),
    ]
    check, not_valid, own, inbound, _ = snapshot.constraints
    assert (check.columns, check.definition, check.no_inherit) == (
        ("a", "b"),
        "CHECK ((a > b)) NO INHERIT",
        True,
    )
    assert not not_valid.validated
    assert (own.columns, own.other_columns, own.on_delete, own.on_update) == (
        ("b",),
        ("a",),
        "CASCADE",
        "NO ACTION",
    )
    assert (inbound.table, inbound.other_table) == (RelationName("public", "other"), snapshot.table)
    assert (inbound.columns, inbound.other_columns, inbound.match, inbound.deferrable) == (
        ("x",),
        ("a",),
        "FULL",
        True,
    )


@since_15
async def test_on_delete_set_null_of_some_columns(look: Look) -> None:
    """The list of columns that ON DELETE SET NULL sets (15+) is read."""
    snapshot = await look(
        "c.a",
        "CREATE TABLE p (a int, b int, PRIMARY KEY (a, b))",
        "CREATE TABLE c (a int, b int, FOREIGN KEY (a, b) REFERENCES p ON DELETE SET NULL (b))",
    )
    assert snapshot.constraints[0].delete_set_columns == ("b",)


@since_18
async def test_constraints_of_18(look: Look) -> None:
    """NOT ENFORCED checks and NOT NULL that is not valid yet are told apart."""
    snapshot = await look(
        "t.a",
        "CREATE TABLE t (a int, CONSTRAINT c CHECK (a > 0) NOT ENFORCED)",
        "ALTER TABLE t ADD CONSTRAINT mine NOT NULL a NOT VALID",
    )
    (column,) = snapshot.columns
    assert not snapshot.constraints[0].enforced
    assert (column.not_null, column.not_null_name, column.not_null_valid) == (True, "mine", False)


async def test_partitions_and_their_keys(look: Look) -> None:
    """Leaves of every level, and all columns by which something below is partitioned."""
    snapshot = await look(
        "p.c",
        "CREATE TABLE p (a int, b int, c text, d int) PARTITION BY RANGE (a, (b + 1))",
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0, 0) TO (10, 0) PARTITION BY LIST (lower(c))",
        "CREATE TABLE p11 PARTITION OF p1 DEFAULT",
        "CREATE TABLE p2 PARTITION OF p DEFAULT",
    )
    relation = snapshot.relation
    assert relation.partitioned
    assert relation.partition_keys == ("a", "b", "c")
    assert [leaf.name.name for leaf in relation.leaves] == ["p11", "p2"]
    assert [partition.name for partition in relation.partitions] == ["p1", "p11", "p2"]
    leaf = await look("p11.c")
    assert leaf.relation.partition_of == RelationName("public", "p1")


async def test_children_by_inheritance_are_leaves(look: Look) -> None:
    """The table and its children, each once, though a child inherits by two ways."""
    snapshot = await look(
        "a.x",
        "CREATE TABLE a (x int)",
        "CREATE TABLE b () INHERITS (a)",
        "CREATE TABLE c () INHERITS (a)",
        "CREATE TABLE d () INHERITS (b, c)",
    )
    assert snapshot.relation.leaves == tuple(LeafTable(RelationName("public", name)) for name in "abcd")
    assert (await look("d.x")).relation.inherits_from == (
        RelationName("public", "b"),
        RelationName("public", "c"),
    )


@pytest.mark.parametrize(
    ("statement", "target", "kind", "persistence", "system"),
    [
        ("CREATE VIEW v AS SELECT 1 AS a", "v.a", "v", "p", False),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1 AS a", "v.a", "m", "p", False),
        ("CREATE UNLOGGED TABLE v (a int)", "v.a", "r", "u", False),
        ("CREATE SEQUENCE v", "v.last_value", "S", "p", False),
        ("SELECT 1", "pg_catalog.pg_class.relname", "r", "p", True),
        ("SELECT 1", "pg_class.relname", "r", "p", True),
    ],
)
async def test_every_kind_of_relation_is_described(
    look: Look, statement: str, target: str, kind: str, persistence: str, system: bool
) -> None:
    """What no change may touch is loaded all the same, so that the refusal can say what it is."""
    relation = (await look(target, statement)).relation
    assert (relation.kind, relation.persistence, relation.system) == (kind, persistence, system)


async def test_everything_that_depends_on_a_column(look: Look) -> None:
    """Whatever depends on the column is named, also functions that have only text."""
    snapshot = await look(
        'app.users."Full Name"',
        "CREATE SCHEMA app",
        'CREATE TABLE app.users (id int, "Full Name" text)',
        'ALTER TABLE app.users ADD g text GENERATED ALWAYS AS (lower("Full Name")) STORED',
        "CREATE TABLE app.child () INHERITS (app.users)",
        'CREATE VIEW v AS SELECT "Full Name" FROM app.users',
        'CREATE MATERIALIZED VIEW m AS SELECT "Full Name" FROM app.child',
        "CREATE RULE r AS ON DELETE TO app.users WHERE old.\"Full Name\" = 'x' DO NOTHING",
        'CREATE POLICY p ON app.users USING ("Full Name" = current_user)',
        'CREATE STATISTICS s (ndistinct, mcv) ON id, "Full Name" FROM app.users',
        'CREATE FUNCTION f() RETURNS bigint BEGIN ATOMIC SELECT count("Full Name") FROM app.users; END',
        "CREATE FUNCTION body() RETURNS text LANGUAGE sql AS 'SELECT \"Full Name\" FROM app.USERS'",
        "CREATE FUNCTION comment() RETURNS text LANGUAGE sql AS 'SELECT ''a'' -- \"Full Name\" of users'",
        "CREATE TABLE people AS SELECT 'x' AS \"Full Name\"",
        "CREATE FUNCTION other() RETURNS text LANGUAGE sql AS 'SELECT \"Full Name\" FROM people'",
        "CREATE FUNCTION of_row(u app.users) RETURNS text LANGUAGE sql AS 'SELECT u.\"Full Name\"'",
        "CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS 'begin new.\"Full Name\" := 1; end'",
        'CREATE TRIGGER t BEFORE UPDATE OF "Full Name" ON app.users FOR EACH ROW EXECUTE FUNCTION trg()',
    )
    assert [(each.kind, each.name) for each in snapshot.dependents] == [
        ("function", "public.f()"),
        ("function body", "public.body()"),
        ("function body", "public.of_row(app.users)"),
        ("function body", "public.trg()"),
        ("generated column", "app.child.g"),
        ("generated column", "app.users.g"),
        ("materialized view", "public.m"),
        ("policy", "p ON app.users"),
        ("rule", "r ON app.users"),
        ("statistics", "public.s"),
        ("trigger", "t ON app.users"),
        ("view", "public.v"),
    ]
    statistics = next(each for each in snapshot.dependents if each.kind == "statistics")
    assert (statistics.definition, statistics.columns) == (" (ndistinct, mcv)", ("id", "Full Name"))
    assert [(t.name, t.before, t.on_update, t.on_insert, t.uses) for t in snapshot.triggers] == [
        ("t", True, True, False, ("Full Name",))
    ]
    assert (await look("app.users.id")).dependents == (
        ColumnDependent("statistics", "public.s", "id", " (ndistinct, mcv)", ("id", "Full Name")),
    )


async def test_the_sync_of_another_change_depends_on_the_key(look: Look) -> None:
    """It names the key's columns and would fail without them; the ledger's own functions do not count."""
    snapshot = await look(
        "t.id",
        "CREATE TABLE t (id int, a text)",
        "CREATE SCHEMA ledger",
        "CREATE SCHEMA ledger_sync",
        "CREATE VIEW ledger.status_v1 AS SELECT 1 AS one",
        "CREATE FUNCTION ledger.f() RETURNS text LANGUAGE sql AS 'SELECT id::text FROM public.t'",
        "CREATE FUNCTION ledger_sync.f() RETURNS text LANGUAGE sql AS 'SELECT id::text FROM public.t'",
        "CREATE FUNCTION ledger_sync.other() RETURNS trigger LANGUAGE plpgsql AS 'begin new.a := new.id;end'",
        "CREATE TRIGGER other BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION ledger_sync.other()",
    )
    (found,) = snapshot.dependents
    assert (found.kind, found.name, found.tied) == ("function body", "ledger_sync.other()", True)


@since_15
async def test_publications_of_a_table(look: Look) -> None:
    """A column list makes a publication the column's dependent; by table or schema it is the table's."""
    snapshot = await look(
        "t.b",
        "CREATE TABLE t (a int, b int, c int)",
        "CREATE PUBLICATION listed FOR TABLE t (a, b)",
        "CREATE PUBLICATION filtered FOR TABLE t WHERE (b > 0)",
        "CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA public",
        "CREATE PUBLICATION of_all FOR ALL TABLES",
    )
    assert snapshot.relation.publications == ("filtered", "listed", "of_all", "of_schema")
    assert [(each.name, each.definition, each.columns) for each in snapshot.dependents] == [
        ("filtered", "", ()),
        ("listed", "(a, b)", ("a", "b")),
    ]


@pytest.mark.parametrize(
    ("target", "message", "why"),
    [
        ("user.name", 'no table "user"', "Looked in public. Did you mean users?"),
        ("orders.id", "no table orders", "Did you mean app.orders?"),
        ("app.order.id", 'no table app."order"', "Did you mean orders?"),
        ('users."Name"', 'no column "Name"', "Did you mean name?"),
        ("users.nane", "no column nane", "Did you mean name?"),
        ("users.zzz", "no column zzz", "It has id, name."),
        ("users.ctid", "no column ctid", ""),
    ],
)
async def test_the_nearest_names_are_offered(look: Look, target: str, message: str, why: str) -> None:
    """No such table or column: exit 4, with what it may have been meant to be."""
    with pytest.raises(NoSuchObject) as refused:
        await look(
            target,
            "CREATE SCHEMA app",
            "CREATE TABLE app.orders (id int)",
            "CREATE TABLE users (id int, name text)",
        )
    assert refused.value.exit_code == 4
    assert message in refused.value.message
    assert why in refused.value.why


async def test_a_table_without_schema_is_found_as_the_role_would(look: Look, database: str) -> None:
    """The search_path that the database gives its sessions decides, though ours is empty."""
    name = parse(database).database
    snapshot = await look(
        "t.a",
        "CREATE SCHEMA app",
        "CREATE TABLE app.t (a int)",
        "CREATE TABLE public.t (a int)",
        f"ALTER DATABASE {name} SET search_path = app, public",
    )
    assert snapshot.table == RelationName("app", "t")


async def test_quoting_agrees_with_the_server(db: Database) -> None:
    """Every keyword of this server, and names of every kind, are quoted exactly where quote_ident() does."""
    async with db.transaction() as conn:
        keywords = dict(await rows(conn, "SELECT word, catcode::text FROM pg_catalog.pg_get_keywords()"))
        names = [
            *keywords,
            *KEYWORDS,
            "a",
            "A",
            "a b",
            'a"b',
            "1a",
            "_a",
            "a1",
            "a$",
            "ä",
            "Full Name",
            "~ec_x",
        ]
        query = "SELECT n, pg_catalog.quote_ident(n) FROM pg_catalog.unnest($1::text[]) n"
        quoted = dict(await rows(conn, query, names))
    # What is more of a keyword in a later version is quoted by us also where this server would not.
    differing = {name for name in names if quote(name) != quoted[name]}
    assert differing <= {word for word in KEYWORDS if keywords.get(word, "U") == "U"}
    assert len(keywords) > 400
