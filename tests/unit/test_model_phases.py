"""The table of verbs and states."""

import re

import pytest

from expandcontract.model.phases import ANSWERS, Nothing, Refuse, Run, Stage, Verb, answer

# As the design prints it: a digit is the exit code of a verb that does nothing, `run` one that works.
TABLE = """
          | not started | before ready | ready | hidden | purged | rolled back | finished
start     | run         | run          | 0     | 0      | 0      | run      | 0
backfill  | 4           | run          | run   | 4      | 0      | 4        | 0
verify    | 4           | 4            | run   | 4      | 4      | 4        | 0
contract  | 4           | 4            | run   | 0      | 0      | 4        | 0
undo      | 4           | 0            | 0     | run    | 4      | 4        | 0
purge     | 4           | 4            | 4     | run    | 0      | 4        | 0
rollback  | 0           | run          | run   | 4      | 4      | 0        | run
restore   | 4           | 4            | run   | 4      | 4      | 4        | 0
"""
WORDS = {"run": Run, "0": Nothing, "4": Refuse}


def cells() -> list[tuple[Verb, Stage, type]]:
    """Read the table."""
    header, *rows = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip("\n").splitlines()]
    return [
        (Verb(row[0]), Stage(stage), WORDS[cell])
        for row in rows
        for stage, cell in zip(header[1:], row[1:], strict=True)
    ]


CELLS = cells()


def test_every_cell_is_there() -> None:
    """No verb and no stage is left out."""
    assert {(verb, stage) for verb, stage, _ in CELLS} == {(verb, stage) for verb in Verb for stage in Stage}
    assert ANSWERS.keys() == set(Verb)
    assert all(row.keys() == set(Stage) for row in ANSWERS.values())


@pytest.mark.parametrize(("verb", "stage", "kind"), CELLS)
def test_each_verb_in_each_stage(verb: Verb, stage: Stage, kind: type) -> None:
    """It works, has nothing to do, or refuses, as the design says."""
    assert type(answer(verb, stage)) is kind


REFUSED = [(verb, stage) for verb, stage, kind in CELLS if kind is Refuse]


@pytest.mark.parametrize(("verb", "stage"), REFUSED)
def test_a_refusal_says_why_and_names_a_command_that_is_not_refused(verb: Verb, stage: Stage) -> None:
    """Whoever copies the proposed line is not sent from refusal to refusal."""
    refused = answer(verb, stage)
    assert isinstance(refused, Refuse)
    assert refused.why.endswith(".")
    command = re.fullmatch(r"ec (\w+) \{change\}", refused.next)
    assert command is not None
    assert command[1] == "log" or not isinstance(answer(Verb(command[1]), stage), Refuse)


def test_nothing_to_do_is_explained() -> None:
    """Exit code 0 without work says what is the case."""
    idle = [found for row in ANSWERS.values() for found in row.values() if isinstance(found, Nothing)]
    assert idle
    assert all(found.why.endswith(".") for found in idle)
