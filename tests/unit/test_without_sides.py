"""What people read of a change that holds no two columns together: nothing in it has sides, is hidden,
copied or in sync.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest

from expandcontract import gates
from expandcontract.cli.views.status import ChangeView
from expandcontract.engine import health
from expandcontract.engine.allowed_verbs import applies, place
from expandcontract.model.errors import WrongState
from expandcontract.model.notes import Words
from expandcontract.model.phases import Section, State, Verb
from expandcontract.model.situation import Situation
from expandcontract.model.step import Purpose, Step, Sweep, Transactional
from tests.unit import situations as s

LOOK = Step("look", "=", "look for rows that break CHECK (x)", Sweep(Purpose.COMPARE, "users", "false"))
BEGIN = Step("hide", "~", "the rule stands", Transactional(()), becomes=State.HIDDEN)
RULE = s.plan(
    pair=None,
    sections={Section.VERIFY: (LOOK,), Section.CONTRACT: (BEGIN,)},
    old_columns=(),
    new_columns=(),
    hidden_column="",
    upkeep=(),
    words=Words("x: CHECK (x)", "nothing is refused yet", "x refuses rows", "", broken="break CHECK (x)"),
)
FALSE = re.compile(r"(?i)\b(sides?|sync|mismatch\w*|proof|proven|hidden|copied|copy|0 blocks)\b")
AT = {
    "not started": s.situation(plan=RULE, started=False, phases=s.phases(0), copy=None, proof=None),
    "expanding": s.situation(plan=RULE, phases=s.phases(0, running=True), copy=None, proof=None),
    "building": s.situation(plan=RULE, phases=s.phases(2, running=True), copy=None, proof=None),
    "counting": s.situation(plan=RULE, phases=s.phases(3, running=True), copy=None, proof=None),
    "broken": s.situation(plan=RULE, phases=s.phases(3), copy=None, proof=s.proof(mismatches=3)),
    "counted": s.situation(plan=RULE, copy=None),
    "contracted": s.situation(plan=RULE, copy=None, phases=s.phases(5), state=State.HIDDEN, hidden_at=s.NOW),
    "purged": s.situation(plan=RULE, copy=None, phases=s.phases(5), state=State.PURGED),
    "rolled back": s.situation(plan=RULE, copy=None, phases=s.phases(0), state=State.ROLLED_BACK),
}


class _Told:
    """What a verb says where it has nothing to do."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def notice(self, _change: str, text: str) -> None:
        """Hear it."""
        self.said.append(text)


def _read(situation: Situation) -> Iterator[str]:
    view, verdicts = ChangeView.of(situation, gates.judge_all(situation)), gates.judge_all(situation)
    # In one word every change is where all others are.
    yield from (line for line in view.lines() if line.split()[:1] != ["state"])
    name, _, way = view.row()
    yield from (name, way)
    yield place(situation)
    yield health.of(situation).sentence
    for verdict in verdicts:
        yield verdict.reason
    told = _Told()
    for verb in Verb:
        if verb == Verb.RESTORE:
            continue  # it is about what a rollback kept of a new side
        try:
            applies(cast("Any", told), verb, situation)
        except WrongState as error:
            yield f"{error.message} {error.why} {error.state}"
    yield from told.said


@pytest.mark.parametrize("at", AT)
def test_nothing_is_said_of_sides(at: str) -> None:
    """At no stage, by status, doctor, gates, or a verb that does not apply."""
    situation = AT[at]
    assert [line for line in _read(situation) if FALSE.search(line)] == []


def test_rows_are_looked_at_for_what_breaks_the_rule() -> None:
    """Not compared; and when that was, as it says nothing of later."""
    lines = ChangeView.of(AT["counted"], ()).lines()
    at = s.NOW - timedelta(hours=1)
    (verify,) = (line for line in lines if line.split()[:1] == ["verify"])
    assert verify.split(maxsplit=2)[2] == (
        f"1,000,000 rows looked at, 0 break CHECK (x), {at:%Y-%m-%d %H:%M:%S} UTC"
    )
