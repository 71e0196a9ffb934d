"""How Alembic's command line says what an error of ours says."""

from alembic.util import CommandError

from expandcontract.model.errors import EcError


def failure(error: EcError) -> CommandError:
    """Return the error that ends a command of Alembic's: code, message, reason, state, next command."""
    said = filter(None, (error.message, error.why, error.state, error.next and f"Next: {error.next}"))
    return CommandError(f"{error.code} {' '.join(said)}")
