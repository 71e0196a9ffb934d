"""Options that more than one verb has. Speech and settings may stand before the verb as well."""

import inspect
from collections.abc import Callable
from typing import Annotated

import typer

Change = Annotated[
    str | None,
    typer.Argument(
        metavar="[CHANGE]", help="The change; may be left out when only one fits.", show_default=False
    ),
]
Batch = Annotated[
    str | None, typer.Option("--batch", metavar="N", help="Rows in one transaction; otherwise it adapts.")
]
Workers = Annotated[str | None, typer.Option("--workers", metavar="N", help="Connections that copy at once.")]
MaxRate = Annotated[str | None, typer.Option("--max-rate", metavar="R", help="Rows per second at most: 20k.")]
MaxLag = Annotated[
    str | None,
    typer.Option("--max-lag", metavar="D", help="Wait while a standby is behind by more: 5s. [10s]"),
]
NiceRatio = Annotated[
    str | None,
    typer.Option("--nice-ratio", metavar="R", help="Sleep R times as long as each batch took. [0]"),
]
Schedule = Annotated[
    str | None,
    typer.Option("--schedule", metavar="TEXT", help="Work in these hours only: Mon-Fri 22:00-06:00 UTC."),
]
ThrottleQuery = Annotated[
    str | None,
    typer.Option("--throttle-query", metavar="SQL", help="Wait while this returns over zero, or true."),
]
ThrottleHttp = Annotated[
    str | None,
    typer.Option("--throttle-http", metavar="URL", help="Wait while the status of this is not 200."),
]
#: The options that stand for settings of the throttles, by their names there.
THROTTLES = {
    "max_lag": "--max-lag",
    "nice_ratio": "--nice-ratio",
    "schedule": "--schedule",
    "query": "--throttle-query",
    "http": "--throttle-http",
}
MaxRuntime = Annotated[
    str | None, typer.Option("--max-runtime", metavar="D", help="Stop after this time: 2h.")
]
NoUserTriggers = Annotated[
    bool, typer.Option("--no-user-triggers", help="Rows are copied without firing the table's own triggers.")
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Stop with exit 5 when the change is paused.")]
Check = Annotated[bool, typer.Option("--check", help="Exit 3 when work is pending.")]
Confirm = Annotated[
    str | None, typer.Option("--confirm", metavar="CHANGE", help="The change's name, once more.")
]
ShowValues = Annotated[
    bool, typer.Option("--show-values", help="Show the values of rows that are named, not their keys alone.")
]
Acknowledge = Annotated[
    list[str] | None,
    typer.Option("--acknowledge", metavar="CODE", help="Accept a hazard of the plan, by its code."),
]
Accept = Annotated[
    str | None,
    typer.Option("--accept", metavar="FINGERPRINT", help="Go on with the plan as it compiles now."),
]
CheckRows = Annotated[
    bool,
    typer.Option("--check-rows", help="Look for values that do not fit in every row, not in a sample."),
]
ConfigFile = Annotated[
    str | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Alembic's alembic.ini or pyproject.toml. [alembic.ini]",
        show_default=False,
    ),
]
Once = Annotated[bool, typer.Option("--once", help="Refuse to start again what was rolled back.")]


def _parameter(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _flag(meaning: str, *declarations: str, hidden: bool = False) -> object:
    return Annotated[bool, typer.Option(*declarations, help=meaning, hidden=hidden, show_default=False)]


def early(name: str, meaning: str, act: Callable[[bool], None]) -> inspect.Parameter:
    """Return the parameter of a flag that acts before anything else is read, as --help does."""
    option = typer.Option(f"--{name}", help=meaning, callback=act, is_eager=True, show_default=False)
    return _parameter(name, Annotated[bool, option], default=False)


def _value(meaning: str, declaration: str, metavar: str, *, hidden: bool = False) -> object:
    option = typer.Option(declaration, metavar=metavar, help=meaning, hidden=hidden, show_default=False)
    return Annotated[str | None, option]


#: How `ec` speaks.
SPEECH: tuple[inspect.Parameter, ...] = (
    _parameter("json", _flag("Answer, and fail, in JSON on stdout.", "--json"), default=False),
    _parameter("verbose", _flag("More talk; tracebacks of failures.", "--verbose", "-v"), default=False),
)

#: The settings: fields of settings.Settings, EC_* variables, keys of [tool.expandcontract]. Those without
#: a metavar are flags.
_SETTINGS = (
    ("database_url", "URL", "The database. SQLAlchemy and libpq URLs are understood."),
    ("database_url_file", "FILE", "A file that holds the URL."),
    ("password_file", "FILE", "A file that holds the password."),
    ("require_tls", "", "Refuse a connection without TLS; unix sockets have none."),
    ("direct_url", "URL", "The same database past a pooler in transaction mode."),
    ("standby", "URL", "A hot standby, whose queries are waited for before strong locks."),
    ("ledger_schema", "NAME", "The schema of the ledger. [expandcontract]"),
    ("phases", "FOLDER", "The folder of change plans. [phases]"),
    ("fleet", "FILE", "The inventory of ec fleet. [fleet.toml]"),
    (
        "replication_origin",
        "NAME",
        "Copy rows under replication origins NAME_0, NAME_1, ...: consumers can tell.",
    ),
    ("lock_timeout", "D", "No application waits longer for a lock of ours. [100ms]"),
    ("lock_budget", "D", "How long to try for a lock before exit 5. [5min]"),
    ("quiet_for", "D", "Contract wants no old code seen for this long. [5min]"),
    ("soak", "D", "Contract wants this much time since ready. [0]"),
    ("proof_max_age", "D", "A proof older than this does not count. [7d]"),
    ("undo_window", "D", "After contract, purge waits for this long. [24h]"),
    ("require_version", "APP>=V", "Contract wants every instance of APP at V or later."),
    ("deployed_at", "TIME", "When the new code was deployed; older sessions are named."),
    ("approval", "", "Contract wants ec ack CHANGE approval."),
    ("require_sight", "", "Contract goes past no blind gate without an ack."),
    ("fresh", "", "No application runs here: soft gates pass."),
    ("log_format", "FORM", "How lines on stderr are written: json, logfmt, text."),
    ("confidential", "", "Leave queries of blockers out of messages and ledger."),
)
SETTING_NAMES = tuple(name for name, _, _ in _SETTINGS)


def settings(*, hidden: bool) -> tuple[inspect.Parameter, ...]:
    """Return an option for each setting. Help shows them once, at `ec --help`."""
    found = []
    for name, metavar, meaning in _SETTINGS:
        declaration = f"--{name.replace('_', '-')}"
        if metavar:
            found.append(_parameter(name, _value(meaning, declaration, metavar, hidden=hidden), default=None))
        else:
            found.append(_parameter(name, _flag(meaning, declaration, hidden=hidden), default=False))
    return tuple(found)
