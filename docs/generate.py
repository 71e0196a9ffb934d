"""Writes docs/reference/ from the program itself: commands, exit codes and errors, settings, JSON schemas.

`python docs/generate.py` writes; a test fails when the pages differ from the program.
"""

import contextlib
import importlib
import inspect
import io
import json
import os
import pkgutil
import textwrap
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from expandcontract import orm
from expandcontract.changes import registry
from expandcontract.cli import views
from expandcontract.cli.app import VERBS
from expandcontract.cli.commands.fleet import COMMANDS as FLEET
from expandcontract.cli.entry import run
from expandcontract.cli.options import THROTTLES
from expandcontract.cli.views.explain import EXITS
from expandcontract.cli.views.view import View
from expandcontract.metrics.series import OF_CHANGE, OF_DATABASE, OfChange, OfDatabase
from expandcontract.model.durations import spell
from expandcontract.model.errors import every_error
from expandcontract.model.sizes import spell_size
from expandcontract.settings.hooks import HookSettings
from expandcontract.settings.settings import TABLES, Settings
from expandcontract.settings.throttles import ThrottleSettings

REFERENCE = Path(__file__).parent / "reference"

COMMANDS = """
`ec plan` and `ec run` take the same kinds with the same arguments as `ec start`. Settings are options of
every command, before or after its name; see [settings](settings.md).
"""

EXIT_CODES = """
An error is `error[EC312]: what happened` on stderr, then why, what state things are in, and the next
command; with `--json` it is [`ec.error/1`](json.md) on stdout. `ec explain EC312` prints a row of this
table.
"""

SETTINGS = """
The command line goes before `EC_*` variables, these before `[tool.expandcontract]` in the nearest
`pyproject.toml` that has that table, and that before the default. Durations are written in PostgreSQL's
units: `250ms`, `5min`, `24h`, `7d`. Passwords in URLs are never printed.
"""

PHASES = """
`phases` in `pyproject.toml` is relative to that file; without the key, `phases/` beside the file is meant.
"""

THROTTLE_TABLE = """
What may hold a backfill back; [throttles](../explanation/throttles.md) says how. The keys stand in a table of
their own, `[tool.expandcontract.throttle]`; the options are those of `ec backfill` and `ec run`. Sizes are
written in PostgreSQL's units: `64MB`, `1GB`. Several names have commas between them.
"""
HOOK_TABLE = """
What is called before and after the turns of a change: commands for the shell, or URLs;
[hooks](../how-to/hooks.md) says how. The keys stand in a table of their own, `[tool.expandcontract.hooks]`.
"""
SIZES = ("max_lag_bytes", "max_slot_wal", "max_archive_backlog", "max_wal_rate")

JSON = """
With `--json` a command answers with one document on stdout, also when it fails. A document's `schema` has a
name and a version: within a version fields are added, never removed or changed.
"""

ANSWERS = """
`start`, `backfill`, `verify`, `contract`, `undo`, `purge`, `rollback`, `run`, `wait`, `pause`, `resume`,
`tune` and `ack` answer with `ec.status/1` of the change. `ec status --watch --json` writes one document a
line.
"""


ORM = """
What `expandcontract.orm` has for programs that use SQLAlchemy;
[at the application's start](../how-to/at-application-start.md) says what for.
"""


METRICS = """
What `ec metrics` writes, in the text format of Prometheus; [monitoring](../how-to/monitoring.md) says how it
gets there, and what to be woken for. Each series of a change has the labels `database` and `change`. Names
and labels do not change without a line in the changelog.
"""


def pages() -> dict[str, str]:
    """Return the text of every page by its name in docs/reference/."""
    return {
        "commands.md": _commands(),
        "exit-codes.md": _exit_codes(),
        "settings.md": _settings(),
        "json.md": _json(),
        "metrics.md": _metrics(),
        "orm.md": _orm(),
        **{f"schemas/{_file(view)}": _schema(view) for view in _views()},
    }


def _commands() -> str:
    blocks = [COMMANDS, _help()]
    for verb in VERBS:
        blocks += [f"## ec {verb}", _help(verb)]
        if verb == "alembic":
            blocks += [
                block
                for name in ("check", "target", "plan")
                for block in (f"### ec alembic {name}", _help(verb, name))
            ]
        if verb == "fleet":
            blocks += [block for name in FLEET for block in (f"### ec fleet {name}", _help(verb, name))]
        if verb == "start":
            blocks += [
                block for kind in registry.kinds() for block in (f"### ec start {kind}", _help(verb, kind))
            ]
    return _page("Commands", blocks)


def _help(*words: str) -> str:
    os.environ["COLUMNS"] = "80"
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        run([*words, "--help"])
    return f"```\n{text.getvalue().rstrip()}\n```"


def _exit_codes() -> str:
    exits = [(str(code), meaning) for code, meaning in EXITS.items()]
    errors = [
        (code, str(kind.exit_code), " ".join((inspect.getdoc(kind) or "").split()))
        for code, kind in every_error().items()
    ]
    tables = [_table(("exit", "meaning"), exits), EXIT_CODES, _table(("code", "exit", "meaning"), errors)]
    return _page("Exit codes and errors", tables)


def _settings() -> str:
    rows = [
        (
            f"`{name}`",
            f"`--{name.replace('_', '-')}`",
            f"`EC_{name.upper()}`",
            _default(field.default),
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
        if name not in TABLES
    ]
    throttles = [
        (
            f"`{name}`",
            f"`{THROTTLES[name]}`" if name in THROTTLES else "",
            f"`EC_THROTTLE_{name.upper()}`",
            _size(field.default) if name in SIZES else _default(field.default),
            field.description or "",
        )
        for name, field in ThrottleSettings.model_fields.items()
    ]
    head = ("key", "option", "variable", "default", "meaning")
    hooks = [
        (f"`{name}`", f"`EC_HOOKS_{name.upper()}`", _default(field.default), field.description or "")
        for name, field in HookSettings.model_fields.items()
    ]
    blocks = [SETTINGS, _table(head, rows), PHASES, "## Throttles", THROTTLE_TABLE, _table(head, throttles)]
    blocks += ["## Hooks", HOOK_TABLE, _table(("key", "variable", "default", "meaning"), hooks)]
    return _page("Settings", blocks)


def _size(value: int | None) -> str:
    return "" if value is None else f"`{spell_size(value)}`"


def _default(value: object) -> str:
    match value:
        case None | "" | ():
            return ""
        case timedelta():
            return f"`{spell(value)}`"
        case bool():
            return f"`{str(value).lower()}`"
        case _:
            return f"`{value}`"


def _json() -> str:
    rows = [
        (f"`{_name(view)}`", f"[{_file(view)}](schemas/{_file(view)})", _sentence(view)) for view in _views()
    ]
    return _page("JSON", [JSON, _table(("schema", "JSON Schema", "what"), rows), ANSWERS])


def _orm() -> str:
    blocks = [ORM]
    for name in orm.__all__:
        each = getattr(orm, name)
        if callable(each):
            blocks += [f"## {name}", f"```\n{_call(name, each)}\n\n{inspect.getdoc(each)}\n```"]
    return _page("For applications", blocks)


def _metrics() -> str:
    def row(each: OfDatabase | OfChange) -> tuple[str, ...]:
        labels = ", ".join(f"`{label}`" for label in each.labels)
        return f"`{each.name}`", each.type.value, labels, each.help

    head = ("series", "type", "further labels", "says")
    blocks = [METRICS, "## Of a database", _table(head, [row(each) for each in OF_DATABASE])]
    return _page("Metrics", [*blocks, "## Of a change", _table(head, [row(each) for each in OF_CHANGE])])


def _call(name: str, function: Callable[..., object]) -> str:
    """Return how it is called: names and defaults, whose types the text says."""
    parts, star = [], False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind == parameter.KEYWORD_ONLY and not star:
            parts.append("*")
            star = True
        default = parameter.default
        spelt = spell(default) if isinstance(default, timedelta) else repr(default)
        parts.append(parameter.name + ("" if default is parameter.empty else f"={spelt}"))
    call = f"{name}({', '.join(parts)})"
    return textwrap.fill(call, 100, subsequent_indent=" " * (len(name) + 1), break_long_words=False)


def _views() -> list[type[View]]:
    found: set[type[View]] = set()
    for module in pkgutil.iter_modules(views.__path__):
        members = vars(importlib.import_module(f"{views.__name__}.{module.name}")).values()
        found |= {member for member in members if inspect.isclass(member) and issubclass(member, View)}
    return sorted(found - {View}, key=_name)


def _name(view: type[View]) -> str:
    return str(view.model_fields["schema_"].default)


def _file(view: type[View]) -> str:
    return f"{_name(view).replace('/', '-')}.json"


def _schema(view: type[View]) -> str:
    return json.dumps(view.model_json_schema(by_alias=True, mode="serialization"), indent=2) + "\n"


def _sentence(view: type[View]) -> str:
    return " ".join((inspect.getdoc(view) or "").split())


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _page(title: str, blocks: list[str]) -> str:
    note = "Written by `docs/generate.py` from the program itself."
    return "\n\n".join([f"# {title}", note, *(block.strip("\n") for block in blocks)]) + "\n"


if __name__ == "__main__":
    for name, text in pages().items():
        path = REFERENCE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
