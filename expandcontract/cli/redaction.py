"""Passwords are never printed: every text on stderr and every error goes through here. Pure."""

import re
from collections.abc import Iterator, Mapping

HIDDEN = "***"
# The userinfo of a URL up to the last @ of the word: a password may hold an @ that nobody encoded.
_URL = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@?#]*:)\S*(@)", re.IGNORECASE)
_PAIR = re.compile(r"(\b(?:password|sslpassword)\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&'\"]+)", re.IGNORECASE)


def redact(text: str) -> str:
    """Return `text` with the password of every URL and every `password=` hidden."""
    return _PAIR.sub(rf"\g<1>{HIDDEN}", _URL.sub(rf"\g<1>{HIDDEN}\g<2>", text))


def exposed(written: Mapping[str, object]) -> Iterator[str]:
    """Yield the options of a command line whose values hold a password: every user of the machine sees it."""
    for name, value in written.items():
        if isinstance(value, str) and redact(value) != value:
            yield f"--{name.replace('_', '-')}"
