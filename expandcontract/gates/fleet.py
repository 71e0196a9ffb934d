"""Soft, and only where the policy asks for it: every running instance of the application is new enough.

It knows the instances that send heartbeats (`expandcontract.orm`) alone. Any role may send one in any name:
that of a role without a right on the table opens nothing; an old one keeps the gate shut whoever says so.
"""

from collections.abc import Sequence
from datetime import datetime

from humanize import naturaldelta

from expandcontract.model.durations import spell
from expandcontract.model.situation import Situation
from expandcontract.model.users import Instance
from expandcontract.model.verdict import Verdict
from expandcontract.model.versions import Requirement, comparable
from expandcontract.model.words import one_line

NAME = "fleet"
HARD = False
WAITS = True
ORDER = 127

#: This many are told one by one.
MOST_NAMED = 5


def judge(situation: Situation) -> Verdict | None:
    """Shut while an instance is older than `policy.require_version` asks, or none of its application is
    heard.

    That no older one is there counts once heartbeats were listened to for `policy.quiet_for`: one that missed
    its beats a moment ago may be at work. Without a required version there is no such gate.
    """
    if not situation.policy.require_version:
        return None
    told = [_tell(each, situation) for each in situation.policy.require_version]
    is_open = all(_is_met(each, situation) for each in situation.policy.require_version)
    return Verdict(NAME, HARD, open=is_open, reason=" ".join(told))


def known(situation: Situation) -> str:
    """Which instances are old: another one that shows up is not covered."""
    old = sorted(
        {
            one_line(f"{each.application} {each.name} {each.version}")
            if each.uses_table
            else one_line(f"{each.application} by role {each.role}")  # whatever names it invents
            for required in situation.policy.require_version
            for each in _old(required, situation)
        }
    )
    asked = ", ".join(map(str, situation.policy.require_version))
    return f"attempt {situation.attempt}, cycle {situation.cycle}, {asked}: {'; '.join(old) or 'nobody'}"


def _heard(required: Requirement, situation: Situation) -> list[Instance]:
    """Return the instances that are heard now, whoever says so."""
    heard = [each for each in situation.instances if not each.silent]
    return [each for each in heard if each.application == required.application]


def _of(required: Requirement, situation: Situation) -> list[Instance]:
    """Return those of roles that may use the table."""
    return [each for each in _heard(required, situation) if each.uses_table]


def _old(required: Requirement, situation: Situation) -> list[Instance]:
    return [each for each in _heard(required, situation) if not required.met_by(each.version)]


def _opens_at(required: Requirement, situation: Situation) -> datetime:
    """Count from the first heartbeat of any instance, or the last one of an old instance."""
    every = [each for each in situation.instances if each.application == required.application]
    old = [each.last_seen for each in every if not required.met_by(each.version)]
    return max([min(each.first_seen for each in every if each.uses_table), *old]) + situation.policy.quiet_for


def _is_met(required: Requirement, situation: Situation) -> bool:
    if not _of(required, situation) or _old(required, situation):
        return False
    return _opens_at(required, situation) <= situation.now


def _tell(required: Requirement, situation: Situation) -> str:
    heard, instances = _heard(required, situation), _of(required, situation)
    old = _old(required, situation)
    if old:
        more = f"; and {len(old) - MOST_NAMED:,} more" if len(old) > MOST_NAMED else ""
        listed = "; ".join(_name(each, situation) for each in old[:MOST_NAMED])
        all_of_it = f"{_count(heard)} of {required.application}"
        return f"Of {all_of_it}, not at {required.version} or later: {listed}{more}."
    strange = _strange([each for each in heard if not each.uses_table], situation)
    if not instances:
        return f"No instance of {required.application} sends heartbeats; {required} is required.{strange}"
    oldest = naturaldelta(situation.since(min(each.last_seen for each in instances)))
    all_new = f"All instances of {required.application} are at {required.version} or later"
    seen = f"{len(instances):,} seen, the oldest heartbeat {oldest} ago."
    return f"{all_new}: {seen}{_too_early(required, situation)}{strange}"


def _strange(strangers: Sequence[Instance], situation: Situation) -> str:
    """Tell whose heartbeats say nothing."""
    if not strangers:
        return ""
    roles = ", ".join(sorted({one_line(each.role) for each in strangers}))
    return f" Not counted: {_count(strangers)} of roles without a right on {situation.plan.table}: {roles}."


def _too_early(required: Requirement, situation: Situation) -> str:
    opens, quiet_for = _opens_at(required, situation), situation.policy.quiet_for
    if opens <= situation.now:
        return ""
    since = naturaldelta(situation.since(opens - quiet_for))
    when = f"Opens in {naturaldelta(opens - situation.now)}, at {opens:%H:%M:%S}"
    return f" Without an older one for {since} of {spell(quiet_for)}. {when}, when none is heard until then."


def _count(instances: Sequence[Instance]) -> str:
    return "1 instance" if len(instances) == 1 else f"{len(instances):,} instances"


def _name(instance: Instance, situation: Situation) -> str:
    ago = naturaldelta(situation.since(instance.last_seen))
    order = "" if comparable(instance.version) else ", which has no order"
    where = f"role {instance.role}, {instance.address or 'local'}"
    return f"{instance.name} ({where}) is at {instance.version}{order}, heard {ago} ago"
