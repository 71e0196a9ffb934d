"""`ec.error/1`: what happened, why, what state things are in, and the next command."""

from typing import Literal, Self

from pydantic import Field

from expandcontract.cli.redaction import redact
from expandcontract.cli.views.view import View
from expandcontract.model.errors import EcError, Stopped
from expandcontract.model.words import one_line


class ErrorView(View):
    """An error."""

    schema_: Literal["ec.error/1"] = Field("ec.error/1", alias="schema")
    code: str
    message: str
    why: str
    state: str
    next: str

    @classmethod
    def of(cls, error: EcError) -> Self:
        """Read an error; passwords in its words are hidden."""
        return cls(
            code=error.code,
            message=redact(error.message),
            why=redact(error.why),
            state=redact(error.state),
            next=redact(error.next or _next(error)),
        )

    def text(self) -> str:
        """Return `error[CODE]: message` and a line for each of the rest that has something to say."""
        rest = (("why", self.why), ("state", self.state), ("next", self.next))
        lines = [f"  {label:<6} {text}" for label, words in rest if words for text in _hang(words)]
        return "\n".join([f"error[{self.code}]: {one_line(self.message)}", *lines])


def _next(error: EcError) -> str:
    """Return what to do where the error itself does not say."""
    if isinstance(error, Stopped):
        return "Run the same command again."
    return f"ec explain {error.code}"


def _hang(words: str) -> list[str]:
    first, *others = words.splitlines()
    return ["\n".join([first, *(f"         {line}" for line in others)])]
