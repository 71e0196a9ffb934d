import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from expandcontract import gates
from expandcontract.cli.output import Output
from expandcontract.cli.talk import records
from expandcontract.cli.talk.bar import compact, short
from expandcontract.cli.talk.lines import EVERY_SECONDS, Lines
from expandcontract.cli.talk.onlooker import onlooker
from expandcontract.cli.talk.sentences import sentence
from expandcontract.cli.talk.terminal import Terminal
from expandcontract.cli.views.error import ErrorView
from expandcontract.cli.views.status import StatusView
from expandcontract.model import events
from expandcontract.model.errors import WrongState
from expandcontract.model.phases import Phase, Section
from expandcontract.model.presence import concerning, concerns
from expandcontract.model.situation import Situation
from tests.golden.kept import same
from tests.unit.situations import phases, situation, sweep

BLOCKER = events.Blocker(411, "billing", "app", "idle in transaction", timedelta(seconds=70), "SELECT 1")
PROGRESS = events.Progress("c", "copy", 1500, 25, 100, 1499.6, 500, 0.756, None, 37.5)
THROTTLED = events.Progress("c", "copy", 1500, 25, 100, 1499.6, 500, None, "max-rate 2k rows/s", None)


def _building(phase: str, done: int, total: int, unit: str, who: events.Blocker | None) -> events.StepRunning:
    build = events.Build("ix", 412, phase, done, total, unit, 65.0, who)
    return events.StepRunning("c", Section.BACKFILL, "index:ix", "index ix on display_name", 65.0, build)


SCANNING = _building("building index: scanning table", 12_345, 26_000, "blocks", None)
LOADED = _building("building index: loading tuples in tree", 0, 0, "tuples", None)
WAITING = _building("waiting for old snapshots", 1, 3, "lockers", replace(BLOCKER, query=""))
VALIDATING = events.StepRunning("c", Section.BACKFILL, "check:x:validate", "check all rows against x", 130.0)
EVENTS: tuple[events.Event, ...] = (
    events.PhaseStarted("c", Phase.EXPAND),
    events.StepStarted("c", Section.EXPAND, "add", "Add the column display_name."),
    events.LockTried(("public.users",), "ACCESS EXCLUSIVE", 3, 1.25, (BLOCKER,)),
    events.LockTried(("public.users",), "ACCESS EXCLUSIVE", 4, 1.25, ()),
    events.StepDone("c", Section.EXPAND, "add", 0.21, "add the column display_name"),
    events.PhaseDone("c", Phase.EXPAND, 0.3),
    PROGRESS,
    THROTTLED,
    events.WaitingForSnapshots("index:ix", (BLOCKER,), "build the index ix"),
    SCANNING,
    LOADED,
    WAITING,
    VALIDATING,
    events.TookOver("c", "ec backfill of ada on db-7 (pid 411)"),
    events.Notice("c", "password=hunter2 is in the text"),
)


def test_sentences() -> None:
    """Every event is a sentence."""
    same("talk/sentences.txt", "\n".join(map(sentence, EVENTS)))


def test_lines_off_a_terminal() -> None:
    """Each event is a line of fields with a time; progress has all its fields; no password is in it."""
    stream = io.StringIO()
    clock = iter(range(0, 1000, 100))
    listener = Lines(stream, lambda: next(clock), verbose=True)
    for event in EVENTS:
        listener(event)
    text = stream.getvalue()
    assert "hunter2" not in text
    assert len(text.splitlines()) == len(EVENTS)
    same("talk/lines.txt", _timeless(text))


def _timeless(text: str) -> str:
    """Leave out what is of this moment and this process."""
    return re.sub(r" run_id=.*", "", re.sub(r"timestamp=\S+", "timestamp=2031-05-06T12:00:00.000000Z", text))


def test_records_have_stable_names_and_fields() -> None:
    """As JSON: the event's name, the sentence as its message, and what the event has, each on one line."""
    stream = io.StringIO()
    listener = Lines(stream, lambda: 0.0, verbose=True, form="json")
    for event in EVENTS[:4]:
        listener(event)
    read = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [record["event"] for record in read] == [
        "phase_started",
        "step_started",
        "lock_tried",
        "lock_tried",
    ]
    assert all(
        {"timestamp", "level", "message", "database", "change", "kind", "attempt", "run_id", "host", "pid"}
        <= record.keys()
        for record in read
    )
    assert (read[2]["mode"], read[2]["tries"], read[2]["relations"]) == (
        "ACCESS EXCLUSIVE",
        3,
        "public.users",
    )
    assert len({record["run_id"] for record in read}) == 1


@pytest.mark.parametrize("form", records.FORMS)
def test_everything_off_a_terminal_is_of_one_form(form: records.Form) -> None:
    """Events, errors and signals; an error of several lines is one record, and a password is in none."""
    stream = io.StringIO()
    output = Output(json=False, stderr=stream, log_format=form)
    output.say("SIGTERM: finishing.", "signal")
    output.say_error(ErrorView.of(WrongState("no\npassword=hunter2", why="because", next="ec status")))
    lines = stream.getvalue().splitlines()
    assert "hunter2" not in stream.getvalue()
    if form == "text":
        assert lines[:2] == ["SIGTERM: finishing.", "error[EC312]: no\\npassword=***"]
        return
    assert len(lines) == 2
    if form == "json":
        told = json.loads(lines[1])
        assert (told["event"], told["code"], told["next"]) == ("error", "EC312", "ec status")
    else:
        assert 'event=error message="no password=***" code=EC312 why=because' in lines[1]


def test_the_form_can_be_asked_for_on_a_terminal() -> None:
    """Sentences and a bar are for who did not ask for anything else."""
    assert Output(json=False, stderr=Tty()).terminal
    assert not Output(json=False, stderr=Tty(), log_format="json").terminal


def test_progress_off_a_terminal_comes_each_30_seconds() -> None:
    """The first at once, then one each 30 seconds, and the first of another stage at once."""
    times = (0.0, 1.0, EVERY_SECONDS - 0.1, EVERY_SECONDS, EVERY_SECONDS + 1)
    clock = iter([*times, EVERY_SECONDS + 2])
    stream = io.StringIO()
    listener = Lines(stream, lambda: next(clock))
    for _ in times:
        listener(PROGRESS)
    assert stream.getvalue().count("\n") == 2
    listener(events.Progress("c", "compare", 0, 0, 100, 0, 500, None, None, None))
    assert "stage=compare" in stream.getvalue()


@pytest.mark.parametrize("verbose", [False, True])
def test_detail_is_for_those_who_ask(verbose: bool) -> None:
    """How long each step took is said with -v alone."""
    stream = io.StringIO()
    Lines(stream, lambda: 0.0, verbose=verbose)(events.StepDone("c", Section.EXPAND, "add", 0.21))
    assert bool(stream.getvalue()) is verbose


class Tty(io.StringIO):
    """A terminal that keeps what was written."""

    def isatty(self) -> bool:
        """Say that somebody watches."""
        return True


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar stands below sentences, its figures in one line, the reason in the next; it is taken away."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Tty()
    listener = Terminal(stream)
    for event in EVENTS:
        listener(event)
    listener.close()
    text = stream.getvalue()
    assert "copy     25 %   1.5k/s  eta 38 s" in text
    assert "throttled by max-rate 2k rows/s" in text
    assert "hunter2" not in text
    assert text.rstrip().endswith("password=*** is in the text") or "\x1b[2K" in text.rsplit("\n", 2)[-1]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (SCANNING, "scanning table, 47 % (12,345 of 26,000 blocks)"),
        (WAITING, "2 of 3 left: client backend pid 411"),
        (VALIDATING, "check all rows against x, for 2 min 10 s"),
    ],
    ids=["scanning", "waiting", "validating"],
)
def test_a_step_has_a_bar_too(event: events.Event, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """How far the present phase is, for whom it waits, or that something goes on where nobody counts."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    stream = Tty()
    listener = Terminal(stream)
    listener(event)
    listener.close()
    assert words in stream.getvalue()


def test_a_running_step_is_told_of_each_30_seconds() -> None:
    """Off a terminal a step that takes long says so after 30 seconds, and then each 30 seconds."""
    stream, times = io.StringIO(), (29.0, 30.0, 31.0, 59.0, 61.0)
    clock = iter(times[1:])
    listener = Lines(stream, lambda: next(clock))
    for seconds in times:
        listener(replace(VALIDATING, seconds=seconds))
    assert stream.getvalue().count("check all rows against x") == 2


COPYING = situation(
    phases=phases(2, running=True), proof=None, compare=None,
    copy=sweep(25, rows_per_second=500.0, eta_seconds=90.0, batch=1000),
)  # fmt: skip


def _look(stream: io.StringIO, *readings: Sequence[Situation]) -> str:
    with onlooker(Output(json=False, stdout=stream)) as show:
        for found in readings:
            show(found, StatusView.of(found, gates.judge_all))
    return stream.getvalue()


def test_who_looks_on_off_a_terminal_gets_a_line_for_what_is_new() -> None:
    """A reading that says the same again adds no line; at the end the status stands in full."""
    more = replace(COPYING, copy=sweep(50, rows_per_second=500.0))
    text = _look(io.StringIO(), [COPYING], [COPYING], [more])
    lines = text.splitlines()
    assert [line.split("  ", 2)[2] for line in lines[:2]] == [
        "copy 25 %, 1,500 rows, 500 rows/s, batch 1,000, HOT 80 %, eta 1 min 30 s",
        "copy 50 %, 3,000 rows, 500 rows/s, HOT 80 %",
    ]
    assert lines[2].startswith(COPYING.name)


def test_who_looks_on_at_a_terminal_sees_it_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The status and a bar with the words of the process itself, in the place of those before."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    text = _look(Tty(), [COPYING], [replace(COPYING, copy=sweep(50, rows_per_second=500.0))])
    assert "deploy the new code?" in text
    assert "copy     25 %    500/s  eta 2 min" in text
    assert "\x1b[1A" in text  # the cursor goes up, over the drawing before
    assert "copy     50 %    500/s" in text[text.index("\x1b[1A") :]


LONG = replace(THROTTLED, throttled_by="replica-lag 12.4 s > 10 s (" + "standby, " * 30 + ")")


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("event", [PROGRESS, LONG, SCANNING, WAITING, VALIDATING])
def test_the_bar_fits_the_terminal(
    event: events.Event, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two lines at most, neither wider than the terminal: a longer one would leave its rest behind."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Tty()
    listener = Terminal(stream)
    listener(event)
    drawing = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue()).replace("\r", "\n")
    listener.close()
    lines = [line for line in drawing.split("\n") if line.strip()]
    assert max(map(len, lines)) <= columns
    assert len(set(lines)) <= 2


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0"),
        (950.4, "950"),
        (1499.6, "1.5k"),
        (61_234, "61k"),
        (999_999, "1000k"),
        (1.2e6, "1.2M"),
        (3e7, "30M"),
    ],
)
def test_a_rate_has_five_characters(number: float, words: str) -> None:
    """So the line does not jump."""
    assert compact(number) == words
    assert len(words) <= 5


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (59, "59 s"),
        (61, "2 min"),
        (780, "13 min"),
        (7500, "2 h 5 min"),
        (7200, "2 h"),
        (2e5, "3 d"),
    ],
)
def test_what_is_left_is_said_by_its_largest_unit(seconds: float, words: str) -> None:
    """Rounded up: it is no promise that it is over sooner."""
    assert short(seconds) == words


def test_closing_twice() -> None:
    """A terminal that was given back stays given back."""
    listener = Terminal(Tty())
    listener(PROGRESS)
    listener.close()
    listener.close()


def test_an_error_says_what_it_was_raised_amid() -> None:
    """Also where it was translated on its way, and nothing of what was left well before it."""

    def fail() -> None:
        with concerning(database="shop", change="c"):
            with concerning(change="other"):
                pass
            raise OSError("away")

    def translate() -> None:
        try:
            fail()
        except OSError as error:
            raise WrongState("no") from error

    with pytest.raises(WrongState) as caught:
        translate()
    about = concerns(caught.value)
    assert about == {"database": "shop", "change": "c"}
    stream = io.StringIO()
    Output(json=False, stderr=stream, log_format="json").say_error(ErrorView.of(caught.value), about)
    assert json.loads(stream.getvalue())["database"] == "shop"


def test_a_trace_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one of the standard's form; anything else is nobody's trace."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    monkeypatch.setenv("TRACEPARENT", f"00-{trace}-b7ad6b7169203331-01")
    stream = io.StringIO()
    records.write(stream, "json", "said", "it", {})
    assert json.loads(stream.getvalue())["trace_id"] == trace
    for wrong in ("", "nonsense", f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-{trace}-{'0' * 16}-01"):
        monkeypatch.setenv("TRACEPARENT", wrong)
        stream = io.StringIO()
        records.write(stream, "logfmt", "said", "it", {})
        assert "trace_id" not in stream.getvalue()
