"""Which change a command is about: the one that was named, or the only one that the verb applies to."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from expandcontract.cli.session import Session
from expandcontract.model.phases import State, Verb
from expandcontract.model.situation import Situation

if TYPE_CHECKING:
    from expandcontract.engine.context import Context


async def chosen(context: "Context", verb: Verb, name: str | None) -> Situation | None:
    """Return the change; None when none fits. Raises UnknownChange and AmbiguousChange."""
    from expandcontract.engine.choose import choose
    from expandcontract.engine.verbs import status

    return choose(await status.load(context, None if name is None else [name]), verb, name)


async def active(context: "Context", name: str | None) -> Situation | None:
    """Return the change that was named, or the only active one; None without any."""
    from expandcontract.engine.verbs import status
    from expandcontract.model.errors import AmbiguousChange

    if name is not None:
        return await status.one(context, name)
    found = [situation for situation in await status.load(context) if situation.state == State.ACTIVE]
    if len(found) > 1:
        names = ", ".join(situation.name for situation in found)
        raise AmbiguousChange(
            f"{len(found)} changes are active: {names}.", next="the same command with a name"
        )
    return found[0] if found else None


async def moved(
    session: Session,
    verb: Verb | None,
    name: str | None,
    act: Callable[["Context", str], Awaitable[Situation]],
) -> None:
    """Let a verb act on the change that fits (None: on an active one), and show where the change is then."""
    async with session.context() as context:
        found = await (active(context, name) if verb is None else chosen(context, verb, name))
        if found is None:
            where = "is active" if verb is None else f"is where {verb.value} applies"
            session.show_nothing(f"No change {where}")
            return
        session.show_changes([await act(context, found.name)])
