"""The errors that `ec` raises on purpose."""

import pytest

from expandcontract.model import errors
from expandcontract.model.errors import EcError, every_error


def subclasses(kind: type[EcError]) -> list[type[EcError]]:
    """Return the class and all below it."""
    return [kind, *(found for child in kind.__subclasses__() for found in subclasses(child))]


ALL = [kind for kind in subclasses(EcError) if kind.__module__ == errors.__name__]


def test_codes_are_unique() -> None:
    """Nobody's code is hidden by another's, so `ec explain` finds each."""
    assert len({kind.code for kind in ALL}) == len(ALL)
    assert {kind.code: kind for kind in ALL}.items() <= every_error().items()


@pytest.mark.parametrize("kind", ALL)
def test_each_error_explains_itself(kind: type[EcError]) -> None:
    """It has a code and a meaning of its own, in sentences."""
    assert "code" in vars(kind)
    assert kind.code.startswith("EC")
    assert kind.__doc__
    assert kind.__doc__.strip().endswith(".")


# Codes in the hundreds go with what a script sees.
EXITS = {"EC1": {1, 130}, "EC2": {2}, "EC3": {4}, "EC4": {5}, "EC5": {6}, "EC6": {1}}


@pytest.mark.parametrize("kind", ALL)
def test_the_code_tells_the_exit_code(kind: type[EcError]) -> None:
    """Usage is 2, refused 4, stopped safely 5, mismatches 6, failed 1."""
    assert kind.exit_code in EXITS[kind.code[:3]]


def test_an_error_carries_what_the_user_needs() -> None:
    """What, why, the state of things, and the next command."""
    error = errors.WrongState("a is not ready.", why="Rows are left.", next="ec backfill a")
    assert (str(error), error.message) == ("a is not ready.", "a is not ready.")
    assert (error.why, error.state, error.next) == ("Rows are left.", "Nothing was changed.", "ec backfill a")
