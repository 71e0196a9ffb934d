"""Versions of an application that are required."""

import pytest

from expandcontract.model.errors import BadSetting
from expandcontract.model.versions import Requirement, comparable, parse_requirements


def test_requirements_are_read_from_one_line() -> None:
    """Blanks do not matter, nor a comma too many."""
    assert parse_requirements(" web >= 42, worker>=1.3rc1,") == (
        Requirement("web", "42"),
        Requirement("worker", "1.3rc1"),
    )
    assert parse_requirements("") == ()
    assert str(Requirement("web", "42")) == "web>=42"


@pytest.mark.parametrize("text", ["web", "web==42", "web>=", ">=42", "web>=beef", "web>=1>=2", "web 42"])
def test_what_says_nothing_is_refused(text: str) -> None:
    """The error says how to write it."""
    with pytest.raises(BadSetting) as refused:
        parse_requirements(text)
    assert "web>=42" in refused.value.why


@pytest.mark.parametrize(
    ("version", "met"),
    [
        ("42", True),
        ("100", True),
        ("42.0.1", True),
        ("v42", True),
        ("41.9", False),
        ("42rc1", False),
        ("", False),
    ],
)
def test_versions_are_ordered_as_versions(version: str, met: bool) -> None:
    """100 comes after 42, and a candidate before its release."""
    assert Requirement("web", "42").met_by(version) is met


def test_a_hash_has_no_order() -> None:
    """It is never late enough."""
    assert not comparable("0d1f3ab")
    assert not Requirement("web", "1").met_by("0d1f3ab")
