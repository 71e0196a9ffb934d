"""The gates of contract, asked before and once more under the lock."""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract import gates
from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.model.errors import GateShut
from expandcontract.model.situation import Situation, Verdict


def require_open(situation: Situation, verdicts: Iterable[Verdict]) -> None:
    """Raise GateShut naming every gate that is shut, with its reason and what opens it."""
    shut = [verdict for verdict in verdicts if not verdict.open]
    if not shut:
        return
    reasons = "; ".join(f"{verdict.gate}: {verdict.reason}" for verdict in shut)
    raise GateShut(
        f"{situation.name} cannot be contracted: {', '.join(verdict.gate for verdict in shut)}.",
        why=reasons,
        state="Both sides stay in sync and in use.",
        next=next((verdict.next for verdict in shut if verdict.next), f"ec gates {situation.name}"),
    )


async def recheck(conn: AsyncConnection, context: Context, name: str) -> None:
    """Ask the hard gates once more, in the transaction that holds the lock. Raises GateShut."""
    (situation,) = await situations.load_on(conn, context, [name])
    require_open(situation, (verdict for verdict in gates.judge_all(situation) if verdict.hard))
