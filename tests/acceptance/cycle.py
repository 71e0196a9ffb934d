"""A change through its whole life, as an operator drives it and two versions of an application see it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

import asyncpg

from expandcontract.engine.context import Context
from expandcontract.engine.looking import Sink
from expandcontract.engine.verbs import (
    backfill,
    contract,
    control,
    init,
    plan,
    purge,
    rollback,
    start,
    undo,
    verify,
)
from expandcontract.engine.verbs import status as status_verb
from expandcontract.model.change import Change
from expandcontract.model.events import Event
from expandcontract.model.plan import Plan
from expandcontract.model.policy import Policy
from expandcontract.model.situation import Situation
from expandcontract.postgres.connect import Database
from expandcontract.throttles import courtesy
from expandcontract.throttles.limits import Limits
from tests.acceptance.catalog import Connection, describe, difference, sync_functions

Rows: TypeAlias = list[tuple[Any, ...]]
Check: TypeAlias = Callable[["Life"], Awaitable[None]]

#: No quiet time: a test does not wait for it. The rest are the defaults.
#: The test's own sessions are no application that has to be spared.
IN_A_HURRY = Limits(off=frozenset({courtesy.NAME}))
POLICY = Policy(quiet_for=timedelta(0), lock_budget=timedelta(seconds=20))


@dataclass
class Life:
    """One change in one database. `app` is the application's connection, `heard` the events of all verbs."""

    url: str
    app: Connection
    context: Context
    change: Change
    heard: list[Event] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The change's name."""
        return self.change.name

    async def sql(self, script: str) -> None:
        """Run a script as the application."""
        await self.app.execute(script)

    async def rows(self, query: str, *arguments: object) -> Rows:
        """Return what the application reads."""
        return [tuple(row) for row in await self.app.fetch(query, *arguments)]

    async def value(self, query: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever was selected
        """Return the one value that the application reads."""
        return await self.app.fetchval(query, *arguments)

    async def plan(self) -> Plan:
        """Compile the change."""
        return await plan.make(self.context, self.change)

    async def start(self, **consent: Any) -> Situation:  # noqa: ANN401 - fields of Consent
        """Start the change."""
        return await start.start(self.context, self.change, start.Consent(**consent))

    async def backfill(self, **options: Any) -> Situation:  # noqa: ANN401 - fields of Options
        """Bring the change to ready, and prove it."""
        return await backfill.backfill(self.context, self.name, backfill.Options(**options))

    async def ready(self, **consent: Any) -> Situation:  # noqa: ANN401 - fields of Consent
        """Start and backfill."""
        await self.start(**consent)
        return await self.backfill()

    async def verify(
        self,
        *,
        show_values: bool = False,
        export: Sink | None = None,
        **options: Any,  # noqa: ANN401 - of Options
    ) -> Situation:
        """Compare every row."""
        naming = verify.Naming(show_values, export)
        return await verify.verify(self.context, self.name, verify.Options(naming=naming, **options))

    async def contract(self) -> Situation:
        """Hide the old side. That nobody was seen through the new one is acknowledged, as operators do.

        Always: sessions hand in their statistics up to ten seconds late, so that what was written before
        ready may count as written after it.
        """
        await control.ack(self.context, self.name, "new-code-seen", "the test writes as both")
        return await contract.contract(self.context, self.name)

    async def undo(self, **options: Any) -> Situation:  # noqa: ANN401 - options of undo
        """Bring the old side back."""
        return await undo.undo(self.context, self.name, **options)

    async def purge(self) -> Situation:
        """Drop the old side, inside the undo window."""
        return await purge.purge(self.context, self.name, now=True, confirm=self.name)

    async def rollback(self, **options: Any) -> Situation:  # noqa: ANN401 - options of rollback
        """Remove the new side."""
        return await rollback.rollback(self.context, self.name, **options)

    async def situation(self) -> Situation:
        """Return what is true of the change now."""
        return await status_verb.one(self.context, self.name)

    async def conflicts(self) -> Rows:
        """Return the values that lost a conflict or did not fit."""
        return await self.rows("SELECT kind, old_value, new_value FROM expandcontract.conflict ORDER BY id")


async def nothing(_life: Life) -> None:
    """Check nothing."""


@dataclass(frozen=True)
class Case:
    """What is there, what is changed, and what the versions of the application then see.

    `intended` is SQL that makes of the given table what the change shall make of it: run and rolled back
    before, its outcome is
    compared with what is there at the end. `between` runs when the change is ready for the first time,
    `rolled_back` after the
    rollback, `again` when it is ready once more, `hidden` after contract, `undone` after undo,
    `contracted` at the end.
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
    consent: Mapping[str, Any] = field(default_factory=dict)


@asynccontextmanager
async def living(
    url: str, kind: str, fields: Mapping[str, Any], given: str = "SELECT", policy: Policy = POLICY
) -> AsyncIterator[Life]:
    """Give a change that is planned in a database with a ledger; `given` is run first, as the application."""
    app: Connection = await asyncpg.connect(url, server_settings={"application_name": "old app"})
    database = Database(url, lock_timeout=policy.lock_timeout)
    heard: list[Event] = []
    context = Context(database, policy, heard.append, "the operator", limits=IN_A_HURRY)
    try:
        await app.execute(given)
        await init.init(context)
        yield Life(url, app, context, plan.named(kind, dict(fields), ()), heard)
    finally:
        await database.close()
        await app.close()


async def run(url: str, case: Case) -> None:
    """Carry a case through its whole life, and compare what is there with what must be, after each turn."""
    async with living(url, case.kind, case.fields, case.given) as life:
        before = await describe(life.app, case.table)
        intended = await _intended(life, case)
        await _there_and_back(life, case, before)
        await life.ready(**case.consent)
        await case.again(life)
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


async def _old_side_is_back(life: Life, case: Case, before: list[str]) -> None:
    """All that the old side had it has again. A sequence that was widened stays so: its next value may not
    fit.
    """
    undone = await describe(life.app, case.table)
    gone = [line for line in difference(before, undone) if line.startswith("-")]
    assert [line for line in gone if not line.startswith("- sequence")] == []


async def _there_and_back(life: Life, case: Case, before: list[str]) -> None:
    """Up to ready, and back by rollback: nothing is left on the table, and the ledger keeps its row."""
    await life.ready(**case.consent)
    await case.between(life)
    assert (await life.verify()).proof is not None
    await life.rollback()
    assert difference(before, await describe(life.app, case.table)) == []
    assert await sync_functions(life.app) == []
    kept = await life.rows("SELECT name, state, created_by FROM expandcontract.change")
    assert kept == [(life.name, "rolled_back", "the operator")]
    await case.rolled_back(life)


def rename_not_null(table: str, old: str, new: str) -> str:
    """Return SQL that renames a NOT NULL constraint, which has a name since 18."""
    rename = f'ALTER TABLE {table} RENAME CONSTRAINT "{old}" TO "{new}"'
    return (
        f"DO $$ BEGIN IF current_setting('server_version_num')::int >= 180000 THEN {rename}; END IF; END $$"
    )


async def _intended(life: Life, case: Case) -> list[str]:
    transaction = life.app.transaction()
    await transaction.start()
    await life.sql(case.intended)
    lines = await describe(life.app, case.table)
    await transaction.rollback()
    return lines
