"""The cases of all kinds, and which of them a commit carries through a whole life."""

import pytest

from tests.kinds.cases import CASES
from tests.kinds.cases_of_tables import TABLES
from tests.kinds.data_cases import DATA_CASES
from tests.rotation import part

EVERY = [*CASES, *DATA_CASES, *TABLES]
#: The first of each kind.
FIRST = list({case.kind: case for case in reversed(EVERY)}.values())
#: Its other shapes are slow, half of them in each commit.
OTHERS = part([case for case in EVERY if case not in FIRST], 2)


def turns(after: int) -> list[object]:
    """Return the cases of a commit: a third of the kinds, `after` places later than that of others;
    and for `make slow` all the other kinds and half of the other shapes.
    """
    now = part(FIRST, 3, later=after)
    return [
        pytest.param(case, id=case.id, marks=[] if case in now else [pytest.mark.slow])
        for case in (*FIRST, *OTHERS)
    ]
