"""Hooks around the turns of a change. What has to be called is kept in the ledger, so that a death in between
does not lose it: a `before` hook may be called twice, an `after` hook is called at least once.
"""

import time

from sqlalchemy import ColumnElement, exists, func, insert, select, update

from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.engine.hook_call import call
from expandcontract.ledger import event
from expandcontract.model import killpoints
from expandcontract.model.errors import HookRefused
from expandcontract.model.hooks import Facts, Turn, after, before
from expandcontract.model.plan import Plan
from expandcontract.model.situation import Situation

#: Kinds of events: a hook was called, or failed; a `before` hook refused.
RAN, FAILED, REFUSED = "hook ran", "hook failed", "hook refused"


def facts(context: Context, plan: Plan, state: str) -> Facts:
    """Return what a hook learns."""
    old, new = ", ".join(plan.old_columns), ", ".join(plan.new_columns)
    return Facts(plan.change.name, plan.change.kind, plan.table.sql, old, new, state, context.who)


async def begin(context: Context, situation: Situation, turn: Turn) -> None:
    """Ask the `before` hook, and keep that the `after` hook is due. Raises HookRefused."""
    await ask(context, situation.plan, turn, situation)
    await promise(context, situation.change_id, turn)


async def promise(context: Context, change_id: int, turn: Turn) -> None:
    """Keep that the `after` hook, where there is one, has to be told."""
    if after(turn) in context.hooks.calls:
        row = {"change_id": change_id, "hook": after(turn), "who": context.who}
        async with context.database.transaction() as conn:
            await conn.execute(insert(context.tables.hook).values(row))
    killpoints.reach(f"hook.{turn}.due")


async def ask(context: Context, plan: Plan, turn: Turn, situation: Situation | None = None) -> None:
    """Ask the `before` hook, where there is one. Raises HookRefused. The change may be in no ledger yet."""
    hook = before(turn)
    if hook not in context.hooks.calls:
        return
    began = time.monotonic()
    state = situation.state.value if situation else "planned"
    complaint = await call(context.hooks, hook, facts(context, plan, state))
    change_id = situation.change_id if situation else None
    if complaint is not None:
        await _keep(context, REFUSED, hook, change_id, why=complaint)
        raise HookRefused(
            f"The hook {hook} keeps {plan.change.name} from going on: {complaint.splitlines()[0]}.",
            why="\n".join(complaint.splitlines()[1:]),
            next="Remove the cause, then run the same command again.",
        )
    await _keep(context, RAN, hook, change_id, seconds=round(time.monotonic() - began, 3))
    killpoints.reach(f"hook.{turn}.agreed")


async def end(context: Context, name: str, turn: Turn) -> None:
    """Call the `after` hook of a turn that is over, unless it was told: whoever made the turn may have died.

    That it fails is said and kept, and changes nothing.
    """
    hook = after(turn)
    if hook not in context.hooks.calls:
        return
    now = await situations.one(context, name)
    if not await _is_due(context, now, hook):
        return
    killpoints.reach(f"hook.{turn}.over")
    began = time.monotonic()
    told = facts(context, now.plan, now.state.value)
    complaint = await call(context.hooks, hook, told)
    killpoints.reach(f"hook.{turn}.called")
    if complaint is None:
        await _told(context, RAN, hook, now.change_id, seconds=round(time.monotonic() - began, 3))
    else:
        await _told(context, FAILED, hook, now.change_id, why=complaint)
        context.notice(
            name, f"The hook {hook} failed: {complaint}. What it stands after is done all the same."
        )


async def _is_due(context: Context, situation: Situation, hook: str) -> bool:
    async with context.database.transaction() as conn:
        due = select(exists().where(*_due(context, situation.change_id, hook)))
        return bool((await conn.execute(due)).scalar_one())


def _due(context: Context, change_id: int, hook: str) -> tuple[ColumnElement[bool], ...]:
    c = context.tables.hook.c
    return c.change_id == change_id, c.hook == hook, c.told_at.is_(None)


async def _told(context: Context, kind: str, hook: str, change_id: int, **more: str | float) -> None:
    told = update(context.tables.hook).where(*_due(context, change_id, hook))
    async with context.database.transaction() as conn:
        await conn.execute(told.values(told_at=func.clock_timestamp()))
        data = {"hook": hook, **more}
        await event.write(conn, context.tables, kind, context.who, change_id=change_id, data=data)


async def _keep(context: Context, kind: str, hook: str, change_id: int | None, **more: str | float) -> None:
    data = {"hook": hook, **more}
    async with context.database.transaction() as conn:
        await event.write(conn, context.tables, kind, context.who, change_id=change_id, data=data)
