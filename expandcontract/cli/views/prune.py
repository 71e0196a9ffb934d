"""`ec.prune/1`: what went out of the ledger."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from expandcontract.cli.views.format import count, moment
from expandcontract.cli.views.view import View


class PruneView(View):
    """Rows that went, by table of the ledger; with `dry_run` those that would."""

    schema_: Literal["ec.prune/1"] = Field("ec.prune/1", alias="schema")
    before: datetime
    rows: dict[str, int]
    dry_run: bool

    def text(self) -> str:
        """Return a line for each table."""
        if not self.rows:
            return f"Nothing from before {moment(self.before)} is left that may go."
        verb = "would go" if self.dry_run else "went"
        lines = [f"  {count(rows, 'row')} of {name}" for name, rows in self.rows.items()]
        return "\n".join([f"From before {moment(self.before)} {verb}:", *lines])
