"""The folder `phases/`: one folder per change, with change.toml and one readable .sql file per section."""

import difflib
import json
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from expandcontract.changes import registry
from expandcontract.engine.planner import validate
from expandcontract.model.change import Change
from expandcontract.model.errors import BadChangeFile, UnknownChange
from expandcontract.model.phases import Section
from expandcontract.model.plan import Plan
from expandcontract.model.step import Concurrent, Step, Sweep, Transactional, Transformation
from expandcontract.postgres import locks as ladder
from expandcontract.sweep import statements as sweep
from expandcontract.sweep import transform_statements

SCHEMA = "ec.change/1"
FILE = "change.toml"
_NUMBERED = re.compile(r"(\d{4,})_")


@dataclass(frozen=True)
class Reviewed:
    """A change as it lies in its folder, with the fingerprint of the plan that was reviewed there."""

    change: Change
    fingerprint: str | None
    folder: Path


def next_name(slug: str, taken: Iterable[str]) -> str:
    """Return `NNNN_slug` with the first number after all that are taken."""
    numbers = [int(match[1]) for name in taken if (match := _NUMBERED.match(name))]
    return f"{max(numbers, default=0) + 1:04d}_{slug}"


def names(root: Path) -> tuple[str, ...]:
    """Return the names of the changes in `root`, sorted."""
    return tuple(sorted(file.parent.name for file in root.glob(f"*/{FILE}"))) if root.is_dir() else ()


def has(root: Path, name: str) -> bool:
    """Return whether `root` has a plan for the change of that name."""
    return _folder(name, names(root)) is not None


def _folder(name: str, known: Collection[str]) -> str | None:
    """Return whose folder it is: where a tenant's change has its schema in its name, that of all tenants."""
    plain = name.rpartition("@")[0]
    return next((each for each in (name, plain) if each in known), None)


def find(root: Path, name: str) -> Reviewed:
    """Read the change of that name. Raises UnknownChange (with the nearest) and BadChangeFile."""
    folder = _folder(name, names(root))
    if folder is None:
        near = difflib.get_close_matches(name, names(root), n=1)
        raise UnknownChange(
            f"There is no change {name!r} in {root}/.", why=f"Did you mean {near[0]}?" if near else ""
        )
    found = read(root / folder)
    if folder == name:
        return found
    # What was reviewed there was made under another name, and for another schema.
    return replace(found, change=replace(found.change, name=name), fingerprint=None)


def read(folder: Path) -> Reviewed:
    """Read a folder's change.toml. Raises BadChangeFile naming file and key."""
    path = folder / FILE
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadChangeFile(f"{path} cannot be read.", why=str(error)) from error
    return _parsed(path, data)


def _parsed(path: Path, data: dict[str, Any]) -> Reviewed:
    _refuse_unknown(path, data, ("schema", "change", "plan"), "")
    if data.get("schema") != SCHEMA:
        raise BadChangeFile(f"{path}, key 'schema': must be {SCHEMA!r}, not {data.get('schema')!r}.")
    entries = data.get("change")
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise BadChangeFile(f"{path}, key 'change': must be a list of tables, written [[change]].")
    if len(entries) > 1:
        raise BadChangeFile(
            f"{path}, key 'change[1]': one change per folder.",
            why="A second change gets a folder of its own.",
        )
    fields = dict(entries[0])
    kind = fields.pop("kind", None)
    if not isinstance(kind, str):
        raise BadChangeFile(f"{path}, key 'change[0].kind': must name a kind: {', '.join(registry.kinds())}.")
    plan = data.get("plan", {})
    if not isinstance(plan, dict):
        raise BadChangeFile(f"{path}, key 'plan': must be a table.")
    _refuse_unknown(path, plan, ("fingerprint", "server_version"), "plan.")
    try:
        spec = validate(kind, fields)
    except BadChangeFile as error:
        raise BadChangeFile(f"{path}: {error.message}", why=error.why, next=error.next) from error
    change = Change(path.parent.name, kind, spec.model_dump(mode="json", exclude_defaults=True))
    return Reviewed(change, plan.get("fingerprint"), path.parent)


def _refuse_unknown(path: Path, data: dict[str, Any], known: tuple[str, ...], prefix: str) -> None:
    for key in data:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"Did you mean {prefix}{near[0]}?" if near else f"Known keys: {', '.join(known)}."
            raise BadChangeFile(f"{path}, key '{prefix}{key}': unknown.", why=hint)


def write(plan: Plan, root: Path, ledger_schema: str) -> Path:
    """Write the plan's folder, replacing what an earlier rendering left there; return the folder."""
    folder = root / plan.change.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(change_toml(plan), encoding="utf-8")
    for section, text in render(plan, ledger_schema).items():
        (folder / f"{section}.sql").write_text(text, encoding="utf-8")
    return folder


def difference(plan: Plan, folder: Path, ledger_schema: str) -> str:
    """Return what differs between the rendered files in `folder` and `plan`, as a unified diff."""
    lines: list[str] = []
    for section, text in render(plan, ledger_schema).items():
        path = folder / f"{section}.sql"
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        lines += difflib.unified_diff(
            before.splitlines(keepends=True),
            text.splitlines(keepends=True),
            f"reviewed/{section}.sql",
            f"now/{section}.sql",
        )
    return "".join(lines)


def change_toml(plan: Plan) -> str:
    """Return change.toml: what was asked for, and the fingerprint of what was planned."""
    return (
        f"{change_text(plan.change)}\n"
        "# Written by `ec plan`; `ec start` compares it with what it compiles against the live "
        "catalog.\n[plan]\n"
        f'fingerprint = "{plan.fingerprint}"\nserver_version = {plan.server_version}\n'
    )


def change_text(change: Change) -> str:
    """Return the part of change.toml that says what is asked for."""
    fields = {"kind": change.kind, **{key: value for key, value in change.spec.items() if value is not None}}
    written = "\n".join(f"{key} = {_toml(value)}" for key, value in fields.items())
    return f'schema = "{SCHEMA}"\n\n[[change]]\n{written}\n'


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_toml(key)} = {_toml(each)}' for key, each in value.items())} }}"
    # Strings, booleans and numbers are written alike in TOML and JSON, but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def render(plan: Plan, ledger_schema: str) -> dict[str, str]:
    """Return the text of each section's file: each statement under a comment with its locks."""
    return {
        section.value: "\n".join(_step(step, ledger_schema) for step in plan.steps(section))
        or "-- Nothing to do.\n"
        for section in Section
    }


def _step(step: Step, ledger_schema: str) -> str:
    time = "by size" if step.by_size else "instant"
    way = "reversible" if step.reversible else "NOT REVERSIBLE"
    lines = [f"-- {step.symbol} {_one_line(step.sentence)}", f"--   {time}, {way}; locks: {locks(step)}"]
    lines += [f"{statement};" for statement in statements(step, ledger_schema)]
    # Run only where what comes next does not come about.
    lines += [f"--   taken back{_under(step)}: {_one_line(statement)};" for statement in step.reverse]
    return "\n".join([*lines, ""])


def _under(step: Step) -> str:
    """Return the lock of taking a step back, where it is not that of the step."""
    if not isinstance(step.action, Transactional) or step.locks_back == step.locks:
        return ""
    return f" under {step.locks_back[0].mode}"


def locks(step: Step) -> str:
    """Return the step's locks in words."""
    return ", ".join(f"{lock.mode} on {_one_line(lock.relation)}" for lock in step.locks) or "none"


def statements(step: Step, ledger_schema: str) -> tuple[str, ...]:
    """Return what runs for a step, statement by statement; a sweep's run once for each window and pass."""
    match step.action:
        case Transactional(patient=True):
            return step.action.statements
        case Transactional():
            return (*ladder.statements(step.action.locks), *step.action.statements)
        case Concurrent(statement=statement):
            return (statement,)
        case Transformation() as action:
            return tuple(vars(transform_statements.render(action, action.table, ledger_schema)).values())
        case Sweep() as action:
            return tuple(
                text
                for text in vars(sweep.render(action, action.table, ledger_schema)).values()
                if text is not None
            )


def _one_line(text: str) -> str:
    return " ".join(text.split())
