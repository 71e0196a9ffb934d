"""`ec.init/1`: what init made."""

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field

from expandcontract.cli.views.view import Part, View

if TYPE_CHECKING:
    from expandcontract.alembic.env_setup import EnvFile


class EnvFileView(Part):
    """Alembic's env.py: whether it has what is needed (`ready`), lacked it until now (`written`), lacks it
    (`to write`), or is of no form that is known (`by hand`). `told` is the difference, or what to put where.
    """

    file: str
    state: Literal["ready", "written", "to write", "by hand"]
    told: str

    @classmethod
    def of(cls, found: "EnvFile") -> Self:
        """Read what was found."""
        return cls(file=str(found.path), state=found.state.value, told=found.told)

    def text(self) -> str:
        """Return what is told, and what follows from it."""
        match self.state:
            case "ready":
                return f"{self.file} has what revisions with op.ec_* need."
            case "written":
                return f"{self.told}\n{self.file} is written."
            case "to write":
                return f"{self.told}\nnext: ec init --write, which writes that into {self.file}"
            case "by hand":
                return f"{self.told}\n{self.file} was left as it is: write that by hand."


class InitView(View):
    """The ledger's schema and the folder of plans, and Alembic's env.py where there is one. `ledger` says
    whether the ledger stands: where no database was named, Alembic's first change makes it.
    """

    schema_: Literal["ec.init/1"] = Field("ec.init/1", alias="schema")
    ledger_schema: str
    phases: str
    ledger: bool = True
    env_file: EnvFileView | None = None

    def text(self) -> str:
        """Return what there is, and the next line to type."""
        stands = (
            f"The ledger stands in schema {self.ledger_schema}; plans go to {self.phases}."
            if self.ledger
            else "No database was named: the first revision that begins a change makes the ledger."
        )
        if self.env_file is None:
            return f"{stands}\nnext: ec plan rename-column TABLE.COLUMN NEW_NAME"
        return f"{self.env_file.text()}\n{stands}"
