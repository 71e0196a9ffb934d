"""The two streams: results on stdout, talk on stderr."""

import sys
from typing import TextIO

from expandcontract.cli.redaction import redact
from expandcontract.cli.views.view import View


class Output:
    """Writes results, as text or as JSON, and talk. `terminal` says whether somebody watches the talk."""

    def __init__(self, *, json: bool, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        self.json = json
        self._stdout = stdout
        self._stderr = stderr

    @property
    def stdout(self) -> TextIO:
        """The stream of results, looked up late, so that it can be replaced."""
        return self._stdout or sys.stdout

    @property
    def stderr(self) -> TextIO:
        """The stream of talk."""
        return self._stderr or sys.stderr

    @property
    def terminal(self) -> bool:
        """Whether talk goes to a terminal."""
        return self.stderr.isatty()

    def show(self, view: View) -> None:
        """Write a result: one JSON document, or its text."""
        self.write(view.json_text() if self.json else view.text())

    def write(self, text: str) -> None:
        """Write a result that is text already."""
        print(text.rstrip("\n"), file=self.stdout, flush=True)

    def say(self, text: str) -> None:
        """Write a line of talk."""
        print(redact(text.rstrip("\n")), file=self.stderr, flush=True)
