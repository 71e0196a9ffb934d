"""The cases of all kinds, and the first of each."""

import pytest

from tests.kinds.cases import CASES
from tests.kinds.cases_of_tables import TABLES
from tests.kinds.data_cases import DATA_CASES

EVERY = [*CASES, *DATA_CASES, *TABLES]
#: The first of each kind; the other shapes of it are slow.
FIRST = {case.kind: case for case in reversed(EVERY)}
EACH = [
    pytest.param(case, id=case.id, marks=[] if FIRST[case.kind] is case else [pytest.mark.slow])
    for case in EVERY
]
