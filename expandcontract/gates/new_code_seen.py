"""Soft: the new version of the application was seen at work before the old side goes.

What the sync trigger noted tells, and where the policy names versions, the heartbeats. PostgreSQL's counters
of a table do not: they come late, and count what `ec` itself wrote.
"""

from expandcontract.gates import fleet
from expandcontract.model.situation import Situation
from expandcontract.model.users import OldWriter
from expandcontract.model.verdict import Verdict

NAME = "new-code-seen"
HARD = False
WAITS = True
ORDER = 120


def judge(situation: Situation) -> Verdict | None:
    """Open when a write came through the new side since ready, or heartbeats say that every instance is new.

    Where nobody was seen at all, the gate is blind: a soak stands for what it cannot see, or somebody's
    acknowledgement. Where old code alone was seen, only the latter. A swap has no such gate: until contract,
    no code knows the new side's name.
    """
    if situation.plan.pair is None or not situation.plan.kept_up().notes_use:
        return None
    new, old = (", ".join(side) for side in (situation.plan.new_columns, situation.plan.old_columns))
    if not situation.was_ready:
        return _said("New code may be deployed when the change is ready.", is_open=False)
    if situation.new_code_at is not None:
        return _said(f"Writes come through {new}.", is_open=True)
    if _beats(situation):
        reason = f"No write came through {new} since ready; by their heartbeats all instances are new."
        return _said(reason, is_open=True)
    if _old_alone(situation):
        return _said(f"Since ready, writes came through {old}, and none through {new}.", is_open=False)
    return _unseen(situation, f"Nobody was seen writing {old} or {new} since ready")


def known(situation: Situation) -> str:
    """Who was seen, not how often, or the next write would void the acknowledgement."""
    old_alone = "old code alone" if _old_alone(situation) else "nobody"
    seen = "new code" if situation.new_code_at else old_alone
    return f"attempt {situation.attempt}, cycle {situation.cycle}: {seen}"


def _said(reason: str, *, is_open: bool) -> Verdict:
    return Verdict(NAME, HARD, open=is_open, reason=reason)


def _unseen(situation: Situation, nobody: str) -> Verdict:
    """Judge a table that is idle, or only read: there was nothing that could have been seen."""
    soaks = bool(situation.policy.soak)
    instead = "The soak stands for it." if soaks else "A soak stands for it (--soak), or somebody who knows."
    reason = f"{nobody}: whether the new code is there is not known. {instead}"
    return Verdict(NAME, HARD, open=soaks, reason=reason, blind=True)


def _beats(situation: Situation) -> bool:
    verdict = fleet.judge(situation)
    return verdict is not None and verdict.open


def _old_alone(situation: Situation) -> tuple[OldWriter, ...]:
    """Return who wrote the old side since ready, or since the undo that let old code come back."""
    undone = situation.noting_since if situation.cycle else None
    since = max(filter(None, (situation.ready_at, undone)), default=situation.now)
    return tuple(each for each in situation.old_writers if each.last_seen >= since)
