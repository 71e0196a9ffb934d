"""How plans that earlier versions stored are read: data in, data of the present format out. Pure."""

from collections.abc import Mapping
from typing import Any

from expandcontract.model.phases import Section

#: Adds the rule, checks all rows against it, takes it back.
_BESIDE_CONTRACT = ("filled:require", "filled:prove", "filled:allow")


def present(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored plan as this version would have stored it."""
    return _with_names_after(_with_rules_at_contract(dict(data)))


def _with_names_after(data: dict[str, Any]) -> dict[str, Any]:
    """Pure. Columns of a pair did not know their names after contract: the plan did."""
    pair = data.get("pair")
    if not pair or "after" in pair["old"]:
        return data
    old = pair["old"] | {"after": data["hidden_column"]}
    new = pair["new"] | {"after": pair["old"]["column"] if data.get("swap") else ""}
    return data | {"pair": pair | {"old": old, "new": new}}


def _with_rules_at_contract(data: dict[str, Any]) -> dict[str, Any]:
    """Pure. Where only a program fills rows, 0.1 had the steps by which contract proves that none is left
    unfilled among those of `repair`, and what takes them back was one of them.
    """
    sections = data.get("sections", {})
    beside = {step["id"]: step for step in sections.get(Section.REPAIR, ()) if step["id"] in _BESIDE_CONTRACT}
    if len(beside) < len(_BESIDE_CONTRACT):
        return data
    require, prove, allow = (beside[id_] for id_ in _BESIDE_CONTRACT)
    *before, hide = sections[Section.CONTRACT]
    moved = {
        Section.REPAIR: [step for step in sections[Section.REPAIR] if step["id"] not in beside],
        Section.CONTRACT: [*before, require | {"reverse": allow["action"]["statements"]}, prove, hide],
    }
    return data | {"sections": sections | moved}
