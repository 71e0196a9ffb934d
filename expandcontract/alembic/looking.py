"""What the ledger says of the operations of a run, before the first of them is carried out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from expandcontract import gates
from expandcontract.alembic import carrying
from expandcontract.alembic.migration_run import Shut
from expandcontract.alembic.revisions import OF_A_KIND, OPTIONS, Call, Operation
from expandcontract.alembic.spoken import fields_of
from expandcontract.engine.allowed_verbs import place
from expandcontract.engine.context import Context
from expandcontract.engine.verbs import init, start
from expandcontract.engine.verbs import status as status_verb
from expandcontract.ledger import migrate
from expandcontract.model.change import Change
from expandcontract.model.durations import parse_duration
from expandcontract.model.errors import LedgerMissing, OtherSpec, UnknownChange, WrongState
from expandcontract.model.phases import Stage
from expandcontract.model.situation import Situation

if TYPE_CHECKING:
    from expandcontract.alembic.migration_run import Said

#: What a contract says that takes no time of its own.
SOAK = "1d"
_NOT_BEGUN = frozenset({Stage.NOT_STARTED, Stage.ROLLED_BACK})
_WORKING = frozenset({*OF_A_KIND, Operation.CONTRACT})


def first_shut(said: "Said", steps: Sequence[Sequence[Call]], *, acts: bool = False) -> Shut | None:
    """Return the first contract among the steps that cannot pass now; None where each passes. Who then `acts`
    finds a ledger that an earlier program made brought up to date.

    Raises CommandError where an operation cannot be carried out however long one waits: a change was begun
    with another spec, a contract is of none that was begun, a pooler stands in the way.
    """

    async def look(context: Context) -> Shut | None:
        if acts and await _version(context):
            await init.init(context)
        return await _first_shut(context, steps)

    return carrying.within(said, look)


async def _first_shut(context: Context, steps: Sequence[Sequence[Call]]) -> Shut | None:
    calls = [call for step in steps for call in step]
    if any(call.operation in _WORKING for call in calls):
        async with context.database.direct():
            pass  # what a pooler would stop half-way is not begun
    known = await _known(context, [call.change for call in calls])
    begun, shut = set[str](), None
    for where, step in enumerate(steps):
        for call in step:
            if call.operation in OF_A_KIND:
                _require_same(call, known.get(call.change))
                begun.add(call.change)
            if call.operation == Operation.CONTRACT:
                shut = shut or _shut(where, call, known.get(call.change), begun)
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
    kind, *words = call.words
    spec = {key: value for key, value in call.options.items() if key not in OPTIONS}
    same = Change(call.change, kind, fields_of(kind, words, spec))
    try:
        start.require_same(same, known)
    except OtherSpec as error:
        raise OtherSpec(
            f"The revision that begins {call.change} was edited after it had begun it.",
            why=error.why,
            state=f"{error.state} Nothing was run.",
            next="take the edit back, and write what is to be another way into a revision of its own",
        ) from None


def _shut(where: int, call: Call, known: Situation | None, begun: set[str]) -> Shut | None:
    name = call.change
    if name in begun and (known is None or known.stage in _NOT_BEGUN | {Stage.BEFORE_READY}):
        return Shut(where, name, f"{name} begins in this run.")
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
    if known.stage not in (Stage.BEFORE_READY, Stage.READY):
        return None
    soak = parse_duration(str(call.options.get("soak", SOAK)))
    soaking = replace(known, policy=replace(known.policy, soak=soak))
    verdicts = gates.judge_all(soaking)
    shut = [each for each in verdicts if not each.open]
    if not shut:
        return None
    why = " ".join(f"{each.gate}: {each.reason}" for each in shut)
    return Shut(where, name, why, gates.next_line(soaking, verdicts), carrying.lacks_proof(soaking))
