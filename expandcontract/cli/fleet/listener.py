"""What is told while many databases are at work: each sentence says whose it is."""

from expandcontract.cli.session import Session
from expandcontract.cli.talk.sentences import detail, fields, name, sentence
from expandcontract.model.events import Event, LockTried, Progress, StepRunning, StepStarted

#: With forty databases at work these are for those who ask for them; `ec fleet status` has them all.
_OFTEN = (Progress, StepRunning, StepStarted, LockTried)


class Hearing:
    """Listens to one target."""

    def __init__(self, session: Session, target: str) -> None:
        self._session = session
        self._target = target

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if not self._session.verbose and (detail(event) or isinstance(event, _OFTEN)):
            return
        said = {**fields(event), "target": self._target}
        self._session.output.say(f"{self._target}: {sentence(event)}", name(event), said)

    def close(self) -> None:
        """Write nothing more."""
