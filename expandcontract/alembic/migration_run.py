"""A run of migrations: which of its steps are carried out, known before the first one is."""

import inspect
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic.util import CommandError

from expandcontract.alembic import revisions
from expandcontract.alembic.revisions import Operation, Revision

#: Under this key of the migration context's options stands what env.py said.
KEY = "expandcontract"
_log = logging.getLogger("expandcontract.alembic")


@dataclass(frozen=True)
class Said:
    """What env.py said: the database, what happens before a contract that is shut, and whether one run waits
    for another.
    """

    url: str | None
    on_shut: str = "stop"
    lock: bool = True


@dataclass(frozen=True)
class Shut:
    """A contract that cannot pass now: its place among the steps, the change, and why in a sentence."""

    place: int
    change: str
    why: str


def going(steps: Sequence[Any], said: Said) -> Iterator[Any]:
    """Yield the steps that are to be carried out, as Alembic chose them.

    Raises CommandError before the first one where a file is not as it must be, or where something else comes
    after a contract that is shut.
    """
    found = [_read(step) for step in steps]
    _require_sound(found)
    ours = [_ours(step, revision) for step, revision in zip(steps, found, strict=True)]
    shut = next(_shut(ours, said), None)
    if shut is None:
        yield from steps
        return
    others = [
        revision.id
        for revision, calls in list(zip(found, ours, strict=True))[shut.place + 1 :]
        if any(call.operation != Operation.CONTRACT for call in calls) or not calls
    ]
    if others or said.on_shut == "fail":
        behind = f" Revision {others[0]} comes after it." if others else ""
        raise CommandError(
            f"{found[shut.place].id} contracts {shut.change}, which cannot be contracted now: {shut.why}"
            f"{behind} Nothing was run."
        )
    yield from steps[: shut.place]
    _log.warning("Stopped before %s, which contracts %s: %s", found[shut.place].id, shut.change, shut.why)


def _read(step: Any) -> Revision:  # noqa: ANN401 - Alembic's own
    script = getattr(step, "revision", None)
    if script is None:  # a stamp
        return Revision("")
    path = Path(inspect.getfile(script.module))
    below = script.down_revision or ()
    return revisions.read(
        path.read_text(encoding="utf-8"),
        id=script.revision,
        below=(below,) if isinstance(below, str) else tuple(below),
        path=path,
    )


def _require_sound(found: Sequence[Revision]) -> None:
    for revision in found:
        for fault in revision.faults:
            raise CommandError(f"{revision.path}:{fault.line} {fault.text}. Nothing was run.")


def _ours(step: Any, revision: Revision) -> tuple[revisions.Call, ...]:  # noqa: ANN401 - Alembic's own
    if getattr(step, "revision", None) is None:
        return ()
    return (revision.up if step.is_upgrade else revision.down).ours


def _shut(ours: Sequence[tuple[revisions.Call, ...]], said: Said) -> Iterator[Shut]:
    """Yield the contracts that cannot pass: those that are begun in this run on a table with rows, and those
    whose gates are shut now.
    """
    from expandcontract.alembic import carrying

    begun: Mapping[str, int] = {
        call.change: place
        for place, calls in enumerate(ours)
        for call in calls
        if call.operation == Operation.START
    }
    for place, calls in enumerate(ours):
        for call in calls:
            if call.operation != Operation.CONTRACT:
                continue
            why = (
                "it begins in this run"
                if call.change in begun
                else carrying.why_shut(said, call.change, str(call.options.get("soak", "1d")))
            )
            if why:
                yield Shut(place, call.change, why)
