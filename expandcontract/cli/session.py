"""One run of a verb: its settings, its streams, and the context that the engine works in."""

import getpass
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from expandcontract.cli.options import THROTTLES
from expandcontract.cli.output import Output
from expandcontract.cli.signals import Interruption
from expandcontract.cli.talk.listener import CloseableListener
from expandcontract.cli.views.view import View
from expandcontract.model.presence import concerning
from expandcontract.model.situation import Situation
from expandcontract.settings.settings import Settings

if TYPE_CHECKING:
    from expandcontract.engine.context import Context


@dataclass(frozen=True)
class Session:
    """What a verb gets. `interruption.stop` is set by the first signal; `given` are the settings of the
    command line.
    """

    settings: Settings
    output: Output
    interruption: Interruption
    verbose: bool = False
    given: Mapping[str, object] = field(default_factory=dict)

    @property
    def phases(self) -> Path:
        """The folder of change plans."""
        return self.settings.phases

    def throttled(self, **written: str | None) -> "Session":
        """Return the session with what the verb's options say of the throttles. Raises BadSetting."""
        throttle = self.settings.throttle.changed(written, THROTTLES)
        return replace(self, settings=self.settings.model_copy(update={"throttle": throttle}))

    def show(self, view: View) -> None:
        """Write a result."""
        self.output.show(view)

    def show_changes(self, situations: Sequence[Situation]) -> None:
        """Write where changes are: the result of every verb that moves one."""
        from expandcontract import gates
        from expandcontract.cli.views.status import StatusView

        self.show(StatusView.of(situations, gates.judge_all))

    def show_nothing(self, why: str) -> None:
        """Say that there is nothing to do; for programs it is an answer without changes."""
        if self.output.json:
            self.show_changes([])
        else:
            self.output.say(f"{why} Nothing to do.")

    @asynccontextmanager
    async def context(self, listener: CloseableListener | None = None) -> AsyncIterator["Context"]:
        """Open the database for the engine; `listener` hears of it, where it is another than that of the
        session. Raises BadSetting when nobody said which.
        """
        from expandcontract.engine.context import Context
        from expandcontract.settings import databases

        settings = self.settings
        database, standby = databases.database(settings), databases.standby(settings)
        listener = listener or self._listener()
        try:
            with concerning(database=database.address.database):
                yield Context(
                    database,
                    settings.policy,
                    listener,
                    who(),
                    self.interruption.stop,
                    standby,
                    settings.throttle.limits,
                    settings.replication_origin,
                    databases.hooks(settings),
                )
        finally:
            listener.close()
            await database.close()
            if standby is not None:
                await standby.close()

    def _listener(self) -> CloseableListener:
        if self.output.terminal:
            from expandcontract.cli.talk.terminal import Terminal

            return Terminal(self.output.stderr, verbose=self.verbose)
        from expandcontract.cli.talk.lines import Lines

        return Lines(self.output.stderr, time.monotonic, verbose=self.verbose, form=self.output.form)


def who() -> str:
    """Return the name of the person or account that runs `ec`, for the ledger."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without an entry in the password database, as in some containers
        return "unknown"
