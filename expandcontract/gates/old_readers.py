"""Soft: no statement that uses the old side was run for a while.

What it can see is what pg_stat_statements counts in this server, compared between two looks. A statement
counts once it has ended, and may have run at any time between the looks.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from humanize import naturaldelta

from expandcontract.model.durations import spell
from expandcontract.model.situation import Situation
from expandcontract.model.users import OldReader, OldSession, ReaderWatch, Source, TableScans
from expandcontract.model.verdict import Verdict
from expandcontract.model.words import one_line

NAME = "old-readers"
HARD = False
WAITS = True
ORDER = 112

#: This many are told one by one.
MOST_NAMED = 5
#: This much of a statement is shown.
MOST_CHARACTERS = 70

#: What is said where nobody can look, with what would change that.
BLIND = {
    Source.ABSENT: "pg_stat_statements is not installed: CREATE EXTENSION pg_stat_statements, with the "
    "library in shared_preload_libraries, shows who does.",
    Source.UNLOADED: "the server was started without pg_stat_statements in shared_preload_libraries.",
    Source.OUTDATED: "pg_stat_statements is of an old version: ALTER EXTENSION pg_stat_statements UPDATE.",
    Source.UNCOUNTED: "the server counts no statements: ALTER SYSTEM SET pg_stat_statements.track = 'top', "
    "and compute_query_id = 'auto'; then SELECT pg_reload_conf().",
    Source.HIDDEN: "this role may not see the statements of others: GRANT pg_read_all_stats to it.",
}

#: Said when the gate is open, and somebody is about to rely on it.
LIMITS = (
    "Not seen: readers on standbys, statements inside functions unless pg_stat_statements.track is 'all', "
    "and what has not ended yet."
)


#: Of the counters of a table.
LIMITS_OF_COUNTERS = (
    "They count writes that look for rows, and foreign keys, as well; not seen are readers on standbys."
)


def judge(situation: Situation) -> Verdict | None:
    """Open when nobody was seen for `policy.quiet_for`, and looking had no gap for this long.

    Where nobody can look, the counters of a table that goes tell; otherwise the gate is blind. A swap has no
    such gate: the old name stays.
    """
    if situation.plan.swap or not situation.plan.old_side:
        return None
    watch = situation.watch
    if watch is None or watch.source != Source.READ:
        scans = situation.scans
        if scans is not None and scans.counted and situation.noting_since is not None:
            return _by_counters(situation, scans, situation.noting_since)
        return replace(_opened(situation, _blind(watch)), blind=True)
    opens = _opens_at(situation, watch)
    if opens is None:
        quiet = f"No quiet time is asked for. {_seen(situation, watch)}"
        return _opened(situation, f"{quiet}{_evicted(watch)} {LIMITS}")
    if opens <= watch.at:
        return _opened(
            situation, f"{_quiet(situation, watch)} {_seen(situation, watch)}{_evicted(watch)} {LIMITS}"
        )
    return _shut(situation, watch, opens)


def _by_counters(situation: Situation, scans: TableScans, noting_since: datetime) -> Verdict:
    """Judge by when the table was read last, whoever did so and why: a foreign key that looks for a row in it
    reads it as well.
    """
    begun = max(noting_since, scans.since or noting_since)
    table, quiet_for = situation.plan.table, situation.policy.quiet_for
    read = f"{table} was not read since {begun:%Y-%m-%d %H:%M:%S}"
    if scans.last is not None and scans.last > begun:
        read = f"{table} was read {naturaldelta(situation.since(scans.last))} ago, by whom they do not tell"
    seen = f"Statements are not counted here; by the table's own counters {read}."
    opens = max(begun, scans.last or begun) + quiet_for
    if not quiet_for or opens <= situation.now:
        return _opened(situation, f"{seen} {LIMITS_OF_COUNTERS}")
    when = f"in {naturaldelta(opens - situation.now)}, at {opens:%H:%M:%S}"
    reason = f"{seen} {LIMITS_OF_COUNTERS} Opens {when}, when nobody reads it until then."
    return Verdict(NAME, HARD, open=False, reason=f"{reason}{_sessions(situation)}")


def known(situation: Situation) -> str:
    """Which statements of whom were ever seen, and since when somebody looks: a reset begins anew."""
    watch = situation.watch
    if watch is None:
        return f"attempt {situation.attempt}, cycle {situation.cycle}: nobody looked"
    seen = sorted({one_line(f"{reader.role} {reader.query_id}") for reader in watch.readers})
    since = watch.since.isoformat() if watch.source == Source.READ else watch.source
    return (
        f"attempt {situation.attempt}, cycle {situation.cycle}, since {since}: {'; '.join(seen) or 'nobody'}"
    )


def _opens_at(situation: Situation, watch: ReaderWatch) -> datetime | None:
    """Count from the last look that saw one, or from when looking began or began anew."""
    quiet_for = situation.policy.quiet_for
    if not quiet_for:
        return None
    return max([watch.since, *(reader.last_seen for reader in watch.readers)]) + quiet_for


def _opened(situation: Situation, reason: str) -> Verdict:
    return Verdict(NAME, HARD, open=True, reason=f"{reason}{_sessions(situation)}")


def _shut(situation: Situation, watch: ReaderWatch, opens: datetime) -> Verdict:
    when = naturaldelta(opens - situation.now) if opens > situation.now else "a moment"
    seen = f"{_seen(situation, watch)}{_gap(watch)}{_evicted(watch)}"
    until = f"Opens in {when}, at {opens:%H:%M:%S}, when a look then sees none."
    reason = f"{seen} {_looked(situation, watch)}{until}{_sessions(situation)}"
    return Verdict(NAME, HARD, open=False, reason=reason)


def _looked(situation: Situation, watch: ReaderWatch) -> str:
    looked, quiet_for = watch.at - watch.since, situation.policy.quiet_for
    return "" if looked >= quiet_for else f"Looked for {naturaldelta(looked)} of {spell(quiet_for)}. "


def _blind(watch: ReaderWatch | None) -> str:
    if watch is None:
        return "Nobody has looked yet who reads the old side."
    return f"Who reads the old side is not known: {BLIND[watch.source]}"


def _quiet(situation: Situation, watch: ReaderWatch) -> str:
    looked = f"last look {naturaldelta(situation.since(watch.at))} ago"
    return f"No statement that uses it was run for {spell(situation.policy.quiet_for)} ({looked})."


def _gap(watch: ReaderWatch) -> str:
    if not watch.was_reset:
        return ""
    return f" pg_stat_statements was reset at {watch.since:%H:%M:%S}: what ran shortly before is not known."


def _evicted(watch: ReaderWatch) -> str:
    if not watch.evicted:
        return ""
    return (
        f" pg_stat_statements had no room {watch.evicted:,} times and dropped what ran seldom: such "
        "statements may be missing here; a larger pg_stat_statements.max keeps them."
    )


def _seen(situation: Situation, watch: ReaderWatch) -> str:
    if not watch.readers:
        return f"Nobody was seen using it since {watch.since:%Y-%m-%d %H:%M:%S}."
    told = "; ".join(_tell(reader, situation) for reader in watch.readers[:MOST_NAMED])
    more = len(watch.readers) - MOST_NAMED
    return f"Seen using it: {told}{f'; and {more:,} more statements' if more > 0 else ''}."


def _tell(reader: OldReader, situation: Situation) -> str:
    ago = naturaldelta(situation.since(reader.last_seen))
    between = f"between {reader.seen_after:%H:%M:%S} and {reader.last_seen:%H:%M:%S}, {ago} ago"
    calls = "once" if reader.times == 1 else f"{reader.times:,} times"
    through = f" through {reader.through}" if reader.through else ""
    how = " (judged by its words alone)" if reader.by_name else ""
    return f"role {reader.role}{through}, {calls}, last {between}: {_text(reader)}{how}"


def _text(reader: OldReader) -> str:
    text = " ".join(reader.query.split()) or f"query {reader.query_id}"
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."


def _sessions(situation: Situation) -> str:
    """Tell of sessions that are older than the new code: each may hold old statements, or be old code.

    The first write through the new side comes after the session that wrote it began; a deploy that is dated
    tells more.
    """
    deployed = situation.policy.deployed_at or situation.new_code_at
    if deployed is None or not situation.was_ready:
        return ""
    event = "the deploy" if situation.policy.deployed_at else "the first write through the new side"
    hidden = sum(session.since is None for session in situation.sessions)
    old = [
        session for session in situation.sessions if session.since is not None and session.since < deployed
    ]
    told = f" Sessions from before {event}, {deployed:%Y-%m-%d %H:%M:%S}: {_grouped(old)}." if old else ""
    unseen = f" Of {hidden:,} sessions this role cannot see how old they are." if hidden else ""
    return f"{told}{unseen}"


def _grouped(sessions: Sequence[OldSession]) -> str:
    groups: dict[str, list[OldSession]] = {}
    for session in sessions:
        name = session.application_name or "an application without a name"
        who = one_line(f"{name} (role {session.role}, {session.address or 'local'})")
        groups.setdefault(who, []).append(session)
    told = [f"{who}, {_pids(group)}" for who, group in sorted(groups.items())]
    more = len(told) - MOST_NAMED
    return "; ".join(told[:MOST_NAMED]) + (f"; and {more:,} more applications" if more > 0 else "")


def _pids(group: Sequence[OldSession]) -> str:
    pids = ", ".join(str(session.pid) for session in group[:MOST_NAMED])
    more = f" and {len(group) - MOST_NAMED:,} more" if len(group) > MOST_NAMED else ""
    return f"pid {pids}{more}"
