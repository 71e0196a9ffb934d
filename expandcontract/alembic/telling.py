"""How Alembic's command line says what an error of ours says."""

import logging

from alembic.util import CommandError

from expandcontract.model.errors import EcError, NeedsAcknowledgement


class _Heard(logging.Handler):
    """What says a warning on stderr where nobody else would say it: Alembic keeps its own silent wherever a
    project configures no logging.
    """

    def emit(self, record: logging.LogRecord) -> None:
        resort = logging.lastResort
        if resort is not None and record.levelno >= resort.level and not _is_heard(record.name):
            resort.handle(record)


def _is_heard(name: str) -> bool:
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None:
        if any(not isinstance(each, logging.NullHandler | _Heard) for each in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False


#: Below Alembic's own, so that a file that configures Alembic's configures it, and does not silence it.
log = logging.getLogger("alembic.expandcontract")
log.addHandler(_Heard())


def failure(error: EcError) -> CommandError:
    """Return the error that ends a command of Alembic's: code, message, reason, state, next command."""
    following = error.next
    if isinstance(error, NeedsAcknowledgement) and error.codes:
        following = f"acknowledge={list(error.codes)!r} in the revision's operation, where somebody says yes"
    said = filter(None, (error.message, error.why, error.state, following and f"Next: {following}"))
    return CommandError(f"{error.code} {' '.join(said)}")
