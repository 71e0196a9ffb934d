"""The conditions for contract: one file per gate, each a pure function of the Situation.

A gate is a module with `NAME`, `HARD`, `ORDER` (where it stands among the others) and `judge(situation)`,
which returns a Verdict, or None where the gate does not exist for that change. A soft gate also has `WAITS`,
whether it opens without anybody's decision, and `known(situation)`: what somebody who acknowledges it knows
at that moment, as text. Its verdicts are opened by a waiver that holds the same text, and that its `counts`,
where it has one, does not refuse. That a shut one may be
acknowledged is offered here, in one place, unless the gate itself has a command that opens it.

A gate that could not look is *blind*, and says so: what it did not see may be there all the same. It does not
keep contract shut by itself, unless `policy.require_sight` asks for that. An absence (nobody wrote, nobody
read, no old instance) counts from when looking began, never from before.
"""

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Protocol, cast

from expandcontract.model.phases import State
from expandcontract.model.records import Waiver
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict
from expandcontract.model.words import signed


class Gate(Protocol):
    """What every module in this folder offers."""

    NAME: str
    HARD: bool
    ORDER: int

    def judge(self, situation: Situation) -> Verdict | None:
        """Say whether the gate is open, why, and what opens it."""


class SoftGate(Gate, Protocol):
    """A gate that somebody may open with a reason. Most also open by themselves (`WAITS`), with time or as
    the deploy goes on.
    """

    WAITS: bool

    def known(self, situation: Situation) -> str:
        """Say what is known now, in the same words as long as nothing new is known."""


@cache
def _gates() -> dict[str, Gate]:
    names = [found.name for found in pkgutil.iter_modules(__path__)]
    modules = [cast("Gate", importlib.import_module(f"{__name__}.{name}")) for name in names]
    return {gate.NAME: gate for gate in sorted(modules, key=lambda gate: gate.ORDER)}


#: The names of all gates, in the order in which they are shown: the hard ones first.
ALL: tuple[str, ...] = tuple(_gates())


def is_hard(gate: str) -> bool:
    """Say whether nobody may open the gate by hand. Raises KeyError when there is no such gate."""
    return _gates()[gate].HARD


def known(gate: str, situation: Situation) -> str:
    """Return what an acknowledgement of a soft gate covers now. Raises KeyError for an unknown gate."""
    return cast("SoftGate", _gates()[gate]).known(situation)


def judge_all(situation: Situation) -> tuple[Verdict, ...]:
    """Ask every gate of a change that may still be contracted, in order, and apply the waivers.

    A change that is hidden, purged or rolled back has no gates any more.
    """
    if situation.state != State.ACTIVE:
        return ()
    verdicts = (gate.judge(situation) for gate in _gates().values())
    return tuple(_settled(verdict, situation) for verdict in verdicts if verdict is not None)


def next_line(situation: Situation, verdicts: Sequence[Verdict]) -> str:
    """Return the line to type next where gates are shut: what opens a hard one; the acknowledgement that a
    soft one wants which does not open by itself; and where all of them do, to wait for that.
    """
    shut = [verdict for verdict in verdicts if not verdict.open]
    hard = [verdict for verdict in shut if verdict.hard]
    if hard:
        return next((verdict.next for verdict in hard if verdict.next), f"ec gates {situation.name}")
    decided = next((verdict.next for verdict in shut if verdict.next and not verdict.waits), None)
    return decided or waiting(situation)


def waiting(situation: Situation) -> str:
    """Return the line that waits until every gate is open."""
    return f"ec wait {situation.name} --for contractable"


def _settled(verdict: Verdict, situation: Situation) -> Verdict:
    """Add to what a gate says by itself what policy and waivers make of it."""
    judged = _unused(_waived(_sighted(verdict, situation), situation), situation)
    if judged.open or judged.hard or not situation.was_ready:
        return judged
    # One that is shut for want of sight wants a right that is granted, or somebody who knows.
    waits = cast("SoftGate", _gates()[judged.gate]).WAITS and not verdict.open
    ack = f'ec ack {situation.name} {judged.gate} --reason "..."'
    return replace(judged, next=judged.next or ack, waits=waits)


def _sighted(verdict: Verdict, situation: Situation) -> Verdict:
    """Shut a gate that could not look where the policy asks for sight."""
    wanted = situation.policy.require_sight
    if not (verdict.blind and verdict.open and (wanted is True or (wanted and verdict.gate in wanted))):
        return verdict
    return replace(verdict, open=False, reason=f"{verdict.reason} require_sight does not let that pass.")


def _waived(verdict: Verdict, situation: Situation) -> Verdict:
    """Open a soft gate that somebody acknowledged whose word counts, unless more is known now than then."""
    counts = getattr(_gates()[verdict.gate], "counts", lambda _situation, _waiver: True)
    waiver = situation.waiver(verdict.gate, lambda each: counts(situation, each))
    if verdict.open or verdict.hard or waiver is None:
        return verdict
    if waiver.known == known(verdict.gate, situation):
        return replace(verdict, open=True, reason=_opened(verdict, waiver), next="", waived_by=waiver.who)
    return replace(verdict, reason=f"{verdict.reason} {_outdated(waiver)}")


def _unused(verdict: Verdict, situation: Situation) -> Verdict:
    """Open a soft gate where the policy says that no application runs; before ready it is no question yet."""
    if verdict.open or verdict.hard or not (situation.policy.fresh and situation.was_ready):
        return verdict
    return replace(
        verdict, open=True, reason=f"No application runs (EC_FRESH). Else: {verdict.reason}", next=""
    )


def _opened(verdict: Verdict, waiver: Waiver) -> str:
    when = f"{waiver.at:%Y-%m-%d %H:%M}"
    by = signed(waiver.who, waiver.session_role, waiver.address)
    return f"Opened by {by} at {when} ({waiver.why}). Without that: {verdict.reason}"


def _outdated(waiver: Waiver) -> str:
    return f"More is known now than when {waiver.who} acknowledged it at {waiver.at:%Y-%m-%d %H:%M}."
