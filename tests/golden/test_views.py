from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from expandcontract import gates
from expandcontract.cli.views.alembic import AlembicCheckView, AlembicTargetView, FindingView, ShutGateView
from expandcontract.cli.views.doctor import DoctorView
from expandcontract.cli.views.error import ErrorView
from expandcontract.cli.views.explain import ExplainView
from expandcontract.cli.views.gates import GatesView
from expandcontract.cli.views.init import EnvFileView, InitView
from expandcontract.cli.views.log import LogView
from expandcontract.cli.views.plan import PlanView
from expandcontract.cli.views.prune import PruneView
from expandcontract.cli.views.report import ReportView
from expandcontract.cli.views.status import StatusView
from expandcontract.cli.views.view import View
from expandcontract.engine.health import Finding
from expandcontract.ledger.reader import LogEntry
from expandcontract.model.activity import Activity, Horizon
from expandcontract.model.errors import WrongState
from expandcontract.model.events import Blocker, Build
from expandcontract.model.forecast import Forecast
from expandcontract.model.notes import Note
from expandcontract.model.phases import Section, State
from expandcontract.model.plan import Plan
from expandcontract.model.policy import Policy
from expandcontract.model.records import Holder, NewestStep, Waits, Waiver, Wish
from expandcontract.model.situation import Situation
from expandcontract.model.step import Concurrent, Lock, LockMode, Purpose, Step, Sweep
from expandcontract.model.users import OldSession, Standby
from expandcontract.model.versions import Requirement
from tests.golden.kept import same
from tests.unit.histories import history
from tests.unit.situations import (
    NOW,
    instance,
    phases,
    plan,
    proof,
    reader,
    situation,
    sweep,
    watch,
    writer,
)


def _statements(step: Step) -> tuple[str, ...]:
    match step.action:
        case Concurrent(statement=statement):
            return (statement,)
        case Sweep():
            return ("UPDATE ...",)
        case action:
            return action.statements


def _full_plan() -> Plan:
    index = Step(
        "index", "+", "Build the index ix_users_display_name.",
        Concurrent(
            "CREATE INDEX CONCURRENTLY ix_users_display_name ON public.users (display_name)",
            "", "", "public.users", (Lock("public.users", LockMode.SHARE_UPDATE_EXCLUSIVE),),
        ),
        by_size=True,
    )  # fmt: skip
    copy = Step("copy", "=", "Copy the rows.", Sweep(Purpose.COPY, "public.users", "true"), by_size=True)
    drop = replace(plan().steps(Section.EXPAND)[0], symbol="-", sentence="Drop the column.", reversible=False)
    return plan(
        sections={**plan().sections, Section.BACKFILL: (copy, index), Section.PURGE: (drop,)},
        forecast=Forecast(1_000_000, 140_000_000, 1_000_000, 300_000_000, 212_800_000, 70_000_000, 1.72),
        costs=(Note("update", "An unrelated UPDATE takes 0.3-0.5 us longer a row."),),
        hazards=(
            Note(
                "cached-plan", "SELECT * in a prepared statement fails once per connection, and is retried."
            ),
            Note(
                "publication",
                "The table is in publication p: subscribers need the column first.",
                acknowledge=True,
            ),
        ),
    )


LOCKER = Blocker(99, "report", "app", "idle in transaction", timedelta(seconds=70), "")
BUILD = Build("ix_users_display_name", 412, "waiting for old snapshots", 1, 3, "lockers", 60.0, LOCKER)
STATUS: dict[str, Situation] = {
    "not_started": situation(
        started=False, phases=phases(done=0), proof=None, copy=None, compare=None
    ),
    "dual_write": situation(phases=phases(1, running=True), proof=None, copy=None, compare=None),
    "copying": situation(
        phases=phases(2, running=True), proof=None, compare=None, copy=sweep(25, seconds=12.5),
        holders=(Holder("backfill", "db-7", 411, "ada", NOW + timedelta(seconds=9), alive=True),),
    ),
    "throttled": situation(
        phases=phases(2, running=True), proof=None, compare=None,
        copy=sweep(25, throttled_by="max-rate 20k rows/s"),
    ),
    "abandoned": situation(
        phases=phases(2, running=True), proof=None, compare=None,
        copy=sweep(25, seconds=12.5, running=0, throttled_by="max-rate 20k rows/s", eta_seconds=9.0,
                   active_at=NOW - timedelta(hours=3)),
        holders=(Holder("backfill", "db-7", 411, "ada", NOW - timedelta(hours=3), alive=False),),
    ),
    "paused": situation(
        phases=phases(2, running=True), proof=None, compare=None, copy=sweep(25),
        wish=Wish(paused=True, paused_by="grace", paused_at=NOW, paused_why="month end"),
    ),
    "spoiled_hot": situation(
        phases=phases(2, running=True), proof=None, compare=None,
        copy=sweep(25, hot_ratio=0.41, rows_per_second=310.0, batch=500, eta_seconds=14.5),
        activity=Activity(horizon=(Horizon("pid 412 (report, app, active)", 900, 720.0),)),
    ),
    "building": situation(
        phases=phases(2, running=True), proof=None, compare=None, plan=_full_plan(),
        steps_done=frozenset({"backfill.copy"}),
        newest_step=NewestStep("backfill", "index", "started", NOW - timedelta(seconds=65)),
        holders=(
            Holder(
                "backfill", "db-7", 411, "ada", NOW + timedelta(seconds=9), alive=True,
                waits=Waits("snapshot", NOW - timedelta(seconds=60), "older transactions: report"),
            ),
        ),
        activity=Activity(builds=(BUILD,)),
    ),
    "verifying": situation(
        phases=phases(3, running=True), proof=None,
        compare=sweep(25, throttled_by="active-sessions 31 > 16", rows_per_second=900.0, eta_seconds=5.0),
        holders=(Holder("verify", "db-7", 411, "ada", NOW + timedelta(seconds=9), alive=True),),
    ),
    "settling": situation(phases=phases(2, running=True), proof=None, compare=None),
    "shut": situation(
        phases=phases(3), old_writers=(writer(),),
        proof=proof(spoiled_at=NOW, spoiled_why="a trigger was disabled"),
    ),
    "contractable": situation(),
    "hidden": situation(state=State.HIDDEN, phases=phases(5), hidden_at=NOW - timedelta(hours=1)),
    "past_the_window": situation(state=State.HIDDEN, phases=phases(5), hidden_at=NOW - timedelta(days=2)),
    "purged": situation(state=State.PURGED, phases=phases(5)),
    "rolled_back": situation(state=State.ROLLED_BACK, phases=phases(2), proof=None, copy=None),
}  # fmt: skip

WAIVED = situation(
    old_writers=(writer(),),
    waivers=(Waiver("soak", "ada", "agreed in review", NOW, ""),),
)

WATCHED = situation(
    watch=watch(reader(), reader(3600, query="SELECT * FROM people", through="people", role="report")),
    new_code_at=NOW - timedelta(hours=1), ready_wal=10_000,
    sessions=(OldSession(4711, "billing", "app", "192.0.2.7", NOW - timedelta(hours=30)),),
    standbys=(Standby("standby_1", 9_000), Standby("standby_2", 12_000)),
    instances=(instance("41"), instance("42", name="web-8")),
    policy=Policy(require_version=(Requirement("web", "42"),)),
)  # fmt: skip

ADDED = {"section": "expand", "step": "add", "status": "done", "seconds": 0.21, "attempts": 2}
BROKEN = {"section": "backfill", "step": "index", "status": "failed", "error": "disk is full"}
HISTORY = (
    LogEntry(NOW, "created", "ada", {"host": "db-7", "fingerprint": "35fb46667f0c"}),
    LogEntry(NOW, "phase", "ada", {"phase": "expand", "status": "running"}),
    LogEntry(NOW, "step", "", ADDED),
    LogEntry(NOW, "step", "", BROKEN),
    LogEntry(NOW, "copy laid", "ada", {"round": 1, "relations": 1}),
    LogEntry(NOW, "tuned", "ada", {"batch": None, "max_rate": 2000.0}),
    LogEntry(NOW, "sync made", "ada", {"functions": 1, "triggers": 1}),
    LogEntry(NOW, "verified", "", {"rows_compared": 1000, "mismatches": 1, "unfit": 1}),
    LogEntry(NOW, "proof spoiled", "", {"why": "contract was undone"}),
    LogEntry(NOW, "a kind to come", "ada", {"so": "far", "nested": {}}),
    *history().events,
)
FINDINGS = (
    Finding("server", well=True, sentence="PostgreSQL 18.4, reached at db.example:5432/shop."),
    Finding("0001_a", well=True, waits=True, sentence="Paused by ann.", next="ec resume 0001_a"),
    Finding("0002_b", well=False, sentence="Phase backfill failed: no.", next="ec backfill 0002_b"),
)

VIEWS: dict[str, View] = {
    **{f"status_{name}": StatusView.of([given], gates.judge_all) for name, given in STATUS.items()},
    "status_two": StatusView.of(
        [STATUS["copying"], replace(STATUS["hidden"], name="0002_other")], gates.judge_all
    ),
    "status_none": StatusView.of([], gates.judge_all),
    "gates_shut": GatesView.of(WAIVED, gates.judge_all(WAIVED)),
    "gates_watched": GatesView.of(WATCHED, gates.judge_all(WATCHED)),
    "gates_open": GatesView.of(situation(), gates.judge_all(situation())),
    "plan": PlanView.of(_full_plan(), _statements, "phases/0001_rename_users_name"),
    "error": ErrorView.of(
        WrongState(
            "The change is contracted.",
            why="Contract ended at 12:00.",
            next="ec undo x",
        )
    ),
    "explain": ExplainView.find("EC312"),
    "log": LogView.of("0001_rename_users_name", HISTORY),
    "report": ReportView.of(history(), {"expand": "ALTER TABLE public.users ADD COLUMN display_name text;"}),
    "doctor": DoctorView.of(FINDINGS),
    "prune": PruneView(before=NOW, rows={"old_use": 1200, "event": 83}, dry_run=False),
    "init": InitView(ledger_schema="expandcontract", phases="phases"),
    "init_alembic": InitView(
        ledger_schema="expandcontract",
        phases="phases",
        ledger=False,
        env_file=EnvFileView(
            file="migrations/env.py",
            state="to write",
            told="-    context.configure(connection=connection)\n"
            "+    context.configure(connection=connection, **ec.options(connection))\n",
        ),
    ),
    "alembic_check": AlembicCheckView(
        revisions=12,
        findings=(
            FindingView(
                file="migrations/versions/4f1c_contract.py",
                line=9,
                revision="4f1c",
                what="ec_contract rename_users_name: no revision begins that change",
                why="A fresh database would come to it with nothing to work on.",
                do="begin it by ec_start in a revision below",
            ),
        ),
    ),
    "alembic_target": AlembicTargetView(
        target=("4f1b",),
        current=("4f1a",),
        heads=("4f1c",),
        pending=("4f1b",),
        waiting="4f1c",
        change="4f1b_rename_users_name",
        why="soak: Less than 1d ready. Opens in 5 hours, at 2026-03-02 12:00.",
        gates=(
            ShutGateView(
                name="soak",
                reason="Less than 1d ready. Opens in 5 hours, at 2026-03-02 12:00.",
                next='ec ack 4f1b_rename_users_name soak --reason "..." --soak 1d',
                waits=True,
            ),
        ),
        soaked_at=datetime(2026, 3, 2, 12, tzinfo=UTC),
        behind=("5a2d",),
    ),
}


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_text(name: str) -> None:
    """People read this."""
    same(f"views/{name}.txt", VIEWS[name].text())


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_json(name: str) -> None:
    """Programs read this."""
    same(f"views/{name}.json", VIEWS[name].json_text())


KINDS_OF_VIEW: set[type[View]] = {type(view) for view in VIEWS.values()}


@pytest.mark.parametrize("view", KINDS_OF_VIEW, ids=lambda view: view.__name__)
def test_every_view_names_its_schema_first(view: type[View]) -> None:
    """The first key of every document is `schema`, with a name and a version."""
    properties = list(view.model_json_schema(by_alias=True)["properties"])
    assert properties[0] == "schema"
