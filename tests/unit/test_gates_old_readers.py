"""What the gate `old-readers` says of statements and sessions."""

from dataclasses import replace
from datetime import timedelta

import pytest

from expandcontract.model.names import RelationName
from expandcontract.model.policy import Policy
from expandcontract.model.users import OldSession, Source, TableScans
from tests.unit.situations import (
    NOW,
    plan,
    reader,
    situation,
    told,
    verdict,
    watch,
)


def test_old_readers_are_named() -> None:
    """The role, the view, how often, between which looks last, and the statement, cut where it is long."""
    long = reader(query="SELECT " + "x, " * 50, through="people", by_name=True, times=1, role="batch")
    reason = told("old-readers", watch=watch(reader(), long))
    assert reason.startswith(
        "Seen using it: role app, 1,200 times, last between 11:59:40 and 11:59:50, 10 seconds ago: "
        "SELECT id, name FROM users WHERE id = $1; role batch through people, once, last"
    )
    assert "... (judged by its words alone). Opens in 5 minutes, at 12:04:50" in reason


def test_many_old_readers_are_counted() -> None:
    """Five are told, the rest counted."""
    assert "; and 3 more statements." in told("old-readers", watch=watch(*[reader()] * 8))


def test_a_confidential_statement_is_named_by_its_number() -> None:
    """Without its text it is found in pg_stat_statements by its query id."""
    assert "query 77" in told("old-readers", watch=watch(reader(query="")))


def test_quiet_is_what_a_look_saw() -> None:
    """The quiet time ends with the last look, not with now: nobody looked since."""
    quiet = Policy().quiet_for
    opens = watch(reader(seconds_ago=quiet.total_seconds()))
    assert verdict("old-readers", situation(watch=opens)).open
    early = replace(opens, at=NOW - timedelta(seconds=1))
    assert "Opens in a moment" in told("old-readers", watch=early)


def test_a_reset_begins_the_quiet_time_anew() -> None:
    """Nothing is proven for the time before it, and evictions are said."""
    given = watch(since=NOW - timedelta(minutes=2), was_reset=True, evicted=3)
    reason = told("old-readers", watch=given)
    assert "was reset at 11:58:00" in reason
    assert "no room 3 times" in reason
    assert "Opens in 3 minutes, at 12:03:00" in reason
    assert "no room 3 times" in told("old-readers", watch=watch(evicted=3))


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        (Source.ABSENT, "CREATE EXTENSION pg_stat_statements"),
        (Source.UNLOADED, "shared_preload_libraries"),
        (Source.OUTDATED, "ALTER EXTENSION"),
        (Source.UNCOUNTED, "pg_stat_statements.track = 'top'"),
        (Source.HIDDEN, "GRANT pg_read_all_stats"),
    ],
)
def test_who_cannot_look_says_so(source: Source, remedy: str) -> None:
    """The gate is blind, names what is not known, and the command that would tell."""
    judged = verdict("old-readers", situation(watch=watch(source=source)))
    assert (judged.open, judged.blind) == (True, True)
    assert judged.reason.startswith("Who reads the old side is not known")
    assert remedy in judged.reason


def test_no_quiet_time_names_readers_all_the_same() -> None:
    """With `quiet_for` 0 the gate is open."""
    judged = verdict("old-readers", situation(watch=watch(reader()), policy=Policy(quiet_for=timedelta(0))))
    assert judged.open
    assert "role app" in judged.reason


def test_sessions_from_before_the_deploy_are_named() -> None:
    """By application, role and address, from when the deploy was said or new code was first seen."""
    began = NOW - timedelta(hours=3)
    sessions = (
        OldSession(41, "billing", "app", None, began),
        OldSession(42, "billing", "app", None, began),
        OldSession(43, "", "batch", "192.0.2.9", NOW),
        OldSession(44, "", "batch", "192.0.2.9", None),
    )
    reason = told("old-readers", sessions=sessions, new_code_at=NOW - timedelta(hours=1))
    when = "before the first write through the new side, 2031-05-06 11:00:00"
    assert f"Sessions from {when}: billing (role app, local), pid 41, 42." in reason
    assert "Of 1 sessions this role cannot see" in reason
    said = Policy(deployed_at=NOW - timedelta(hours=4))
    assert "Sessions from before" not in told("old-readers", sessions=sessions, policy=said, new_code_at=NOW)
    assert "Sessions" not in told("old-readers", sessions=sessions, new_code_at=None)


def test_the_counters_of_a_table_that_goes_tell_where_statements_do_not() -> None:
    """Shut for the quiet time after the table was read last, by whomever; a reset begins it anew."""
    goes = plan(pair=None, old_columns=(), final_table=RelationName("public", "~ec_users"))
    blind, quiet = watch(source=Source.ABSENT), Policy().quiet_for
    given = situation(plan=goes, watch=blind, noting_since=NOW - 2 * quiet)

    def judged(scans: TableScans) -> tuple[bool, bool, str]:
        found = verdict("old-readers", replace(given, scans=scans))
        return found.open, found.blind, found.reason

    assert judged(TableScans(counted=False))[:2] == (True, True)
    assert judged(TableScans(counted=True))[:2] == (True, False)
    is_open, _, reason = judged(TableScans(counted=True, last=NOW - timedelta(minutes=1)))
    assert not is_open
    assert "public.users was read a minute ago" in reason
    assert judged(TableScans(counted=True, last=NOW - quiet))[0]
    assert not judged(TableScans(counted=True, since=NOW - timedelta(seconds=5)))[0]
