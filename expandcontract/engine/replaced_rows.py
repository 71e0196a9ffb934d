"""What a sweep replaced in rows, or deleted, is given back by a rollback, where that was kept."""

from collections.abc import Mapping, Sequence

from expandcontract.engine.kept_batches import Given, give_back
from expandcontract.engine.leased_work import Work
from expandcontract.model.errors import Refused
from expandcontract.model.names import literal, qualify_type, quote, split
from expandcontract.model.phases import State
from expandcontract.model.plan import Plan
from expandcontract.model.step import Deletion, Purpose, Sweep
from expandcontract.postgres.catalog.column import types_of
from expandcontract.postgres.query import rows
from expandcontract.sweep.kept_values import keeps, named, values_of
from expandcontract.sweep.statements import EQ, TEXT_OF

#: Raises ColumnOwned: a change that is finished gave up its claims, and another one may have them by now.
_TAKEN = "SELECT {refuse}(c) FROM {change} c WHERE c.id = $1"


def kept_by(plan: Plan) -> Sweep | None:
    """Return the sweep that keeps what it replaces, where the plan has one."""
    if plan.pair is not None or not plan.copies:
        return None
    action = plan.sweep(Purpose.COPY)[2]
    return action if keeps(action) else None


async def give_back_kept(work: Work, *, overwrite: bool) -> None:
    """Give back what the change's sweep has kept, and say what was left as it is: rows that were changed
    since, unless `overwrite`, and rows that are gone, or there again.

    Raises ColumnOwned, Refused where a column is not there any more, and what `give_back` raises.
    """
    action = kept_by(work.plan)
    if action is None:
        return
    columns = [split(each)[-1] for each in (*action.key, *keeps(action))]
    taken, change = map(work.context.tables.qualified, ("refuse_taken_columns", "change"))
    async with work.context.database.transaction() as conn:
        if work.situation.state == State.FINISHED:
            await rows(conn, _TAKEN.format(refuse=taken, change=change), work.situation.change_id)
        types = await types_of(conn, work.situation.relation, columns)
    missing = [quote(column) for column in columns if column not in types]
    if missing:
        raise Refused(
            f"{work.plan.table} has no column {', '.join(missing)} any more, of which values were kept.",
            state="Nothing was given back.",
            next=f"ec restore {work.name} --export FILE.csv, then: "
            f"ec rollback {work.name} --discard --confirm {work.name}",
        )
    given = await give_back(work, _giving(work, action, types, overwrite=overwrite), "rollback")
    work.context.notice(work.name, _told(work, given))


def _told(work: Work, given: Given) -> str:
    told = f"{given.written - given.altered:,} rows hold again what was kept of them."
    if given.altered:
        told += (
            f" {given.altered:,} were given it, and hold something else: a trigger or a rule of the table "
            f"changes what is written: {_named(given.altered_keys)}."
        )
    if given.left:
        told += f" {given.left:,} were changed since, and stay as they are: {_named(given.missed)}."
    if given.refused:
        told += f" {given.refused:,} are refused by the table."
    if given.left or given.refused or given.altered:
        told += f" What was kept of them: ec restore {work.name} --export FILE.csv"
    return told


def _named(keys: Sequence[Mapping[str, object]]) -> str:
    return "; ".join(", ".join(f"{column}={value}" for column, value in key.items()) for key in keys)


def _giving(work: Work, action: Sweep, types: Mapping[str, str], *, overwrite: bool) -> str:
    table, sync = work.plan.table.sql, quote(work.context.tables.sync_schema)
    ledger, columns = work.context.tables.schema, keeps(action)
    written = f"RETURNING {named(action, ledger)} AS key, {values_of(columns, ledger)} AS held"

    def kept(object_: str, column: str) -> str:
        value = f"({object_} {TEXT_OF} {literal(split(column)[-1])})"
        return f"{value}::{qualify_type(types[split(column)[-1]])}"

    match = " AND ".join(f"t.{column} {EQ} {kept('kept.key', column)}" for column in action.key)
    old, new = ("kept.old_value::pg_catalog.jsonb", "kept.new_value::pg_catalog.jsonb")
    if isinstance(action, Deletion):
        there = f"EXISTS (SELECT FROM {table} t WHERE {match})"
        values = ", ".join(kept(old, column) for column in columns)
        return f"""
written AS (
  INSERT INTO {table} AS t ({", ".join(columns)}) OVERRIDING SYSTEM VALUE
  SELECT {values} FROM kept WHERE NOT {there}
  {written}
),
found AS (SELECT pg_catalog.count(*) AS rows FROM written),
{_missed(there)}""".strip()
    held = " AND ".join(
        _same(f"{sync}.as_text(t.{c})", f"{new} {TEXT_OF} {literal(split(c)[-1])}") for c in columns
    )
    wanted = match if overwrite else f"{match} AND {held}"
    assignments = ", ".join(f"{column} = {kept(old, column)}" for column in columns)
    return f"""
found AS MATERIALIZED (
  SELECT pg_catalog.count(*) AS rows FROM kept JOIN {table} t ON {wanted}
),
chosen AS MATERIALIZED (
  SELECT kept.* FROM kept JOIN {table} t ON {wanted} FOR NO KEY UPDATE OF t SKIP LOCKED
),
written AS (
  UPDATE {table} t SET {assignments} FROM chosen kept WHERE {wanted}
  {written}
),
{_missed(f"NOT EXISTS (SELECT FROM {table} t WHERE {wanted})")}""".strip()


def _missed(condition: str) -> str:
    return f"""missed AS (
  SELECT pg_catalog.jsonb_agg(left_out.key) AS keys
  FROM (SELECT kept.key FROM kept WHERE {condition} LIMIT 10) left_out
),
altered AS (
  SELECT pg_catalog.jsonb_agg(written.key) AS keys FROM written
  WHERE NOT EXISTS (SELECT FROM kept WHERE kept.key {EQ} written.key
                    AND kept.old_value::pg_catalog.jsonb {EQ} written.held::pg_catalog.jsonb)
)"""


def _same(one: str, other: str) -> str:
    """Two texts, or none. IS DISTINCT FROM would look its operator up along the path of the role."""
    return f"COALESCE(({one}) {EQ} ({other}), ({one}) IS NULL AND ({other}) IS NULL)"
