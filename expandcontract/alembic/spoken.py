"""From the words of an operation to the fields of its kind's spec, as the command line reads them."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_origin

from expandcontract.alembic.chain import Touched
from expandcontract.alembic.revisions import OF_A_KIND, OPTIONS, Call, Operation
from expandcontract.changes import into, registry
from expandcontract.changes.kind import Spec
from expandcontract.engine import planner
from expandcontract.model.change import Change
from expandcontract.model.durations import parse_duration
from expandcontract.model.errors import UsageError
from expandcontract.model.names import parse_name

if TYPE_CHECKING:
    from expandcontract.alembic.operations import EcOperation

#: Kinds after whose contract code that uses the table under its name fails.
_TABLE_GOES = frozenset({"drop-table", "rename-table"})
#: Kinds after whose contract code that uses the columns that they are about fails.
_COLUMN_GOES = frozenset(
    {"rename-column", "change-type", "transform-column", "split-column", "merge-columns", "drop-column"}
)
_DURATIONS = ("inline", "soak", "timeout")
_GOALS = ("ready", "hidden")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")

#: What an operation calls the name of an index or a constraint, as `name` is that of the change.
CALLED = "called"


def fields_of(kind: str, words: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a change of that kind, as the ledger keeps them.

    Raises UsageError and its kin.
    """
    spec = registry.load(kind).spec
    fields = {"name" if key == CALLED else key: value for key, value in options.items()}
    left = list(words)
    for name, field in spec.model_fields.items():
        extra = field.json_schema_extra
        if not (isinstance(extra, dict) and extra.get("positional")) or not left:
            continue
        many = get_origin(field.annotation) is list
        fields[name], left = (left, []) if many else (left[0], left[1:])
    if left:
        raise UsageError(f"{kind} does not take {left[0]!r}.", why=f"See `ec start {kind} --help`.")
    return planner.validate(kind, fields).model_dump(mode="json", exclude_defaults=True)


def change_of(call: "Call | EcOperation") -> Change:
    """Return the change that an operation begins, as a file has it or as it is carried out. Raises UsageError
    and its kin.
    """
    kind, *words = call.words
    given = {name: value for name, value in call.options.items() if name not in OPTIONS}
    return Change(str(call.options["name"]), kind, fields_of(kind, words, given))


def touched(call: Call) -> Touched | None:
    """Return which columns an operation is about; None of one that begins nothing.

    Raises UsageError and its kin where its arguments are not what it takes.
    """
    _require_options(call)
    if call.operation not in OF_A_KIND:
        return None
    if not call.words or not isinstance(call.words[0], str):
        raise UsageError(f"{call.operation} names no kind.", why=f"Kinds are {', '.join(registry.kinds())}.")
    change = change_of(call)
    return _touched(change.kind, planner.validate(change.kind, change.spec))


def _require_options(call: Call) -> None:
    if not call.change:
        raise UsageError(f"{call.operation} gives no name.", why="Each change is known by its own.")
    if not _NAME.fullmatch(call.change):
        raise UsageError(
            f"{call.change!r} is no name of a change.",
            why="It is a word of commands, and of a folder: letters, digits, and _.- after the first.",
        )
    if isinstance(call.options.get("acknowledge"), str):
        raise UsageError("acknowledge is a text.", why='It is a list of codes: ["upsert-new"].')
    for each in _DURATIONS:
        if each in call.options:
            parse_duration(str(call.options[each]))
    goal = call.options.get("goal", "ready")
    if call.operation == Operation.WAIT and goal not in _GOALS:
        raise UsageError(f"goal is {goal!r}.", why=f"It is one of {', '.join(_GOALS)}.")


def _touched(kind: str, spec: Spec) -> Touched:
    loaded = registry.load(kind)
    target = loaded.target(spec)
    old = frozenset(filter(None, (target.column, *loaded.also(spec))))
    new = frozenset(_new_columns(spec)) if target.column else frozenset[str]()
    # Where nothing comes under another name, a type is changed in place.
    goes = kind in _COLUMN_GOES and (kind != "change-type" or bool(new))
    return Touched(
        target.schema, target.table, old, new, old if goes else frozenset(), table_goes=kind in _TABLE_GOES
    )


def _new_columns(spec: Spec) -> list[str]:
    """Return the columns that a kind makes beside the one it is about, by the fields that name them."""
    made = getattr(spec, "into", ())
    named = (getattr(spec, field, None) for field in ("new_name", "to"))
    return [
        *(parse_name(each) for each in named if each is not None),
        *(into.made(each).name for each in ([made] if isinstance(made, str) else made)),
    ]
