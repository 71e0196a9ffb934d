"""A change under a lease: what the runner and the verbs hold while they work on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine import gatekeeper
from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.engine.diary import Diary, kept
from expandcontract.ledger import change as change_writer
from expandcontract.ledger import lease
from expandcontract.ledger.lease import Lease
from expandcontract.model.errors import EcError
from expandcontract.model.phases import Section
from expandcontract.model.plan import Plan
from expandcontract.model.presence import at_work, concerning
from expandcontract.model.situation import Situation
from expandcontract.postgres.message import Query
from expandcontract.postgres.owner_rights import OwnerRights
from expandcontract.postgres.query import rows
from expandcontract.postgres.sqlstate import translate


@dataclass(frozen=True)
class Refusal:
    """What the server itself judges when the lock is there: an error of ours, when the condition is true."""

    condition: Query
    error: EcError


@dataclass(frozen=True)
class Work:
    """A change as it is under the lease, as far as others may alter it, and the lease."""

    context: Context
    situation: Situation
    lease: Lease
    #: Judged under the locks of the step that moves the change to another state.
    refusals: tuple[Refusal, ...] = ()

    @property
    def plan(self) -> Plan:
        return self.situation.plan

    @property
    def name(self) -> str:
        return self.situation.name

    async def check(self, conn: AsyncConnection) -> None:
        """Raise LeaseLost unless the lease is still this process's; holds it until the transaction ends."""
        await lease.check(conn, self.context.tables, self.situation.change_id, self.lease.token)

    @asynccontextmanager
    async def transaction(
        self, *, patient: bool = False, statement_timeout: timedelta | None = None
    ) -> AsyncIterator[AsyncConnection]:
        """Run the body in a transaction, as `Database.transaction` does, that holds the lease. Raises
        LeaseLost unless it is still this process's.
        """
        database, tables, held = self.context.database, self.context.tables, self.lease
        async with lease.transaction(
            database, tables, held, patient=patient, statement_timeout=statement_timeout
        ) as conn:
            yield conn

    async def check_table(self, conn: AsyncConnection) -> OwnerRights:
        """Do what `check` does, and ask for the table: return with whose rights it is to be worked on.

        Raises LeaseLost; Refused, where the plan's name means another table.
        """
        query = f"SELECT {lease.held(self.context.tables)}, {gatekeeper.asks_for_table('$3', '$4')}"
        situation = self.situation
        asked = (situation.change_id, self.lease.token, *gatekeeper.asked_for_table(situation))
        ((held, found, owner),) = await rows(conn, query, *asked)
        if not held:
            raise lease.lost()
        await gatekeeper.refuse_another(conn, situation, found)
        return OwnerRights(owner)

    async def recheck(self, conn: AsyncConnection) -> None:
        """Ask the hard gates once more, under the lock. Raises GateShut."""
        await gatekeeper.recheck(conn, self.context, self.name)

    def key(self, section: Section, step: str) -> str:
        """The name of a step's kill points."""
        return f"{section}.{step}"


class Leasable(Protocol):
    """A change, as far as it must be known to be leased."""

    @property
    def change_id(self) -> int:
        """Its number in the ledger."""

    @property
    def name(self) -> str:
        """Its name."""


@asynccontextmanager
async def leased(
    context: Context, change: Leasable, verb: str, *, exclusive: bool = True
) -> AsyncIterator[Work]:
    """Hold the change while the body runs. Raises LeaseHeld naming the live holder.

    What is known of `change` is from before: whoever held the lease then may have changed everything, so the
    Work has the change as it is now.

    What the server says to the body is raised as an error of ours: a guard of the ledger as GuardRefused.
    What the body tells its listener goes into the ledger's history as well, as far as that should tell it.
    """
    diary = Diary(context.listen)
    with at_work(verb, change.name):
        try:
            async with (
                lease.acquire(
                    context.database,
                    context.tables,
                    change.change_id,
                    verb=verb,
                    exclusive=exclusive,
                    who=context.who,
                    listen=context.listen,
                ) as held,
                kept(context, held, verb, diary),
            ):
                situation = await _now(context, change.name)
                with concerning(change=change.name, kind=situation.kind, attempt=situation.attempt):
                    yield Work(replace(context, listen=diary), situation, held)
        except DBAPIError as error:
            raise translate(error) from error


async def _now(context: Context, name: str) -> Situation:
    situation = await situations.one(context, name)
    home = await at_home(context, situation)
    return situation if home is situation else await situations.one(context, name)


async def at_home(context: Context, situation: Situation) -> Situation:
    """Return the situation with the table's OID as it is now, which a dump does not keep."""
    if not situation.live.is_copy and situation.live.table_exists:
        return situation
    async with context.database.transaction() as conn:
        relation = await change_writer.find_again(
            conn, context.tables, situation.change_id, situation.table, is_copy=situation.live.is_copy
        )
    return situation if relation is None else replace(situation, relation=relation)
