"""Which change a verb is about when none was named. Pure."""

from collections.abc import Sequence

from expandcontract.model.errors import AmbiguousChange, UnknownChange
from expandcontract.model.phases import Run, Verb, answer
from expandcontract.model.situation import Situation


def choose(situations: Sequence[Situation], verb: Verb, name: str | None) -> Situation | None:
    """Return the change of that name, or the only one that the verb applies to; None when it applies to none.

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
    return fitting[0] if fitting else None
