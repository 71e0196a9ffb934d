"""What a database says of its changes to whoever has models: which names leave, which come, what is there.

It asks with the connection that it is given, whichever driver that has, and imports no engine.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from expandcontract.model.names import RelationName, literal, quote, sync_schema
from expandcontract.model.phases import Stage, State

#: Where a ledger is, unless somebody put it elsewhere.
SCHEMA = "expandcontract"


@dataclass(frozen=True)
class There:
    """A table or view that is there now, with those of a change's columns that it has.

    `found` says that its name without a schema leads to it. `filled` are those of the columns that have a
    default.
    """

    name: RelationName
    columns: frozenset[str]
    found: bool
    filled: frozenset[str] = frozenset()


@dataclass(frozen=True)
class KnownChange:
    """A change as models meet it: what old code names and new code does not, and the other way around.

    `table` is what the table is called for code; where a change gives it another name or makes it,
    `comes_table` is that name. `table_leaves` says that old code's name for it goes. `refuses` says that from
    contract on rows are refused that old code may write. `claimed` are all columns that the change works on,
    `hidden` what is out of sight after contract. `there` is what the catalog has.
    """

    name: str
    kind: str
    stage: Stage
    table: RelationName
    leaves: tuple[str, ...] = ()
    comes: tuple[str, ...] = ()
    table_leaves: bool = False
    comes_table: RelationName | None = None
    refuses: bool = False
    claimed: tuple[str, ...] = ()
    hidden: str = ""
    there: tuple[There, ...] = ()

    @property
    def open(self) -> bool:
        """Whether it is begun and not at its end: there is something that waits, or a way back."""
        return self.stage in (Stage.BEFORE_READY, Stage.READY, Stage.HIDDEN)

    def columns_there(self) -> frozenset[str]:
        """Return those of its columns that code finds in the table now."""
        return frozenset().union(*(each.columns for each in self.there if each.name == self.table))

    def is_filled(self) -> bool:
        """Return whether a row that comes without its new columns gets a value in each of them."""
        filled = frozenset[str]().union(*(each.filled for each in self.there if each.name == self.table))
        return filled >= {*self.comes}

    def is_there(self, table: RelationName) -> bool:
        """Return whether there is something of that name."""
        return any(each.name == table for each in self.there)


@dataclass(frozen=True)
class Known:
    """What a database says of its changes, oldest first.

    `ledger` is False where there is none, so that nothing is open. `readable` is False where the role may not
    know. `path` are the schemas in which a name without one is looked for.
    """

    changes: tuple[KnownChange, ...] = ()
    ledger: bool = True
    readable: bool = True
    path: tuple[str, ...] = field(default=("public",))


def read(connection: Connection, schema: str = SCHEMA) -> Known:
    """Return what the database says: one statement to see whether there is a ledger, and one to read it.

    Args:
        connection: of any driver; of an AsyncConnection, by `await connection.run_sync(read)`. What is begun
            on it stays begun.
        schema: that of the ledger.

    Nothing is known of a database that is not PostgreSQL, and nothing is open there.
    """
    if connection.dialect.name != "postgresql":
        return Known(ledger=False)
    path, ledger, told, shown = connection.execute(_text(_look(schema))).one()
    if not told and not shown:
        return Known((), bool(ledger), not ledger, tuple(path))
    found = connection.execute(_text(_query(schema, told=told))).scalar_one()
    changes = json.loads(found) if isinstance(found, str) else found
    return Known(tuple(map(_change, changes)), path=tuple(path))


def _text(query: str) -> Any:  # noqa: ANN401 - of SQLAlchemy
    # A colon would be a parameter to SQLAlchemy.
    return text(query.replace(":", r"\:"))


def _look(schema: str) -> str:
    """Return the query for where names are looked for, whether there is a ledger, whether it tells everybody
    of its changes, and whether this role may read it. One of an earlier version tells nobody.

    Nothing in it names what may be missing, or what only some may see: it never fails.
    """
    return f"""
SELECT pg_catalog.current_schemas(false)::pg_catalog.text[], v.oid IS NOT NULL,
    EXISTS (
        SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace s ON s.oid = p.pronamespace
        WHERE s.nspname = {literal(sync_schema(schema))} AND (p.proname, p.pronargs) = ('changes', 0)
            AND pg_catalog.has_schema_privilege(s.oid, 'USAGE')
            AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
    ),
    v.oid IS NOT NULL AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
        AND pg_catalog.has_table_privilege(v.oid, 'SELECT')
FROM (SELECT) one
LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = {literal(schema)}
LEFT JOIN pg_catalog.pg_class v ON v.relnamespace = n.oid AND v.relname = 'status_v1' AND v.relkind = 'v'"""


def _query(schema: str, *, told: bool) -> str:
    """Return the query for all changes as one JSON, of what the ledger tells everybody, or of its view."""
    return f"""
WITH c AS ({_told(schema) if told else _shown(schema)})
SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
    'name', c.name, 'kind', c.kind, 'state', c.state, 'ready', c.ready, 'started', c.started,
    'contracts', c.contracts, 'claimed', c.claimed, 'table', c.plan->'table', 'aside', c.plan->'aside',
    'final', c.plan->'final_table', 'makes', c.plan->'makes_table', 'old', c.plan->'old_columns',
    'new', c.plan->'new_columns', 'swap', c.plan->'swap', 'hidden', c.plan->'hidden_column',
    'enforces', c.plan->'enforces', 'there', ({_there("c.plan")})
) ORDER BY c.id), '[]')
FROM c"""


def _told(schema: str) -> str:
    return f"""
    SELECT * FROM pg_catalog.jsonb_to_recordset({quote(sync_schema(schema))}.changes()) c(
        id pg_catalog.int8, name pg_catalog.text, kind pg_catalog.text, state pg_catalog.text,
        claimed pg_catalog.text[], started pg_catalog.bool, ready pg_catalog.bool,
        contracts pg_catalog.bool, plan pg_catalog.jsonb
    )"""


def _shown(schema: str) -> str:
    """Return what changes() has: an earlier version's ledger has the view alone."""
    return f"""
    SELECT id, name, kind, state, columns AS claimed, expand <> 'pending' AS started,
        ready AND (verify = 'done' OR plan->>'pair' IS NOT NULL
            OR plan->'sections'->'verify'->0 IS NOT NULL) AS ready,
        plan->>'pair' IS NOT NULL OR plan->'sections'->'contract'->0 IS NOT NULL AS contracts, plan
    FROM {quote(schema)}.status_v1"""


def _there(plan: str) -> str:
    """Return the query for what is there now under the names that code has for the table of a plan. The casts
    let it use the catalog's indexes.
    """
    name = "pg_catalog.name"
    return f"""
    SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
        'name', r.relname, 'found', pg_catalog.pg_table_is_visible(r.oid), 'columns', (
            SELECT pg_catalog.json_object_agg(a.attname, a.atthasdef)
            FROM pg_catalog.jsonb_array_elements_text({plan}->'old_columns' || ({plan}->'new_columns')) each
            JOIN pg_catalog.pg_attribute a ON (a.attrelid, a.attname) = (r.oid, each.value::{name})
            WHERE a.attnum > 0 AND NOT a.attisdropped
        )
    ))
    FROM pg_catalog.pg_namespace n
    JOIN pg_catalog.pg_class r ON r.relnamespace = n.oid AND r.relkind IN ('r', 'p', 'v', 'm', 'f')
    WHERE n.nspname = ({plan}->'table'->>'schema')::{name}
        AND r.relname IN (({plan}->'table'->>'name')::{name}, ({plan}->'final_table'->>'name')::{name})"""


def _change(told: Mapping[str, Any]) -> KnownChange:
    table = _relation(told["table"])
    aside, final = (_relation(told[each]) if told[each] else None for each in ("aside", "final"))
    made = table if told["makes"] else None
    # One that is to be dropped has nothing aside: what it is called in the end is for nobody.
    renamed = final if final is not None and final == aside else None
    # With swap the new side takes over the name: code has one for both.
    old, new = ((), ()) if told["swap"] else (tuple(told["old"]), tuple(told["new"]))
    return KnownChange(
        name=told["name"],
        kind=told["kind"],
        stage=_stage(told),
        table=table,
        leaves=tuple(each for each in old if each not in new),
        comes=tuple(each for each in new if each not in old),
        table_leaves=final is not None,
        comes_table=made or renamed,
        refuses=bool(told["enforces"]),
        claimed=tuple(told["claimed"]),
        hidden=told["hidden"] or "",
        there=tuple(_standing(table.schema, each) for each in told["there"] or ()),
    )


def _standing(schema: str, told: Mapping[str, Any]) -> There:
    columns = told["columns"] or {}
    filled = frozenset(name for name, has_default in columns.items() if has_default)
    return There(RelationName(schema, told["name"]), frozenset(columns), told["found"], filled)


def _relation(told: Mapping[str, str]) -> RelationName:
    return RelationName(told["schema"], told["name"])


def _stage(told: Mapping[str, Any]) -> Stage:
    """Return the stage. A change that was ready and is not any more is one before ready: new code waits."""
    match State(told["state"]):
        case State.HIDDEN:
            return Stage.HIDDEN
        case State.PURGED:
            return Stage.PURGED
        case State.FINISHED:
            return Stage.FINISHED
        case State.ROLLED_BACK:
            return Stage.ROLLED_BACK
        case State.ACTIVE if not told["started"]:
            return Stage.NOT_STARTED
        case State.ACTIVE:
            return Stage.READY if told["ready"] and told["contracts"] else Stage.BEFORE_READY
