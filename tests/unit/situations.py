"""Situations made by hand: a rename of users.name that is ready, proven and quiet, and variations of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from expandcontract import gates
from expandcontract.model.change import Change, Pair, Side
from expandcontract.model.live import Leaf, Live
from expandcontract.model.names import RelationName
from expandcontract.model.phases import Phase, Section, State, Status
from expandcontract.model.plan import Plan
from expandcontract.model.policy import Policy
from expandcontract.model.records import PhaseRecord, Proof, SweepRecord
from expandcontract.model.situation import Situation
from expandcontract.model.step import Lock, LockMode, Step, Transactional
from expandcontract.model.upkeep import KeptUp
from expandcontract.model.users import Instance, OldReader, OldWriter, ReaderWatch, Source
from expandcontract.model.verdict import Verdict

Field: TypeAlias = Any  # of the dataclass that is changed; `replace` knows which there are

NOW = datetime(2031, 5, 6, 12, 0, tzinfo=UTC)
READY_AT = NOW - timedelta(hours=2)
USERS = RelationName("public", "users")


def plan(**changes: Field) -> Plan:
    """Return the plan of `rename-column users.name display_name`, changed."""
    add = Step(
        "add_column", "+", "Add the column display_name.",
        Transactional(
            ("ALTER TABLE public.users ADD COLUMN display_name text",),
            (Lock("public.users", LockMode.ACCESS_EXCLUSIVE),),
        ),
    )  # fmt: skip
    made = Plan(
        change=Change(
            "0001_rename_users_name", "rename-column", {"column": "users.name", "to": "display_name"}
        ),
        table=USERS,
        pair=Pair(USERS, Side("name", "text"), Side("display_name", "text")),
        sections={Section.EXPAND: (add,)},
        old_columns=("name",),
        new_columns=("display_name",),
        hidden_column="~name",
        upkeep=(
            KeptUp(
                "~ec_1",
                (RelationName("expandcontract_sync", "sync_1"),),
                old_columns=("name",),
                new_columns=("display_name",),
            ),
        ),
        catalog={},
    )
    return replace(made, **changes)


def proof(**changes: Field) -> Proof:
    """Return a proof that holds, changed."""
    return replace(Proof(1, NOW - timedelta(hours=1), rows_compared=1_000_000, mismatches=0), **changes)


def writer(name: str = "billing", seconds_ago: float = 10, **changes: Field) -> OldWriter:
    """Return somebody who wrote the old side, changed."""
    last = NOW - timedelta(seconds=seconds_ago)
    return replace(OldWriter(name, "app", "192.0.2.7", last - timedelta(hours=1), last, 61), **changes)


def reader(seconds_ago: float = 10, **changes: Field) -> OldReader:
    """Return a statement that uses the old side, changed."""
    last = NOW - timedelta(seconds=seconds_ago)
    made = OldReader(
        role="app", query_id=77, query="SELECT id, name FROM users WHERE id = $1", times=1200,
        first_seen=last - timedelta(hours=1), seen_after=last - timedelta(seconds=10), last_seen=last,
    )  # fmt: skip
    return replace(made, **changes)


def watch(*readers: OldReader, **changes: Field) -> ReaderWatch:
    """Return what looking showed, without a gap since the change was ready, changed."""
    return replace(ReaderWatch(Source.READ, at=NOW, since=READY_AT, readers=readers), **changes)


def instance(version: str = "42", name: str = "web-7", **changes: Field) -> Instance:
    """Return an instance of the application that was heard a moment ago, changed."""
    heard, first = NOW - timedelta(seconds=12), READY_AT
    return replace(Instance("web", name, version, "app", "192.0.2.7", heard, first), **changes)


def sweep(blocks_done: int = 100, blocks_total: int = 100, **changes: Field) -> SweepRecord:
    """Return the state of a sweep with 60 rows in each block, changed."""
    record = SweepRecord(
        round=1, blocks_done=blocks_done, blocks_total=blocks_total,
        chunks_open=int(blocks_done < blocks_total), running=int(blocks_done < blocks_total),
        rows=60 * blocks_done, mismatches=0, hot_ratio=0.8, seconds=1.0, rows_per_second=60.0 * blocks_done,
    )  # fmt: skip
    return replace(record, **changes)


def phases(done: int, running: bool = False) -> dict[Phase, PhaseRecord]:
    """Return the records of a change whose first `done` phases are done, and whose next one runs or waits."""
    records: dict[Phase, PhaseRecord] = {}
    for number, phase in enumerate(Phase):
        if number < done:
            records[phase] = PhaseRecord(phase, Status.DONE, READY_AT - timedelta(minutes=1), READY_AT)
        elif number == done and running:
            records[phase] = PhaseRecord(phase, Status.RUNNING, READY_AT)
        else:
            records[phase] = PhaseRecord(phase, Status.PENDING)
    return records


def live(**changes: Field) -> Live:
    """Return what the server says when nothing is wrong, changed."""
    leaf = Leaf(16384, "public.users", trigger_intact=True, swept=True)
    return replace(Live(table_exists=True, leaves=(leaf,)), **changes)


def situation(**changes: Field) -> Situation:
    """Return a change that may be contracted at once, changed."""
    made = Situation(
        change_id=1, name="0001_rename_users_name", kind="rename-column", attempt=1, cycle=0,
        state=State.ACTIVE, started=True, plan=plan(), phases=phases(done=4), live=live(),
        policy=Policy(), now=NOW, copy=sweep(), compare=sweep(), proof=proof(), watch=watch(),
        new_code_at=NOW - timedelta(hours=1), noting_since=READY_AT - timedelta(minutes=1),
    )  # fmt: skip
    return replace(made, **changes)


def verdict(name: str, given: Situation) -> Verdict:
    """Return what one gate says."""
    return next(each for each in gates.judge_all(given) if each.gate == name)


def told(name: str, **changes: Field) -> str:
    """Return what a gate says of a situation."""
    return verdict(name, situation(**changes)).reason
