"""Which program this is."""

from functools import cache
from importlib import metadata


@cache
def program_version() -> str:
    """Return the version of this program, read once: what it says of itself is parsed as an e-mail is."""
    return metadata.version("expandcontract")
