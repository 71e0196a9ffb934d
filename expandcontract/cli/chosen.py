"""Which change a command is about: the one that was named, or the only one that the verb applies to."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from expandcontract.cli.session import Session
from expandcontract.model.phases import Verb
from expandcontract.model.situation import Situation

if TYPE_CHECKING:
    from expandcontract.engine.context import Context


async def chosen(context: "Context", verb: Verb, name: str | None) -> Situation | None:
    """Return the change; None when none fits. Raises UnknownChange and AmbiguousChange."""
    from expandcontract.engine.choose import choose
    from expandcontract.engine.verbs import status

    return choose(await status.load(context, None if name is None else [name]), verb, name)


async def moved(
    session: Session,
    verb: Verb,
    name: str | None,
    act: Callable[["Context", str], Awaitable[Situation]],
) -> None:
    """Let a verb act on the change that fits, and show where the change is then."""
    async with session.context() as context:
        found = await chosen(context, verb, name)
        situations = [] if found is None else [await act(context, found.name)]
    if not situations:
        session.output.say("No change needs this: nothing to do.")
    session.show_changes(situations)
