"""Which change a verb is about when none was named. Pure."""

from collections.abc import Sequence

from expandcontract.model.errors import AmbiguousChange, UnknownChange
from expandcontract.model.phases import Run, State, Verb, answer
from expandcontract.model.situation import Situation


def choose(situations: Sequence[Situation], verb: Verb, name: str | None) -> Situation | None:
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
