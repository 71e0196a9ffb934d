import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from expandcontract.cli import command, entry
from expandcontract.cli.views.error import ErrorView
from expandcontract.cli.views.explain import EXITS, ExplainView
from expandcontract.model.errors import EcError, Mismatches, PlanDrifted, every_error

URL = "postgresql://ada:s3cret-word@db.invalid/shop"
NOBODY = (
    URL,
    f"{URL}?sslmode=maybe",
    "postgresql://ada:s3cret-word@[::1/shop",
    "host=db.invalid password=s3cret-word",
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EC_DATABASE_URL", raising=False)
    monkeypatch.setenv("EC_LOG_FORMAT", "text")


def fail_with(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every verb end with an error."""

    def execute(*_: object, **__: object) -> int:
        raise error

    monkeypatch.setattr(command, "execute", execute)


@pytest.mark.parametrize("kind", every_error().values(), ids=lambda kind: kind.code)
def test_exit_code_of_every_error(
    kind: type[EcError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is that of the error's class, the text is on stderr, and stdout stays empty."""
    fail_with(kind("It happened.", why="Because.", next="ec status"), monkeypatch)
    assert entry.run(["status"]) == kind.exit_code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"error[{kind.code}]: It happened.",
        "  why    Because.",
        "  state  Nothing was changed.",
        "  next   ec status",
    ]


def test_an_error_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json an error is one document on stdout."""
    fail_with(Mismatches("3 rows differ.", why="w", state="s", next="ec backfill x"), monkeypatch)
    assert entry.run(["verify", "--json"]) == 6
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "schema": "ec.error/1", "code": "EC501", "message": "3 rows differ.", "why": "w", "state": "s",
        "next": "ec backfill x",
    }  # fmt: skip
    assert err == ""


def test_a_difference_of_many_lines_hangs_below_its_label() -> None:
    """The difference between two plans is shown line by line."""
    text = ErrorView.of(PlanDrifted("It differs.", why="--- reviewed\n+++ now", next="ec start x")).text()
    assert text.splitlines()[1:3] == ["  why    --- reviewed", "         +++ now"]


WRONG = (
    "no-such-verb",
    "status --no-such-option",
    "status one two",
    "status",
    "explain",
    "explain EC999",
    "tune x batch",
    "wait --for godot",
    "backfill --batch few",
    "backfill --max-runtime 7",
    "run --until noon",
    "--lock-timeout soon status",
    "init --sql",
    "init --sql --role boss",
    "prune",
    "prune --older-than soon",
    "purge --due --now",
    "ack --reason x",
    "status --database-url mysql://h/d",
)


@pytest.mark.parametrize("line", WRONG)
@pytest.mark.parametrize("as_json", [False, True])
def test_usage_errors(line: str, as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """What `ec` does not understand is exit 2, in the form that was asked for, without a traceback."""
    words = line.split()
    assert entry.run([*words, "--json"] if as_json else words) == 2
    out, err = capsys.readouterr()
    assert (json.loads(out)["code"] if as_json else err).startswith(("EC2", "error[EC2"))
    assert (out == "") is not as_json
    assert "Traceback" not in out + err


def test_a_fault_of_our_own_has_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A traceback is for those who ask for it."""
    fail_with(RuntimeError("oops"), monkeypatch)
    assert entry.run(["status"]) == 1
    quiet = capsys.readouterr().err
    assert quiet.startswith("error[EC100]: RuntimeError: oops")
    assert "Traceback" not in quiet
    assert entry.run(["status", "-v"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [[], ["-v"], ["--json"], ["-v", "--json"]], ids=" ".join)
def test_passwords_are_in_no_output(
    flags: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither in an error, nor in a traceback of one."""
    fail_with(RuntimeError(f"cannot parse {URL}"), monkeypatch)
    entry.run(["status", "--database-url", URL, *flags])
    out, err = capsys.readouterr()
    assert "ada:***@db.invalid" in out + err
    assert "s3cret" not in out + err


@pytest.mark.parametrize("flags", [[], ["-v"], ["--json"]], ids=" ".join)
@pytest.mark.parametrize("url", NOBODY)
def test_a_server_that_is_not_there(
    url: str, flags: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, whatever is wrong with the URL, and its password is in no output, not even in a traceback."""
    monkeypatch.setenv("EC_DATABASE_URL", url)
    assert entry.run(["status", *flags]) == 2
    out, err = capsys.readouterr()
    assert "s3cret" not in out + err


def test_an_interruption_before_the_loop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C while modules are imported is exit 130, too."""
    monkeypatch.setattr(entry, "build", lambda: signal.raise_signal(signal.SIGINT))
    assert entry.run([]) == 130
    assert "EC130" in capsys.readouterr().err


def test_a_reader_that_went_away(tmp_path: Path) -> None:
    """`ec --help | true` says nothing about pipes."""
    line = f"{sys.executable} -m expandcontract --help | true"
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize("code", every_error())
def test_every_code_is_explained(code: str) -> None:
    """`ec explain` knows each, with its exit code."""
    text = ExplainView.find(code).text()
    assert text.startswith(code)
    assert EXITS[every_error()[code].exit_code] in text


@pytest.mark.parametrize("written", ["EC312", "ec312", "312", "error[EC312]"])
def test_codes_are_found_as_they_are_copied(written: str) -> None:
    """From an error's first line, or by number."""
    assert ExplainView.find(written).code == "EC312"
