"""How this program is known to who looks at the server: its sessions and statements say what it is at."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

#: How the mark of our statements begins, by which pg_stat_statements and logs tell them from the others.
MARK = "/* ec"
#: What this program is at: the verb and the change, as `backfill 0001_rename_users_name`.
_AT: ContextVar[str] = ContextVar("at", default="")


@contextmanager
def at_work(verb: str, change: str = "") -> Iterator[None]:
    """Let what is sent meanwhile say which verb on which change it is of: statements in their mark, sessions
    that begin in their application_name, after a first word that stays.
    """
    before = _AT.get()
    _AT.set(" ".join(filter(None, (verb, change))))
    try:
        yield
    finally:
        _AT.set(before)


def named(program: str) -> str:
    """Return the application_name of a session: the program, the verb, the change, as far as 63 bytes go."""
    return f"{program} {_AT.get()}".strip().encode()[:63].decode(errors="ignore")


def mark() -> str:
    """Return the comment that ends every statement of ours but those that begin and end transactions."""
    return _mark(_AT.get())


@cache
def _mark(at: str) -> str:
    at = "".join(letter for letter in at if letter.isprintable()).replace("*/", "").replace("/*", "")
    return f"{MARK} {at} */" if at else f"{MARK} */"
