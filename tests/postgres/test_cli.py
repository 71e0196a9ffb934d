import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest

from expandcontract.cli.entry import run
from expandcontract.settings.settings import Settings
from tests.waiting import SECONDS

pytestmark = pytest.mark.in_turn(2)

NAME = "0001_rename_users_name"
#: Until then the death of a process is to be seen.
PROMISED_SECONDS = 30.0
SEED = """
CREATE TABLE public.users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, age text);
INSERT INTO public.users (name, age) SELECT 'n' || g, g FROM generate_series(1, 3000) g;
"""
Answer: TypeAlias = dict[str, Any]


class Ec:
    """Runs `ec` in this process, against one database, in an empty folder."""

    def __init__(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.url = url
        self._capsys = capsys

    def __call__(self, line: str, code: int = 0) -> str:
        """Run a line; return stdout. The exit code must be `code`."""
        found = run(line.split())
        out, err = self._capsys.readouterr()
        assert found == code, f"ec {line} -> {found}\n{out}\n{err}"
        self.talk = err
        return out

    def json(self, line: str, code: int = 0) -> Answer:
        """Run a line with --json; return the document."""
        answer: Answer = json.loads(self(f"{line} --json", code))
        return answer

    def change(self) -> Answer:
        """Return the only change in `ec status --json`."""
        (change,) = self.json("status")["changes"]
        return dict(change)

    def sql(self, statements: str) -> None:
        """Run statements as the database's owner."""

        async def execute() -> None:
            connection = await asyncpg.connect(self.url)
            try:
                await connection.execute(statements)
            finally:
                await connection.close()

        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(execute())

    def value(self, query: str) -> Any:  # noqa: ANN401 - whatever the server returns
        """Return the only value of a query, as the database's owner reads it."""

        async def fetch() -> Any:  # noqa: ANN401
            connection = await asyncpg.connect(self.url)
            try:
                return await connection.fetchval(query)
            finally:
                await connection.close()

        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            return runner.run(fetch())


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Give an empty folder, and an environment without settings."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"EC_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EC_QUIET_FOR", "0")
    monkeypatch.setenv("EC_SOAK", "1us")  # nobody here is new code that could be seen
    return monkeypatch


@pytest.fixture
def ec(database: str, surroundings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ec:
    """Give a command line on a database with a table and a ledger."""
    return _ec(database, surroundings, capsys)


@pytest.fixture
def ec_before_init(
    empty_database: str, surroundings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Ec:
    """Give the same without a ledger."""
    return _ec(empty_database, surroundings, capsys)


def _ec(url: str, surroundings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ec:
    surroundings.setenv("EC_DATABASE_URL", url)
    made = Ec(url, capsys)
    made.sql(SEED)
    return made


def test_the_whole_life(ec_before_init: Ec) -> None:
    """Plan, start, backfill, contract, undo, verify, contract, purge: what each says, and what is then."""
    ec = ec_before_init
    ec("init")
    assert Path("phases").is_dir()
    plan = ec.json("plan rename-column users.name display_name")
    assert plan["written_to"] == f"phases/{NAME}"
    assert Path(plan["written_to"], "change.toml").is_file()
    ec("status --check")  # a plan is not work in the database
    ec(f"start {NAME}")
    change = ec.change()
    assert (change["name"], change["table"], change["kind"]) == (NAME, "public.users", "rename-column")
    assert (change["phase"], change["state"], change["ready"]) == ("backfill", "active", False)
    assert (change["old_columns"], change["new_columns"]) == (["name"], ["display_name"])
    assert (change["next"], change["way_back"]) == (f"ec backfill {NAME}", f"ec rollback {NAME}")
    ec("status --check", 3)
    ec("backfill")
    change = ec.change()
    assert change["ready"]
    assert change["phases"]["backfill"]["rows_written"] == 3000
    assert change["phases"]["verify"]["rows_compared"] == 3000
    assert change["phases"]["verify"]["proof_valid_until"] is not None
    assert ec.json("gates")["contractable"]
    ec("wait --for contractable")
    ec("contract")
    assert "old-writers" in ec.talk
    assert ec.change()["state"] == "hidden"
    ec("undo")
    ec("contract", 4)
    ec("verify")
    ec("contract")
    ec("purge", 4)
    ec(f"purge --now --confirm {NAME}")
    assert ec.change()["state"] == "purged"
    ec("status --check")
    kinds = [entry["kind"] for entry in ec.json(f"log {NAME}")["entries"]]
    assert kinds[0] == "created"
    assert "step" in kinds


def test_run_does_it_in_one(ec: Ec) -> None:
    """`ec run KIND ARGS` goes up to proof, `--until contract` on; run again it has nothing to do."""
    ec("init")
    ec("run rename-column users.name display_name")
    assert (ec.change()["ready"], ec.change()["contract"]["yes"]) == (True, True)
    ec("run rename-column users.name display_name --until contract")
    assert ec.change()["state"] == "hidden"
    ec(f"run {NAME} --until contract")


def test_a_hazard_stops_start_until_its_line_is_copied(ec: Ec) -> None:
    """Exit 4 and nothing changed; the line that is offered goes through as it stands, though there is no
    folder of plans to find the change by; the history says who acknowledged which sentence.
    """
    ec.sql("CREATE PUBLICATION p FOR TABLE users")
    ec("init")
    Path("phases").rmdir()
    refused = ec.json("start rename-column users.name display_name", 4)
    assert refused["code"] == "EC308"
    assert refused["next"] == "ec start rename-column users.name display_name --acknowledge publication"
    assert ec.json("status")["changes"] == []
    ec(refused["next"].removeprefix("ec "))
    kept = next(e for e in ec.json("log")["entries"] if e["kind"] == "acknowledged")
    assert kept["who"]
    assert kept["data"]["hazard"] == "publication"
    assert "acknowledged  publication: public.users is published by p" in ec("log")


def test_the_same_kind_and_arguments_are_the_same_change(ec: Ec) -> None:
    """Started twice, planned twice, planned and started: one change. Rolled back: another attempt of it."""
    ec("init")
    ec("plan rename-column users.name display_name")
    ec("plan rename-column users.name display_name")
    ec("start rename-column users.name display_name")
    ec("start rename-column users.name display_name")
    assert [path.name for path in Path("phases").iterdir()] == [NAME]
    ec("rollback")
    ec("start rename-column users.name display_name --once", 4)
    ec("start rename-column users.name display_name")
    assert ec.change()["attempt"] == 2


def test_a_folder_is_written_only_where_there_is_one(ec: Ec) -> None:
    """A worker without the repository starts a change, and leaves no folder behind."""
    ec("init")
    Path("phases").rmdir()
    ec("start rename-column users.name display_name")
    assert not Path("phases").exists()
    ec("backfill")


def test_a_review_that_no_longer_fits(ec: Ec) -> None:
    """Exit 4 with the difference; `--accept` of what was printed goes on."""
    ec("init")
    ec("plan rename-column users.name display_name")
    ec.sql("CREATE INDEX ix_users_name ON public.users (name)")
    ec(f"plan {NAME} --check", 4)
    error = ec.json(f"start {NAME}", 4)
    assert error["code"] == "EC307"
    assert "ix_users_display_name" in error["why"]
    assert ec.json("status")["changes"] == []
    ec(f"start {NAME} --accept {error['next'].rsplit(' ', 1)[-1]}")


# DESIGN's table of verbs and states: what each verb does to a change, by exit code.
STATES = ("not started", "before ready", "ready", "hidden", "purged", "rolled back")
TABLE = {
    "backfill --no-verify": (4, 0, 0, 4, 0, 4),
    "verify": (4, 4, 0, 4, 4, 4),
    "contract": (4, 4, 0, 0, 0, 4),
    "undo": (4, 0, 0, 0, 4, 4),
    "purge": (4, 4, 4, 4, 0, 4),
    "rollback": (0, 0, 0, 4, 4, 0),
    "start --once": (0, 0, 0, 0, 0, 4),
    "restore": (4, 4, 0, 4, 4, 4),
}
WAY: dict[str, tuple[str, ...]] = {
    "not started": (),
    "before ready": (f"start {NAME}",),
    "ready": (f"start {NAME}", "backfill"),
    "hidden": (f"start {NAME}", "backfill", "contract"),
    "purged": (f"start {NAME}", "backfill", "contract", f"purge --now --confirm {NAME}"),
    "rolled back": (f"start {NAME}", "rollback"),
}


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("state", STATES)
def test_what_each_verb_does_in_each_state(ec: Ec, state: str) -> None:
    """Every cell of the table; a refusal changes nothing, and says why and what does apply. That the verbs
    refuse, and change nothing in the catalog, `test_refusals.py` shows for every state in each commit.
    """
    ec("init")
    ec("plan rename-column users.name display_name")
    for line in WAY[state]:
        ec(line)
    column = STATES.index(state)
    before = ec.json("status")
    refusals = [verb for verb, codes in TABLE.items() if codes[column] == 4]
    for verb in refusals:
        error = ec.json(f"{verb} {NAME}", 4)
        assert error["code"] in ("EC312", "EC313")
        assert error["next"].startswith("ec ")
    assert _without_times(ec.json("status")) == _without_times(before)
    verb = next(verb for verb in TABLE if verb not in refusals)
    ec(f"{verb} {NAME}")


def _without_times(answer: Answer) -> Answer:
    return {"changes": [change | {"waiting_for": "", "gates": []} for change in answer["changes"]]}


@pytest.mark.parametrize(
    "verb", ["verify", "contract", "undo", "purge", "rollback", "backfill", "start", "pause"]
)
def test_nothing_to_do(ec: Ec, verb: str) -> None:
    """Without a change that fits, a left-out CHANGE is no error."""
    ec("init")
    assert ec.json(verb)["changes"] == []


def test_more_than_one_change(ec: Ec) -> None:
    """A left-out CHANGE that could be two is exit 2, with their names."""
    ec("init")
    ec("start rename-column users.name display_name")
    ec("start rename-column users.age years")
    for line in ("backfill", "rollback", "pause", "gates", "log", "wait", "start"):
        error = ec.json(line, 2)
        assert error["code"] == "EC204"
        assert "0002_rename_users_age" in error["message"] + error["why"]
    ec("backfill --all --no-verify")
    assert [change["ready"] for change in ec.json("status")["changes"]] == [True, True]


def test_a_name_that_is_unknown(ec: Ec) -> None:
    """Exit 2 with the nearest."""
    ec("init")
    ec("start rename-column users.name display_name")
    for line in ("status", "backfill", "gates", "log", "pause", "start"):
        assert ec.json(f"{line} 0001_rename_user_name", 2)["code"] in ("EC201", "EC203")


def test_control(ec: Ec) -> None:
    """Pause, tune, resume and ack are in the ledger, and seen by status."""
    ec("init")
    ec("start rename-column users.name display_name")
    ec("pause")
    assert ec.change()["paused_by"] is not None
    ec("backfill --no-wait", 5)
    ec("tune batch=500 max-rate=20k workers=1")
    ec("resume")
    ec("backfill --no-verify")
    assert ec.json("ack verified --reason x", 4)["code"] == "EC300"
    assert ec.json("ack verfied --reason x", 2)["why"] == "Did you mean verified?"
    assert "soak is open" in ec.json("ack soak --reason later", 4)["message"]
    ec("ack approval --approval --reason reviewed")
    ec("verify")


def test_mismatches(ec: Ec) -> None:
    """Exit 6 with keys, values only where they are asked for; backfill repairs."""
    ec("init")
    ec("run rename-column users.name display_name")
    ec.sql("ALTER TABLE public.users DISABLE TRIGGER USER")
    ec.sql("UPDATE public.users SET display_name = 'wrong' WHERE id = 7")
    ec.sql('ALTER TABLE public.users ENABLE ALWAYS TRIGGER "~ec_0001_rename_users_name"')
    error = ec.json("verify", 6)
    assert "id=7" in error["why"]
    assert "wrong" not in error["why"]
    assert "wrong" in ec.json("verify --show-values", 6)["why"]
    ec("backfill")
    ec("contract")


def test_doctor(ec_before_init: Ec) -> None:
    """A missing ledger is a finding; with it all is well."""
    ec = ec_before_init
    assert not ec.json("doctor", 1)["well"]
    ec("init")
    assert ec.json("doctor")["well"]


def test_waiting_ends(ec: Ec) -> None:
    """`--timeout` is exit 5, a goal out of reach exit 4."""
    ec("init")
    ec("start rename-column users.name display_name")
    assert ec.json("wait --for ready --timeout 10ms", 5)["code"] == "EC404"
    ec("rollback")
    ec(f"wait {NAME} --for ready", 4)


def test_the_script_for_a_dba(ec: Ec, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ec init --sql` needs no database."""
    monkeypatch.delenv("EC_DATABASE_URL")
    assert "CREATE SCHEMA" in ec("init --sql --owner postgres --app postgres")


def test_plan_before_init(ec_before_init: Ec) -> None:
    """A plan can be written, and printed as SQL, before there is a ledger; start names what is missing."""
    ec = ec_before_init
    text = ec("plan rename-column users.name display_name --sql")
    assert "ADD COLUMN" in text
    assert ec.json(f"start {NAME}", 2)["code"] == "EC209"


@contextlib.contextmanager
def slow_backfill(ec: Ec) -> Iterator[subprocess.Popen[str]]:
    """Run a backfill that takes half a minute, and give it when it is at work: on a loaded machine Python
    alone takes ten seconds to start.
    """
    ec("init")
    ec("start rename-column users.name display_name")
    process = subprocess.Popen(
        [sys.executable, "-m", "expandcontract", "backfill", "--max-rate", "100", "--batch", "100"],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ),
    )  # fmt: skip
    try:
        assert process.stderr is not None
        next(line for line in process.stderr if "event=progress" in line)
        yield process
    finally:
        process.kill()
        process.communicate()


def watching(*options: str) -> subprocess.Popen[str]:
    """Run `ec status --watch` beside whatever goes on."""
    return subprocess.Popen(
        [sys.executable, "-m", "expandcontract", "status", "--watch", *options],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ),
    )  # fmt: skip


@pytest.mark.slow
def test_a_killed_job_is_seen_by_everybody(ec: Ec) -> None:
    """After kill -9 every surface says that nobody is working on it, within the 30 seconds that are promised:
    status, the view, and metrics. What it was asked before that, it had taken up.
    """
    with slow_backfill(ec) as process:
        assert (ec.change()["word"], ec.change()["worker_alive"]) == ("running", True)
        ec("pause --all --reason incident --for 30min")
        since = time.monotonic()
        while not ec.change()["asked"]["taken_up_by"] or ec.change()["word"] != "paused":
            assert time.monotonic() - since < SECONDS
        ec("resume --all")
        process.kill()
        process.wait()
        died = time.monotonic()
        while any(word != "nobody is working on it" for word in _words(ec)):
            assert time.monotonic() - died < SECONDS
        assert time.monotonic() - died < PROMISED_SECONDS
        backfill = ec.change()["phases"]["backfill"]
        assert (backfill["rows_per_second"], backfill["eta_seconds"]) == (None, None)


def _words(ec: Ec) -> list[str]:
    metrics = [line for line in ec("metrics").splitlines() if line.startswith("ec_change_info{")]
    told = [line.split('state="')[1].split('"')[0] for line in metrics]
    return [ec.change()["word"], ec.value("SELECT word FROM expandcontract.summary_v1"), *told]


def test_watching_ends_with_a_signal(ec: Ec) -> None:
    """`ec status --watch --json` writes a document a line until it is interrupted, and that is no error."""
    with slow_backfill(ec), watching("--json") as process:
        assert process.stdout is not None
        (change,) = json.loads(process.stdout.readline())["changes"]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err) == (130, "")
    assert change["phases"]["backfill"]["stage"] == "copy"
    assert all(json.loads(line)["schema"] == "ec.status/1" for line in out.splitlines())


def test_watching_ends_with_the_phase(ec: Ec) -> None:
    """Off a terminal `ec status --watch` appends lines until the phase that it saw running has ended, then
    says the status and ends with its exit code.
    """
    with slow_backfill(ec), watching("--check") as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        ec("tune max-rate=auto batch=3000")
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err) == (3, "")
    assert f"UTC  {NAME}  copy " in first
    assert "backfill    done" in out


def test_watching_where_nobody_works_ends_at_once(ec: Ec) -> None:
    """A phase that is not begun may never be: nobody waits for it."""
    ec("init")
    assert "No change" in ec("status --watch")
    ec("start rename-column users.name display_name")
    assert "ec backfill" in ec("status --watch --check", 3)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_after_the_checkpoint(ec: Ec, name: str) -> None:
    """It says how to go on, and the same command goes on from there."""
    with slow_backfill(ec) as process:
        process.send_signal(signal.Signals[name])
        _, talk = process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + signal.Signals[name], talk
    assert "event=signal" in talk
    assert "code=EC130" in talk
    assert not ec.change()["ready"]
    ec("backfill")
    assert ec.change()["phases"]["backfill"]["rows_written"] == 3000


def test_undo_asks_before_it_loses(ec: Ec) -> None:
    """Exit 4 with the rows and the option; conflicts lists them, with values only on request."""
    ec("init")
    ec("run change-type users.age --type integer --to years --until contract")
    ec.sql("UPDATE public.users SET years = years + 1")
    ec("undo")
    ec("rollback")
    ec.sql("ALTER TABLE public.users ALTER age TYPE integer USING age::integer")
    ec("run change-type users.age --type text --to years --until contract")
    ec.sql("UPDATE public.users SET years = 'secret' WHERE id = 7")
    error = ec.json("undo", 4)
    assert error["code"] == "EC315"
    assert "id=7" in error["why"]
    assert "--accept-loss" in error["next"]
    kept = ec.json("conflicts 0002_change_users_age_type")
    assert kept["counts"] == {"not held by the hidden side": 1}
    assert (kept["newest"][0]["key"], kept["newest"][0]["new"]) == ({"id": 7}, None)
    assert "secret" not in ec("conflicts 0002_change_users_age_type")
    assert "'secret'" in ec("conflicts 0002_change_users_age_type --show-values")
    ec("undo --accept-loss")


def test_kept_values_are_exported_and_restored(ec: Ec, tmp_path: Path) -> None:
    """Rolled back: in a file. Ready again: in the table, and the answer has the numbers."""
    ec("init")
    lossy = "change-type users.name --type text --to handle --using upper(name) --back lower(handle)"
    ec(f"run {lossy}")
    ec.sql("UPDATE public.users SET handle = 'nN' || id WHERE id <= 5")
    name = ec.change()["name"]
    ec("rollback")
    assert ec.json(f"restore {name}", 4)["next"] == f"ec start {name}"
    file = tmp_path / "kept.csv"
    assert ec.json(f"restore --export {file}") == {
        "schema": "ec.export/1", "change": name, "file": str(file), "values": 5,
    }  # fmt: skip
    assert file.read_text().count('"nN') == 5
    assert ec.json(f"conflicts {name} --export kept.txt", 2)["code"] == "EC201"
    ec(f"run {name}")
    given = ec.json("restore")
    assert (given["considered"], given["written"], given["left"]) == (5, 5, 0)
    assert "no value" in ec("restore")
    ec("verify")


def test_a_canary_on_the_command_line(ec: Ec) -> None:
    """It says what it measures and when it undoes; a hook that fails undoes contract, with exit code 1."""
    ec("init")
    ec("run rename-column users.name display_name")
    assert ec.json("contract --canary 0", 2)["code"] == "EC201"
    ec("contract --canary 2s")
    assert "3 times as many as before" in ec.talk
    assert ec.change()["state"] == "hidden"
    ec("undo")
    ec("verify")
    Path("pyproject.toml").write_text("[tool.expandcontract.hooks]\ncanary = 'exit 1'\n")
    assert ec.json("contract --canary 5s", 1)["code"] == "EC603"
    assert ec.change()["state"] == "active"


def test_hooks_of_the_project_file(ec: Ec) -> None:
    """A hook may run `ec` itself; one that fails is exit 4, and its name is said."""
    ec("init")
    status = f"{sys.executable} -m expandcontract status --json > seen.json"
    Path("pyproject.toml").write_text(
        f"[tool.expandcontract.hooks]\nafter-start = '{status}'\nbefore_contract = 'exit 9'\n"
        "with_database = true\n"
    )
    ec("run rename-column users.name display_name")
    (seen,) = json.loads(Path("seen.json").read_text())["changes"]
    assert seen["phases"]["dual_write"]["status"] == "done"
    error = ec.json("contract", 4)
    assert error["code"] == "EC316"
    assert "before_contract" in error["message"]
    assert "hook refused" in {entry["kind"] for entry in ec.json("log")["entries"]}


def test_purge_of_all_that_is_due(ec: Ec, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is hidden past its window; one that cannot be purged is said, and keeps no other from it."""
    ec("init")
    ec.sql("ALTER TABLE public.users ADD note text")
    # What cannot be purged stands before what can.
    for old, new in (("age", "years"), ("name", "full_name")):
        ec(f"run rename-column users.{old} {new} --until contract")
    ec("start rename-column users.note remark")
    ec.sql('CREATE VIEW public.aged AS SELECT "~ec_age" FROM public.users')

    def states() -> list[str]:
        return [change["state"] for change in ec.json("status")["changes"]]

    assert "Nothing to do" in ec("purge --due") + ec.talk
    assert states() == ["hidden", "hidden", "active"]
    monkeypatch.setenv("EC_UNDO_WINDOW", "0")
    error = ec.json("purge --due", 4)
    assert "public.aged" in error["message"]
    assert states() == ["hidden", "purged", "active"]
    ec.sql("DROP VIEW public.aged")
    ec("purge --due")
    assert states() == ["purged", "purged", "active"]
