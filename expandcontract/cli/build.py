"""Builds a verb's command out of its function."""

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand


def single(
    name: str,
    summary: str,
    function: Callable[..., Any],
    details: str = "",
    *,
    allow_extra_args: bool = False,
) -> TyperCommand:
    """Return a command without subcommands. Its help is the summary, then the details."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    text = f"{summary}\n\n{details}" if details else summary
    app.command(name, help=text, context_settings={"allow_extra_args": allow_extra_args})(function)
    built: TyperCommand = typer.main.get_command(app)  # type: ignore[assignment]
    return built
