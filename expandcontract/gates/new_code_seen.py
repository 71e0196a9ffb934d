"""Soft: the new version of the application was seen at work before the old side goes."""

from expandcontract.model.situation import Situation, Verdict

NAME = "new-code-seen"
HARD = False
ORDER = 120


def judge(situation: Situation) -> Verdict | None:
    """Shut when the table was written since ready and no write came through the new side.

    A swap has no such gate: until contract, no code knows the new side's name.
    """
    if situation.plan.swap:
        return None
    is_open, reason = _weigh(situation)
    command = "" if is_open else f'ec ack {situation.name} {NAME} --reason "..."'
    return Verdict(NAME, HARD, open=is_open, reason=reason, next=command)


def known(situation: Situation) -> str:
    """That nobody was seen, not how often others wrote, or the next write would void the acknowledgement."""
    seen = "seen" if situation.live.new_side_writes else "not seen"
    return f"attempt {situation.attempt}, cycle {situation.cycle}: {seen}"


def _weigh(situation: Situation) -> tuple[bool, str]:
    """Judge by the server's counters of the table, which a restart keeps and a crash loses."""
    side = ", ".join(situation.plan.new_columns)
    if not situation.ready:
        return False, "New code may be deployed when the change is ready."
    if situation.live.new_side_writes:
        return True, f"Writes come through {side}."
    if situation.live.writes_since_ready == 0:
        return True, "Nobody wrote to the table since it is ready, so there was nothing to see."
    if situation.live.writes_since_ready is None:
        return False, f"No write came through {side}, and the server cannot say whether there was any."
    return False, f"{situation.live.writes_since_ready:,} rows were written since ready, none through {side}."
