"""`ec.init/1`: what init made."""

from typing import Literal

from pydantic import Field

from expandcontract.cli.views.view import View


class InitView(View):
    """The ledger's schema and the folder of plans."""

    schema_: Literal["ec.init/1"] = Field("ec.init/1", alias="schema")
    ledger_schema: str
    phases: str

    def text(self) -> str:
        """Return both, and the next line to type."""
        return (
            f"The ledger stands in schema {self.ledger_schema}; plans go to {self.phases}.\n"
            "next: ec plan rename-column TABLE.COLUMN NEW_NAME"
        )
