"""Soft: the change has been ready for as long as the policy asks."""

from humanize import naturaldelta

from expandcontract.model.durations import spell
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict

NAME = "soak"
HARD = False
WAITS = True
ORDER = 130


def judge(situation: Situation) -> Verdict:
    """Open `policy.soak` after the change became ready."""
    soak = situation.policy.soak
    if not soak:
        return Verdict(NAME, HARD, open=True, reason="No soak time is asked for.")
    if situation.ready_at is None:
        return _shut(f"{spell(soak)} of soak begin when the change is ready.")
    opens = situation.ready_at + soak
    if opens > situation.now:
        left = naturaldelta(opens - situation.now)
        return _shut(f"Less than {spell(soak)} ready. Opens in {left}, at {opens:%Y-%m-%d %H:%M}.")
    return Verdict(NAME, HARD, open=True, reason=f"Ready for {spell(soak)} and more.")


def known(situation: Situation) -> str:
    """When the time began: being ready once more begins it anew."""
    return f"ready at {situation.ready_at and situation.ready_at.isoformat()}"


def _shut(reason: str) -> Verdict:
    return Verdict(NAME, HARD, open=False, reason=reason)
