"""A verb as a command: its parameters and those of every verb."""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import typer

from expandcontract.cli.options import SETTING_NAMES, SPEECH, settings

#: An async function of a Session and the verb's own parameters; it returns an exit code, None for 0.
Verb: TypeAlias = Callable[..., Awaitable[int | None]]


def own_parameters(verb: Verb) -> list[inspect.Parameter]:
    """Return the parameters of a verb without its Session."""
    return list(inspect.signature(verb, eval_str=True).parameters.values())[1:]


def readable(run: Callable[..., Any], parameters: Sequence[inspect.Parameter]) -> Callable[..., Any]:
    """Return a function that typer reads as if it were written with these parameters."""
    keywords = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)

    def function(**values: object) -> object:
        return run(values.pop("ctx"), values)

    function.__signature__ = inspect.Signature([context, *keywords])  # type: ignore[attr-defined]
    function.__annotations__ = {p.name: p.annotation for p in (context, *keywords)}
    return function


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that somebody wrote."""
    return {
        name: value
        for name, value in values.items()
        if value is not None and value is not False and value != []
    }


def remember(ctx: typer.Context, values: Mapping[str, Any]) -> dict[str, Any]:
    """Add what was written here to what was written before the verb, and return both."""
    ctx.obj = {**(ctx.obj or {}), **given(values)}
    return dict(ctx.obj)


def command(
    verb: Verb, *, checkpoints: bool = True, extra: Mapping[str, Any] | None = None
) -> Callable[..., int]:
    """Return the verb as a function for typer. `extra` are arguments that the command line does not give."""
    own = own_parameters(verb)

    def run(ctx: typer.Context, values: Mapping[str, Any]) -> int:
        return execute(verb, remember(ctx, values), checkpoints=checkpoints, extra=extra or {})

    return readable(run, [*(p for p in own if p.name not in (extra or {})), *SPEECH, *settings(hidden=True)])


def execute(verb: Verb, written: Mapping[str, Any], *, checkpoints: bool, extra: Mapping[str, Any]) -> int:
    """Run a verb with what was written on the command line and return its exit code."""
    from expandcontract.cli.output import Output
    from expandcontract.cli.redaction import exposed
    from expandcontract.cli.session import Session
    from expandcontract.cli.signals import Interruption, run
    from expandcontract.model.presence import at_work, concerning
    from expandcontract.postgres.sqlstate import values_shown
    from expandcontract.settings.settings import load

    arguments = {p.name: written.get(p.name, p.default) for p in own_parameters(verb)} | dict(extra)
    chosen = {name: written[name] for name in SETTING_NAMES if name in written}
    loaded = load(chosen)
    output = Output(json=bool(written.get("json")), log_format=loaded.log_format)
    for option in exposed(written):
        output.say(
            f"{option} has a password, which everybody on this machine can read in the list of processes. "
            "EC_DATABASE_URL, EC_PASSWORD_FILE or a passfile keep it to you.",
            "password exposed",
            {"option": option},
            level="warning",
        )
    interruption = Interruption(lambda text: output.say(text, "signal"), checkpoints=checkpoints)
    session = Session(loaded, output, interruption, verbose=bool(written.get("verbose")), given=chosen)
    named = arguments.get("change")
    shown = values_shown.set(bool(written.get("show_values")))
    try:
        name = named if isinstance(named, str) else ""
        with at_work(verb.__name__, name), concerning(change=name or None):
            return run(lambda: verb(session, **arguments), interruption) or 0
    finally:
        values_shown.reset(shown)
