"""What the ledger says of the operations of a run, before the first of them is carried out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeGuard

from alembic.runtime.migration import MigrationContext
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract import gates
from expandcontract.alembic import carrying, fresh
from expandcontract.alembic.migration_run import Shut
from expandcontract.alembic.revisions import OF_A_KIND, Call, Operation
from expandcontract.alembic.spoken import change_of
from expandcontract.engine import empty_tables
from expandcontract.engine import situation as situations
from expandcontract.engine.allowed_verbs import place
from expandcontract.engine.context import Context
from expandcontract.engine.verbs import init, soak, start
from expandcontract.engine.verbs import status as status_verb
from expandcontract.ledger import migrate
from expandcontract.model.durations import parse_duration
from expandcontract.model.errors import LedgerMissing, OtherSpec, UnknownChange, WrongState
from expandcontract.model.names import Target
from expandcontract.model.phases import Phase, Stage
from expandcontract.model.situation import Situation

if TYPE_CHECKING:
    from expandcontract.alembic.migration_run import Said

#: What a contract says that takes no time of its own.
SOAK = "1d"
_NOT_BEGUN = frozenset({Stage.NOT_STARTED, Stage.ROLLED_BACK})
_BEFORE_CONTRACT = frozenset({Stage.BEFORE_READY, Stage.READY})
_CONTRACTED = frozenset({Stage.HIDDEN, Stage.PURGED, Stage.FINISHED})
_WORKING = frozenset({*OF_A_KIND, Operation.CONTRACT})


def first_shut(
    said: "Said", steps: Sequence[Sequence[Call]], migration: MigrationContext | None = None
) -> Shut | None:
    """Return the first contract among the steps that cannot pass now; None where each passes. A `migration`
    that then acts finds a ledger that an earlier program made brought up to date; where all that is to be
    done is about tables without a row, it is asked with its own connection.

    Raises CommandError where an operation cannot be carried out however long one waits: a change was begun
    with another spec, a contract is of none that was begun, a pooler stands in the way.
    """
    with carrying.failing():
        asked = {c.change: _soak(c) for step in steps for c in step if c.operation == Operation.CONTRACT}
    said.soaks.update(asked)
    if migration is not None and _are_empty(migration, said, steps):
        return None

    async def look(context: Context) -> Shut | None:
        if migration is not None and 0 < await _version(context) < migrate.migrations()[-1].version:
            await init.init(context)
        return await _first_shut(context, steps, said, asked if migration is not None else {})

    return carrying.within(said, look)


def _are_empty(migration: MigrationContext, said: "Said", steps: Sequence[Sequence[Call]]) -> bool:
    """Return whether all that is to be contracted passes, as nobody has written its tables."""
    with carrying.failing():
        context, calls = carrying.borrowing(said), [call for step in steps for call in step]
        empty = set[str]()

        async def look(conn: AsyncConnection) -> bool:
            targets = await _asked(conn, context, calls, said, empty)
            return targets is not None and not (targets and await empty_tables.are_used(conn, targets))

        found = fresh.looked(migration, said, context, look)
        said.empty.update(empty if found else ())
        return found


async def _asked(
    conn: AsyncConnection, context: Context, calls: Sequence[Call], said: "Said", empty: set[str]
) -> list[Target] | None:
    """Return the tables that must have no row, and add to `empty` what is begun already and contracted now;
    None where more is to be asked.
    """
    names = sorted({call.change for call in calls})
    found = await situations.load_if_current(conn, context, names)
    if found is None and await migrate.version(conn, context.tables):
        return None  # the ledger has to be brought up to date
    known = {situation.name: situation for situation in found or ()}
    begun, targets = dict[str, Call](), list[Target]()
    for call in calls:
        here = known.get(call.change)
        if call.operation in OF_A_KIND:
            _require_same(call, here)
            begun[call.change] = call
        elif call.operation == Operation.CONTRACT:
            begins = begun.get(call.change)
            if _begins(begins, here):
                targets += () if context.policy.fresh else fresh.to_be_used(said, change_of(begins))
            elif here is not None and here.stage == Stage.READY and not here.old_writers:
                targets.append(fresh.used(here))
                empty.add(call.change)
            elif here is None or here.stage not in _CONTRACTED:
                return None
    return targets


async def _first_shut(
    context: Context,
    steps: Sequence[Sequence[Call]],
    said: "Said | None",
    soaks: Mapping[str, timedelta] = MappingProxyType({}),
) -> Shut | None:
    """Return the first contract that cannot pass. What is `said` has those added whose tables have no row, of
    which the run asks when it comes to them; without it they are not asked. `soaks` is what is to be kept of
    what contracts ask for.
    """
    calls = [call for step in steps for call in step]
    if any(call.operation in _WORKING for call in calls):
        async with context.database.direct():
            pass  # what a pooler would stop half-way is not begun
    known = await _known(context, [call.change for call in calls])
    await soak.ask(context, {name: asked for name, asked in soaks.items() if _asks(known.get(name), asked)})
    begun, shut = dict[str, Call](), None
    for where, step in enumerate(steps):
        for call in step:
            if call.operation in OF_A_KIND:
                _require_same(call, known.get(call.change))
                begun[call.change] = call
            if call.operation == Operation.CONTRACT and shut is None:
                begins, found = begun.get(call.change), known.get(call.change)
                if _begins(begins, found):
                    shut = await _unless_empty(context, where, begins, said)
                elif said is not None and await _is_empty(context, found):
                    said.empty.add(call.change)
                else:
                    shut = _shut(where, call, found)
    return shut


async def _known(context: Context, names: Sequence[str]) -> Mapping[str, Situation]:
    try:
        found = await status_verb.load(context, sorted(set(names)))
    except LedgerMissing:
        if await _version(context):
            raise  # what it says of changes has to be read by its own program, or brought up to date
        return {}
    return {situation.name: situation for situation in found}


async def _version(context: Context) -> int:
    async with context.database.transaction() as conn:
        return await migrate.version(conn, context.tables)


def _require_same(call: Call, known: Situation | None) -> None:
    """Raise OtherSpec where the change was begun by other words than the revision has now."""
    if known is None:
        return
    try:
        start.require_same(change_of(call), known)
    except OtherSpec as error:
        raise OtherSpec(
            f"The revision that begins {call.change} was edited after it had begun it.",
            why=error.why,
            state=f"{error.state} Nothing was run.",
            next="take the edit back, and write what is to be another way into a revision of its own",
        ) from None


def _begins(call: Call | None, known: Situation | None) -> TypeGuard[Call]:
    """Whether the run begins a change, or goes on with it."""
    return call is not None and (known is None or known.stage in _NOT_BEGUN | {Stage.BEFORE_READY})


async def _unless_empty(context: Context, where: int, begins: Call, said: "Said | None") -> Shut | None:
    """Return that a change cannot be contracted in the run that begins it, unless its table has no row, or is
    still to come, or nobody runs.
    """
    if context.policy.fresh or (
        said is not None and not await fresh.is_to_be_used(said, context, change_of(begins))
    ):
        return None
    return _in_this_run(where, begins.change)


async def _is_empty(context: Context, known: Situation | None) -> bool:
    """Whether nobody would be asked for a contract: it goes by the table as it is then."""
    return known is not None and known.stage == Stage.READY and not await fresh.is_used(context, known)


def shut_now(migration: MigrationContext, said: "Said", where: int, call: Call) -> Shut | None:
    """Return why a contract cannot pass now that was to be seen when the run comes to it; None where it
    passes.
    """
    with carrying.failing():
        context = carrying.borrowing(said)
        if fresh.passes(migration, said, context, call.change):
            return None
    if call.change in said.begun and not context.policy.fresh:
        return _in_this_run(where, call.change)
    if carrying.is_blind(migration):
        return None  # the operation itself says what to change
    found = carrying.within(said, lambda context: _first_shut(context, [[call]], None))
    return None if found is None else replace(found, place=where)


def _in_this_run(where: int, name: str) -> Shut:
    return Shut(where, name, f"{name} begins in this run.")


def _soak(call: Call) -> timedelta:
    return parse_duration(str(call.options.get("soak", SOAK)))


def _asks(known: Situation | None, soak: timedelta) -> bool:
    """Whether the ledger does not have yet what is asked of a change that can be contracted."""
    return known is not None and known.stage in _BEFORE_CONTRACT and known.phases[Phase.CONTRACT].soak != soak


def _shut(where: int, call: Call, known: Situation | None) -> Shut | None:
    name = call.change
    if known is None:
        raise UnknownChange(
            f"A revision contracts {name}, which nothing has begun here.",
            why="The ledger of this database does not have it.",
            state="Nothing was run.",
            next="a revision below it with op.ec_start, or alembic stamp where the database is ahead",
        )
    if known.stage in _NOT_BEGUN:
        raise WrongState(
            f"A revision contracts {name}, which is not begun.",
            state=f"{place(known)} Nothing was run.",
            next=f"alembic downgrade to below the revision that begins {name}, then alembic upgrade head; "
            f"or ec start {name}",
        )
    if known.stage not in _BEFORE_CONTRACT:
        return None
    soaking = replace(known, policy=replace(known.policy, soak=_soak(call)))
    verdicts = gates.judge_all(soaking)
    shut = [each for each in verdicts if not each.open]
    if not shut:
        return None
    why = " ".join(f"{each.gate}: {each.reason}" for each in shut)
    return Shut(where, name, why, gates.next_line(soaking, verdicts), carrying.lacks_proof(soaking))
