"""Alembic's `upgrade` where an event loop runs already."""

import asyncio
import os

from alembic import command
from alembic.config import Config


async def upgrade(config: Config | str | os.PathLike[str], revision: str = "head") -> None:
    """Do what `alembic upgrade` does, in a thread: env.py has a loop of its own there.

    Args:
        config: Alembic's configuration, or the path of its file.
        revision: up to which.

    Raises CommandError, and what env.py and the revisions raise.
    """
    found = config if isinstance(config, Config) else Config(os.fspath(config))
    await asyncio.to_thread(command.upgrade, found, revision)
