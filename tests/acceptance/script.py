"""The statements of a plan, run in order as the engine runs them, without verbs, leases and journal.

A plan is data, so what it makes of a table, and what its trigger makes of a write, can be seen without the
engine, at a tenth of the cost of a life. That the verbs run exactly these statements, in this order, is held
by `test_cases_better.py::test_what_the_plan_prints_is_what_the_server_gets`; that a walk over any table
writes what this one UPDATE writes, by `tests/postgres/test_sweep_copy.py`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from itertools import groupby
from typing import Any, assert_never

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import change as change_writer
from expandcontract.model.change import Mode
from expandcontract.model.names import split
from expandcontract.model.phases import Section
from expandcontract.model.plan import Plan
from expandcontract.model.step import (
    Concurrent,
    Deletion,
    Lock,
    Purpose,
    RowTransformation,
    Step,
    Sweep,
    Transactional,
    ViewLock,
)
from expandcontract.postgres.locks import statements as ladder
from expandcontract.postgres.message import driver
from expandcontract.steps.sessions import FILLING
from tests.acceptance.catalog import describe
from tests.acceptance.cycle import Application, Fields, opened

#: What brings a change to ready.
TO_READY = (Section.EXPAND, Section.DUAL_WRITE, Section.BACKFILL)


@dataclass
class Script(Application):
    """A change whose plan was compiled once, and of which each section is run as a script."""

    planned: Plan = field(kw_only=True)

    async def start(self) -> None:
        """Add the new side, and keep both in sync from now on."""
        await self.run(Section.EXPAND, Section.DUAL_WRITE)

    async def settle(self) -> None:
        """Copy the rows, and give the new side all that the old one has."""
        await self.run(Section.BACKFILL)

    async def backfill(self) -> None:
        """Bring the change to ready, and compare every row."""
        await self.settle()
        await self.verify()

    async def ready(self) -> None:
        """Start and backfill."""
        await self.start()
        await self.backfill()

    async def verify(self) -> None:
        """Hold every row to what the comparison asks."""
        assert await self.mismatches() == 0

    async def mismatches(self) -> int:
        """Count the rows whose sides differ, or whose value the other side cannot hold."""
        found = 0
        for step in self.planned.steps(Section.VERIFY):
            if not isinstance(step.action, Sweep):
                continue
            wanted = f"({step.action.wanted}) OR ({step.action.unfit})"
            query = f"SELECT count(*) FROM {step.action.table} t WHERE {wanted}"
            async with self.context.database.transaction() as conn:
                found += int((await conn.exec_driver_sql(query)).scalar_one())
        return found

    async def contract(self) -> None:
        """Hide the old side."""
        await self.run(Section.CONTRACT)

    async def undo(self) -> None:
        """Bring the old side back."""
        await self.run(Section.UNDO)

    async def purge(self) -> None:
        """Drop the old side."""
        await self.run(Section.PURGE)

    async def rollback(self) -> None:
        """Remove the new side."""
        await self.run(Section.ROLLBACK)

    async def run(self, *sections: Section) -> None:
        """Run every step of those sections."""
        for section in sections:
            for step in self.planned.steps(section):
                await self.step(step)

    async def prepare(self, section: Section) -> None:
        """Run the steps of a section that come before the one that moves the change."""
        for step in self.planned.steps(section):
            if step.becomes is not None:
                return
            await self.step(step)

    async def turn(self, section: Section) -> None:
        """Run the step of a section that moves the change, once those before it are done."""
        await self.step(next(step for step in self.planned.steps(section) if step.becomes is not None))

    async def take_back(self, section: Section) -> None:
        """Run what takes the steps of a section back, the last one first."""
        for step in reversed(self.planned.steps(section)):
            for statement in step.reverse:
                await self.app.execute(statement)

    async def describe(self) -> list[str]:
        """Return everything that the table has."""
        return await describe(self.app, self.planned.table.sql)

    async def step(self, step: Step) -> None:
        """Run one step."""
        match step.action:
            case Transactional(statements=(), locks=()):
                return
            case Transactional() as action:
                async with self.context.database.transaction(patient=action.patient) as conn:
                    await _execute(conn, *locked(action.locks), *action.statements)
            case Concurrent() as action:
                await self._apart(action)
            case Sweep() as action:
                await self.swept(action)
            case _:
                assert_never(step.action)

    async def _apart(self, action: Concurrent) -> None:
        found = await self._probe(action)
        if found == "done" and not action.again:
            return
        assert found == "absent"
        async with self.context.database.direct() as conn:
            await conn.exec_driver_sql(action.statement)
        assert action.again or await self._probe(action) == "done"

    async def _probe(self, action: Concurrent) -> str:
        async with self.context.database.transaction() as conn:
            return str((await conn.exec_driver_sql(action.probe)).scalar_one())

    async def swept(self, sweep: Sweep) -> None:
        """Copy as one statement. What a walk keeps of the rows on its way is its own tests' to show."""
        if sweep.purpose != Purpose.COPY:
            return
        if isinstance(sweep, RowTransformation):
            await self._transformed(sweep)
            return
        sets = ", ".join(f"{column} = {value}" for column, value in sweep.assignments)
        does = (
            f"DELETE FROM {sweep.table} t"
            if isinstance(sweep, Deletion)
            else f"UPDATE {sweep.table} t SET {sets}"
        )
        left = f"SELECT count(*) FROM {sweep.table} t WHERE {sweep.wanted}"
        async with self.context.database.transaction() as conn:
            if self.planned.pair is not None and self.planned.pair.mode == Mode.FILL:
                await conn.exec_driver_sql(f"SET LOCAL {FILLING} = 'on'")
            await conn.exec_driver_sql(f"{does} WHERE {sweep.wanted}")
            assert (await conn.exec_driver_sql(left)).scalar_one() == 0

    async def _transformed(self, sweep: RowTransformation) -> None:
        """Write each row by itself with what the function makes of it, in this process."""
        module, _, name = sweep.function.partition(":")
        function = getattr(import_module(module), name)
        names = [split(column)[-1] for column, _ in sweep.writes]
        sets = ", ".join(f"{column} = ${n}" for n, (column, _) in enumerate(sweep.writes, 2))
        async with self.context.database.transaction() as conn:
            raw: Any = await driver(conn)
            rows = await raw.fetch(f"SELECT t.ctid, t.* FROM {sweep.table} t WHERE {sweep.wanted}")
            for row in rows:
                made = function({key: value for key, value in row.items() if key != "ctid"})
                values = [made[each] for each in names] if isinstance(made, dict) else [made]
                await raw.execute(f"UPDATE {sweep.table} SET {sets} WHERE ctid = $1", row["ctid"], *values)


@asynccontextmanager
async def scripted(url: str, kind: str, fields: Fields, given: str = "SELECT") -> AsyncIterator[Script]:
    """Give a change by script; `given` is run first, as the application. The ledger knows the change, so that
    its trigger can note there what it has to.
    """
    async with opened(url, kind, fields, given) as application:
        script = Script(**vars(application), planned=await application.plan())
        relation = await application.value("SELECT to_regclass($1)::oid", script.planned.table.sql) or 0
        async with script.context.database.transaction() as conn:
            await change_writer.create(
                conn, script.context.tables, script.planned, relation=relation, who="script", host="here"
            )
        yield script


def locked(locks: tuple[Lock, ...]) -> list[str]:
    """Return the statements that take them, as the lock ladder does."""
    if any(isinstance(lock, ViewLock) for lock in locks):
        return list(ladder(locks))
    return [
        f"LOCK TABLE {', '.join(lock.relation for lock in each)} IN {mode} MODE"
        for mode, each in groupby(locks, key=lambda lock: lock.mode)
    ]


async def _execute(conn: AsyncConnection, *statements: str) -> None:
    """Run statements in one message, in the transaction that is open."""
    if statements:
        raw: Any = await driver(conn)
        await raw.execute(";\n".join(statements))
