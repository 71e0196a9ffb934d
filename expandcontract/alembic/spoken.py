"""From the words of an operation to the fields of its kind's spec, as the command line reads them."""

from collections.abc import Mapping, Sequence
from typing import Any, get_origin

from expandcontract.changes import registry
from expandcontract.engine import planner
from expandcontract.model.errors import UsageError


def fields_of(kind: str, words: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a change of that kind, as the ledger keeps them.

    Raises UsageError and its kin.
    """
    spec = registry.load(kind).spec
    fields, left = dict(options), list(words)
    for name, field in spec.model_fields.items():
        extra = field.json_schema_extra
        if not (isinstance(extra, dict) and extra.get("positional")) or not left:
            continue
        many = get_origin(field.annotation) is list
        fields[name], left = (left, []) if many else (left[0], left[1:])
    if left:
        raise UsageError(f"{kind} does not take {left[0]!r}.", why=f"See `ec start {kind} --help`.")
    return planner.validate(kind, fields).model_dump(mode="json", exclude_defaults=True)
