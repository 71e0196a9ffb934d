"""A change through its whole life, as an operator drives it and two versions of an application see it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

import asyncpg

from expandcontract import gates
from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.engine.mismatches import Sink
from expandcontract.engine.verbs import (
    backfill,
    contract,
    init,
    plan,
    purge,
    rollback,
    start,
    undo,
    verify,
)
from expandcontract.engine.verbs import status as status_verb
from expandcontract.ledger import waiver
from expandcontract.model.change import Change
from expandcontract.model.events import Event, Listener, ignore
from expandcontract.model.phases import Stage
from expandcontract.model.plan import Plan
from expandcontract.model.policy import Policy
from expandcontract.model.situation import Situation
from expandcontract.postgres.connect import Database
from expandcontract.throttles import courtesy
from expandcontract.throttles.limits import Limits
from tests.acceptance.beginnings import begin
from tests.acceptance.catalog import Connection

Rows: TypeAlias = list[tuple[Any, ...]]
#: Of a kind's spec.
Fields: TypeAlias = Mapping[str, Any]

#: No quiet time: a test does not wait for it. The rest are the defaults. The test's own sessions are no
#: application that has to be spared.
IN_A_HURRY = Limits(off=frozenset({courtesy.NAME}))
POLICY = Policy(quiet_for=timedelta(0), lock_budget=timedelta(seconds=20))


@dataclass
class Application:
    """One change in one database, as the application sees it through its connection `app`."""

    url: str
    app: Connection
    context: Context
    change: Change

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

    async def conflicts(self) -> Rows:
        """Return the values that lost a conflict or did not fit."""
        return await self.rows("SELECT kind, old_value, new_value FROM expandcontract.conflict ORDER BY id")

    async def plan(self) -> Plan:
        """Compile the change."""
        return await plan.make(self.context, self.change)


class Expected(frozenset[str]):
    """The codes of what the plan says of rows that do not fit, of unique indexes, whatever those are called,
    and of old columns to which nothing leads back.
    """

    def __contains__(self, code: object) -> bool:
        always = ("unfit", "upsert:", "unique-at-contract:", "old-must-be-given:")
        return super().__contains__(code) or str(code).startswith(always)


@dataclass
class Life(Application):
    """The change as the verbs carry it. `heard` are the events of all verbs."""

    heard: list[Event] = field(default_factory=list)

    async def start(self, **consent: Any) -> Situation:  # noqa: ANN401 - fields of Consent
        """Start the change. What does not fit, and what a UNIQUE column asks for, is acknowledged, as
        operators do.
        """
        consent.setdefault("acknowledged", Expected())
        return await start.start(self.context, self.change, start.Consent(**consent))

    async def backfill(self, **options: Any) -> Situation:  # noqa: ANN401 - fields of Options
        """Bring the change to ready, and prove it."""
        return await backfill.backfill(self.context, self.name, backfill.BackfillOptions(**options))

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
        return await verify.verify(self.context, self.name, verify.VerifyOptions(naming=naming, **options))

    async def contract(self) -> Situation:
        """Hide the old side. That nobody was seen through the new one is acknowledged, as operators do."""
        await acknowledge(self, "new-code-seen", "the test writes as both")
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


async def acknowledge(life: Life, gate: str, why: str) -> None:
    """Open a soft gate of a change that is ready, unless it is open by itself; with one look, where `ec ack`
    has three.
    """
    context, situation = life.context, await situations.one(life.context, life.name)
    shut = any(each.gate == gate and not each.open for each in gates.judge_all(situation))
    if shut and situation.stage == Stage.READY:
        known = gates.known(gate, situation)
        async with context.database.transaction() as conn:
            ids = situation.change_id, gate
            await waiver.add(conn, context.tables, *ids, who=context.who, why=why, known=known)


@asynccontextmanager
async def opened(
    url: str,
    kind: str,
    fields: Fields,
    given: str = "SELECT",
    policy: Policy = POLICY,
    listen: Listener = ignore,
) -> AsyncIterator[Application]:
    """Give a change that is planned in a database with a ledger; `given` is run first, as the application."""
    app: Connection = await asyncpg.connect(url, server_settings={"application_name": "old app"})
    database = Database(url, lock_timeout=policy.lock_timeout)
    context = Context(database, policy, listen, "the operator", limits=IN_A_HURRY)
    try:
        await app.execute(given)
        await init.init(context)
        yield Application(url, app, context, plan.named(kind, dict(fields), ()))
    finally:
        await database.close()
        await app.close()


@asynccontextmanager
async def living(
    url: str,
    kind: str,
    fields: Fields,
    given: str = "SELECT",
    policy: Policy = POLICY,
    *,
    to: Stage | None = None,
    **consent: Any,  # noqa: ANN401 - fields of Consent
) -> AsyncIterator[Life]:
    """Give a change that the verbs will carry, as `opened` does; or have carried `to` a stage already, for
    this test or for one before it that begins with the same.
    """
    if to is not None:
        await carried(
            url, (kind, fields, given, policy), lambda life: _carry(life, to, consent), to, repr(consent)
        )
        given = "SELECT"
    heard: list[Event] = []
    async with opened(url, kind, fields, given, policy, heard.append) as application:
        yield Life(**vars(application), heard=heard)


async def carried(
    url: str,
    change: tuple[str, Fields, str, Policy],
    carry: Callable[[Life], Awaitable[None]],
    *what: Hashable,
) -> None:
    """Bring the database of a change to what `carry` makes of it, or made of it for a test before: `what`
    tells that from whatever else is made of the same change with the same policy.
    """

    async def play() -> None:
        async with living(url, *change) as life:
            await carry(life)

    kind, fields, *rest = change
    await begin(url, (kind, repr(fields), repr(rest), *what), play)


async def _carry(life: Life, to: Stage, consent: Mapping[str, Any]) -> None:
    await life.start(**consent)
    if to in (Stage.READY, Stage.HIDDEN):
        await life.backfill()
    if to == Stage.HIDDEN:
        await life.contract()
    assert (await life.situation()).stage == to
