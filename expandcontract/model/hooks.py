"""Hooks: commands and URLs of the operator's own, called before and after the turns of a change. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any


class Turn(StrEnum):
    """What a hook can stand before and after."""

    START = "start"
    READY = "ready"
    CONTRACT = "contract"
    UNDO = "undo"
    PURGE = "purge"
    ROLLBACK = "rollback"


#: Asked again and again while a canary is watched.
CANARY = "canary"


def before(turn: Turn) -> str:
    """Return the name of the hook that has to agree before a turn begins."""
    return f"before_{turn}"


def after(turn: Turn) -> str:
    """Return the name of the hook that is told of a turn."""
    return f"after_{turn}"


NAMES = (*(when(turn) for turn in Turn for when in (before, after)), CANARY)


@dataclass(frozen=True)
class Hooks:
    """What is called, by the hook's name: a command for the shell, or a URL. Each has `timeout` to answer.
    `with_database`: commands get the variables that lead to the database, as `ec` has them, and over them
    those of `database`, which say where this one is that the change is in.
    """

    calls: Mapping[str, str] = field(default_factory=dict)
    timeout: timedelta = timedelta(minutes=1)
    with_database: bool = False
    database: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Facts:
    """What a hook learns of the change."""

    change: str
    kind: str
    table: str
    old_column: str
    new_column: str
    state: str
    who: str

    def environment(self, hook: str) -> dict[str, str]:
        """Return it as environment variables of a command."""
        return {f"EC_{name.upper()}": value for name, value in self._named(hook).items()}

    def body(self, hook: str) -> dict[str, Any]:
        """Return it as the JSON that a URL gets."""
        return {"schema": "ec.hook/1", **self._named(hook)}

    def _named(self, hook: str) -> dict[str, str]:
        return {"hook": hook, "phase": hook.rpartition("_")[2], **vars(self)}


#: Variables that lead to the database, or hold what is secret: a command gets them only when it is told so.
_SECRET = frozenset(
    {
        *("EC_DATABASE_URL", "EC_DATABASE_URL_FILE", "EC_PASSWORD_FILE", "EC_DIRECT_URL", "EC_STANDBY"),
        *("PGPASSWORD", "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE"),
    }
)
#: Of other hooks and of a throttle: their URLs may hold credentials, which no command needs.
_OF_OTHERS = ("EC_HOOKS_", "EC_THROTTLE_HTTP")


def inherited(environment: Mapping[str, str], hooks: Hooks) -> dict[str, str]:
    """Return what a command gets of the environment that `ec` runs in, and of where the database is."""
    left_out = {name for name in _SECRET if name.startswith("EC_")} if hooks.with_database else _SECRET
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(_OF_OTHERS) and name not in left_out
    }
    return kept | dict(hooks.database if hooks.with_database else {})


#: The variables that a command gets, in whose environment `ec` may be run as well.
VARIABLES = frozenset(Facts("", "", "", "", "", "", "").environment(CANARY))
