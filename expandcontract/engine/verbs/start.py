"""`ec start`: compile, refuse or begin, then expand and dual_write."""

import asyncio
import shlex
import socket
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine import hooks, orphans, owned_views, plan_files, planner, run_on, shared_views
from expandcontract.engine import situation as situations
from expandcontract.engine.allowed_verbs import applies, place, require_undamaged
from expandcontract.engine.context import Context
from expandcontract.engine.leased_work import leased
from expandcontract.engine.verbs import status
from expandcontract.ledger import change as change_writer
from expandcontract.ledger import migrate, reader
from expandcontract.model import killpoints
from expandcontract.model.change import Change
from expandcontract.model.errors import (
    ColumnOwned,
    EcError,
    NeedsAcknowledgement,
    NoSuchObject,
    OtherSpec,
    PlanDrifted,
    PlanFails,
    WrongState,
)
from expandcontract.model.hooks import Turn, before
from expandcontract.model.names import quote
from expandcontract.model.notes import Note
from expandcontract.model.phases import Phase, Stage, State, Status, Verb
from expandcontract.model.plan import Plan
from expandcontract.model.situation import Situation
from expandcontract.postgres.catalog import relation
from expandcontract.postgres.query import value
from expandcontract.postgres.sqlstate import is_lock_failure, translate
from expandcontract.transforms.process import require

#: Between two tries to begin while somebody holds a lock that is needed.
AGAIN_SECONDS = 0.2
#: Stages in which the plan is compiled anew; in every other one the ledger has the plan that runs.
_COMPILED = frozenset({Stage.NOT_STARTED, Stage.ROLLED_BACK})


@dataclass(frozen=True)
class Consent:
    """What the operator agrees to.

    `reviewed` is the fingerprint that lies in the change's `folder`, `accept` the one of the plan as it
    compiles now, `acknowledged` the codes of hazards. `once` refuses another attempt. `again` is the command
    that is run, as far as it names the change: what an error offers to copy begins with it. `check_rows`
    looks for values that do not fit in every row, not in a sample.
    """

    reviewed: str | None = None
    folder: Path | None = None
    accept: str | None = None
    acknowledged: Collection[str] = ()
    once: bool = False
    again: str = ""
    check_rows: bool = False


@dataclass(frozen=True)
class _Begun:
    """A change that is in the ledger."""

    change_id: int
    name: str


async def start(context: Context, change: Change, consent: Consent = Consent()) -> Situation:
    """Begin a change, or go on with it, through every phase that takes no time with the table's size, never
    into contract. Of a pair of columns both sides are in sync from then on, for every write.

    Raises:
        Refused: the change cannot be carried through as things are; each reason has a class of its own.
        OtherSpec: a change of that name was begun with another spec.
        NotReady: it was ready, and somebody damaged it.
        PlanDrifted: the plan is not the one that was reviewed.
        NeedsAcknowledgement: the plan has a hazard that must be acknowledged.
        LeaseHeld, LockBudgetSpent, Interrupted: the same command goes on.
    """
    until = time.monotonic() + context.policy.lock_budget.total_seconds()
    asked, begun, writes = False, None, Status.PENDING
    while begun is None:
        known = await _known(context, change.name)
        if known is not None:
            require_same(change, known)
            if await _closed(context, known):
                continue
        if known is not None and not applies(context, Verb.START, known):
            await hooks.end(context, change.name, Turn.START)
            require_undamaged(known)
            return known
        if not asked and (known is None or known.phases[Phase.DUAL_WRITE].status != Status.DONE):
            await _ask(context, change, known)
            asked = True
        if known is not None and known.stage not in _COMPILED:
            begun, writes = _Begun(known.change_id, known.name), known.phases[Phase.DUAL_WRITE].status
        else:
            begun = await _begun(context, change, consent, known, until)
    if writes != Status.DONE:
        await hooks.promise(context, begun.change_id, Turn.START)
    async with leased(context, begun, "start") as work:
        await run_on.through(work, by_size=False)
    await hooks.end(context, change.name, Turn.START)
    await hooks.end(context, change.name, Turn.READY)
    return await status.looked(context, await situations.one(context, change.name))


async def _closed(context: Context, known: Situation) -> bool:
    """Close the attempt of a change whose table was made again under its name; return whether it was.

    Raises NotReady or Refused where the table is gone and nothing has its name.
    """
    if not orphans.is_orphan(known):
        return False
    if not await orphans.has_successor(context, known):
        require_undamaged(known)
        orphans.require_table(known)
    await orphans.close(context, known, "start")
    return True


async def _ask(context: Context, change: Change, known: Situation | None) -> None:
    """Ask the hook before start, which learns of the change what its plan says."""
    if before(Turn.START) in context.hooks.calls:

        async def compiled(conn: AsyncConnection) -> Plan:
            return await planner.compile_plan(conn, change, context.database.ledger_schema)

        plan = await planner.patiently(context, change, compiled)
        await hooks.ask(context, plan, Turn.START, known)


async def _known(context: Context, name: str) -> Situation | None:
    return next(iter(await situations.load(context, [name])), None)


def require_same(change: Change, known: Situation) -> None:
    """Raise OtherSpec where the ledger has a change of that name that says something else, and is begun."""
    if known.stage in _COMPILED or _said(known.plan.change) == _said(change):
        return
    raise OtherSpec(
        f"{change.name} was started with other words than it has now.",
        why=f"It was: {_words(known.plan.change)}. Now it is: {_words(change)}.",
        state=place(known),
        next=f"ec status {change.name}; for another change, a folder of another name",
    )


def _said(change: Change) -> tuple[str, BaseModel]:
    """Return kind and spec with its defaults, so that how it was written makes no difference."""
    return change.kind, planner.validate(change.kind, change.spec)


def _words(change: Change) -> str:
    return " ".join([change.kind, *(f"{key}={value}" for key, value in change.spec.items())])


async def _begun(
    context: Context, change: Change, consent: Consent, known: Situation | None, until: float
) -> _Begun | None:
    """Begin a change; return None where another process did so at the same time: then the caller looks again.

    Whoever has the lock of a row that both write, or of the table, is waited for up to `until`.
    """
    if known is not None and known.stage == Stage.ROLLED_BACK and consent.once:
        raise WrongState(
            f"{change.name} was rolled back, and --once allows no second attempt.",
            state=place(known),
            next=f"ec start {change.name}",
        )
    try:
        return _Begun(await _begin(context, change, consent, known), change.name)
    except (EcError, DBAPIError) as error:
        now = await _known(context, change.name)
        if now is not None and (known is None or (now.attempt, now.stage) != (known.attempt, known.stage)):
            return None
        if not is_lock_failure(error.__cause__ or error) or time.monotonic() > until:
            raise
        context.check_stop(change.name)
        await asyncio.sleep(AGAIN_SECONDS)
        return None


async def _begin(context: Context, change: Change, consent: Consent, known: Situation | None) -> int:
    async def begin(conn: AsyncConnection) -> int:
        await migrate.check(conn, context.tables)
        try:
            plan = await owned_views.compile_plan(conn, context, change, check_rows=consent.check_rows)
        except PlanFails:
            # What another change has put on the column may be what is in the way.
            target = planner.target(change)
            oid = await relation.find(conn, target)
            owner = await reader.owner(conn, context.tables, oid, target.column, leave_out=change.name)
            if owner is not None:
                raise _owned(target.column, owner) from None
            raise
        return await enter(conn, context, plan, known, consent)

    change_id = await planner.patiently(context, change, begin)
    killpoints.reach("start.created")
    return change_id


async def enter(
    conn: AsyncConnection, context: Context, plan: Plan, known: Situation | None, consent: Consent
) -> int:
    """Write a change with its plan into the ledger, in the caller's transaction, unless somebody has to agree
    first, or another change is in its way; return its number.
    """
    schema = context.database.ledger_schema
    await planner.check_privileges(conn, plan, schema)
    hazards = (*plan.to_acknowledge, *await planner.hazards_of_role(conn, plan))
    _require_consent(plan, hazards, consent, schema)
    for function in plan.transforms:
        await require(function)
    try:
        change_id = await _insert(conn, context, plan, known)
    except DBAPIError as error:
        # A guard of the ledger: another open change has one of the columns.
        raise translate(error) from error
    agreed = [note for note in hazards if note.code in consent.acknowledged]
    await change_writer.acknowledge(conn, context.tables, change_id, agreed, who=context.who)
    # After the row was written: two starts at the same moment see each other then.
    _refuse_shared(plan, await reader.open_beside(conn, context.tables, change_id))
    await shared_views.refuse(conn, context, plan, change_id)
    return change_id


def _owned(column: str, owner: str) -> ColumnOwned:
    return ColumnOwned(
        f"Column {quote(column)} belongs to change {owner}, which is not finished.",
        next=f"ec status {owner}",
    )


def _refuse_shared(plan: Plan, others: Collection[Plan]) -> None:
    """Raise ColumnOwned when an index or a constraint also stands on a column of another open change.

    Each of the two plans would carry it with the other's old column, and lose it with that one's purge.
    """
    for other in others:
        shared = _shared(plan, other)
        if shared is not None:
            raise ColumnOwned(
                f"{quote(shared)} stands on a column of {other.change.name} too, which is not finished.",
                why="Each plan would carry it with the other's old column, and purge would drop it.",
                next=f"ec status {other.change.name}",
            )


def _shared(plan: Plan, other: Plan) -> str | None:
    """Return the name of an index or constraint of `plan` that also stands on a column of `other`."""
    if not all(each.old_columns or each.new_columns for each in (plan, other)):
        return None  # one of them moves no column: nothing is carried, or lost with it
    hidden = other.old_columns_in(State.HIDDEN)
    theirs = {*other.old_columns, *other.new_columns, *hidden, *(other.claims or ())}
    standing = (*plan.catalog["indexes"], *plan.catalog["constraints"])
    return next(
        (
            each["name"]
            for each in standing
            if not each.get("inbound") and theirs.intersection(each["columns"])
        ),
        None,
    )


async def _insert(conn: AsyncConnection, context: Context, plan: Plan, known: Situation | None) -> int:
    """Write the row of the change, new or anew; return its id."""
    relation = (
        await conn.exec_driver_sql("SELECT pg_catalog.to_regclass($1)::pg_catalog.oid", (plan.table.sql,))
    ).scalar_one()
    if plan.makes_table:
        relation = 0  # the step that makes it writes which one it is
    if relation is None:
        raise NoSuchObject(f"{plan.table} is gone.")
    for site in plan.others:
        if not await value(conn, "SELECT pg_catalog.to_regclass($1) IS NOT NULL", site.table.sql):
            raise NoSuchObject(f"{site.table} is gone.")
    if known is None:
        return await change_writer.create(
            conn, context.tables, plan, relation=relation, who=context.who, host=socket.gethostname()
        )
    write = change_writer.begin_again if known.stage == Stage.ROLLED_BACK else change_writer.replan
    await write(conn, context.tables, known.change_id, plan, relation=relation, who=context.who)
    return known.change_id


def _require_consent(plan: Plan, hazards: Sequence[Note], consent: Consent, ledger_schema: str) -> None:
    if consent.reviewed is not None and plan.fingerprint not in (consent.reviewed, consent.accept):
        what = plan_files.difference(plan, consent.folder, ledger_schema) if consent.folder else ""
        line = _line(plan, hazards, replace(consent, accept=plan.fingerprint))
        raise PlanDrifted(
            f"{plan.change.name} compiles to another plan than the one that was reviewed: "
            f"{plan.fingerprint}, not {consent.reviewed}.",
            why=what or "Its costs, hazards or expressions are others.",
            next=f"ec plan {plan.change.name} to review it, or {line}",
        )
    missing = [note for note in hazards if note.code not in consent.acknowledged]
    if missing:
        count = "a hazard" if len(missing) == 1 else f"{len(missing)} hazards"
        error = NeedsAcknowledgement(
            f"{plan.change.name} has {count} that somebody must acknowledge: "
            f"{', '.join(note.code for note in missing)}.",
            why=" ".join(note.said for note in missing),
            state="Nothing was changed.",
            next=_line(plan, hazards, consent),
        )
        error.codes = tuple(note.code for note in hazards)
        raise error


def _line(plan: Plan, hazards: Sequence[Note], consent: Consent) -> str:
    """Return the one line to copy that agrees to everything, also to what was acknowledged already."""
    accept = ["--accept", consent.accept] if consent.accept else []
    flags = [word for note in hazards for word in ("--acknowledge", note.code)]
    command = consent.again or f"ec start {plan.change.name}"
    return f"{command} {shlex.join([*accept, *flags])}".rstrip()
