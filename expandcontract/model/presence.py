"""How this program is known to who looks at the server: its sessions and statements say what it is at."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from types import MappingProxyType

#: How the mark of our statements begins, by which pg_stat_statements and logs tell them from the others.
MARK = "/* ec"
#: What this program is at: the verb and the change, as `backfill 0001_rename_users_name`.
_AT: ContextVar[str] = ContextVar("at", default="")
#: What is told meanwhile is about this: database, change, kind, attempt, as far as they are known.
_ABOUT: ContextVar[Mapping[str, object]] = ContextVar("about", default=MappingProxyType({}))
_CONCERNS = "_concerns"
#: The environment variable by which whoever calls a program hands on what the call is part of, and its form:
#: https://www.w3.org/TR/trace-context/#traceparent-header
TRACEPARENT = "TRACEPARENT"
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


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


@contextmanager
def concerning(**fields: object) -> Iterator[None]:
    """Let records that are written meanwhile say what they are about, beside what they say already. So does
    the record of an error that ends it.
    """
    before = _ABOUT.get()
    _ABOUT.set(MappingProxyType({**before, **fields}))
    try:
        yield
    except BaseException as error:
        vars(error).setdefault(_CONCERNS, _ABOUT.get())
        raise
    finally:
        _ABOUT.set(before)


def concerns(error: BaseException | None = None) -> Mapping[str, object]:
    """Return what is told now is about, or what an error, or its cause, was raised amid."""
    while error is not None:
        found: Mapping[str, object] | None = vars(error).get(_CONCERNS)
        if found is not None:
            return found
        error = error.__cause__ or error.__context__
    return _ABOUT.get()


def trace_id() -> str | None:
    """Return the identifier of the trace that this run is part of; None where nobody gave one."""
    found = _TRACEPARENT.fullmatch(os.environ.get(TRACEPARENT, ""))
    return found[1] if found else None


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
