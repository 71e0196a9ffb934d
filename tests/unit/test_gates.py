"""What opens and shuts each gate of contract."""

import itertools
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from expandcontract import gates
from expandcontract.cli.views.next_steps import next_command
from expandcontract.engine import gatekeeper
from expandcontract.model.errors import GateShut
from expandcontract.model.live import Dependent, Leaf, Live
from expandcontract.model.names import RelationName
from expandcontract.model.notes import Words
from expandcontract.model.phases import Phase, Section, State, Status
from expandcontract.model.policy import Policy
from expandcontract.model.records import PhaseRecord, Waiver, Wish
from expandcontract.model.site import Site
from expandcontract.model.situation import Situation
from expandcontract.model.step import Purpose, Step, Sweep
from expandcontract.model.users import Source, Standby
from expandcontract.model.versions import parse_requirements
from tests.unit.situations import (
    NOW,
    READY_AT,
    instance,
    live,
    phases,
    plan,
    proof,
    reader,
    situation,
    sweep,
    told,
    verdict,
    watch,
    writer,
)

WEB_42 = parse_requirements("web>=42")
CUSTOMERS = RelationName("public", "customers")
ONLY_42 = Policy(require_version=WEB_42)

BEFORE_READY = situation(phases=phases(done=2, running=True), proof=None, copy=sweep(25))
NOT_STARTED = situation(phases=phases(done=0), started=False, proof=None, copy=None, compare=None)


#: A CHECK: no pair, and rows that might break it are looked for.
_LOOK = Step("look", "=", "look", Sweep(Purpose.COMPARE, "t", "false"), by_size=True)
RULE = plan(pair=None, sections={Section.VERIFY: (_LOOK,)}, words=Words(broken="break it"))


def names(given: Situation) -> list[str]:
    """Return the gates that a change has."""
    return [verdict.gate for verdict in gates.judge_all(given)]


def test_all_gates_are_there_in_order() -> None:
    """Hard gates come first, in the order in which a change meets them."""
    assert gates.ALL == (
        "backfilled", "verified", "sync-intact", "tables-stand", "leaves-covered", "dependents-clear",
        "no-conflicts", "looks-clean", "mentions", "old-writers", "old-readers", "carried", "new-code-seen",
        "replicas-caught-up", "fleet", "soak", "approval",
    )  # fmt: skip
    assert [gates.is_hard(name) for name in gates.ALL] == [True] * 7 + [False] * 10


def test_unknown_gate() -> None:
    """Asking about a gate that does not exist is an error."""
    with pytest.raises(KeyError):
        gates.is_hard("old-writer")


def test_a_finished_change_may_be_contracted() -> None:
    """Ready, proven, quiet: every gate is open and none proposes anything."""
    verdicts = gates.judge_all(situation())
    assert all(verdict.open for verdict in verdicts)
    assert not any(verdict.next for verdict in verdicts)


@pytest.mark.parametrize("state", [State.HIDDEN, State.PURGED, State.ROLLED_BACK])
def test_no_gates_after_contract_and_rollback(state: State) -> None:
    """Gates stand before contract only."""
    assert gates.judge_all(situation(state=state)) == ()


SHUT = {
    "not started": (NOT_STARTED, "backfilled", "ec start"),
    "before the first chunk": (replace(BEFORE_READY, copy=None), "backfilled", "ec backfill"),
    "copying": (BEFORE_READY, "backfilled", "ec backfill"),
    "settling": (replace(BEFORE_READY, copy=sweep()), "backfilled", "ec backfill"),
    "paused": (replace(BEFORE_READY, wish=Wish(paused=True)), "backfilled", "ec resume"),
    "not compared": (situation(proof=None), "verified", "ec verify"),
    "comparing": (situation(proof=None, phases=phases(3, running=True)), "verified", "ec verify"),
    "no proof, not ready": (BEFORE_READY, "verified", "ec backfill"),
    "no proof, not started": (NOT_STARTED, "verified", "ec start"),
    "mismatches": (situation(proof=proof(mismatches=1)), "verified", "ec backfill"),
    "spoiled": (situation(proof=proof(spoiled_at=NOW, spoiled_why="undone")), "verified", "ec backfill"),
    "spoiled, unsaid": (situation(proof=proof(spoiled_at=NOW)), "verified", "ec backfill"),
    "differs": (situation(proof=proof(differences=("trigger off",))), "verified", "ec backfill"),
    "too old": (situation(proof=proof(finished_at=NOW - timedelta(days=8))), "verified", "ec verify"),
    "a copy": (situation(live=live(is_copy=True)), "verified", "ec doctor"),
    "table gone": (situation(live=live(table_exists=False)), "sync-intact", "ec doctor"),
    "no trigger yet": (situation(phases=phases(1)), "sync-intact", "ec start"),
    "trigger off": (situation(live=live(sync_faults=("It is off.",))), "sync-intact", "ec backfill"),
    "another table gone": (
        situation(
            plan=plan(others=(Site(CUSTOMERS),)), others=(7,), live=live(others=(Live(table_exists=False),))
        ),
        "tables-stand", "ec rollback",
    ),
    "leaf without trigger": (
        situation(live=live(leaves=(Leaf(2, "p2", trigger_intact=False, swept=True),))),
        "leaves-covered", "ec backfill",
    ),
    "leaf not copied": (
        situation(live=live(leaves=(Leaf(2, "p2", trigger_intact=True, swept=False),))),
        "leaves-covered", "ec backfill",
    ),
    "function body": (
        situation(live=live(dependents=(Dependent("function body", "public.f()", blocks_hide=True),))),
        "dependents-clear", "ec contract",
    ),
    "a mention": (
        situation(
            live=live(dependents=(Dependent("function body", "f()", blocks_hide=True, mentions=True),))
        ),
        "mentions", "ec ack",
    ),
    "unfit value": (situation(conflicts=1), "no-conflicts", "ec verify"),
    "not counted": (situation(plan=RULE, proof=None), "looks-clean", "ec backfill"),
    "rows that break it": (situation(plan=RULE, proof=proof(mismatches=3)), "looks-clean", "ec verify"),
    "not counted since": (situation(plan=RULE, proof=proof(spoiled_at=NOW)), "looks-clean", "ec verify"),
    "old code writes": (situation(old_writers=(writer(),)), "old-writers", "ec ack"),
    "old code alone": (
        situation(new_code_at=None, old_writers=(writer(),)), "new-code-seen", "ec ack",
    ),
    "nobody seen": (situation(new_code_at=None), "new-code-seen", "ec ack"),
    "not noted for long": (
        situation(noting_since=NOW - timedelta(seconds=35)), "old-writers", "ec ack",
    ),
    "old code reads": (situation(watch=watch(reader())), "old-readers", "ec ack"),
    "not watched for long": (
        situation(watch=watch(since=NOW - timedelta(minutes=1))), "old-readers", "ec ack",
    ),
    "a standby is behind": (
        situation(standbys=(Standby("replica", 90),), ready_wal=100), "replicas-caught-up", "ec ack",
    ),
    "a standby that starts": (
        situation(standbys=(Standby("replica", None),), ready_wal=100), "replicas-caught-up", "ec ack",
    ),
    "a standby is away": (
        situation(standbys=(Standby("slot", 90, connected=False),), ready_wal=100), "replicas-caught-up",
        "ec ack",
    ),
    "an old instance": (
        situation(instances=(instance("41"),), policy=Policy(require_version=WEB_42)), "fleet", "ec ack",
    ),
    "a version without order": (
        situation(instances=(instance("beef"),), policy=Policy(require_version=WEB_42)), "fleet", "ec ack",
    ),
    "nobody beats": (situation(policy=Policy(require_version=WEB_42)), "fleet", "ec ack"),
    "an index came later": (situation(live=live(uncarried=('index "ix"',))), "carried", "ec ack"),
    "instances not heard for long": (
        situation(instances=(instance(first_seen=NOW - timedelta(minutes=1)),), policy=ONLY_42),
        "fleet", "ec ack",
    ),
    "an old instance fell silent": (
        situation(instances=(instance(), instance("41", "w2", silent=True)), policy=ONLY_42),
        "fleet", "ec ack",
    ),
    "sight required": (
        situation(watch=watch(source=Source.ABSENT), policy=Policy(require_sight=True)),
        "old-readers", "ec ack",
    ),
    "soaking": (situation(policy=Policy(soak=timedelta(hours=3))), "soak", "ec ack"),
    "not approved": (situation(policy=Policy(approval=True)), "approval", "ec ack"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "gate", "command"), SHUT.values(), ids=SHUT.keys())
def test_a_shut_gate_says_why_and_what_to_type(given: Situation, gate: str, command: str) -> None:
    """The reason is a sentence; the next line can be copied, with the change's name in it."""
    judged = verdict(gate, given)
    assert not judged.open
    assert judged.reason.endswith(".")
    assert judged.next.startswith(f"{command} {given.name}" if command != "ec doctor" else command)


def test_every_gate_can_shut() -> None:
    """The table above shuts each gate at least once."""
    assert {gate for _, gate, _ in SHUT.values()} == set(gates.ALL)


def test_a_partial_change_shuts_only_its_own_gates() -> None:
    """A writer of the old side is no reason to doubt the proof."""
    shut = [v.gate for v in gates.judge_all(situation(old_writers=(writer(),))) if not v.open]
    assert shut == ["old-writers"]


def test_what_is_left_is_counted() -> None:
    """Blocks are exact, rows are an estimate from those that were written."""
    assert verdict("backfilled", BEFORE_READY).reason == "75 of 100 blocks are left, about 4,500 rows."
    first = replace(BEFORE_READY, copy=sweep(0))
    assert verdict("backfilled", first).reason == "100 of 100 blocks are left."


def test_a_spoiled_proof_says_what_spoiled_it_and_what_is_different() -> None:
    """The cause first, then what is different now and was not named with it."""
    both = proof(spoiled_at=NOW, spoiled_why="trigger off", differences=("leaf p9 attached",))
    assert "trigger off; leaf p9 attached." in verdict("verified", situation(proof=both)).reason
    same = replace(both, differences=("trigger off",))
    assert "any more: trigger off." in verdict("verified", situation(proof=same)).reason
    only = replace(both, differences=())
    assert "trigger off" in verdict("verified", situation(proof=only)).reason


def test_a_proof_lasts_exactly_its_age() -> None:
    """At proof_max_age the proof counts, a microsecond later it does not."""
    limit = Policy().proof_max_age
    assert verdict("verified", situation(proof=proof(finished_at=NOW - limit))).open
    late = proof(finished_at=NOW - limit - timedelta(microseconds=1))
    assert not verdict("verified", situation(proof=late)).open


def test_what_postgresql_renames_along_does_not_shut() -> None:
    """A view on the old column is named, and stands in the way of purge only."""
    judged = verdict(
        "dependents-clear",
        situation(live=live(dependents=(Dependent("view", "public.v", blocks_hide=False),))),
    )
    assert judged.open
    assert "view public.v" in judged.reason


TIED = Dependent("function body", "public.tied()", blocks_hide=True)
MENTIONS = Dependent("function body", "public.other()", blocks_hide=True, mentions=True, text="a1")
WATCH = Dependent("trigger", "watch ON public.t", blocks_hide=True)


def test_a_swap_keeps_the_name_for_whoever_uses_it() -> None:
    """Bodies go on; a trigger does that contract makes anew, one that came after the plan does not."""
    swapped = replace(situation().plan, swap=True, remade=(WATCH.name,))
    found = live(dependents=(TIED, MENTIONS, WATCH))
    judged = {each.gate: each for each in gates.judge_all(situation(plan=swapped, live=found))}
    assert judged["dependents-clear"].open
    assert "mentions" not in judged
    late = live(dependents=(Dependent("trigger", "late ON public.t", blocks_hide=True),))
    judged = {each.gate: each for each in gates.judge_all(situation(plan=swapped, live=late))}
    assert not judged["dependents-clear"].open


def test_what_only_mentions_the_name_can_be_acknowledged() -> None:
    """It may mean another column: whoever read the text says so, of that text and no other."""
    asked = situation(live=live(dependents=(MENTIONS,)))
    judged = verdict("mentions", asked)
    assert (judged.open, judged.hard) == (False, False)
    assert "public.other()" in judged.reason
    assert verdict("dependents-clear", asked).open
    assert "public.other()" in gates.known("mentions", asked)
    again = situation(live=live(dependents=(replace(MENTIONS, text="b2"),)))
    assert gates.known("mentions", again) != gates.known("mentions", asked)
    assert not verdict("dependents-clear", situation(live=live(dependents=(TIED, MENTIONS)))).open


def test_values_that_do_not_fit_are_counted() -> None:
    """However many there are, contract would hide and purge destroy them."""
    assert verdict("no-conflicts", situation(conflicts=1)).reason.startswith("1 value does not fit")
    assert verdict("no-conflicts", situation(conflicts=1200)).reason.startswith("1,200 values do not fit")


def test_old_writers_are_all_named() -> None:
    """Each application, role and address that was ever seen, the latest first, and when."""
    nameless = writer("", seconds_ago=7200, role="batch", address=None, times=1)
    reason = verdict("old-writers", situation(old_writers=(nameless, writer()))).reason
    assert reason.startswith(
        "Seen writing it: billing (role app, 192.0.2.7), noted 61 times, last 10 seconds ago; "
        "an application without a name (role batch, local), noted once 2 hours ago. Opens in "
    )


def test_old_writers_opens_when_it_was_quiet() -> None:
    """A session is noted once a minute: the quiet time counts from the last write that may have been."""
    quiet = Policy().quiet_for + plan().noted_every
    assert verdict("old-writers", situation(old_writers=(writer(seconds_ago=quiet.total_seconds()),))).open
    early = situation(old_writers=(writer(seconds_ago=quiet.total_seconds() - 30),))
    assert "Opens in 30 seconds, at 12:00:30" in verdict("old-writers", early).reason


def test_no_quiet_time_asks_for_none() -> None:
    """With `quiet_for` 0 the gate is open, and names the writers all the same."""
    judged = verdict("old-writers", situation(old_writers=(writer(),), policy=Policy(quiet_for=timedelta(0))))
    assert judged.open
    assert "billing" in judged.reason


def test_old_writers_says_what_it_cannot_see() -> None:
    """An open gate is no promise about readers."""
    assert "Not seen: readers" in verdict("old-writers", situation()).reason


def test_another_old_reader_is_not_covered() -> None:
    """An acknowledgement covers the statements that were known, each of its role."""
    given = waived(situation(watch=watch(reader())), "old-readers")
    assert verdict("old-readers", given).open
    again = replace(given, watch=watch(reader(seconds_ago=1, times=5000)))
    assert verdict("old-readers", again).open
    for other in (reader(query_id=78), reader(role="batch")):
        assert not verdict("old-readers", replace(given, watch=watch(reader(), other))).open


def test_standbys_that_replayed_it_are_named() -> None:
    """Each that has what made the change ready; without any the gate is open and says so."""
    reason = told("replicas-caught-up", standbys=(Standby("a", 100), Standby("b", 250)), ready_wal=100)
    assert reason.endswith(": a, b.")
    assert "No standby" in told("replicas-caught-up")
    assert "(10 bytes of WAL behind)" in told(
        "replicas-caught-up", standbys=(Standby("a", 90),), ready_wal=100
    )


def test_a_standby_that_the_role_cannot_see_is_named() -> None:
    """The gate is blind, and tells the right that is missing; so it is before anybody noted how far one must
    be.
    """
    judged = verdict(
        "replicas-caught-up", situation(standbys=(Standby("x", None, visible=False),), ready_wal=100)
    )
    assert (judged.open, judged.blind) == (True, True)
    assert "GRANT pg_monitor" in judged.reason
    assert verdict("replicas-caught-up", situation(standbys=(Standby("x", None),))).blind


def test_the_fleet_is_counted() -> None:
    """All at the version or later: how many, and how long ago the oldest was heard."""
    policy = Policy(require_version=WEB_42)
    both = (instance("42"), instance("43.1", name="web-8"), instance("1", application="worker"))
    assert told("fleet", instances=both, policy=policy) == (
        "All instances of web are at 42 or later: 2 seen, the oldest heartbeat 12 seconds ago."
    )
    old = told("fleet", instances=(instance("41"), instance("beef", name="w2")), policy=policy)
    assert "web-7 (role app, 192.0.2.7) is at 41, heard 12 seconds ago; w2" in old
    assert "is at beef, which has no order" in old


def test_a_heartbeat_of_who_may_not_use_the_table_opens_nothing() -> None:
    """Any role may send one in any name: a new one does not count, and is named; an old one keeps it shut.

    Whatever instances a role invents are acknowledged once.
    """
    policy = Policy(require_version=WEB_42)
    forged = instance("99", name="x", role="visitor", uses_table=False)
    alone = verdict("fleet", situation(instances=(forged,), policy=policy))
    assert not alone.open
    assert "No instance of web sends heartbeats" in alone.reason
    assert "Not counted: 1 instance of roles without a right on public.users: visitor." in alone.reason
    assert verdict("fleet", situation(instances=(forged, instance("42")), policy=policy)).open
    old = [instance("1", name=name, role="visitor", uses_table=False) for name in ("x", "y")]
    shut = [situation(instances=(instance("42"), each), policy=policy) for each in old]
    assert not any(verdict("fleet", each).open for each in shut)
    assert len({gates.known("fleet", each) for each in shut}) == 1


def test_no_fleet_is_asked_for_by_default() -> None:
    """Off unless a version is required."""
    assert "fleet" not in names(situation(instances=(instance("1"),)))


def test_a_swap_asks_neither_for_old_nor_for_new_code() -> None:
    """There is one name throughout, and the code accepts both types."""
    kept = replace(plan().kept_up(), notes_use=False)
    swapped = plan(swap=True, upkeep=(kept,))
    given = situation(plan=swapped, old_writers=(writer(),), new_code_at=None)
    assert not {"old-writers", "old-readers", "new-code-seen"} & set(names(given))


def test_who_was_not_seen_may_be_there() -> None:
    """Nobody was seen since ready, and so nothing is known: blind, shut without a soak, open under one. Only
    an acknowledgement opens it where old code alone was seen.
    """
    unseen = situation(new_code_at=None)
    assert (verdict("new-code-seen", unseen).blind, verdict("new-code-seen", unseen).open) == (True, False)
    soaked = replace(unseen, policy=Policy(soak=timedelta(hours=1)))
    assert (verdict("new-code-seen", soaked).blind, verdict("new-code-seen", soaked).open) == (True, True)
    old = verdict("new-code-seen", replace(soaked, old_writers=(writer(),)))
    assert (old.blind, old.open) == (False, False)
    before = writer(seconds_ago=(NOW - READY_AT).total_seconds() + 1)
    assert verdict("new-code-seen", replace(soaked, old_writers=(before,))).blind


def test_heartbeats_are_sight() -> None:
    """Where every instance says that it is new, nobody has to be seen writing."""
    policy = Policy(require_version=WEB_42)
    judged = verdict("new-code-seen", situation(new_code_at=None, instances=(instance(),), policy=policy))
    assert (judged.open, judged.blind) == (True, False)


def test_an_absence_counts_from_when_looking_began() -> None:
    """By trigger, by statistics, by heartbeats: an hour without anybody is one in which somebody looked."""
    hour = Policy(quiet_for=timedelta(hours=1), require_version=WEB_42)
    began = NOW - timedelta(seconds=35)
    given = situation(
        policy=hour, noting_since=began, watch=watch(since=began), instances=(instance(first_seen=began),)
    )
    looked = {gate: verdict(gate, given) for gate in ("old-writers", "old-readers", "fleet")}
    assert not any(judged.open for judged in looked.values())
    for judged in looked.values():
        assert "35 seconds of 1h" in judged.reason
        assert "Opens in 59 minutes, at 12:59:25" in judged.reason
    later = timedelta(hours=1)
    waited = replace(given, now=NOW + later, watch=watch(since=began, at=NOW + later))
    assert all(verdict(gate, waited).open for gate in looked)
    assert not verdict("old-writers", situation(noting_since=None)).open


def test_sight_may_be_required() -> None:
    """Then a blind gate is shut until somebody acknowledges it, also under a soak."""
    policy = Policy(require_sight=True, soak=timedelta(hours=1))
    given = situation(policy=policy, new_code_at=None, watch=None)
    for gate in ("old-readers", "new-code-seen"):
        judged = verdict(gate, given)
        assert (judged.open, judged.blind) == (False, True)
        assert verdict(gate, waived(given, gate)).open
    assert all(judged.open for judged in gates.judge_all(situation(policy=Policy(require_sight=True))))
    some = situation(policy=Policy(require_sight=("old-readers",)), watch=None)
    assert not verdict("old-readers", some).open
    other = situation(policy=Policy(require_sight=("new-code-seen",)), watch=None)
    assert verdict("old-readers", other).open


@pytest.mark.parametrize("given", [BEFORE_READY, NOT_STARTED], ids=["before ready", "not started"])
def test_nothing_is_acknowledged_before_ready(given: Situation) -> None:
    """Soft gates are shut, and offer nothing yet."""
    everything = Policy(soak=timedelta(days=1), approval=True, require_version=WEB_42)
    judged = gates.judge_all(replace(given, policy=everything, new_code_at=None))
    soft = [each for each in judged if not each.hard and not each.open]
    assert {"new-code-seen", "fleet", "soak", "approval"} <= {each.gate for each in soft}
    assert not any(each.next for each in soft)


def test_soak_opens_at_its_end() -> None:
    """The time counts from ready."""
    assert verdict("soak", situation(policy=Policy(soak=NOW - READY_AT))).open
    assert "in 30 minutes" in verdict("soak", situation(policy=Policy(soak=timedelta(minutes=150)))).reason


def test_approval_is_asked_for_only_by_policy() -> None:
    """Off unless it is set."""
    assert "approval" not in names(situation())


def waived(given: Situation, gate: str, **changes: object) -> Situation:
    """Return the situation after somebody acknowledged the gate in it."""
    waiver = Waiver(gate, "ann", "billing was switched off", NOW, gates.known(gate, given))
    return replace(given, waivers=(waiver,), **changes)  # type: ignore[arg-type]


SOFT_SHUT = {gate: given for given, gate, _ in SHUT.values() if not gates.is_hard(gate)}


@pytest.mark.parametrize("gate", SOFT_SHUT)
def test_an_acknowledged_gate_is_open(gate: str) -> None:
    """The verdict names who opened it and why, and what it says by itself."""
    shut = verdict(gate, SOFT_SHUT[gate])
    opened = verdict(gate, waived(SOFT_SHUT[gate], gate))
    assert opened.open
    assert opened.waived_by == "ann"
    assert "billing was switched off" in opened.reason
    assert shut.reason in opened.reason


@pytest.mark.parametrize("gate", [gate for gate in gates.ALL if gates.is_hard(gate)])
def test_a_hard_gate_stays_shut(gate: str) -> None:
    """Even with a waiver in the ledger, however it came there."""
    given = next(given for given, shut, _ in SHUT.values() if shut == gate)
    forged = Waiver(gate, "ann", "please", NOW, "")
    assert verdict(gate, replace(given, waivers=(forged,))) == verdict(gate, given)


def test_a_waiver_opens_its_own_gate_only() -> None:
    """Every soft gate of a pair is shut; one is acknowledged."""
    all_shut = situation(
        old_writers=(writer(),), new_code_at=None,
        live=live(uncarried=('index "ix"',), dependents=(MENTIONS,)),
        policy=Policy(approval=True, soak=timedelta(days=1), require_version=WEB_42),
        watch=watch(reader()), standbys=(Standby("replica", 90),), ready_wal=100,
    )  # fmt: skip
    for gate, other in itertools.permutations(SOFT_SHUT.keys() - {"looks-clean"}, 2):
        assert not verdict(other, waived(all_shut, gate)).open


def test_a_new_writer_is_not_covered() -> None:
    """An acknowledgement covers what was known: the same writer again, but nobody else."""
    given = waived(situation(old_writers=(writer(),)), "old-writers")
    again = replace(given, old_writers=(writer(seconds_ago=1, times=62),))
    assert verdict("old-writers", again).open
    for other in (writer("shop"), writer(role="root"), writer(address="192.0.2.8")):
        judged = verdict("old-writers", replace(given, old_writers=(writer(), other)))
        assert not judged.open
        assert "More is known now than when ann acknowledged it at 2031-05-06 12:00." in judged.reason


def test_a_new_attempt_is_not_covered() -> None:
    """Rolled back and started again: what was acknowledged then says nothing now."""
    for gate in SOFT_SHUT.keys() - {"soak"}:
        assert not verdict(gate, replace(waived(SOFT_SHUT[gate], gate), attempt=2)).open


def test_soak_begins_anew() -> None:
    """An acknowledged soak does not cover the next time the change is ready."""
    given = waived(SOFT_SHUT["soak"], "soak")
    again = {**given.phases, Phase.BACKFILL: PhaseRecord(Phase.BACKFILL, Status.DONE, NOW, NOW)}
    assert not verdict("soak", replace(given, phases=again)).open


def test_an_undo_asks_again() -> None:
    """What was contracted and brought back, for old code to go on, is contracted again only when somebody
    says so; the time since ready goes on.
    """
    for gate in SOFT_SHUT.keys() - {"soak"}:
        given = waived(SOFT_SHUT[gate], gate)
        assert verdict(gate, given).open
        assert not verdict(gate, replace(given, cycle=1)).open


def test_the_newest_waiver_counts() -> None:
    """Acknowledged again after a new writer was seen: open."""
    first = waived(situation(old_writers=(writer(),)), "old-writers")
    both = replace(first, old_writers=(writer(), writer("shop")))
    later = Waiver(
        "old-writers", "bob", "both known", NOW + timedelta(seconds=1), gates.known("old-writers", both)
    )
    for waivers in itertools.permutations((*first.waivers, later)):
        assert verdict("old-writers", replace(both, waivers=waivers)).waived_by == "bob"


def test_every_gate_has_its_section_in_the_docs() -> None:
    """Hard gates under the one heading, soft ones under the other, in the order in which they are shown."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "gates.md").read_text()
    hard, soft = page.split("\n## ")[1:]
    for section, is_hard in ((hard, True), (soft, False)):
        assert re.findall(r"^### (.*)$", section, re.MULTILINE) == [
            name for name in gates.ALL if gates.is_hard(name) is is_hard
        ]


#: What is shut, and what to type next: to wait, where that alone opens it.
_QUIET = replace(situation(), old_writers=(writer(seconds_ago=60),))
_NEXT = {
    "time opens it": (_QUIET, "ec wait 0001_rename_users_name --for contractable"),
    "somebody has to say so": (
        replace(_QUIET, policy=Policy(approval=True)),
        'ec ack 0001_rename_users_name approval --reason "..."',
    ),
    "a verb opens it": (replace(_QUIET, proof=None), "ec verify 0001_rename_users_name"),
    "want of sight stays": (
        situation(policy=Policy(require_sight=True), watch=None),
        'ec ack 0001_rename_users_name old-readers --reason "..."',
    ),
}


@pytest.mark.parametrize(("given", "command"), _NEXT.values(), ids=_NEXT)
def test_contract_offers_to_wait_where_waiting_opens_it(given: Situation, command: str) -> None:
    """And else what opens what does not open by itself."""
    with pytest.raises(GateShut) as refused:
        gatekeeper.require_open(given, gates.judge_all(given))
    assert refused.value.next == command
    assert next_command(given, gates.judge_all(given)) == command
