from collections.abc import Sequence

import pytest

from tests import rotation


class _Item:
    """What pytest collected, as far as taking turns is concerned."""

    def __init__(self, nodeid: str, *marks: pytest.MarkDecorator) -> None:
        self.nodeid = nodeid
        self.own_markers = [each.mark for each in marks]

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        return next((each for each in self.own_markers if each.name == name), None)

    def add_marker(self, marker: pytest.MarkDecorator) -> None:
        self.own_markers.append(marker.mark)


def _tiers(monkeypatch: pytest.MonkeyPatch, commit: int, *marks: pytest.MarkDecorator) -> Sequence[str]:
    """Return in which tier each of six cases is: `make test`, `make slow`, or `make soak` alone."""
    monkeypatch.setattr(rotation, "ALL", False)
    monkeypatch.setattr(rotation, "_number", lambda: commit)
    cases = [_Item(f"tests/a.py::test_b[{number}]", *marks) for number in range(6)]
    rotation.take_turns(cases)  # type: ignore[arg-type]
    names = [{each.name for each in case.own_markers} for case in cases]
    return ["soak" if "soak" in each else "slow" if "slow" in each else "test" for each in names]


@pytest.mark.parametrize(
    ("marks", "tiers"),
    [
        ((pytest.mark.in_turn(2),), ("test", "slow")),
        ((pytest.mark.in_turn(3),), ("test", "slow", "soak")),
        ((pytest.mark.in_turn(2), pytest.mark.slow), ("slow", "soak")),
        ((pytest.mark.in_turn(3), pytest.mark.slow), ("slow", "soak", "soak")),
    ],
    ids=["half", "third", "slow-half", "slow-third"],
)
def test_each_case_has_its_turn(
    monkeypatch: pytest.MonkeyPatch, marks: tuple[pytest.MarkDecorator, ...], tiers: tuple[str, ...]
) -> None:
    """In a row of commits every case is in every tier of its mark, and in each commit all tiers have some."""
    found = [_tiers(monkeypatch, commit, *marks) for commit in range(len(tiers))]
    assert all(sorted(tiers) == sorted(each[: len(tiers)]) for each in found)
    for case in zip(*found, strict=True):
        assert sorted(case) == sorted(tiers)


def test_a_part_of_all_is_another_one_in_each_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever their order is, every test is in one of the parts, and what is left out is returned."""
    monkeypatch.setattr(rotation, "ALL", False)
    monkeypatch.setattr(rotation, "PART", 3)
    names = [f"tests/a.py::test_{letter}" for letter in "abcdefgh"]
    seen = list[str]()
    for commit in range(3):
        monkeypatch.setattr(rotation, "_number", lambda commit=commit: commit << 16)
        items: list[_Item] = [_Item(name) for name in reversed(names)]
        left = rotation.leave_out(items)  # type: ignore[arg-type]
        assert sorted([each.nodeid for each in items] + [each.nodeid for each in left]) == names
        seen += [item.nodeid for item in items]
    assert sorted(seen) == names


def test_not_all_that_is_alone_has_its_turn_in_the_same_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or one commit in two would run all of the long tests, and the other one none."""
    monkeypatch.setattr(rotation, "ALL", False)
    monkeypatch.setattr(rotation, "_number", lambda: 0)
    marks = pytest.mark.in_turn(2), pytest.mark.slow
    items = [_Item(f"tests/{letter}.py::test_long", *marks) for letter in "abcdefghijklmnop"]
    rotation.take_turns(items)  # type: ignore[arg-type]
    left = [item for item in items if item.get_closest_marker("soak")]
    assert 4 <= len(left) <= 12
