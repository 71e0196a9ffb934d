"""The reader of the ledger. `status`, `gates` and `wait` need one query on the view status_v1, no other
right.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import and_, join, null, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import migrate, one_situation
from expandcontract.ledger.tables import Tables
from expandcontract.model.names import quote
from expandcontract.model.phases import State
from expandcontract.model.plan import Plan, from_data
from expandcontract.model.policy import Policy
from expandcontract.model.situation import Situation
from expandcontract.model.users import Instance, OldReader, ReaderWatch, Source
from expandcontract.model.words import signed
from expandcontract.postgres import replicas, scans, sessions
from expandcontract.postgres.lookup import Lookup, OnlyIf, kept
from expandcontract.postgres.query import rows

#: The columns of status_v1 that a Situation needs. The others are for people and scripts.
_NEEDED = (
    *("id", "name", "kind", "attempt", "cycle", "state", "plan", "phases", "hidden_at", "now"),
    "relation::pg_catalog.int8",  # an oid is a text in JSON
    *("is_copy", "sync_altered", "new_side_lost", "covered", "others"),
    *("copy", "compare", "newest_proof", "newest_step", "steps_done", "conflicts", "old_writers"),
    *("waivers", "wish", "holders", "judged"),
)
_TOLD_OF_A_STEP = ("section", "step", "status", "attempts", "seconds", "error", "attempt", "cycle")


@dataclass(frozen=True)
class LogEntry:
    """One line of `ec log`. `kind` is an event's, or `step`.

    `who` is the name that the environment of the process claims; `role` logged in to the server, from
    `address`. They are None where the ledger did not keep them.
    """

    at: datetime
    kind: str
    who: str
    data: Mapping[str, Any]
    role: str | None = None
    address: str | None = None

    @property
    def by(self) -> str:
        """Who it was, by their own word, and beside it what the server knows."""
        return signed(self.who, self.role, self.address)


@dataclass(frozen=True)
class Conflict:
    """A value that the ledger keeps; `kind` is one of `conflict.Kind`."""

    at: datetime
    kind: str
    key: Any
    old_value: str | None
    new_value: str | None
    application_name: str | None
    role: str | None
    sentence: str | None


async def load(
    conn: AsyncConnection, tables: Tables, policy: Policy, names: Sequence[str] | None = None
) -> tuple[Situation, ...]:
    """Return the changes of those names (None: all) in the order in which they were made, by one query.

    Of `live` only `is_copy`, `lost` and what was altered are known here; the rest is for the catalog to say.
    Raises LedgerTooNew.
    """
    _, found = await _asked(conn, tables, policy, names)
    return found


async def load_if_current(
    conn: AsyncConnection, tables: Tables, policy: Policy, names: Sequence[str]
) -> tuple[Situation, ...] | None:
    """Return the same; None where there is no ledger, or that of an earlier program: it does not fail."""
    if not await _is_asked_by_function(conn, tables) and not await migrate.is_current(conn, tables):
        return None
    version, found = await _asked(conn, tables, policy, names)
    return found if version == migrate.migrations()[-1].version else None


async def _is_asked_by_function(conn: AsyncConnection, tables: Tables) -> bool:
    """Return whether the ledger has the function of `load`, so that it is there."""
    return changes_lookup(tables.schema).function in await kept(conn, tables.schema)


async def _asked(
    conn: AsyncConnection, tables: Tables, policy: Policy, names: Sequence[str] | None
) -> tuple[int, tuple[Situation, ...]]:
    """Return the version of the ledger, and the changes."""
    found = await changes_lookup(tables.schema).ask(conn, tables.schema, names)
    version: int = found["version"][0]["number"]
    migrate.refuse_later(version, tables)
    return version, tuple(one_situation.of(row, policy) for row in found["changes"])


@cache
def changes_lookup(schema: str) -> Lookup:
    """Return what `load` asks; its parameter is a list of names in JSON, or null for all."""
    tables = Tables(schema)
    asked = "SELECT pg_catalog.json_array_elements_text($1::pg_catalog.text::pg_catalog.json)"
    wanted = f"$1::pg_catalog.text = 'null' OR name IN ({asked})"
    view = tables.qualified("status_v1")
    queries = {
        "version": migrate.applied(tables),
        "changes": f"SELECT {', '.join(_NEEDED)} FROM {view} WHERE {wanted} ORDER BY id",
    }
    # status_v1 takes longer to plan than all that is asked of a ledger without such a change.
    return Lookup("changes", queries, only_if=OnlyIf("changes", tables.qualified("change"), wanted))


async def planned(conn: AsyncConnection, tables: Tables, name: str) -> tuple[State, Plan] | None:
    """Return the state and the plan of a change by a query that is cheap; None where the ledger does not have
    it, or there is none of this program.
    """
    if not await _is_asked_by_function(conn, tables) and not await migrate.is_current(conn, tables):
        return None
    query = f"SELECT state, plan::pg_catalog.text FROM {tables.qualified('change')} WHERE name = $1::text"
    found = await rows(conn, query, name)
    return next(((State(state), from_data(json.loads(plan))) for state, plan in found), None)


async def open_beside(conn: AsyncConnection, tables: Tables, change_id: int) -> tuple[Plan, ...]:
    """Return the plans of the other changes of the same table that are not finished."""
    this, other = tables.change.alias(), tables.change.alias()
    query = (
        select(other.c.plan)
        .join(this, and_(this.c.relation == other.c.relation, this.c.id != other.c.id))
        .where(this.c.id == change_id, other.c.state.in_([State.ACTIVE, State.HIDDEN]))
    )
    return tuple(from_data(plan) for plan in (await conn.execute(query)).scalars())


async def owner(
    conn: AsyncConnection, tables: Tables, relation: int, column: str, *, leave_out: str
) -> str | None:
    """Return the name of the change, not finished, that claims or uses the column; None where it is free."""
    c, s = tables.change.c, tables.site.c
    where = (
        s.relation == relation,
        or_(s.columns.contains([column]), s.uses.contains([column]), s.whole),
        c.state.in_([State.ACTIVE, State.HIDDEN]),
        c.name != leave_out,
    )
    standing = join(tables.change, tables.site, and_(c.id == s.change_id, c.attempt == s.attempt))
    query = select(c.name).select_from(standing).where(*where).order_by(c.id).limit(1)
    found: str | None = (await conn.execute(query)).scalar_one_or_none()
    return found


async def owner_of_name(
    conn: AsyncConnection, tables: Tables, relation: int, *, leave_out: str
) -> str | None:
    """Return the name of the change, not finished, whose table had the name that `relation` has now."""
    c = tables.change.c
    query = """SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1"""
    ((schema, name),) = await rows(conn, query, relation)
    where = (c.table_schema == schema, c.table_name == name, c.relation != relation)
    still_open = (c.state.in_([State.ACTIVE, State.HIDDEN]), c.name != leave_out)
    found: str | None = (
        await conn.execute(select(c.name).where(*where, *still_open).limit(1))
    ).scalar_one_or_none()
    return found


#: Kinds of events in which earlier programs kept what has a table now.
_TAKEN_OVER = ("copy laid", "compare laid", "sync made", "copy marked", "hook due", "restoring")


async def load_log(conn: AsyncConnection, tables: Tables, name: str) -> tuple[LogEntry, ...]:
    """Return what happened to a change, in order: its events, the steps of its journal as they ended, and
    what became of its proofs.
    """
    found = [*await events(conn, tables, name), *await _facts(conn, tables, name)]
    entries = [*found, *await _proofs(conn, tables, name)]
    steps = select(tables.step).join(tables.change).where(tables.change.c.name == name)
    for row in (await conn.execute(steps)).mappings():
        data = {key: row[key] for key in _TOLD_OF_A_STEP}
        entries.append(LogEntry(row["finished_at"] or row["started_at"], "step", "", data))
    return tuple(sorted(entries, key=lambda entry: entry.at))


async def events(conn: AsyncConnection, tables: Tables, name: str) -> tuple[LogEntry, ...]:
    """Return the events of a change, in order."""
    c = tables.event.c
    query = (
        select(c.at, c.kind, c.who, c.data, c.session_role, c.address)
        .join(tables.change)
        .where(tables.change.c.name == name, c.kind.not_in(_TAKEN_OVER))
    )
    return tuple(LogEntry(*row) for row in await conn.execute(query.order_by(c.id)))


async def _facts(conn: AsyncConnection, tables: Tables, name: str) -> list[LogEntry]:
    """Return what the engine keeps to rest on, told as history."""
    of = tables.qualified("change")
    laid, picture, origin, hook = (
        f"{tables.qualified(table)} f JOIN {of} c ON (c.id, c.name) = (f.change_id, $1)"
        for table in ("laid", "picture", "origin", "hook")
    )
    query = f"""
SELECT f.at, f.purpose || ' laid' AS kind, f.who, pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'round', f.round, 'relations', pg_catalog.jsonb_array_length(f.bound->'leaves'), 'blocks', f.blocks,
    'triggers', f.triggers)) AS data
FROM {laid}
UNION ALL
SELECT f.at, 'sync made', f.who, pg_catalog.jsonb_build_object(
    'step', f.step, 'functions', pg_catalog.jsonb_array_length(f.sync->'functions'),
    'triggers', (SELECT pg_catalog.count(*) FROM pg_catalog.jsonb_object_keys(f.sync->'triggers')))
FROM {picture}
UNION ALL SELECT f.at, 'copy marked', f.who, pg_catalog.jsonb_build_object('origin', f.name) FROM {origin}
UNION ALL SELECT f.at, 'hook due', f.who, pg_catalog.jsonb_build_object('hook', f.hook) FROM {hook}"""
    return [LogEntry(at, kind, who, data) for at, kind, who, data in await rows(conn, query, name)]


async def _proofs(conn: AsyncConnection, tables: Tables, name: str) -> list[LogEntry]:
    query = select(tables.proof).join(tables.change).where(tables.change.c.name == name)
    entries = []
    for row in (await conn.execute(query)).mappings():
        if row["finished_at"] is not None:
            data = {key: row[key] for key in ("rows_compared", "mismatches", "unfit")}
            entries.append(LogEntry(row["finished_at"], "verified", "", data))
        if row["spoiled_at"] is not None:
            entries.append(LogEntry(row["spoiled_at"], "proof spoiled", "", {"why": row["spoiled_why"]}))
    return entries


async def conflicts(conn: AsyncConnection, tables: Tables, name: str) -> tuple[Conflict, ...]:
    """Return the values that the ledger keeps for a change, oldest first; to a role that may see no values,
    when and where there was one.
    """
    c = tables.conflict.c
    query = "SELECT pg_catalog.has_table_privilege($1::pg_catalog.text, 'SELECT')"
    ((all_of_it,),) = await rows(conn, query, tables.qualified("conflict"))
    kept = (c.key, c.old_value, c.new_value, c.application_name, c.role, c.sentence)
    seen = kept if all_of_it else (null(), null(), null(), c.application_name, c.role, null())
    columns = (c.at, c.kind, *seen)
    of_change = tables.change.c.id == c.change_id
    found = select(*columns).join(tables.change, of_change).where(tables.change.c.name == name).order_by(c.id)
    return tuple(Conflict(*row) for row in await conn.execute(found))


def watch_queries(tables: Tables) -> dict[str, str]:
    """Return the queries whose rows `watched` reads, about the relations $1, a list in JSON."""
    fleet = f"""
SELECT f.*, ARRAY(
    SELECT e.relation::pg_catalog.int8
    FROM pg_catalog.json_array_elements_text($1::pg_catalog.text::pg_catalog.json) e(relation)
    WHERE {quote(tables.schema)}.may_use(f.role, e.relation::pg_catalog.oid)) AS tables
FROM {tables.qualified("fleet_v1")} f ORDER BY f.application, f.name, f.role"""
    return {
        "watch": f"SELECT *, pg_catalog.clock_timestamp() AS now FROM {tables.qualified('watch_v1')}",
        "fleet": fleet,
    }


@cache
def around_lookup(schema: str, *, standbys: bool, reads: bool) -> Lookup:
    """Return what `watch_queries` does, with the application's sessions; and the standbys, and when
    tables were read, if those matter.
    """
    queries = watch_queries(Tables(schema)) | {"sessions": sessions.QUERY}
    queries |= {"standbys": replicas.QUERY} if standbys else {}
    return Lookup("around", queries | ({"scans": scans.QUERY} if reads else {}))


def watched(
    rows: Mapping[str, Sequence[Mapping[str, Any]]], situations: Sequence[Situation]
) -> tuple[Situation, ...]:
    """Pure. Return the changes with who still uses their old side, and who of the application runs."""
    found = {row["change_id"]: row for row in rows["watch"]}
    return tuple(
        _with_watch(each, found[each.change_id], _instances(rows["fleet"], each)) for each in situations
    )


def _instances(rows: Sequence[Mapping[str, Any]], situation: Situation) -> tuple[Instance, ...]:
    fields = (
        {key: value for key, value in row.items() if key != "tables"}
        | {"uses_table": situation.relation in row["tables"]}
        for row in rows
    )
    return tuple(Instance(**one_situation.with_moments(each, "first_seen", "last_seen")) for each in fields)


def _with_watch(situation: Situation, row: Mapping[str, Any], instances: tuple[Instance, ...]) -> Situation:
    return replace(
        situation,
        watch=_watch(row),
        ready_wal=row["ready_wal"],
        new_code_at=one_situation.moment(row["new_code_at"]),
        now=datetime.fromisoformat(row["now"]),
        noting_since=one_situation.moment(row["noting_since"]),
        instances=instances,
    )


def _watch(row: Mapping[str, Any]) -> ReaderWatch | None:
    if row["source"] is None:
        return None
    return ReaderWatch(
        source=Source(row["source"]),
        at=datetime.fromisoformat(row["at"]),
        since=datetime.fromisoformat(row["since"]),
        was_reset=row["was_reset"],
        evicted=row["evicted"],
        readers=tuple(_old_reader(reader) for reader in row["readers"] or ()),
    )


def _old_reader(record: Mapping[str, Any]) -> OldReader:
    return OldReader(**one_situation.with_moments(record, "first_seen", "seen_after", "last_seen"))
