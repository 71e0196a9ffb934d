"""What stands on stderr off a terminal: one record a line, of one form, whatever it tells.

`event` is a stable name for programs, `message` the sentence for people; then comes what it is about, then
what the event has.
"""

import os
import socket
import uuid
from collections.abc import Mapping, MutableMapping
from functools import cache
from typing import Any, Literal, TextIO

from expandcontract.cli.redaction import redact
from expandcontract.model.presence import concerns, trace_id
from expandcontract.model.words import one_line, printable

#: How records are written. `text` is the message alone, as it stands on a terminal.
Form = Literal["json", "logfmt", "text"]
FORMS: tuple[Form, ...] = ("json", "logfmt", "text")
VARIABLE = "EC_LOG_FORMAT"
#: What each record says of what it is about, as far as that is known.
ABOUT = ("database", "change", "kind", "attempt")
_FIRST = ["timestamp", "level", "event", "message"]


def form(asked: str | None = None) -> Form:
    """Return the form that was asked for, by the environment where nobody asks: logfmt otherwise.

    An error may have to be told before the settings are read, or because they cannot be.
    """
    wanted = asked or os.environ.get(VARIABLE)
    return next((each for each in FORMS if each == wanted), "logfmt")


@cache
def run_id() -> str:
    """Return what the records of this process have in common, and those of no other."""
    return uuid.uuid4().hex[:12]


def write(
    stream: TextIO,
    form: Form,
    event: str,
    message: str,
    fields: Mapping[str, object],
    *,
    level: str = "info",
) -> None:
    """Write a record. Passwords are hidden; a message of several lines is one record nonetheless."""
    if form == "text":
        print(printable(redact(message.rstrip("\n"))), file=stream, flush=True)
        return
    import structlog

    record: dict[str, Any] = {"level": level, "message": " ".join(message.split())}
    known = {**concerns(), **fields}
    # Whoever reads JSON by a schema finds each of them; a line of logfmt says what there is.
    about = {name: known.pop(name, None) for name in ABOUT}
    record |= {name: value for name, value in about.items() if form == "json" or value is not None} | known
    record |= {"trace_id": trace_id()} if trace_id() else {}
    record |= {"run_id": run_id(), "host": socket.gethostname(), "pid": os.getpid()}
    renderer = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.processors.LogfmtRenderer(key_order=_FIRST, drop_missing=True)
    )
    stamped = structlog.processors.TimeStamper(fmt="iso", utc=True)(
        None, "", {"event": event, **_clean(record)}
    )
    ordered = {name: stamped[name] for name in _FIRST} | dict(stamped)
    print(renderer(None, "", ordered), file=stream, flush=True)


def _clean(record: Mapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide passwords, and make text of what a line cannot hold."""
    return {key: _told(value) for key, value in record.items()}


def _told(value: object) -> object:
    if isinstance(value, list | tuple):
        value = "; ".join(map(str, value))
    return one_line(redact(value)) if isinstance(value, str) else value
