"""`ec purge`: drop the hidden old side. The only verb that destroys."""

from expandcontract.engine import copy_session, gatekeeper, hooks, taking_back
from expandcontract.engine import situation as situations
from expandcontract.engine.allowed_verbs import applies
from expandcontract.engine.context import Context
from expandcontract.engine.diary import refusals
from expandcontract.engine.leased_work import leased
from expandcontract.engine.runner import run_section
from expandcontract.model.durations import spell
from expandcontract.model.errors import GateShut, NotConfirmed
from expandcontract.model.hooks import Turn
from expandcontract.model.names import quote
from expandcontract.model.phases import Section, Verb
from expandcontract.model.situation import Situation


async def purge(
    context: Context, name: str, *, yes: bool = False, now: bool = False, confirm: str | None = None
) -> Situation:
    """Drop the old side for good; return the change as it is then.

    After `undo_window` it takes `yes`; before, `now` and the change's name as `confirm`. Raises NotConfirmed,
    WrongState, and GateShut naming what in the database still uses the hidden column.
    """
    situation = await situations.one(context, name)
    async with refusals(context, situation, "purge"):
        if not applies(context, Verb.PURGE, situation):
            await copy_session.unmark(context, situation)
            await hooks.end(context, name, Turn.PURGE)
            return situation
        _require_confirmation(situation, yes=yes, now=now, confirm=confirm)
        _refuse_dependents(await _without_half_an_undo(context, situation))
        await hooks.begin(context, situation, Turn.PURGE)
    async with leased(context, situation, "purge") as work:
        _refuse_last_copy(work.situation)
        await run_section(work, Section.PURGE)
    await copy_session.unmark(context, situation)
    await hooks.end(context, name, Turn.PURGE)
    return await situations.one(context, name)


def _require_confirmation(situation: Situation, *, yes: bool, now: bool, confirm: str | None) -> None:
    over = (
        situation.hidden_at is not None
        and situation.since(situation.hidden_at) >= situation.policy.undo_window
    )
    if (over and yes) or (now and confirm == situation.name):
        return
    words = situation.plan.words
    if over:
        message = (
            f"Purge drops {words.destroys} for good."
            if words.destroys
            else "Purge closes the change for good."
        )
        command = f"ec purge {situation.name} --yes"
    else:
        message = f"The undo window of {spell(situation.policy.undo_window)} is not over."
        command = f"ec purge {situation.name} --now --confirm {situation.name}"
    raise NotConfirmed(
        message,
        why="After it there is no way back.",
        state=f"{words.contracted[:1].upper()}{words.contracted[1:]}, and ec undo brings it back.",
        next=command,
    )


def _refuse_last_copy(situation: Situation) -> None:
    plan = situation.plan
    if plan.pair is None:
        return
    left = plan.final_column
    again = f"ALTER TABLE {plan.table} ADD COLUMN {quote(left)} {plan.sides.new.type}"
    undo = f"Rename it back; or {again}, then: ec undo {situation.name}, ec backfill {situation.name}"
    gatekeeper.refuse_last_copy(situation, (left,), undo)


async def _without_half_an_undo(context: Context, situation: Situation) -> Situation:
    """Take back what an undo left that died before its turn, as views that read the hidden side again; return
    the change as it is then.
    """
    if not {each.name for each in situation.live.dependents}.intersection(situation.plan.follows):
        return situation
    async with leased(context, situation, "purge") as work:
        await taking_back.take_back(work, Section.UNDO)
    return await situations.one(context, situation.name)


def _refuse_dependents(situation: Situation) -> None:
    dependents = situation.live.dependents
    if dependents:
        names = ", ".join(f"{dependent.kind} {dependent.name}" for dependent in dependents)
        what, new = ("table", "another one") if situation.plan.final_table else ("column", "the new column")
        raise GateShut(
            f"{situation.name} cannot be purged: the hidden {what} is used by {names}.",
            why=f"PostgreSQL carried them along when the {what} was hidden; dropping it would drop or break "
            "them.",
            state="The old side is hidden, and ec undo brings it back.",
            next=f"Change them to {new}, then: ec purge {situation.name} --yes",
        )
