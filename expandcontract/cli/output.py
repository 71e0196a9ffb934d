"""The two streams: results on stdout, talk on stderr."""

import os
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import TextIO

from expandcontract.cli.talk import records
from expandcontract.cli.views.error import ErrorView
from expandcontract.cli.views.view import View
from expandcontract.model.words import printable


class Output:
    """Writes results, as text or as JSON, and talk. `terminal` says whether somebody watches the talk.

    Off a terminal all talk is records of one form (`cli.talk.records`); where one is asked for, on it too.
    """

    def __init__(
        self,
        *,
        json: bool,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        log_format: str | None = None,
    ) -> None:
        self.json = json
        self._log_format = log_format
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
        """Whether talk goes to a terminal, as sentences."""
        return self.stderr.isatty() and not (self._log_format or os.environ.get(records.VARIABLE))

    @property
    def form(self) -> records.Form:
        """How talk is written."""
        return "text" if self.terminal else records.form(self._log_format)

    def show(self, view: View) -> None:
        """Write a result: one JSON document, or its text."""
        self.write(view.json_text() if self.json else view.text())

    def write(self, text: str) -> None:
        """Write a result that is text already."""
        print(printable(text.rstrip("\n")), file=self.stdout, flush=True)

    def say(
        self,
        text: str,
        event: str = "said",
        fields: Mapping[str, object] = MappingProxyType({}),
        *,
        level: str = "info",
    ) -> None:
        """Write a piece of talk; `event` and `fields` are for those who read records."""
        records.write(self.stderr, self.form, event, text, fields, level=level)

    def say_error(self, view: ErrorView, about: Mapping[str, object] = MappingProxyType({})) -> None:
        """Tell of an error, and what it was raised amid."""
        form = self.form
        text = view.text() if form == "text" else view.message
        fields = {**about, "code": view.code, "why": view.why, "state": view.state, "next": view.next}
        records.write(self.stderr, form, "error", text, fields, level="error")
