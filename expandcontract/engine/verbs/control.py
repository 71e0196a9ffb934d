"""`ec pause`, `resume`, `tune` and `ack`: wishes and decisions that stay in the ledger."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract import gates
from expandcontract.engine import situation as situations
from expandcontract.engine.allowed_verbs import place
from expandcontract.engine.context import Context
from expandcontract.engine.verbs import status
from expandcontract.gates import approval
from expandcontract.ledger import control, waiver
from expandcontract.ledger.control import Wishes
from expandcontract.model.errors import Refused, UsageError, WrongState
from expandcontract.model.phases import Stage, State
from expandcontract.model.situation import Situation


async def pause(
    context: Context, name: str, *, why: str | None = None, lasting: timedelta | None = None
) -> Situation:
    """Ask every worker, on any host, to stop after its batch; `lasting`: for this long, and then to go on by
    themselves, unless another pause lasts longer.
    """
    before = await situations.one(context, name)
    after = await _wish(context, name, _pause(why, lasting))
    _tell_other_pause(context, before, after)
    return after


async def pause_all(
    context: Context, *, why: str | None = None, lasting: timedelta | None = None
) -> tuple[Situation, ...]:
    """Pause every change of the database, those as well that are started while it lasts; return the active
    ones.
    """
    before = {each.change_id: each for each in await situations.load(context)}
    wishes = _pause(why, lasting)

    async def write(conn: AsyncConnection) -> None:
        seconds = wishes.get("pause_seconds")
        await control.halt(conn, context.tables, context.who, why, seconds)

    found = await _wish_all(context, wishes, write)
    for after in found:
        _tell_other_pause(context, before.get(after.change_id, after), after)
    return found


async def resume_all(context: Context) -> tuple[Situation, ...]:
    """Let the workers of every change go on, whether it was paused with all others or by itself; return the
    active ones.
    """

    async def write(conn: AsyncConnection) -> None:
        await control.end_halts(conn, context.tables, context.who)

    return await _wish_all(context, Wishes(paused=False), write)


async def resume(context: Context, name: str) -> Situation:
    """Let workers go on. A pause of all changes stays."""
    after = await _wish(context, name, Wishes(paused=False))
    if after.wish.paused:
        context.notice(name, f"It stays {after.wish.pause}, with all others. ec resume --all ends that.")
    return after


async def tune(context: Context, name: str, wishes: Wishes) -> Situation:
    """Change batch, max_rate (rows per second), workers or max_lag_seconds for every process; taken up at the
    next batch.
    """
    return await _wish(context, name, wishes)


def _pause(why: str | None, lasting: timedelta | None) -> Wishes:
    seconds = None if lasting is None else lasting.total_seconds()
    return Wishes(paused=True, paused_why=why, pause_seconds=seconds)


def _tell_other_pause(context: Context, before: Situation, after: Situation) -> None:
    """Say which of two pauses holds, where there was another one."""
    if not before.wish.paused:
        return
    if before.wish == after.wish:
        context.notice(
            after.name,
            f"It stays {after.wish.pause}: that lasts longer. {after.wish.resume(after.name)} ends it.",
        )
    elif before.wish.paused_until is not None:
        context.notice(after.name, f"It was {before.wish.pause}. Now it is {after.wish.pause}.")


async def _wish_all(
    context: Context, wishes: Wishes, write: Callable[[AsyncConnection], Awaitable[None]]
) -> tuple[Situation, ...]:
    """Write the wish for all of them in one transaction: nobody is forgotten when it fails half way."""
    found = [each for each in await situations.load(context) if each.state == State.ACTIVE]
    async with context.database.transaction() as conn:
        await write(conn)
        for each in found:
            if wishes["paused"]:
                await control.tell(conn, context.tables, each.change_id, context.who, wishes)
            else:
                await control.wish(conn, context.tables, each.change_id, context.who, **wishes)
    return await situations.load(context, [each.name for each in found]) if found else ()


async def _wish(context: Context, name: str, wishes: Wishes) -> Situation:
    situation = await situations.one(context, name)
    async with context.database.transaction() as conn:
        await control.wish(conn, context.tables, situation.change_id, context.who, **wishes)
    return await situations.one(context, name)


async def ack(context: Context, name: str, gate: str, why: str) -> Situation:
    """Open a soft gate. The ledger keeps who, why, and what was known: what becomes known later shuts it
    again.

    Raises UsageError for a gate that there is not or a reason that says nothing, Refused for a hard gate, for
    one that is open, and for an approval that is somebody else's to give, WrongState before the change is
    ready: nothing is known then that could be accepted.
    """
    import difflib

    if gate not in gates.ALL:
        near = difflib.get_close_matches(gate, gates.ALL, n=1)
        raise UsageError(
            f"There is no gate {gate!r}.",
            why=f"Did you mean {near[0]}?" if near else f"Gates: {', '.join(gates.ALL)}.",
        )
    if not why.strip():
        raise UsageError("An acknowledgement needs a reason.", next=f'ec ack {name} {gate} --reason "..."')
    situation = await status.one(context, name)
    _require_acknowledgeable(situation, gate)
    async with context.database.transaction() as conn:
        by_starter = await waiver.add(
            conn,
            context.tables,
            situation.change_id,
            gate,
            who=context.who,
            why=why,
            known=gates.known(gate, situation),
        )
        if by_starter and gate == approval.NAME and context.policy.approval == approval.OTHER:
            raise Refused(
                f"{name} was started by you, or by your role: somebody else approves it.",
                why="approval is `other`: who approves has another name, and logs in as another role.",
                next=f'ec ack {name} {gate} --reason "...", as another role',
            )
    return await situations.one(context, name)


def _require_acknowledgeable(situation: Situation, gate: str) -> None:
    """Raise unless the gate is soft and shut, on a change that is ready."""
    verdict = next((each for each in gates.judge_all(situation) if each.gate == gate), None)
    if gates.is_hard(gate):
        raise Refused(
            f"{gate} is a hard gate: it opens when it is true, not when somebody says so.",
            why=verdict.reason if verdict else "",
            next=verdict.next if verdict else "",
        )
    if situation.stage != Stage.READY:
        raise WrongState(
            f"{gate} cannot be acknowledged now: gates are asked between ready and contract.",
            why="An acknowledgement covers what is known when it is given.",
            state=place(situation),
            next=f"ec status {situation.name}",
        )
    if verdict is None:
        raise Refused(
            f"{situation.name} has no gate {gate}, as it is and as the settings are.",
            next=f"ec gates {situation.name}",
        )
    if verdict.open:
        raise Refused(
            f"{gate} is open: there is nothing to acknowledge.",
            why=verdict.reason,
            next=f"ec gates {situation.name}",
        )
