"""Which Alembic there has to be, said before anything of it is used that an older one lacks."""

import re

import alembic
from alembic.util import CommandError

OLDEST = (1, 13)


def require() -> None:
    """Raise CommandError where Alembic is older than 1.13."""
    found = tuple(map(int, re.findall(r"\d+", alembic.__version__)[:2]))
    if found < OLDEST:
        raise CommandError(
            f"EC201 expandcontract needs Alembic {'.'.join(map(str, OLDEST))} or later; this is "
            f"{alembic.__version__}. Nothing was run. Next: pip install --upgrade alembic"
        )
