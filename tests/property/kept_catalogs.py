"""What a server once said for a change of each kind, on tables in which every name needs quotes.

`EC_UPDATE_GOLDEN=1` asks a server anew (test_compose.py); otherwise there is none in this. A new kind gets
its catalogs from its cases.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from expandcontract.engine import planner
from expandcontract.engine.planner import Catalog
from expandcontract.model.change import Change
from expandcontract.model.names import MAX_BYTES, quote
from expandcontract.postgres.connect import Database
from tests.kinds.cases import Case
from tests.property.sql_tokens import Token, tokens

if TYPE_CHECKING:
    import asyncpg

PATH = Path(__file__).with_name("catalogs.json")
#: What no statement has outside of quotes unless a name was written bare.
MARK = "☠"
_NASTY = f"{MARK}\"'$ec$;\n--"
_CATALOG = TypeAdapter(Catalog)
#: Kind and old name of all that can be renamed, with the start of the statement. Children come with parents.
_NAMED = """
SELECT conname::text, format('ALTER TABLE %s RENAME CONSTRAINT %I TO ', conrelid::regclass, conname)
FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype <> 'n' AND coninhcount = 0 AND conparentid = 0
UNION ALL
SELECT c.relname, format('ALTER INDEX %s RENAME TO ', c.oid::regclass)
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('i', 'I')
    AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))
UNION ALL
SELECT a.attname, format('ALTER TABLE %s RENAME COLUMN %I TO ', c.oid::regclass, a.attname)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT c.relname, format('ALTER TABLE %s RENAME TO ', c.oid::regclass)
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
"""


@dataclass(frozen=True)
class Kept:
    """A change, and all that the server said for it."""

    kind: str
    fields: Mapping[str, Any]
    catalog: Catalog = field(repr=False)


def read() -> tuple[Kept, ...]:
    """Return all that is kept."""
    found = json.loads(PATH.read_text())
    return tuple(
        Kept(each["kind"], each["fields"], _CATALOG.validate_python(each["catalog"])) for each in found
    )


def write(kept: list[Kept]) -> None:
    """Keep them, one a line."""
    lines = (
        json.dumps(
            {
                "kind": each.kind,
                "fields": each.fields,
                "catalog": _CATALOG.dump_python(each.catalog, mode="json", exclude_defaults=True),
            },
            ensure_ascii=False,
        )
        for each in kept
    )
    PATH.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def nasty(name: str) -> str:
    """Return a name that starts like another and needs every care; some are as long as names can be."""
    if len(name) % 2:
        return name + _NASTY
    longest = MAX_BYTES - len(name.encode()) - len(MARK.encode())
    return f"{name}{'é' * (longest // 2)}{'_' * (longest % 2)}{MARK}"


async def prepare(connection: "asyncpg.Connection[Any]", case: Case) -> Change:
    """Make the case's tables, give all of it nasty names, and return its change in them."""
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.execute(case.given)
    found = [tuple(row) for row in await connection.fetch(_NAMED)]
    for name, rename in found:
        await connection.execute(f"{rename}{quote(nasty(name))}")
    known = {name for name, _ in found}
    fields = {key: _renamed(value, known) for key, value in case.fields.items()}
    return Change(f"0001_{case.kind.replace('-', '_')}", case.kind, fields)


async def ask(database: Database, connection: "asyncpg.Connection[Any]", case: Case) -> Kept:
    """Ask for the case's change."""
    change = await prepare(connection, case)
    async with database.transaction() as conn:
        return Kept(case.kind, change.spec, await planner.ask(conn, change))


def _renamed(value: Any, known: set[str]) -> Any:  # noqa: ANN401 - of a spec
    if isinstance(value, list | tuple):
        return [_renamed(each, known) for each in value]
    if not isinstance(value, str):
        return value
    made, at = "", 0
    for token in tokens(value):
        made += value[at : token.at] + (_name(token, known) or token.text)
        at = token.at + len(token.text)
    return made


def _name(token: Token, known: set[str]) -> str:
    name = {"word": token.text, "quoted": token.name}.get(token.kind)
    return quote(nasty(name)) if name in known else ""
