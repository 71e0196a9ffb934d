"""`ec.explain/1`: what an error code means."""

import difflib
import inspect
from typing import Literal, Self

from pydantic import Field

from expandcontract.cli.views.view import View
from expandcontract.model.errors import EcError, UsageError, every_error

EXITS = {
    0: "done, or nothing to do",
    1: "failed",
    2: "usage or configuration",
    3: "work is pending (--check)",
    4: "refused: nothing was changed",
    5: "stopped safely: run the same command again",
    6: "verification found mismatches",
    130: "interrupted by SIGINT, after the checkpoint (143: by SIGTERM)",
}


class ExplainView(View):
    """One error code."""

    schema_: Literal["ec.explain/1"] = Field("ec.explain/1", alias="schema")
    code: str
    name: str
    meaning: str
    exit_code: int
    exit_meaning: str

    @classmethod
    def of(cls, error: type[EcError]) -> Self:
        """Read an error class."""
        return cls(
            code=error.code,
            name=error.__name__,
            meaning=inspect.getdoc(error) or "",
            exit_code=error.exit_code,
            exit_meaning=EXITS[error.exit_code],
        )

    @classmethod
    def find(cls, code: str) -> Self:
        """Find the error of `code`, however it is written. Raises UsageError with the nearest."""
        errors = every_error()
        wanted = code.strip().upper().removeprefix("ERROR[").removesuffix("]")
        wanted = wanted if wanted.startswith("EC") else f"EC{wanted}"
        if wanted not in errors:
            near = difflib.get_close_matches(wanted, errors, n=1, cutoff=0.5)
            raise UsageError(
                f"{code!r} is no error code.",
                why=f"Did you mean {near[0]}?" if near else f"The codes are {', '.join(errors)}.",
            )
        return cls.of(errors[wanted])

    def text(self) -> str:
        """Return the meaning and the exit code."""
        return f"{self.code} {self.name}\n\n{self.meaning}\n\nexit code {self.exit_code}: {self.exit_meaning}"
