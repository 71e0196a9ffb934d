"""Carries a live PostgreSQL database through a schema change while old and new code both keep running.

Everything that a user needs is here and is imported when it is used; what is not here may change at any time.
The verbs are the modules of `expandcontract.engine.verbs`; each takes a `Context`.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __version__: str
    from expandcontract.engine.context import Context
    from expandcontract.model.change import Change
    from expandcontract.model.errors import EcError
    from expandcontract.model.events import Event
    from expandcontract.model.plan import Plan
    from expandcontract.model.policy import Policy
    from expandcontract.model.situation import Situation
    from expandcontract.model.verdict import Verdict
    from expandcontract.postgres.connect import Database

__all__ = ["Change", "Context", "Database", "EcError", "Event", "Plan", "Policy", "Situation", "Verdict"]

_HOME = {
    "Change": "expandcontract.model.change",
    "Context": "expandcontract.engine.context",
    "Database": "expandcontract.postgres.connect",
    "EcError": "expandcontract.model.errors",
    "Event": "expandcontract.model.events",
    "Plan": "expandcontract.model.plan",
    "Policy": "expandcontract.model.policy",
    "Situation": "expandcontract.model.situation",
    "Verdict": "expandcontract.model.verdict",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("expandcontract")
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
