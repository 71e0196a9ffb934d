"""`ec tune [CHANGE] batch=500 max-rate=20k workers=2 max-lag=5s`."""

from typing import TYPE_CHECKING, Annotated, cast

import typer
from typer.core import TyperCommand

from expandcontract.cli import parse
from expandcontract.cli.build import single
from expandcontract.cli.change_argument import moved
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.errors import UsageError

Words = Annotated[
    list[str],
    typer.Argument(
        metavar="[CHANGE] KEY=VALUE...",
        help="batch=500, max-rate=20k, workers=2, max-lag=5s; auto restores the default.",
    ),
]
if TYPE_CHECKING:
    from expandcontract.ledger.control import Wishes

KEYS = {
    "batch": "batch",
    "max-rate": "max_rate",
    "workers": "workers",
    "max-lag": "max_lag_seconds",
}
AUTO = "auto"


async def tune(session: Session, *, words: Words) -> None:
    """Change the pace while workers work."""
    from expandcontract.engine.verbs import control

    change, wishes = read(words)
    await moved(session, None, change, lambda context, name: control.tune(context, name, wishes))


def read(words: list[str]) -> tuple[str | None, "Wishes"]:
    """Return the change, if one is named, and what is wished. Raises UsageError."""
    names = [word for word in words if "=" not in word]
    pairs = [word.split("=", 1) for word in words if "=" in word]
    if len(names) > 1 or not pairs:
        raise UsageError("Write a change at most, and what is wished.", next="ec tune batch=500 max-rate=20k")
    wishes = {_field(key): _value(key, value) for key, value in pairs}
    return (names[0] if names else None), cast("Wishes", wishes)


def _field(key: str) -> str:
    if key not in KEYS:
        raise UsageError(f"{key!r} cannot be tuned.", why=f"What can be: {', '.join(KEYS)}.")
    return KEYS[key]


def _value(key: str, text: str) -> float | int | None:
    if text == AUTO:
        return None
    if key == "max-lag":
        duration = parse.duration(key, text)
        return None if duration is None else duration.total_seconds()
    return parse.rate(key, text) if key == "max-rate" else parse.count(key, text)


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    details = "Every worker, on every host, hears it within a second."
    return single(name, summary, command(tune, checkpoints=False), details)
