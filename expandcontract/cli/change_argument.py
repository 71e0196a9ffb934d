"""Which change a command is about: the one that was named, or the only one that the verb applies to."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from expandcontract.cli.session import Session
from expandcontract.model.errors import AmbiguousChange, UnknownChange, UsageError, WrongState
from expandcontract.model.phases import Nothing, Refuse, Run, Stage, State, Verb, answer
from expandcontract.model.situation import Situation

if TYPE_CHECKING:
    from expandcontract.engine.context import Context


async def chosen(context: "Context", session: Session, verb: Verb, name: str | None) -> Situation | None:
    """Return the change that the verb is about; None when there is nothing to do, which is then said.

    Raises UnknownChange, AmbiguousChange, and WrongState for a plan in phases/ that was never started.
    """
    from expandcontract.engine.verbs import status

    found = await status.load(context, None if name is None else [name])
    if name is not None and not found and _planned(session, name):
        session.show_nothing(_never_started(verb, name))
        return None
    one = _choose(found, verb, name)
    if one is None:
        session.show_nothing(f"No change is where {verb.value} applies.")
    return one


def _choose(situations: Sequence[Situation], verb: Verb, name: str | None) -> Situation | None:
    """Return the change of that name, or the only one that the verb applies to, or the only one that is open,
    or None.

    Raises UnknownChange, and AmbiguousChange with the names.
    """
    if name is not None:
        found = next((situation for situation in situations if situation.name == name), None)
        if found is None:
            raise UnknownChange(f"There is no change {name!r} in the ledger.", next="ec status")
        return found
    fitting = [situation for situation in situations if isinstance(answer(verb, situation.stage), Run)]
    if len(fitting) > 1:
        names = ", ".join(situation.name for situation in fitting)
        raise AmbiguousChange(
            f"{verb} applies to {len(fitting)} changes: {names}.", next=f"ec {verb} {fitting[0].name}"
        )
    if fitting:
        return fitting[0]
    # The only open change is what was meant, and its answer says why not: a pipeline must not take silence
    # for success.
    open_ = [situation for situation in situations if situation.state in (State.ACTIVE, State.HIDDEN)]
    return open_[0] if len(open_) == 1 else None


def _planned(session: Session, name: str) -> bool:
    from expandcontract.engine import plan_files

    return plan_files.has(session.phases, name)


def _never_started(verb: Verb, name: str) -> str:
    """Return why there is nothing to do for a plan that is not in the ledger. Raises WrongState."""
    match answer(verb, Stage.NOT_STARTED):
        case Nothing(why=why):
            return why
        case Refuse(why=why, next=command):
            raise WrongState(
                f"ec {verb.value} does not apply to {name}: {why}",
                state="The plan is written; nothing of it is in the database.",
                next=command.format(change=name),
            )
        case Run():
            raise UnknownChange(f"{name} is not in the ledger.", next=f"ec start {name}")


async def active(context: "Context", session: Session, name: str | None) -> Situation | None:
    """Return the change that was named, or the only active one; None without any, which is then said."""
    from expandcontract.engine.verbs import status

    if name is not None:
        return await status.one(context, name)
    found = [situation for situation in await status.load(context) if situation.state == State.ACTIVE]
    if len(found) > 1:
        names = ", ".join(situation.name for situation in found)
        raise AmbiguousChange(
            f"{len(found)} changes are active: {names}.", next="the same command with a name"
        )
    if not found:
        session.show_nothing("No change is active.")
    return found[0] if found else None


async def recorded(context: "Context", verb: str) -> str | None:
    """Return the only change that is in the ledger, whatever became of it; None without any.

    Raises AmbiguousChange.
    """
    from expandcontract.engine.verbs import status

    names = [found.name for found in await status.load(context)]
    if len(names) > 1:
        raise AmbiguousChange(
            "There is more than one change.", why=", ".join(names), next=f"ec {verb} {names[-1]}"
        )
    return names[0] if names else None


async def moved(
    session: Session,
    verb: Verb | None,
    name: str | None,
    act: Callable[["Context", str], Awaitable[Situation]],
) -> None:
    """Let a verb act on the change that fits (None: on an active one), and show where the change is then."""
    async with session.context() as context:
        if verb is None:
            found = await active(context, session, name)
        else:
            found = await chosen(context, session, verb, name)
        if found is not None:
            session.show_changes([await act(context, found.name)])


async def moved_all(
    session: Session,
    name: str | None,
    act: Callable[["Context"], Awaitable[Sequence[Situation]]],
    nothing: str = "No change is active.",
) -> None:
    """Let a verb act on every change, and show where they are then; say `nothing` where there is none. Raises
    UsageError where one is named.
    """
    if name is not None:
        raise UsageError("Write a change or --all, not both.")
    async with session.context() as context:
        found = await act(context)
        if found:
            session.show_changes(found)
        else:
            session.show_nothing(nothing)
