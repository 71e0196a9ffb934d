from typing import Literal

import pytest
from pydantic import BaseModel, Field

from expandcontract.changes import registry
from expandcontract.cli.entry import run
from expandcontract.cli.kinds import parameters, validated, words
from expandcontract.model.errors import UsageError


@pytest.fixture(autouse=True)
def _sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EC_LOG_FORMAT", "text")


class Spec(BaseModel):
    """Every sort of field."""

    column: str = Field(description="The column", json_schema_extra={"positional": True})
    type: str = Field(description="Its type")
    to: str | None = Field(None, description="New name")
    one_way: bool = Field(default=False, description="No way back")
    unfit: Literal["refuse", "record"] = Field("refuse", description="What does not fit")
    also: list[str] = Field(default_factory=list, description="More of them")


def test_every_field_is_a_parameter_in_order() -> None:
    """The command line has the fields of the spec, in their order, and nothing else."""
    assert [parameter.name for parameter in parameters(Spec)] == [
        f"field_{name}" for name in Spec.model_fields
    ]


def test_a_change_is_written_as_it_is_read() -> None:
    """What an error offers to copy is the command that was typed: positional ones, options, flags, lists."""
    fields = {"type": "int", "column": "a.b", "to": None, "one_way": True, "also": ["x", "y"]}
    given = {name: value for name, value in fields.items() if value is not None}
    assert words(Spec, given) == ["a.b", "--type", "int", "--one-way", "--also", "x", "--also", "y"]


def test_what_is_missing_is_named_as_an_option() -> None:
    """An error speaks of options, not of fields."""
    with pytest.raises(UsageError, match=r"^--type is missing"):
        validated(Spec, {"column": "a.b"})


def test_names_by_names_are_written_once_for_each() -> None:
    """`--names OLD=NEW`, there and back."""
    spec = registry.load("rename-column").spec
    fields = {"column": "a.b", "new_name": "c", "names": ["ix_b=ix_c", '"By b"="By c"']}
    found = validated(spec, fields).model_dump(exclude_defaults=True)
    assert found["names"] == {"ix_b": "ix_c", '"By b"': '"By c"'}
    assert words(spec, found) == ["a.b", "c", "--names", "ix_b=ix_c", "--names", '"By b"="By c"']
    with pytest.raises(UsageError, match=r"^--names: write it as OLD=NEW"):
        validated(spec, {**fields, "names": ["ix_b"]})


def test_what_is_wrong_is_named_as_an_option() -> None:
    """A value that the kind does not take."""
    with pytest.raises(UsageError, match=r"^--unfit: Input should be 'refuse' or 'record'"):
        validated(Spec, {"column": "a.b", "type": "int", "unfit": "maybe"})


@pytest.mark.parametrize(
    ("arguments", "message", "why"),
    [
        (["renme-column", "a.b", "c"], "'renme-column' is neither a kind", "Did you mean rename-column?"),
        (["something", "a.b", "c"], "'something' is neither a kind", "The kinds are"),
        (["rename-column", "a.b"], "Missing argument 'NEW_NAME'", "ec start rename-column --help"),
        (["change-type", "a.b"], "--type is missing", ""),
        (["change-type", "a.b", "--type", "int"], "give either --to NEWNAME, --swap or --instant", ""),
        (
            ["change-type", "a.b", "--type", "int", "--to", "c", "--unfit", "x"],
            "--unfit: Input should be",
            "",
        ),
    ],
)
def test_wrong_arguments(
    arguments: list[str], message: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is exit 2, says what is wrong, and touches no database."""
    assert run(["start", *arguments]) == 2
    text = capsys.readouterr().err
    assert message in text
    assert why in text
