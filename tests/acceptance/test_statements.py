"""How often a verb asks the server: each statement costs the operator, the server, and every test."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.acceptance.cycle import living
from tests.messages import asked

GIVEN = "CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL); CREATE INDEX ix_t_name ON t (name)"
VERBS = (
    *("start", "backfill", "verify", "rollback", "start", "backfill"),
    *("contract", "undo", "verify", "contract", "purge"),
)
#: Loads by each verb: once before, once under each lease, once at the end. A backfill has three leases (copy,
#: settle, prove). Contract asks its hard gates once more under the lock; the tests look at a gate before it,
#: one load more.
LOADS = {"start": 3, "backfill": 5, "verify": 3, "rollback": 3, "contract": 5, "undo": 3, "purge": 3}


@contextmanager
def counted(verbs: list[str]) -> Iterator[tuple[Counter[str], Counter[str]]]:
    """Give the statements and the loads so far, by the verb that is the last of `verbs`."""
    statements, loads = Counter[str](), Counter[str]()

    def count(statement: str) -> None:
        if "pg_blocking_pids" in statement:
            return  # a look at who blocks, of which a loaded machine has more
        statements[verbs[-1]] += 1
        loads[verbs[-1]] += ".look_changes_" in statement

    with asked(count):
        yield statements, loads


@pytest.mark.timeout(300)
async def test_a_verb_loads_the_situation_before_under_its_leases_and_at_its_end(database: str) -> None:
    """No verb asks for more than it needs: a life of an empty table takes so many statements."""
    verbs: list[str] = []
    fields = {"column": "t.name", "new_name": "full_name"}
    async with living(database, "rename-column", fields, GIVEN) as life:
        with counted(verbs) as (statements, loads):
            for verb in VERBS:
                verbs.append(verb)
                await getattr(life, verb)()
    times = Counter(VERBS)
    assert {verb: loads[verb] / times[verb] for verb in LOADS} == LOADS
    assert sum(statements.values()) < 630
