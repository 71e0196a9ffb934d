"""Each kind, for what it fits of a schema of a hundred tables in which every feature stands.

There is a plan, each statement of which was tried on the server, or an error that says why there is none and
what to do. On a schema of your own, of which a file is what `pg_dump --schema-only` writes:

    EC_SCHEMA=schema.sql .venv/bin/pytest tests/kinds/test_every_column.py -m slow -rP
"""

import os
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from expandcontract.changes import registry
from expandcontract.engine import planner
from expandcontract.engine.verbs import plan
from expandcontract.model.errors import BadExpression, EcError
from expandcontract.postgres.connect import Database
from tests.kinds.asked import ASKED, Asked, Fields, rows
from tests.kinds.features import script

TABLES = 100
#: A schema of somebody's, all of which is asked about.
SCHEMA = os.environ.get("EC_SCHEMA")
#: One of so many is asked about; EC_EVERY=10 is a tenth.
EVERY = int(os.environ.get("EC_EVERY") or (1 if SCHEMA or os.environ.get("EC_TEST_ALL") == "1" else 29))
#: Statements of a dump that are about roles and programs which are not there.
_OF_ELSEWHERE = re.compile(
    r"^(ALTER [^;]*? OWNER TO [^;]*|(GRANT|REVOKE|CREATE EXTENSION|COMMENT ON EXTENSION) [^;]*);$|^\\.*$",
    re.MULTILINE,
)

#: What is refused for what the column is: keys, and what has a rule that no recipe carries.
_KEYS = (
    "key",
    "is partitioned by",
    "identity",
    "computed by PostgreSQL",
    "generated column",
    "is generated",
    "exclusion constraint",
    "excludes",
    "refers to",
    "replica",
)


@dataclass
class Outcome:
    """How many were asked for, planned, and refused by what the user may change; and why not the others."""

    asked: int = 0
    planned: int = 0
    keys: int = 0
    bad: int = 0
    said: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        told = "".join(f"\n    {count} x {reason}" for reason, count in self.said.most_common(8))
        return (
            f"{self.asked} asked, {self.planned} planned, {self.keys} refused for a key or a rule, "
            f"{self.bad} not taken by the server's parser, {self.said.total()} refused{told}"
        )


def _script() -> str:
    if SCHEMA is None:
        return script(TABLES)
    return _OF_ELSEWHERE.sub("", Path(SCHEMA).read_text())


@pytest.fixture
async def connection(database: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Give the schema, as its owner sees it."""
    made = await asyncpg.connect(database)
    await made.execute(_script())
    await made.execute("RESET ALL")
    yield made
    await made.close()


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.label)
async def test_everything_has_a_plan_or_a_reason(
    database: str, connection: "asyncpg.Connection[asyncpg.Record]", asked: Asked
) -> None:
    """No traceback, no plan that the server would refuse, and fewer than 3 in 100 refused for another reason
    than a key; each with its way out.
    """
    found = Database(database)
    outcome = Outcome()
    all_of_it = await rows(connection, asked)
    try:
        for fields in all_of_it[sum(map(ord, asked.label)) % EVERY :: EVERY]:
            await _ask(found, asked.kind, fields, outcome)
    finally:
        await found.close()
    print(f"{asked.label}: {outcome}")  # noqa: T201 - what -rP shows
    assert outcome.planned or not outcome.bad, str(outcome)
    assert outcome.said.total() <= max(1, 0.03 * outcome.asked), str(outcome)


async def _ask(database: Database, kind: str, fields: Fields, outcome: Outcome) -> None:
    outcome.asked += 1
    try:
        async with database.transaction() as conn:
            made = await planner.compile_plan(conn, plan.named(kind, fields, ()), "expandcontract")
    except BadExpression:
        outcome.bad += 1  # what the type does not take, such as an index on json
    except EcError as error:
        if not (error.why or error.next):
            outcome.said[f"{fields}: no way out of {error.message}"] += 1
        elif any(word in error.message for word in _KEYS):
            outcome.keys += 1
        else:
            outcome.said[f"{type(error).__name__}: {error.message} {error.why}"] += 1
    else:
        outcome.planned += 1
        for note in made.hazards:
            if note.code == "not-tried":
                outcome.said[f"{fields}: {note.sentence}"] += 1


def test_every_kind_is_asked_for() -> None:
    """But for the one that is always refused, and one that is add-index and drop-index in one."""
    assert set(registry.kinds()) - {asked.kind for asked in ASKED} == {"add-exclusion", "replace-index"}
