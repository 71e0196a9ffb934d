"""Soft: nobody has written through the old side for a while.

What the sync trigger can see: a write that changes the old side and leaves the new one to it. It notes a
session at most once in `plan.noted_every`, so the last write may be that much younger than its note. It
cannot see readers of the old side, for which `old-readers` looks, nor old code that writes other columns
only, or what is there already.
"""

from datetime import datetime

from humanize import naturaldelta

from expandcontract.model.durations import spell
from expandcontract.model.situation import Situation
from expandcontract.model.users import OldWriter
from expandcontract.model.verdict import Verdict
from expandcontract.model.words import one_line

NAME = "old-writers"
HARD = False
WAITS = True
ORDER = 110

#: Said when the gate is open, and somebody is about to rely on it.
LIMITS = "Not seen: readers of it, and writes that leave its value as it is or give both sides in sync."
#: The same where a rule comes, and nothing goes.
_LIMITS_OF_RULE = "Seen is only who wrote such a row meanwhile."
#: The same of what goes without a new side.
_LIMITS_ALONE = "Not seen: readers of it, and writes that leave it as it is."


def judge(situation: Situation) -> Verdict | None:
    """Open when no write came through the old side for `policy.quiet_for`, and the trigger has been there to
    note it for this long.

    Nothing is asked for when that is 0. A swap has no such gate: the old name stays, and the code accepts
    both types.
    """
    if not situation.plan.kept_up().notes_use:
        return None
    seen = _seen(situation)
    if not situation.policy.quiet_for:
        return _opened(situation, f"No quiet time is asked for. {seen}")
    opens = _opens_at(situation)
    if opens is None:
        reason = f"Nobody can be seen writing {_what(situation)} before dual_write."
        return Verdict(NAME, HARD, open=False, reason=reason)
    if opens <= situation.now:
        what = "the old side" if situation.plan.pair is not None else situation.plan.old_side
        what = _what(situation) if _of_rule(situation) else what
        return _opened(situation, f"No write of {what} for {spell(situation.policy.quiet_for)}. {seen}")
    when = f"in {naturaldelta(opens - situation.now)}, at {opens:%H:%M:%S}"
    until = f"when nobody writes {'one' if _of_rule(situation) else 'it'} until then."
    reason = f"{seen} {_looked(situation)}Opens {when}, {until}"
    return Verdict(NAME, HARD, open=False, reason=reason)


def known(situation: Situation) -> str:
    """Who was ever seen: a writer that shows up later is not covered by an earlier acknowledgement, nor is
    anybody after an undo, which is there for old code to come back.
    """
    writers = sorted({_who(writer) for writer in situation.old_writers})
    return f"attempt {situation.attempt}, cycle {situation.cycle}: {'; '.join(writers) or 'nobody'}"


def _opened(situation: Situation, reason: str) -> Verdict:
    limits = LIMITS if situation.plan.pair is not None else _LIMITS_ALONE
    limits = _LIMITS_OF_RULE if _of_rule(situation) else limits
    return Verdict(NAME, HARD, open=True, reason=f"{reason} {limits}")


def _of_rule(situation: Situation) -> bool:
    """Whether it is about rows that a rule will refuse: nothing goes."""
    return situation.plan.pair is None and bool(situation.plan.enforces) and not situation.plan.old_side


def _what(situation: Situation) -> str:
    return "rows that will be refused" if _of_rule(situation) else "it"


def _opens_at(situation: Situation) -> datetime | None:
    """Count from when the trigger began to note, or from the last write; what a session may have written
    since it was noted is added.
    """
    if situation.noting_since is None:
        return None
    noted = (writer.last_seen + situation.plan.noted_every for writer in situation.old_writers)
    return max([situation.noting_since, *noted]) + situation.policy.quiet_for


def _looked(situation: Situation) -> str:
    since, quiet_for = situation.noting_since, situation.policy.quiet_for
    if since is None or situation.since(since) >= quiet_for:
        return ""
    return f"Looked for {naturaldelta(situation.since(since))} of {spell(quiet_for)}. "


def _seen(situation: Situation) -> str:
    writers = sorted(situation.old_writers, key=lambda writer: writer.last_seen, reverse=True)
    if not writers:
        return f"Nobody was ever seen writing {_what(situation)}."
    return f"Seen writing {_what(situation)}: {'; '.join(_when(writer, situation) for writer in writers)}."


def _when(writer: OldWriter, situation: Situation) -> str:
    ago = naturaldelta(situation.since(writer.last_seen))
    times = "noted once" if writer.times == 1 else f"noted {writer.times:,} times, last"
    return f"{_who(writer)}, {times} {ago} ago"


def _who(writer: OldWriter) -> str:
    name = writer.application_name or "an application without a name"
    return one_line(f"{name} (role {writer.role}, {writer.address or 'local'})")
