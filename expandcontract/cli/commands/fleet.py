"""`ec fleet ...`: one change over many databases. A command's module is imported when the command is used."""

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from expandcontract.cli.command import readable, remember
from expandcontract.cli.options import SPEECH, settings
from expandcontract.model.errors import UsageError

#: Each command with its module in `cli.fleet` and its line of help.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "targets": (
        "targets",
        "Say which databases the inventory means, and which of them cannot take a change.",
    ),
    "plan": ("plan", "Compile a change on every target, read-only, and group the targets by their plan."),
    "init": ("verbs", "Create the ledger in every target, or bring it up to date."),
    "run": ("run", "Carry a change through the targets, wave after wave; run again it goes on."),
    "status": ("status", "Say where a change is: a line for each state, then the worst."),
    "wait": ("verbs", "Wait until a change is ready, contractable or hidden on every target."),
    "pause": ("verbs", "Let every worker of a change stop at its next checkpoint, on every target."),
    "resume": ("verbs", "Let the workers go on."),
    "tune": ("verbs", "Change batch, max-rate, workers or max-lag while they work."),
    "ack": ("verbs", "Open a soft gate on every target where it is shut, with a reason."),
    "contract": ("run", "Ask the gates and hide the old side, wave after wave."),
    "undo": ("verbs", "Bring hidden old sides back."),
    "purge": ("verbs", "Drop hidden old sides for good."),
    "report": ("verbs", "Write the record of a change on each target into a folder."),
    "exec": ("exec", "Run a command on one target, by its index in a wave."),
}


class FleetVerbs(TyperGroup):
    """The group of `ec fleet`. It knows its commands by name, so that help needs none of their modules."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Return the commands in the order of a change's life."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | TyperGroup | None:  # type: ignore[override]
        """Import a command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, summary = COMMANDS[cmd_name]
        built: TyperCommand | TyperGroup = importlib.import_module(
            f"expandcontract.cli.fleet.{module}"
        ).build(cmd_name, summary)
        return built

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]  # noqa: ANN401
        """Write the commands from the table."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def resolve_command(  # type: ignore[override]
        self, ctx: typer.Context, args: list[str]
    ) -> tuple[str, TyperCommand | TyperGroup, list[str]]:
        """Find the command. Raises UsageError with the nearest."""
        found = self.get_command(ctx, args[0])
        if found is None:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1, cutoff=0.5)
            raise UsageError(
                f"{args[0]!r} is not a command of ec fleet.",
                why=f"Did you mean ec fleet {near[0]}?" if near else "",
                next="ec fleet --help",
            )
        return args[0], found, args[1:]


def build(name: str, summary: str) -> TyperGroup:
    """Return the command."""
    details = "Which databases these are says an inventory, fleet.toml. How far each is says its own ledger."
    app = typer.Typer(
        cls=FleetVerbs,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        help=f"{summary}\n\n{details}",
    )
    app.callback()(readable(_root, [*SPEECH, *settings(hidden=True)]))
    built: FleetVerbs = typer.main.get_command(app)  # type: ignore[assignment]
    built.name = name
    return built


def _root(ctx: typer.Context, values: Mapping[str, Any]) -> None:
    remember(ctx, values)
