"""Keeps in the ledger what the gates of changes said, for those who look at the ledger alone: monitoring,
pages, a script in SQL. Nothing rests on it.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import DBAPIError

from expandcontract import gates
from expandcontract.engine.context import Context
from expandcontract.ledger import judged
from expandcontract.model.errors import EcError
from expandcontract.model.phases import Stage
from expandcontract.model.situation import Situation

#: Reasons tell times, and are others at every look: they are written anew after this long.
AGAIN = timedelta(seconds=30)
_ASKED = frozenset({Stage.BEFORE_READY, Stage.READY, Stage.HIDDEN})


async def keep(context: Context, situations: Sequence[Situation]) -> None:
    """Write what is new. Who may not write the ledger, or is on a standby, keeps nothing."""
    new = [(each, told) for each in situations if (told := _told(each)) is not None]
    if not new:
        return
    # What is said of a change is worth no error of the verb that asked.
    with suppress(DBAPIError, EcError, OSError):
        async with context.database.transaction() as conn:
            if not await judged.allowed(conn, context.tables):
                return
            for each, told in new:
                await judged.write(
                    conn,
                    context.tables,
                    each.change_id,
                    attempt=each.attempt,
                    cycle=each.cycle,
                    gates=told,
                    damage=each.damage,
                    undo_until=_undo_until(each),
                )


def _told(situation: Situation) -> list[dict[str, Any]] | None:
    """Return what the gates say, where somebody waits for them; None where the ledger has that already."""
    if situation.stage not in _ASKED or (situation.stage == Stage.BEFORE_READY and not situation.damage):
        return None if situation.judged is None or not situation.judged.damage else []
    told = [
        {
            "gate": each.gate,
            "hard": each.hard,
            "open": each.open,
            "blind": each.blind,
            "reason": each.reason,
        }
        for each in gates.judge_all(situation)
    ]
    before = situation.judged
    same = (
        before is not None
        and situation.now - before.at < AGAIN
        and before.damage == situation.damage
        and before.undo_until == _undo_until(situation)
        and _bare(before.gates) == _bare(told)
    )
    return None if same else told


def _bare(told: Sequence[Mapping[str, Any]]) -> list[tuple[str, bool, bool]]:
    return [(each["gate"], each["open"], each["blind"]) for each in told]


def _undo_until(situation: Situation) -> datetime | None:
    if situation.hidden_at is None or situation.stage != Stage.HIDDEN:
        return None
    return situation.hidden_at + situation.policy.undo_window
