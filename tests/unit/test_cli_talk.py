import io
import re
from datetime import timedelta

import pytest

from expandcontract.cli.talk.lines import EVERY_SECONDS, Lines
from expandcontract.cli.talk.sentences import sentence
from expandcontract.cli.talk.terminal import Terminal
from expandcontract.model import events
from expandcontract.model.phases import Phase, Section
from tests.golden.kept import same

BLOCKER = events.Blocker(411, "billing", "app", "idle in transaction", timedelta(seconds=70), "SELECT 1")
PROGRESS = events.Progress("c", "copy", 1500, 25, 100, 1499.6, 500, 0.756, None, 37.5)
THROTTLED = events.Progress("c", "copy", 1500, 25, 100, 1499.6, 500, None, "max-rate 2k rows/s", None)
EVENTS: tuple[events.Event, ...] = (
    events.PhaseStarted("c", Phase.EXPAND),
    events.StepStarted("c", Section.EXPAND, "add", "Add the column display_name."),
    events.LockTried(("public.users",), "ACCESS EXCLUSIVE", 3, 1.25, (BLOCKER,)),
    events.LockTried(("public.users",), "ACCESS EXCLUSIVE", 4, 1.25, ()),
    events.StepDone("c", Section.EXPAND, "add", 0.21),
    events.PhaseDone("c", Phase.EXPAND, 0.3),
    PROGRESS,
    THROTTLED,
    events.WaitingForSnapshots("Build the index", (BLOCKER,)),
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
    same("talk/lines.txt", re.sub(r"timestamp=\S+", "timestamp=2031-05-06T12:00:00.000000Z", text))


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
    """The bar shows the same words as the lines, stands below sentences, and is taken away."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Tty()
    listener = Terminal(stream)
    for event in EVENTS:
        listener(event)
    listener.close()
    text = stream.getvalue()
    assert "1,500 rows, 1,500 rows/s, batch 500" in text
    assert "throttled by max-rate 2k rows/s" in text
    assert "hunter2" not in text
    assert text.rstrip().endswith("password=*** is in the text") or "\x1b[2K" in text.rsplit("\n", 2)[-1]


def test_closing_twice() -> None:
    """A terminal that was given back stays given back."""
    listener = Terminal(Tty())
    listener(PROGRESS)
    listener.close()
    listener.close()
