"""Whatever stands on a column, or a table, is named by the plan with what will be done, or refused with a way
out, before anything is changed.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from expandcontract.engine.verbs import plan
from expandcontract.model.errors import Refused
from expandcontract.model.plan import Plan
from expandcontract.model.step import Concurrent, Transactional
from tests.acceptance.cycle import Application, opened

pytestmark = pytest.mark.in_turn(2)

GIVEN = """
CREATE TABLE faxes (id integer PRIMARY KEY);
CREATE TABLE users (id integer PRIMARY KEY, name text, fax integer DEFAULT 7, note text);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
"""
#: By their names: what makes each, and what drops it.
DEPENDENTS: Mapping[str, tuple[str, str]] = {
    "fax_policy": (
        "CREATE POLICY fax_policy ON users USING (fax > 0)", "DROP POLICY fax_policy ON users"),
    "fax_next": (
        "ALTER TABLE users ADD fax_next integer GENERATED ALWAYS AS (fax + 1) STORED",
        "ALTER TABLE users DROP fax_next"),
    "fax_when": (
        (
            "CREATE TRIGGER fax_when AFTER UPDATE ON users FOR EACH ROW WHEN (NEW.fax > OLD.fax) "
            "EXECUTE FUNCTION nothing()"
        ), "DROP TRIGGER fax_when ON users"),
    "fax_of": (
        "CREATE TRIGGER fax_of AFTER UPDATE OF fax ON users FOR EACH ROW EXECUTE FUNCTION nothing()",
        "DROP TRIGGER fax_of ON users"),
    "fax_argument": (
        "CREATE TRIGGER fax_argument AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION nothing('fax')",
        "DROP TRIGGER fax_argument ON users"),
    "fax_listed": ("CREATE PUBLICATION fax_listed FOR TABLE users (id, fax)", "DROP PUBLICATION fax_listed"),
    "fax_stats": ("CREATE STATISTICS fax_stats ON fax, id FROM users", "DROP STATISTICS fax_stats"),
    "fax_guess": ("CREATE STATISTICS fax_guess ON (fax + 1), id FROM users", "DROP STATISTICS fax_guess"),
    "fax_index": ("CREATE INDEX fax_index ON users (fax)", "DROP INDEX fax_index"),
    "fax_part": ("CREATE INDEX fax_part ON users (id) WHERE fax > 0", "DROP INDEX fax_part"),
    "fax_apart": (
        "ALTER TABLE users ADD CONSTRAINT fax_apart EXCLUDE USING btree (fax WITH =, name WITH =)",
        "ALTER TABLE users DROP CONSTRAINT fax_apart"),
    "fax_small": (
        "ALTER TABLE users ADD CONSTRAINT fax_small CHECK (fax < 100)",
        "ALTER TABLE users DROP CONSTRAINT fax_small"),
    "fax_unique": (
        "ALTER TABLE users ADD CONSTRAINT fax_unique UNIQUE (fax)",
        "ALTER TABLE users DROP CONSTRAINT fax_unique CASCADE"),
    "fax_known": (
        "ALTER TABLE users ADD CONSTRAINT fax_known FOREIGN KEY (fax) REFERENCES faxes",
        "ALTER TABLE users DROP CONSTRAINT fax_known"),
    "fax_called": (
        "CREATE TABLE calls (fax integer CONSTRAINT fax_called REFERENCES users (fax))", "DROP TABLE calls"),
    "fax_sequence": ("CREATE SEQUENCE fax_sequence OWNED BY users.fax", "DROP SEQUENCE fax_sequence"),
    "fax_view": ("CREATE VIEW fax_view AS SELECT fax FROM users", "DROP VIEW fax_view"),
    "fax_stored": (
        "CREATE MATERIALIZED VIEW fax_stored AS SELECT fax FROM users",
        "DROP MATERIALIZED VIEW fax_stored"),
    "fax_rule": (
        "CREATE RULE fax_rule AS ON DELETE TO faxes DO ALSO DELETE FROM users WHERE fax = OLD.id",
        "DROP RULE fax_rule ON faxes"),
    "fax_parsed": (
        "CREATE FUNCTION fax_parsed() RETURNS bigint BEGIN ATOMIC SELECT sum(fax) FROM users; END",
        "DROP FUNCTION fax_parsed"),
    "fax_text": (
        "CREATE FUNCTION fax_text() RETURNS bigint LANGUAGE sql AS 'SELECT sum(fax) FROM users'",
        "DROP FUNCTION fax_text"),
    "what a fax is": (
        "COMMENT ON COLUMN users.fax IS 'what a fax is'", "COMMENT ON COLUMN users.fax IS NULL"),
    "pg_monitor": (
        "GRANT SELECT (fax) ON users TO pg_monitor", "REVOKE SELECT (fax) ON users FROM pg_monitor"),
}  # fmt: skip
KINDS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "rename-column": ("rename-column", {"column": "users.fax", "new_name": "telefax"}),
    "instant": ("rename-column", {"column": "users.fax", "new_name": "telefax", "instant": True}),
    "change-type": ("change-type", {"column": "users.fax", "type": "bigint", "to": "telefax"}),
    "swap": ("change-type", {"column": "users.fax", "type": "bigint", "swap": True}),
    "transform-column": (
        "transform-column", {"column": "users.fax", "to": "cents", "using": "fax * 2", "back": "cents / 2"}),
    "split-column": (
        "split-column",
        {"column": "users.fax", "into": ["code = fax / 100", "number = fax % 100"],
         "back": "code * 100 + number"}),
    "merge-columns": (
        "merge-columns",
        {"columns": ["users.note", "users.fax"], "into": "whole text = note || ' ' || fax",
         "back": ["note = split_part(whole, ' ', 1)", "fax = split_part(whole, ' ', 2)::integer"]}),
    "drop-column": ("drop-column", {"column": "users.fax"}),
    "drop-table": ("drop-table", {"table": "users"}),
    "rename-table": ("rename-table", {"table": "users", "new_name": "people"}),
}  # fmt: skip
#: What a kind leaves as it is: a column, or a table, that has another name, or goes with all that is its.
_OWN = {"fax_stats", "fax_guess", "fax_index", "fax_part", "what a fax is", "pg_monitor", "fax_small",
        "fax_apart", "fax_unique", "fax_known", "fax_sequence", "fax_policy", "fax_next", "fax_when",
        "fax_of"}  # fmt: skip
_BY_OID = _OWN | {"fax_called", "fax_view", "fax_stored", "fax_rule", "fax_parsed", "fax_argument"}
_STAYS = {
    "instant": _BY_OID,
    "rename-table": _BY_OID,
    "drop-table": (_OWN | {"fax_argument"}) - {"fax_sequence"},
    "drop-column": {"what a fax is", "pg_monitor"},
}


@pytest.mark.parametrize("which", KINDS)
async def test_each_dependent_is_named(database: str, which: str) -> None:
    """In a sentence of the plan, or by the statement that makes its twin; what is refused names what is in
    the way, and without that the plan is made.
    """
    kind, fields = KINDS[which]
    async with opened(database, kind, fields, GIVEN) as life:
        await life.sql(";\n".join(make for make, _ in DEPENDENTS.values()))
        refused, said = set[str](), None
        while said is None:
            try:
                said = await plan.make(life.context, life.change)
            except Refused as error:
                refused |= await _out_of_the_way(life, error, refused)
        named = _text(said)
        left = set(DEPENDENTS) - refused - _STAYS.get(which, set())
        # A twin may have the new column's name in the place of the old one's.
        twins = {name: name.replace("fax", "cents") for name in left}
        assert {name for name in left if name not in named and twins[name] not in named} == set()


async def _out_of_the_way(life: Application, error: Refused, before: set[str]) -> set[str]:
    """Drop what a refusal names, which must be something that is there, and return it."""
    text = f"{error.message} {error.why} {error.next}"
    found = {name for name in DEPENDENTS if name in text} - before
    assert found, text
    if "fax_unique" in found:
        found |= {"fax_called"} - before
    for name in sorted(found):
        await life.sql(DEPENDENTS[name][1])
    return found


def _text(said: Plan) -> str:
    steps = [step for steps in said.sections.values() for step in steps]
    done = [
        statement
        for step in steps
        for statement in (
            step.action.statements
            if isinstance(step.action, Transactional)
            else (step.action.statement,)
            if isinstance(step.action, Concurrent)
            else ()
        )
    ]
    return "\n".join((*(note.sentence for note in said.hazards), *(step.sentence for step in steps), *done))


@pytest.mark.parametrize("which", ["rename-column", "instant", "change-type", "split-column", "rename-table"])
async def test_a_security_label_is_carried_or_acknowledged(database: str, which: str) -> None:
    """A provider that masks a column by it must mask the new one, too: where the server has no such provider,
    as here, the plan is refused; where several columns are made, nobody knows whose label that would be.
    """
    kind, fields = KINDS[which]
    async with opened(database, kind, fields, GIVEN) as life:
        await life.sql("""INSERT INTO pg_seclabel SELECT a.attrelid, 'pg_class'::regclass, a.attnum, 'anon',
            'MASKED WITH VALUE 0' FROM pg_attribute a
            WHERE a.attrelid = 'users'::regclass AND a.attname = 'fax'""")
        if which == "split-column":
            said = await plan.make(life.context, life.change)
            assert "security-label:fax:anon" in {note.code for note in said.to_acknowledge}
        else:
            with pytest.raises(Refused, match="PostgreSQL would refuse") as refused:
                await plan.make(life.context, life.change)
            assert 'provider "anon"' in refused.value.why


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("rename-column", {"column": "users.fax", "new_name": "telefax"}),
        ("add-column", {"column": "users.more", "type": "integer"}),
        ("drop-column", {"column": "users.note"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_views_of_whole_rows_are_named(database: str, kind: str, fields: Mapping[str, Any]) -> None:
    """They depend on no column, and yet their readers see each one come and go."""
    views = """CREATE VIEW as_json AS SELECT to_jsonb(users) AS line FROM users;
        CREATE MATERIALIZED VIEW stored AS SELECT u FROM users u WHERE id > 0;
        CREATE VIEW listed AS SELECT * FROM users;
        CREATE RULE keeps AS ON DELETE TO users DO ALSO INSERT INTO lines SELECT OLD"""
    given = f"{GIVEN} CREATE TABLE lines (line users); {views}"
    async with opened(database, kind, fields, given) as application:
        plan_ = await application.plan()
        found = [note.sentence for note in plan_.hazards if note.code == "dependent:whole row"]
        assert [sentence.partition(" shows whole rows of public.users: ")[0] for sentence in found] == [
            "Materialized view public.stored",
            "Rule keeps ON public.users",
            "View public.as_json",
        ]
