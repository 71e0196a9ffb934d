"""The process in which a user's function runs, how its values are divided, and when rounds end. No server."""

import asyncio
import decimal
import os
from pathlib import Path
from typing import Any

import pytest

from expandcontract.engine.sweep_rounds import is_worth_another
from expandcontract.model.errors import BadTransform
from expandcontract.sweep.filled_rows import FilledRow, Unfilled, _shares
from expandcontract.transforms.outcome import Failed, Made
from expandcontract.transforms.process import Died, Transformer, require
from tests.waiting import until

HERE = "tests.acceptance.functions"


@pytest.fixture
def of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the module of a user, in the folder in which the command is started."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "of_the_user.py"


async def test_it_answers_each_value_in_order() -> None:
    """What it made, or the type of what it raised; the words apart, as they may hold the value."""
    transformer = Transformer(f"{HERE}:parse")
    try:
        outcomes = await transformer.compute(["1", "two", "3"])
        assert outcomes[0] == Made(1)
        assert isinstance(outcomes[1], Failed)
        assert outcomes[1].kind == "ValueError"
        assert "two" in outcomes[1].words
        assert outcomes[2] == Made(3)
        assert transformer.sent_bytes > 0
        assert await transformer.compute([]) == []
    finally:
        await transformer.close()


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (
            ("name", "n"),
            [
                Made(("A", 2)),
                "it returned a mapping that is not of name, n alone",
                "it returned a NoneType, and no mapping of name, n",
                "KeyError",
            ],
        ),
        (
            ("name",),
            ["it returned a mapping that is not of name alone", Made(("A",)), Made((None,)), "KeyError"],
        ),
    ],
    ids=["of two columns", "of one"],
)
async def test_of_a_row_it_makes_a_value_for_each_column(columns: tuple[str, ...], found: list[Any]) -> None:
    """By a mapping of exactly those columns, or of a single one by its value; None is NULL."""
    transformer = Transformer(f"{HERE}:of_a_row", columns)
    try:
        made = await transformer.compute([{"name": "a"}, {"name": "less"}, {"name": "none"}, {}])
    finally:
        await transformer.close()
    assert [each.kind if isinstance(each, Failed) else each for each in made] == found


async def test_what_it_prints_does_not_get_between_the_answers(of_the_user: Path) -> None:
    """By print, by a write to the file descriptor, and by a program that it starts."""
    of_the_user.write_text(
        "import os\ndef noisy(value):\n    print('noise', flush=True)\n    os.write(1, b'noise')\n"
        "    os.system('echo noise')\n    return value + 1\n"
    )
    transformer = Transformer("of_the_user:noisy")
    try:
        assert await transformer.compute([1, decimal.Decimal(2)]) == [Made(2), Made(decimal.Decimal(3))]
    finally:
        await transformer.close()


async def test_a_process_that_died_is_followed_by_another() -> None:
    """Who computed hears how it ended, and may go on."""
    transformer = Transformer(f"{HERE}:dies_of_poison")
    try:
        with pytest.raises(Died, match="exit code 3"):
            await transformer.compute(["a", "poison"])
        assert len(await transformer.compute(["a"])) == 1
    finally:
        await transformer.close()


async def test_a_message_larger_than_any_pipe(of_the_user: Path) -> None:
    """Values of megabytes go there and back."""
    of_the_user.write_text("def same(value):\n    return value\n")
    value = os.urandom(3_000_000)
    transformer = Transformer("of_the_user:same")
    try:
        assert await transformer.compute([value] * 3) == [Made(value)] * 3
    finally:
        await transformer.close()


async def test_closing_ends_it_whatever_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that never returns, too: no process is left."""
    monkeypatch.setenv("EC_TEST_FUNCTIONS", str(tmp_path))
    transformer = Transformer(f"{HERE}:never_returns")
    computing = asyncio.create_task(transformer.compute(["a"]))
    begun = tmp_path / "begun"
    await until(lambda: begun.exists() and begun.read_text(), computing)
    computing.cancel()
    await asyncio.gather(computing, return_exceptions=True)
    await transformer.close()
    assert not Path(f"/proc/{begun.read_text()}").exists()


async def test_require_does_not_call_it(of_the_user: Path) -> None:
    """It is imported, and that is all."""
    of_the_user.write_text("def fails(value):\n    raise SystemExit(9)\n")
    await require("of_the_user:fails")
    of_the_user.write_text("def")
    with pytest.raises(BadTransform, match="SyntaxError"):
        await require("of_the_user:fails")


async def test_values_that_cannot_be_handed_over() -> None:
    """Said as an error of the function's, before anything is computed."""
    transformer = Transformer(f"{HERE}:parse")
    try:
        with pytest.raises(BadTransform, match="cannot be used"):
            await transformer.compute([lambda: 1])
    finally:
        await transformer.close()


def _rows(blocks: int, per_block: int) -> list[FilledRow]:
    places = ((block, item) for block in range(blocks) for item in range(1, per_block + 1))
    return [FilledRow(Unfilled(place, 1, "", None), ()) for place in places]


@pytest.mark.parametrize(
    ("blocks", "per_block", "most"), [(10, 60, 5_000), (10, 60, 20), (300, 1, 100), (1, 3, 1)]
)
def test_shares_take_each_row_once_and_evenly(blocks: int, per_block: int, most: int) -> None:
    """None is larger than a transaction may be; where rows lie densely, each page gives some to each."""
    rows = _rows(blocks, per_block)
    shares = list(_shares(rows, most))
    assert sorted(row.row.place for share in shares for row in share) == [row.row.place for row in rows]
    assert max(map(len, shares)) <= most
    if per_block > 8:
        assert len(shares) >= 8
        assert all(
            {row.row.place[0] for row in share} == set(range(blocks)) for share in shares[:8] if most > 20
        )


def test_no_rows_are_no_share() -> None:
    """Nothing was made of any of them."""
    assert list(_shares([], 10)) == []


@pytest.mark.parametrize(
    ("found", "another"),
    [
        ([0, 0], False),
        ([0, 5], True),
        ([0, 1000, 0], False),
        ([0, 1000, 40], True),
        ([0, 1000, 40, 30], False),
    ],
)
def test_rounds_end(found: list[int], another: bool) -> None:
    """When one finds nothing, or about as much as the one before: that is old code, which goes on."""
    assert is_worth_another(found) is another
