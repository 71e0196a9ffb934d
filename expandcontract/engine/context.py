"""What every verb works with."""

import asyncio
from dataclasses import dataclass, field
from functools import cache

from expandcontract.ledger.tables import Tables
from expandcontract.model.errors import Interrupted
from expandcontract.model.events import Listener, Notice
from expandcontract.model.hooks import Hooks
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database
from expandcontract.throttles.limits import Limits


@dataclass(frozen=True)
class Context:
    """A database, the limits to keep to, who listens, who asks, and the wish to stop (set by a signal).

    Before a lock that a hot standby would replay, `standby` is waited for, where one is given. `limits` are
    what the throttles of a sweep keep to. With `origin` rows are copied under replication origins of that
    name. `hooks` are called around the turns of a change.
    """

    database: Database
    policy: Policy
    listen: Listener
    who: str
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    standby: Database | None = None
    limits: Limits = field(default_factory=Limits)
    origin: str = ""
    hooks: Hooks = field(default_factory=Hooks)

    @property
    def tables(self) -> Tables:
        """The ledger's tables."""
        return _tables(self.database.ledger_schema)

    def notice(self, change: str, text: str) -> None:
        """Tell whoever listens."""
        self.listen(Notice(change, text))

    def check_stop(self, change: str) -> None:
        """Raise Interrupted when somebody wants an end, at a place where nothing is half done."""
        if self.stop.is_set():
            raise Interrupted(
                f"{change} stopped on request.",
                state="Everything up to the last checkpoint is kept.",
                next="Run the same command again.",
            )


@cache
def _tables(schema: str) -> Tables:
    # The same objects for the life of the process: SQLAlchemy keeps compiled statements by them.
    return Tables(schema)
