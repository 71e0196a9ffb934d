import pytest

from expandcontract.engine.verbs import wait
from expandcontract.model.phases import State
from tests.unit.situations import situation


@pytest.mark.parametrize("state", [State.HIDDEN, State.PURGED])
def test_what_is_purged_was_hidden(state: State) -> None:
    """Who waits for the contract need not wait any more, and nothing is out of reach."""
    found = situation(state=state)
    assert wait._reached(found, "hidden")


@pytest.mark.parametrize("state", [State.ROLLED_BACK, State.FINISHED])
def test_what_cannot_be_contracted_any_more_is_out_of_reach(state: State) -> None:
    """Nobody waits for it for ever."""
    found = situation(state=state)
    assert not wait._reached(found, "hidden")
    assert found.stage in wait.HOPELESS["hidden"]
