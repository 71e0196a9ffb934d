"""From a change to its plan: ask the catalog and an empty clone, let the kind compose. Changes nothing."""

import difflib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.changes import registry
from expandcontract.changes.kind import Kind, Spec
from expandcontract.engine import (
    at_once,
    forecasts,
    many_partitions,
    matching_rows,
    referring_rows,
    row_fit,
    unfit_statements,
    view_owners,
)
from expandcontract.engine.context import Context
from expandcontract.engine.rehearsal import rehearse
from expandcontract.model.change import Change
from expandcontract.model.errors import BadChangeFile, MissingPrivilege, Refused
from expandcontract.model.names import TEMPORARY, Target, quote, sync_schema
from expandcontract.model.notes import Note
from expandcontract.model.plan import Plan
from expandcontract.model.program import program_version
from expandcontract.model.step import Step, Transactional, ViewLock
from expandcontract.postgres import empty_copy, new_table, owner_rights
from expandcontract.postgres.catalog import snapshot as snapshots
from expandcontract.postgres.catalog import view
from expandcontract.postgres.catalog.snapshot import Snapshot, must_have
from expandcontract.postgres.clone import Answer, Judgement, Question, Trial, judge, tried
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.locks import read_patiently
from expandcontract.postgres.query import rows

T = TypeVar("T")

#: What the role that runs the change must be able to do; each missing one is named.
_PRIVILEGES = f"""
WITH RECURSIVE this AS (SELECT * FROM pg_catalog.pg_class WHERE oid = $1::text::pg_catalog.regclass),
{tree("SELECT oid FROM this")}
SELECT 'to be ' || pg_catalog.pg_get_userbyid(relowner) || ', who owns ' || $1::text || ', or a member of it'
FROM this WHERE NOT pg_catalog.pg_has_role(relowner, 'USAGE')
UNION ALL
SELECT 'CREATE on schema ' || pg_catalog.quote_ident(nspname) FROM pg_catalog.pg_namespace
WHERE (oid = (SELECT relnamespace FROM this) OR nspname = $2::name
       OR oid IN (SELECT c.relnamespace FROM unnest($4::text[]) AS other
                  JOIN pg_catalog.pg_class c ON c.oid = other::pg_catalog.regclass
                      AND c.relkind IN ('v', 'm')))
  AND NOT pg_catalog.has_schema_privilege(oid, 'CREATE')
UNION ALL
SELECT 'BYPASSRLS, as row-level security of ' || relation::pg_catalog.regclass || ' would hide rows from it'
FROM tree WHERE pg_catalog.row_security_active(relation)
UNION ALL
SELECT 'to be ' || pg_catalog.pg_get_userbyid(relowner) || ', who owns ' || other || ', or a member of it'
FROM unnest($4::text[]) AS other JOIN pg_catalog.pg_class ON pg_class.oid = other::pg_catalog.regclass
WHERE NOT pg_catalog.pg_has_role(relowner, 'USAGE')
UNION ALL
SELECT 'REFERENCES on ' || other FROM unnest($3::text[]) AS other
WHERE NOT pg_catalog.has_table_privilege(other, 'REFERENCES')
"""


#: Owners of the table, and of what is below it, whose code a superuser would run. $1 the table.
_FOREIGN = f"""
WITH RECURSIVE {tree("SELECT $1::text::pg_catalog.regclass::oid")}
SELECT DISTINCT o.rolname::text FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.relation
JOIN pg_catalog.pg_roles o ON o.oid = c.relowner
WHERE NOT o.rolsuper AND (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user)
ORDER BY 1
"""

#: What a role needs to make a plan: the empty clone is a temporary table like the one that is changed.
_TO_ASK = """
SELECT 'SELECT on ' || $1::text WHERE NOT pg_catalog.has_table_privilege($1::text, 'SELECT')
UNION ALL
SELECT 'TEMPORARY on database ' || pg_catalog.quote_ident(pg_catalog.current_database())
WHERE NOT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY')
"""


#: Whether this transaction may write, and if not whether somebody decided so.
_READ_ONLY = """
SELECT pg_catalog.current_setting('transaction_read_only') = 'on' AND NOT pg_catalog.pg_is_in_recovery(),
       (SELECT source FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only')
"""


def validate(kind: str, fields: Mapping[str, Any]) -> Spec:
    """Return the fields as the kind's spec. Raises BadChangeFile naming the key, and UsageError for an
    unknown kind.
    """
    spec = registry.load(kind).spec
    try:
        return spec.model_validate(dict(fields))
    except ValidationError as error:
        # A field that is not known may be the one that is missing, misspelled: it comes first.
        found = sorted(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
        raise _bad_field(kind, spec, found[0]["type"], found[0]["loc"], found[0]["msg"]) from error


def _bad_field(
    kind: str, spec: type[Spec], fault: str, location: tuple[int | str, ...], said: str
) -> BadChangeFile:
    """Pure. Say which field is wrong, and what it takes."""
    key = ".".join(map(str, location))
    help_ = f"ec plan {kind} --help"
    if fault == "extra_forbidden":
        near = difflib.get_close_matches(key, spec.model_fields, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"It knows {', '.join(spec.model_fields)}."
        return BadChangeFile(f"{kind} has no field {key!r}.", why=hint, next=help_)
    described = (spec.model_fields[key].description or "") if key in spec.model_fields else ""
    if fault == "missing":
        return BadChangeFile(f"{kind} needs the field {key!r}.", why=described, next=help_)
    where = f"{kind}, field {key!r}" if key else kind
    return BadChangeFile(f"{where}: {said.removeprefix('Value error, ')}.", why=described, next=help_)


def target(change: Change) -> Target:
    """Return the table of a change, with its column where it is about one. Raises BadChangeFile, BadName."""
    return registry.load(change.kind).target(validate(change.kind, change.spec))


def makes_table(change: Change) -> bool:
    """Return whether the table of a change is still to come when it is planned."""
    return registry.load(change.kind).makes_table


@dataclass(frozen=True)
class Catalog:
    """All that the server said for one change: what was asked, the table, and the clone's answers. It can be
    kept in a file.
    """

    question: Question | Trial | None
    snapshot: Snapshot
    judgement: Answer


def to_json(catalog: Catalog) -> str:
    """Return the catalog as JSON."""
    return _catalogs().dump_json(catalog, indent=1).decode()


def from_json(text: str) -> Catalog:
    """Read a catalog back. Raises BadChangeFile."""
    try:
        return _catalogs().validate_json(text)
    except ValidationError as error:
        raise BadChangeFile(
            "The file does not hold a catalog.", why=str(error.errors(include_url=False)[0]["msg"])
        ) from error


async def ask(conn: AsyncConnection, change: Change) -> Catalog:
    """Ask the live catalog and an empty clone. Raises Refused, BadName, BadChangeFile, NoSuchObject,
    MissingPrivilege.
    """
    kind = registry.load(change.kind)
    spec = validate(change.kind, change.spec)
    await _refuse_read_only(conn)
    if kind.makes_table:
        return await _ask_for_new(conn, kind, spec)
    snapshot = await snapshots.load(conn, target(change), kind.also(spec))
    asked = question(change, snapshot)
    if kind.about_views(spec):
        columns = tuple(filter(None, (kind.target(spec).column, *kind.also(spec))))
        snapshot = replace(snapshot, views=await view.load(conn, snapshot.table, columns))
        await view_owners.refuse_strangers(conn, snapshot.table, [each.name for each in snapshot.views])
    missing = [row[0] for row in await conn.exec_driver_sql(_TO_ASK, (snapshot.table.sql,))]
    if missing:
        raise MissingPrivilege(
            f"The role lacks: {'; '.join(missing)}.", why="A plan is tried on an empty clone of the table."
        )
    answer = await _answered(conn, snapshot, asked)
    return Catalog(asked, replace(snapshot, referred=kind.refers(spec, answer)), answer)


async def _ask_for_new(conn: AsyncConnection, kind: Kind[Any], spec: Spec) -> Catalog:
    """Ask the server to make the table, and to take it back."""
    asked = kind.question(spec, new_table.NOTHING)
    if not isinstance(asked, Trial):
        raise TypeError(f"{kind.name} makes a table, and asks {asked!r}")
    answer = await new_table.tried(conn, asked)
    return Catalog(asked, await new_table.snapshot(conn, answer), answer)


def question(change: Change, snapshot: Snapshot) -> Question | Trial | None:
    """Return what the server must be asked: a pure function, as `compose` is. Raises NoSuchObject where the
    snapshot has no column that the change is about, and Refused.
    """
    kind = registry.load(change.kind)
    spec = validate(change.kind, change.spec)
    column = kind.target(spec).column
    for each in filter(None, (column, *kind.also(spec))):
        must_have(snapshot.table, snapshot.columns, each)
    return kind.question(spec, snapshot)


async def _answered(conn: AsyncConnection, snapshot: Snapshot, question: Question | Trial | None) -> Answer:
    match question:
        case Question():
            return await judge(conn, snapshot, question)
        case Trial():
            return await tried(conn, snapshot, question)
        case None:
            return None


async def _refuse_read_only(conn: AsyncConnection) -> None:
    ((read_only, source),) = await rows(conn, _READ_ONLY)
    if read_only:
        raise Refused(
            "Transactions are read-only here: default_transaction_read_only is on.",
            why=f"It is set by the {source}.",
            next="ALTER ROLE or ALTER DATABASE ... RESET default_transaction_read_only, or for this session: "
            "PGOPTIONS='-c default_transaction_read_only=off'",
        )


def compose(change: Change, catalog: Catalog, ledger_schema: str) -> Plan:
    """Return the plan: a pure function of the change and the catalog. Raises Refused, and BadChangeFile for
    another change's catalog.
    """
    kind = registry.load(change.kind)
    spec = validate(change.kind, change.spec)
    if question(change, catalog.snapshot) != catalog.question:
        raise BadChangeFile(
            "The catalog was asked for another change than this one.", why=f"It is about {catalog.question}."
        )
    plan = kind.compile(change, spec, catalog.snapshot, catalog.judgement, ledger_schema)
    return replace(plan, program_version=program_version())


async def patiently(context: Context, change: Change, read: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Return what `read` makes of the catalog in one transaction; somebody may hold the table for a while.

    Raises LockBudgetSpent, which names them, when that is longer than the lock budget.
    """
    named = target(change)
    table = str(replace(named, column=""))
    return await read_patiently(context.database, table, context.policy, context.listen, read, context.stop)


async def compile_plan(
    conn: AsyncConnection, change: Change, ledger_schema: str, *, check_rows: bool = False
) -> Plan:
    """Return the plan of `change` against the live catalog, tried on an empty copy of the table, with what a
    sample of the rows (all of them, for `check_rows`) says of it.

    Raises what `ask` and `compose` raise, PlanFails where the server would refuse one of its statements, and
    UnsupportedShape where a row would be too large.
    """
    return await examined(conn, change, await ask(conn, change), ledger_schema, check_rows=check_rows)


async def compile_untried(conn: AsyncConnection, change: Change, ledger_schema: str) -> Plan:
    """Return the plan for a table that has no row, and that nobody else can reach: it is tried by being run.

    Raises what `ask` and `compose` raise.
    """
    return compose(change, await ask(conn, change), ledger_schema)


async def examined(
    conn: AsyncConnection, change: Change, catalog: Catalog, ledger_schema: str, *, check_rows: bool = False
) -> Plan:
    """Return the plan, as `compile_plan` does, from what was asked in the same transaction."""
    plan = compose(change, catalog, ledger_schema)
    if plan.makes_table:
        return plan  # of which every statement was run
    plan = await forecasts.foretold(conn, plan)
    slow = await referring_rows.unindexed(conn, plan, catalog.snapshot)
    plan = replace(plan, hazards=(*plan.hazards, *slow, *await unfit_statements.seen(conn, plan)))
    long = await many_partitions.costs(conn, plan, len(catalog.snapshot.relation.leaves))
    plan = replace(plan, costs=(*plan.costs, *long))
    copy = await empty_copy.describe(conn, catalog.snapshot, _about(catalog, plan), triggers=plan.swap)
    if isinstance(catalog.question, Question):
        at_once_ = await at_once.costs(conn, plan, copy, catalog.question.column)
        plan = replace(plan, costs=(*plan.costs, *at_once_))
    for_copy = compose(change, replace(catalog, snapshot=copy.snapshot), TEMPORARY)
    if isinstance(catalog.question, Trial) and catalog.question.at_once:
        await at_once.require(conn, plan, copy, for_copy)
    async with owner_rights.trying(conn, plan.table.sql):
        not_tried = await rehearse(conn, copy, for_copy)
    if not_tried:
        why = f"The plan could not be tried on an empty copy of the table, which cannot be made: {not_tried}"
        return replace(plan, hazards=(*plan.hazards, Note("not-tried", why)))
    if not isinstance(catalog.question, Question) or not isinstance(catalog.judgement, Judgement):
        async with owner_rights.trying(conn, plan.table.sql):
            return await matching_rows.counted(conn, plan, catalog.snapshot, copy, for_copy, whole=check_rows)
    if catalog.judgement.more:
        return plan
    volatile = any(each.volatile for each in catalog.judgement.expressions)
    asked = row_fit.Rows(plan.table, copy, for_copy, catalog.question, volatile, whole=check_rows)
    async with owner_rights.trying(conn, plan.table.sql):
        found = await row_fit.hazards(conn, asked)
    return replace(plan, hazards=(*plan.hazards, *found))


def _about(catalog: Catalog, plan: Plan) -> tuple[str, ...]:
    """Return the columns whose surroundings the plan is tried with."""
    if isinstance(catalog.question, Question):
        return catalog.question.columns
    snapshot = catalog.snapshot
    if plan.claims is None:
        return tuple(each.name for each in snapshot.columns)
    own = [each.columns for each in snapshot.referred if each.table == snapshot.table]
    return (*plan.claims, *(column for columns in own for column in columns))


async def check_privileges(conn: AsyncConnection, plan: Plan, ledger_schema: str) -> None:
    """Raise MissingPrivilege naming everything that the role which runs the change lacks."""
    if plan.makes_table:
        return  # it was made once
    steps = [step for steps in plan.sections.values() for step in steps]
    locks = [lock for step in steps for lock in step.locks]
    views = sorted({lock.relation for lock in locks if isinstance(lock, ViewLock)})
    others = sorted({lock.relation for lock in locks} - {*views, *(t.sql for t in plan.tables)})
    told = [statement for step in steps for statement in _statements(step)]
    altered = [each for each in others if any(s.startswith(f"ALTER TABLE {each} ") for s in told)] + views
    values = (plan.table.sql, sync_schema(ledger_schema), others, altered)
    missing = [row[0] for row in await conn.exec_driver_sql(_PRIVILEGES, values)]
    missing += await owner_rights.missing(conn, plan.table.sql, others, altered)
    if missing:
        raise MissingPrivilege(
            f"The role lacks: {'; '.join(missing)}.",
            why=f"The change alters {plan.table} and creates functions and indexes.",
        )


def _statements(step: Step) -> tuple[str, ...]:
    return step.action.statements if isinstance(step.action, Transactional) else ()


async def hazards_of_role(conn: AsyncConnection, plan: Plan) -> tuple[Note, ...]:
    """Return what is a hazard for whoever runs the change now, and no part of the plan: rows that a program
    fills are read and written with the rights of the session.
    """
    if not plan.transforms:
        return ()
    owners = [row[0] for row in await conn.exec_driver_sql(_FOREIGN, (plan.table.sql,))]
    if not owners:
        return ()
    names = ", ".join(map(quote, owners))
    return (
        Note(
            "foreign-owner",
            f"{plan.table} belongs to {names}, and this role is a superuser: triggers, CHECKs, expressions "
            "of indexes and functions, those that are made later among them, are run with the rights of a "
            f"superuser where --transform fills rows, and whoever is {names} may write them. Acknowledge it "
            f"if you trust "
            f"{names} with the server; otherwise run ec as a role that is a member of the owner and of no "
            "other.",
            acknowledge=True,
        ),
    )


@cache
def _catalogs() -> TypeAdapter[Catalog]:
    """Return what reads and writes catalogs: few processes do, and it takes longer to make than most imports
    take.
    """
    return TypeAdapter(Catalog)
