"""Plans that earlier versions stored, as they are read today."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from expandcontract.model.errors import LedgerTooNew
from expandcontract.model.phases import Section
from expandcontract.model.plan import from_data, to_data
from expandcontract.model.plan_formats import FORMAT, present
from expandcontract.model.step import NOT_RUN
from tests.golden.kept import HERE, same
from tests.unit.test_model_plan import full_plan

KEPT = Path(__file__).parents[1] / "ledgers" / "0.1"
NAMES = ("rename", "swap", "to")
#: Plans of format 2, with the fingerprints under which they were stored.
SECOND = (("drop-column", "29a8e954972e"), ("update-rows", "0573fb0106aa"))


def _stored(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((KEPT / f"{name}.plan.json").read_text())
    return found


@pytest.mark.parametrize("name", NAMES)
def test_what_is_told_of_a_plan_of_format_1(name: str) -> None:
    """All that the engine asks of a step it says itself, and what it runs is what was stored."""
    stored = _stored(name)
    read = present(stored)
    assert read["format"] == FORMAT
    told = {
        section: {step["id"]: {key: step[key] for key in sorted(NOT_RUN) if step.get(key)} for step in steps}
        for section, steps in sorted(read["sections"].items())
    }
    told |= {"upkeep": read["upkeep"]}
    same(f"plan_formats/{name}.json", json.dumps(told, indent=2, ensure_ascii=False))
    for section, steps in stored["sections"].items():
        bare = [{key: step[key] for key in step if key not in NOT_RUN} for step in read["sections"][section]]
        assert bare == steps


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_of_format_1_keeps_its_fingerprint(name: str) -> None:
    """It is the one that the ledger has, to which whoever approved it agreed; stored again it is the same."""
    (ledger,) = set(re.findall(r"'([0-9a-f]{12})'", (KEPT / f"{name}-expanded.sql").read_text()))
    plan = from_data(_stored(name))
    assert plan.fingerprint == ledger
    assert from_data(to_data(plan)) == plan


@pytest.mark.parametrize(("name", "fingerprint"), SECOND)
def test_what_is_told_of_a_plan_of_format_2(name: str, fingerprint: str) -> None:
    """What it had of a trigger and of functions is one list, with the stages in which the trigger stands."""
    stored: dict[str, Any] = json.loads((HERE / f"plan_formats/2/{name}.plan.json").read_text())
    assert stored["format"] == 2
    plan = from_data(stored)
    same(f"plan_formats/2/{name}.json", json.dumps(to_data(plan)["upkeep"], indent=2))
    assert plan.fingerprint == fingerprint
    assert from_data(to_data(plan)) == plan


@pytest.mark.parametrize(
    ("one_way", "swap", "stages"),
    [
        (False, False, ["before ready", "ready", "hidden"]),
        (True, False, ["before ready", "ready"]),
        (False, True, ["before ready", "ready", "hidden"]),
    ],
)
def test_where_the_trigger_of_a_pair_stands(one_way: bool, swap: bool, stages: list[str]) -> None:
    """On whichever table: where nothing leads back nothing keeps the hidden side current, though what
    converts values is there still; of a swap nobody can tell old code from new.
    """
    function = {"schema": "s", "name": "f"}
    pair = {"old": {"column": "a"}, "new": {"column": "b"}, "more": [{"column": "c"}], "one_way": one_way}
    said = {"trigger": "~ec_1", "first_trigger": "!ec_1", "functions": [function], "pair": pair}
    said |= {"hidden_functions": [function]}
    bare: dict[str, Any] = {
        "trigger": "",
        "first_trigger": "",
        "functions": [],
        "hidden_functions": [],
        "pair": None,
    }
    first, second = ({"schema": "public", "name": name} for name in ("x", "y"))
    others = [{"table": first, **bare}, {"table": second, **said}]
    read = present({**bare, "swap": swap, "others": others, "format": 2})
    (kept,) = read["upkeep"]
    assert (kept["site"], kept["trigger"], kept["first_trigger"]) == (2, "~ec_1", "!ec_1")
    assert (kept["old_columns"], kept["new_columns"]) == (["a"], ["b", "c"])
    assert (kept["stages"], kept["notes_use"]) == (stages, not swap)
    assert read["others"] == [{"table": first, "pair": None}, {"table": second, "pair": pair}]


def test_what_contract_proves_stands_in_contract() -> None:
    """Where a program fills rows, 0.1 had the rule, its check and what takes it back among the repairs."""
    rule, check, back = (
        {"id": f"filled:{id_}", "action": {"statements": [id_]}} for id_ in ("require", "prove", "allow")
    )
    build, hide, other = ({"id": id_, "action": {"statements": [id_]}} for id_ in ("build", "turn", "other"))
    before = {Section.CONTRACT.value: [build, hide], Section.REPAIR.value: [other, rule, check, back]}
    read = present({"sections": before, "pair": None})["sections"]
    assert read[Section.REPAIR] == [other]
    assert read[Section.CONTRACT] == [build, rule | {"reverse": ["allow"]}, check, hide]


def test_a_plan_of_a_later_format_is_refused() -> None:
    """With the way out: it may say what this program does not know."""
    with pytest.raises(LedgerTooNew, match=f"format {FORMAT + 1}"):
        from_data(to_data(full_plan()) | {"format": FORMAT + 1})
