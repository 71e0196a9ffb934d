"""A change of a column as both versions of an application see it, and what is in the catalog at each turn."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from tests.acceptance.catalog import describe, difference, sync_functions
from tests.acceptance.cycle import Application, Life, living
from tests.acceptance.script import Script, scripted

Check: TypeAlias = Callable[[Application], Awaitable[None]]


async def nothing(_application: Application) -> None:
    """Check nothing."""


@dataclass(frozen=True)
class Case:
    """What is there, what is changed, and what the versions of the application then see.

    `intended` is SQL that makes of the given table what the change shall make of it: run and rolled back
    before, its outcome is compared with what is there at the end. `between` runs when the change is ready for
    the first time, `rolled_back` after the rollback, `again` when it is ready once more, `hidden` after
    contract, `undone` after undo, `contracted` at the end.
    """

    name: str
    given: str
    kind: str
    fields: Mapping[str, Any]
    table: str
    intended: str
    between: Check = nothing
    rolled_back: Check = nothing
    again: Check = nothing
    hidden: Check = nothing
    undone: Check = nothing
    contracted: Check = nothing


async def run(url: str, case: Case) -> None:
    """Carry a case through all sections of its plan, and compare what is there with what must be, after each
    turn.
    """
    async with scripted(url, case.kind, case.fields, case.given) as script:
        await _carry(script, case)


async def run_as_operator(url: str, case: Case) -> None:
    """Do the same by the verbs. The ledger keeps the row of what was rolled back."""
    async with living(url, case.kind, case.fields, case.given) as life:
        await _carry(life, case)


async def _carry(life: Script | Life, case: Case) -> None:
    before = await describe(life.app, case.table)
    intended = await _intended(life, case)
    await _there_and_back(life, case, before)
    await life.ready()
    await case.again(life)
    if not isinstance(life, Script) or life.planned.contracts:
        await life.contract()
        await case.hidden(life)
        await life.undo()
        await case.undone(life)
        await _old_side_is_back(life, case, before)
        await life.verify()
        await life.contract()
        await life.purge()
    await case.contracted(life)
    assert difference(intended, await describe(life.app, case.table)) == []
    assert await sync_functions(life.app) == []


async def _old_side_is_back(life: Application, case: Case, before: list[str]) -> None:
    """All that the old side had it has again. A sequence that was widened stays so: its next value may not
    fit.
    """
    undone = await describe(life.app, case.table)
    gone = [line for line in difference(before, undone) if line.startswith("-")]
    assert [line for line in gone if not line.startswith("- sequence")] == []


async def _there_and_back(life: Script | Life, case: Case, before: list[str]) -> None:
    """Up to ready, and back by rollback: nothing is left on the table."""
    await life.ready()
    await case.between(life)
    await life.verify()
    await life.rollback()
    assert difference(before, await describe(life.app, case.table)) == []
    assert await sync_functions(life.app) == []
    await case.rolled_back(life)


async def _intended(life: Application, case: Case) -> list[str]:
    transaction = life.app.transaction()
    await transaction.start()
    await life.sql(case.intended)
    lines = await describe(life.app, case.table)
    await transaction.rollback()
    return lines


def rename_not_null(table: str, old: str, new: str) -> str:
    """Return SQL that renames a NOT NULL constraint, which has a name since 18."""
    rename = f'ALTER TABLE {table} RENAME CONSTRAINT "{old}" TO "{new}"'
    return (
        f"DO $$ BEGIN IF current_setting('server_version_num')::int >= 180000 THEN {rename}; END IF; END $$"
    )
