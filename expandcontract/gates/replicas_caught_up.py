"""Soft: every standby has replayed what made the change ready, so that new code may read there."""

from collections.abc import Sequence

from expandcontract.model.situation import Situation
from expandcontract.model.users import Standby
from expandcontract.model.verdict import Verdict

NAME = "replicas-caught-up"
HARD = False
WAITS = True
ORDER = 125


def judge(situation: Situation) -> Verdict:
    """Shut while a standby is behind the point at which the change was ready, or has not said where it is.

    Where the role may not see how far one is, the gate is blind, and names it. A standby that is not
    connected may answer queries all the same; it is known by its slot alone.
    """
    if not situation.standbys:
        return _opened("No standby streams from this server, and no slot waits for one.")
    if situation.ready_wal is None:
        return _blind("Up to where a standby must have replayed is not noted yet; ec contract does it.")
    behind = [standby for standby in situation.standbys if not _has_replayed(standby, situation.ready_wal)]
    if behind:
        told = "; ".join(_tell(standby, situation.ready_wal) for standby in behind)
        reason = f"Has not replayed what made the change ready: {told}. Readers there would not find it."
        return Verdict(NAME, HARD, open=False, reason=reason)
    told = _replayed(situation.standbys)
    return _opened(told) if all(standby.visible for standby in situation.standbys) else _blind(told)


def known(situation: Situation) -> str:
    """Which standbys are behind: one that falls behind later is not covered."""
    ready = situation.ready_wal or 0
    behind = sorted({standby.name for standby in situation.standbys if not _has_replayed(standby, ready)})
    return f"attempt {situation.attempt}, cycle {situation.cycle}: {', '.join(behind) or 'none'}"


def _opened(reason: str) -> Verdict:
    return Verdict(NAME, HARD, open=True, reason=reason)


def _blind(reason: str) -> Verdict:
    return Verdict(NAME, HARD, open=True, reason=reason, blind=True)


def _replayed(standbys: Sequence[Standby]) -> str:
    seen = [standby.name for standby in standbys if standby.visible]
    hidden = len(standbys) - len(seen)
    told = [f"Replayed what made the change ready: {', '.join(seen)}."] if seen else []
    told += [f"Where {hidden:,} more are this role cannot see: GRANT pg_monitor to it."] if hidden else []
    return " ".join(told)


def _has_replayed(standby: Standby, ready_wal: int) -> bool:
    if not standby.visible:
        return True
    return standby.replayed is not None and standby.replayed >= ready_wal


def _tell(standby: Standby, ready_wal: int) -> str:
    if not standby.connected:
        return f"{standby.name} (not connected; its slot is kept)"
    if standby.replayed is None:
        return f"{standby.name} (has not said yet where it is)"
    return f"{standby.name} ({ready_wal - standby.replayed:,} bytes of WAL behind)"
