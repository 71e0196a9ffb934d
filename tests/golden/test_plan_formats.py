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
from tests.golden.kept import same
from tests.unit.test_model_plan import full_plan

KEPT = Path(__file__).parents[1] / "ledgers" / "0.1"
NAMES = ("rename", "swap", "to")


def _stored(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((KEPT / f"{name}.plan.json").read_text())
    return found


@pytest.mark.parametrize("name", NAMES)
def test_what_format_2_tells_of_a_plan_of_format_1(name: str) -> None:
    """All that the engine asks of a step it says itself, and what it runs is what was stored."""
    stored = _stored(name)
    read = present(stored)
    assert read["format"] == FORMAT
    told = {
        section: {step["id"]: {key: step[key] for key in sorted(NOT_RUN) if step.get(key)} for step in steps}
        for section, steps in sorted(read["sections"].items())
    }
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
