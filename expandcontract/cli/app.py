"""The root of the command line: the table of verbs. A verb's module is imported when the verb is used."""

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from expandcontract.cli.command import readable, remember
from expandcontract.cli.options import SPEECH, early, settings
from expandcontract.model.errors import UsageError

#: Every verb with its one line of help, in the order of a change's life. The module has the same name.
VERBS: Mapping[str, str] = {
    "init": "Create the folder of plans and the ledger.",
    "plan": "Write or re-render a plan; changes nothing in the database.",
    "start": "Begin a change: all that takes no time with the size of the table.",
    "backfill": "Copy the rows, settle the new side, verify; resumes and repairs.",
    "verify": "Compare every row and write the proof.",
    "contract": "Ask the gates, then hide the old side.",
    "undo": "Bring a hidden old side back.",
    "purge": "Drop a hidden old side for good.",
    "rollback": "Remove what start added, before contract.",
    "restore": "Give back what only the new side held at rollback.",
    "run": "Everything up to ready and proof; further with --until contract.",
    "wait": "Wait until a change is ready, contractable or hidden.",
    "status": "Say where changes are, what is in the way and what to type next.",
    "gates": "Show the conditions of contract.",
    "conflicts": "Show values that a side lost or could not hold.",
    "log": "Show who did what, when, and how long it took.",
    "report": "Write the record of a change on one page, for the ticket or the auditor.",
    "metrics": "Write what monitoring wants to know, as Prometheus reads it.",
    "serve": "Show changes on pages in the browser.",
    "pause": "Let every worker stop at its next checkpoint.",
    "resume": "Let the workers go on.",
    "tune": "Change batch, max-rate, workers or max-lag while they work.",
    "ack": "Open a soft gate, with a reason that the ledger keeps.",
    "fleet": "Carry a change through many databases, or through the schemas of one.",
    "alembic": "Check revisions of Alembic, and say how far they can go now.",
    "prune": "Take old history out of the ledger, of changes that are long over.",
    "doctor": "Examine the database, its settings and what stands in the way.",
    "explain": "Say what an error code means.",
    "demo": "Watch a million rows change under two live applications.",
}

#: Commands that live in rooms above this one.
_MODULES: Mapping[str, str] = {"serve": "expandcontract.web.command"}


def module_of(verb: str) -> str:
    """Return the name of the module that a verb is in."""
    return _MODULES.get(verb, f"expandcontract.cli.commands.{verb}")


ROOT_HELP = """Carry a live PostgreSQL database through a schema change while old and new code keep running.

A change goes through expand, dual_write, backfill, verify and contract. It can be taken back until purge."""


class Verbs(TyperGroup):
    """The root group. It knows the verbs by name, so that help needs none of their modules."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Return the verbs in the order of a change's life."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | TyperGroup | None:  # type: ignore[override]
        """Import a verb."""
        del ctx
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(module_of(cmd_name))
        built: TyperCommand | TyperGroup = module.build(cmd_name, VERBS[cmd_name])
        return built

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]  # noqa: ANN401
        """Write the verbs from the table."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(  # type: ignore[override]
        self, ctx: typer.Context, args: list[str]
    ) -> tuple[str, TyperCommand | TyperGroup, list[str]]:
        """Find the verb. Raises UsageError with the nearest."""
        if args[0] not in VERBS:
            near = difflib.get_close_matches(args[0], VERBS, n=1, cutoff=0.5)
            raise UsageError(
                f"{args[0]!r} is not a command.",
                why=f"Did you mean ec {near[0]}?" if near else "",
                next="ec --help",
            )
        found = self.get_command(ctx, args[0])
        assert found is not None  # noqa: S101 - it is in the table
        return args[0], found, args[1:]


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"ec {version('expandcontract')}")
        raise typer.Exit


VERSION = early("version", "Say which version this is.", _version)


def build() -> TyperGroup:
    """Return the root command."""
    app = typer.Typer(
        cls=Verbs, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, help=ROOT_HELP
    )
    app.callback()(readable(_root, [*SPEECH, VERSION, *settings(hidden=False)]))
    built: TyperGroup = typer.main.get_command(app)  # type: ignore[assignment]
    return built


def _root(ctx: typer.Context, values: Mapping[str, Any]) -> None:
    remember(ctx, values)
