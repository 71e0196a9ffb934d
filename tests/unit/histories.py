"""A history made by hand: a rename of users.name that was refused, waived, contracted, and more."""

from dataclasses import replace
from datetime import timedelta

from expandcontract.ledger.history import (
    History,
    KeptCount,
    Opened,
    PhaseRun,
    RoundRun,
    StepRun,
    Verification,
    Writer,
)
from expandcontract.ledger.reader import LogEntry
from expandcontract.model.phases import Phase, Section, State, Status
from expandcontract.model.step import Purpose
from tests.unit.situations import NOW, Field, plan

BEGUN = NOW - timedelta(hours=3)
LOCKED = {
    "section": "contract", "step": "hide", "relations": ["public.users"], "mode": "ACCESS EXCLUSIVE",
    "tries": 3, "felt_seconds": 0.1, "held_seconds": 0.004,
    "held_by": ["client backend billing (app, idle in transaction)"],
}  # fmt: skip
BOUND = {
    "system": "7710225756187320849",
    "database": 16384,
    "leaves": [
        {
            "name": "public.users",
            "filenode": 16390,
            "triggers": [{"name": "~ec_1", "enabled": "A", "xmin": "745"}],
            "columns": [{"name": "display_name", "xmin": "744"}, {"name": "name", "xmin": "739"}],
        }
    ],
    "functions": [{"name": "expandcontract_sync.sync_1()", "hash": "1500413790e70fff05ac05bb6a7e635e"}],
}
GATES = [
    {"gate": "verified", "hard": True, "open": True, "reason": "1,000,000 rows compared.", "waived_by": None},
    {"gate": "soak", "hard": False, "open": True, "reason": "Opened by ada.", "waived_by": "ada"},
]


def _after(minutes: float) -> "Field":
    return BEGUN + timedelta(minutes=minutes)


def _phase(phase: Phase, begin: float, end: float) -> PhaseRun:
    return PhaseRun(1, phase, Status.DONE, _after(begin), _after(end))


def verification(begin: float, mismatches: int = 0, spoiled: str | None = None) -> Verification:
    """Return a comparison of a million rows that began this many minutes after the change."""
    return Verification(
        1, 0, BOUND, _after(begin), _after(begin + 1), 1_000_000, mismatches, 0,
        _after(begin + 2) if spoiled else None, spoiled,
    )  # fmt: skip


EVENTS = (
    ("began", 0, "ada", {"verb": "start", "host": "db-7", "pid": 4, "program": "1.0", "server": "18.4"}),
    ("created", 0, "ada", {"fingerprint": "35fb46667f0c", "program_version": "1.0", "host": "db-7"}),
    ("phase", 0, "ada", {"phase": "expand", "status": "running", "attempt": 1}),
    ("locked", 1, "ada", LOCKED | {"section": "expand", "step": "add_column", "tries": 1, "held_by": []}),
    ("throttled", 20, "ada", {"by": "replica-lag", "seconds": 30.0}),
    ("throttled", 21, "ada", {"by": "replica-lag", "seconds": 60.0}),
    (
        "waited",
        25,
        "ada",
        {"section": "backfill", "step": "index", "seconds": 7.0, "waited_for": ["a backup"]},
    ),
    ("tuned", 26, "grace", {"paused": True}),
    ("tuned", 27, "grace", {"paused": False}),
    ("stopped", 28, "ada", {"verb": "backfill", "code": "EC601", "message": "disk full: secret"}),
    (
        "refused",
        31,
        "ada",
        {"verb": "contract", "code": "EC310", "message": "soak is shut.", "why": "soak: 1 h"},
    ),
    (
        "refused",
        32,
        "ada",
        {"verb": "contract", "code": "EC310", "message": "soak is shut.", "why": "soak: 1 h"},
    ),
    ("acknowledged", 33, "ada", {"gate": "soak", "why": "agreed | <b>in</b> `review`"}),
    ("gates open", 34, "grace", {"gates": GATES}),
    ("not locked", 35, "grace", {key: LOCKED[key] for key in LOCKED if key != "held_seconds"}),
    ("state", 36, "grace", {"state": "hidden"}),
    ("locked", 36, "grace", LOCKED),
    ("notice", 36, "grace", {"text": "id=secret was looked at"}),
)


def history(**changes: Field) -> History:
    """Return the history of a change that was contracted, changed."""
    made = History(
        name="0001_rename_users_name", kind="rename-column", state=State.HIDDEN, attempt=1, cycle=0,
        plan=plan(server_version=180004), created_by="ada", created_from="db-7", created_at=BEGUN,
        hidden_at=_after(36), purged_at=None, program_version="1.0", system_identifier=7710225756187320849,
        now=NOW,
        phases=(
            _phase(Phase.EXPAND, 0, 1), _phase(Phase.DUAL_WRITE, 1, 2), _phase(Phase.BACKFILL, 2, 29),
            _phase(Phase.VERIFY, 29, 30), _phase(Phase.CONTRACT, 35, 36),
        ),
        steps=(StepRun(1, 0, Section.EXPAND, "add_column", "done", 2, BEGUN, 0.1),),
        rounds=(
            RoundRun(1, Purpose.COMPARE, 1, 16_667, 16_667, 1_000_000, 0, None, 8.0),
            RoundRun(1, Purpose.COPY, 1, 16_667, 16_667, 1_000_000, 0, 0.81, 20.0),
        ),
        verifications=(verification(27, mismatches=3), verification(29)),
        opened=(Opened(_after(33), "soak", "ada", "agreed | <b>in</b> `review`", "2 h"),),
        writers=(Writer("billing", "app", _after(3), _after(30), 61),),
        kept=(KeptCount("both written", 2, _after(5), _after(6)),),
        events=tuple(LogEntry(_after(at), kind, who, data) for kind, at, who, data in EVENTS),
    )  # fmt: skip
    return replace(made, **changes)
