"""A plan run by script, while the server says of each statement what it locked, read and wrote anew.

What is held against a statement is what the server counts and says, never what the plan says of itself:
pg_locks, the rows that the transaction read (pg_stat_get_xact_*), the files of relations, and the messages of
DEBUG1 by which ALTER TABLE and CREATE INDEX tell that they go over a table.
"""

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine import rehearsal
from expandcontract.model.phases import Section
from expandcontract.model.step import Concurrent, LockMode, Step, Sweep, Transactional
from expandcontract.postgres.message import driver, send
from tests.acceptance.script import TO_READY, Script, locked

#: Stronger than SHARE UPDATE EXCLUSIVE: they stop writes.
STRONG = tuple(list(LockMode)[list(LockMode).index(LockMode.SHARE) :])
#: What the server says when it goes over a table (tablecmds.c, index.c), and of which table.
_GOES_OVER = re.compile(r'(?:rewriting table|verifying table|building index ".*" on table) "(.*?)"')
#: Where steps come before a turn that can be taken back.
_PREPARED = frozenset({Section.CONTRACT.value, Section.UNDO.value})
_THERE = """
SELECT c.oid::int8, c.relname::text, c.relkind::text, pg_relation_filenode(c.oid)::int8
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid >= 16384 AND n.nspname !~ '^(pg_temp|pg_toast_temp|expandcontract)'
  -- But for materialized views of ours, which nobody reads, with all that is theirs.
  AND NOT EXISTS (
      SELECT FROM pg_class o LEFT JOIN pg_index i ON i.indrelid IN (o.oid, o.reltoastrelid)
      WHERE o.relkind = 'm' AND o.relname LIKE '~ec\\_%' AND c.oid IN (o.oid, o.reltoastrelid, i.indexrelid))
"""
#: $1 relations. Rows and entries of indexes that this transaction has read of them; what it holds on them.
_READ = """
SELECT coalesce(sum(pg_stat_get_xact_tuples_returned(r) + pg_stat_get_xact_tuples_fetched(r)), 0)::int8
FROM unnest($1::oid[]) r
"""
_MODE = r"upper(regexp_replace(replace(mode, 'Lock', ''), '([a-z])([A-Z])', '\1 \2', 'g'))"
_HELD = f"""
SELECT relation::int8, {_MODE} FROM pg_locks
WHERE pid = $2 AND granted AND relation = ANY ($1::oid[])
"""
#: $1 a process. For which relation it waits, in which mode.
_WAITS = f"""
SELECT relation::regclass::text, {_MODE} FROM pg_locks WHERE pid = $1 AND NOT granted
"""
#: OID, name and mode.
Held: TypeAlias = set[tuple[int, str, str]]


@dataclass(frozen=True)
class There:
    """A relation of the user, as it was before a step."""

    oid: int
    name: str
    kind: str
    file: int | None


@dataclass
class Watched(Script):
    """`faults` are sentences about statements that went over a table under a strong lock, or took one that
    the step had not asked for; `statements` is how many were watched.
    """

    faults: list[str] = field(default_factory=list)
    statements: int = 0

    async def whole_life(self) -> None:
        """Run every step that verbs may ever run: to ready and back, then to the end, with an undo."""
        await self.run(*TO_READY)
        if not self.planned.contracts:
            await self.run(Section.REPAIR)
        await self.run(Section.ROLLBACK)
        aside, prepared = 0, dict[str, list[Step]]()
        for part in rehearsal.script(self.planned):
            # What is tried aside, here the ways out, is tried for itself.
            aside += any(s.startswith("SAVEPOINT") for s in part.statements)
            aside -= any(s.startswith("RELEASE SAVEPOINT") for s in part.statements)
            if part.step is None or aside:
                continue
            if part.step.becomes is not None:
                await self._there_and_back(prepared.pop(part.section, []))
            await self.step(part.step)
            if part.section in _PREPARED and part.step.becomes is None:
                prepared.setdefault(part.section, []).append(part.step)

    async def _there_and_back(self, prepared: list[Step]) -> None:
        """Take back what was prepared for a turn, as when it does not come about, and prepare it again."""
        for step in (each for each in reversed(prepared) if each.reverse):
            if isinstance(step.action, Concurrent):
                for statement in step.reverse:
                    await self._beside_a_writer(step, statement)
            else:
                back = Transactional(step.reverse, step.locks_back)
                await self._in_one(replace(step, id=f"{step.id} taken back"), back)
        for step in prepared:
            if step.reverse or step.symbol == "=":
                await self.step(step)

    async def step(self, step: Step) -> None:
        """Run one step, watched."""
        match step.action:
            case Transactional() as action:
                await self._in_one(step, action)
            case Concurrent() as action:
                await self._beside_a_writer(step, action.statement)
            case Sweep() as action:
                await self.swept(action)

    async def _in_one(self, step: Step, action: Transactional) -> None:
        messages: list[str] = []

        def listen(_: object, message: Any) -> None:  # noqa: ANN401 - of asyncpg
            messages.append(str(message.message))

        async with self.context.database.transaction(patient=action.patient) as conn:
            raw = await driver(conn)
            there = await _there(conn)
            await send(conn, "SET LOCAL client_min_messages = debug1")
            raw.add_log_listener(listen)
            read = await _read(conn, there)
            await send(conn, "SELECT", *locked(action.locks))
            ladder = await _strong(conn, there)
            for statement in action.statements:
                messages.clear()
                await send(conn, statement)
                now, strong = await _read(conn, there), await _strong(conn, there)
                self._judge(step, statement, strong, now - read, _names(messages) & _tables(there))
                self._late(step, statement, strong - ladder, there)
                read = now
            raw.remove_log_listener(listen)
        self._same_files(step, there, await self._all())

    def _judge(self, step: Step, statement: str, strong: Held, read: int, over: set[str]) -> None:
        self.statements += 1
        if strong and (read or over):
            what = f"read {read} rows" + (f", went over {', '.join(over)}" if over else "")
            self.faults.append(f"{step.id}: {what}, under {strong}: {statement[:200]}")

    def _late(self, step: Step, statement: str, more: Held, there: dict[int, There]) -> None:
        """Note what a statement locks that the step has not locked before: what waits for it would hold the
        others meanwhile, and the lock ladder would not know of it. A view that is put back may be missing.
        """
        self.faults += [
            f"{step.id}: takes {mode} on {name}: {statement[:200]}"
            for oid, name, mode in more
            if there[oid].kind in "rpm"
        ]

    def _same_files(self, step: Step, before: dict[int, There], after: dict[int, There]) -> None:
        for oid, each in before.items():
            if oid in after and after[oid].file != each.file:
                self.faults.append(f"{step.id}: {each.name} was written anew")

    async def _all(self) -> dict[int, There]:
        async with self.context.database.transaction() as conn:
            return await _there(conn)

    async def _beside_a_writer(self, step: Step, statement: str) -> None:
        """Run what waits for others by itself while another session has written every table, so that each
        lock which would stop a writer has to be waited for, and is seen.
        """
        before = await self._all()
        writer = await asyncpg.connect(self.url)
        async with self.context.database.direct() as conn:
            pid = (await driver(conn)).get_server_pid()
            transaction = writer.transaction()
            await transaction.start()
            for each in before.values():
                if each.kind in "rp":
                    name = await _sql(writer, each.oid)
                    await writer.execute(f"LOCK TABLE ONLY {name} IN ROW EXCLUSIVE MODE")
            running = asyncio.create_task(send(conn, statement))
            try:
                while not running.done():
                    waits = await self._looked_at(step, statement, pid, before)
                    if waits:
                        break
                    await asyncio.sleep(0.002)
            finally:
                await transaction.rollback()
                with suppress(asyncio.CancelledError):
                    await running
                await writer.close()
        self.statements += 1
        kept = {oid: each for oid, each in before.items() if each.kind in "rpmt"}
        self._same_files(step, kept, await self._all())

    async def _looked_at(self, step: Step, statement: str, pid: int, before: dict[int, There]) -> bool:
        """Return whether it waits by now."""
        for oid, mode in await self.app.fetch(_HELD, list(before), pid):
            if mode in STRONG:
                self.faults.append(f"{step.id}: holds {mode} on {before[oid].name}: {statement[:200]}")
        waits = await self.app.fetch(_WAITS, pid)
        for name, mode in waits:
            if name is not None:
                self.faults.append(f"{step.id}: waits for {mode} on {name}: {statement[:200]}")
        return bool(waits)


async def _there(conn: AsyncConnection) -> dict[int, There]:
    return {row[0]: There(*row) for row in await (await driver(conn)).fetch(_THERE)}


async def _read(conn: AsyncConnection, there: dict[int, There]) -> int:
    return int(await (await driver(conn)).fetchval(_READ, list(there)))


async def _strong(conn: AsyncConnection, there: dict[int, There]) -> Held:
    """Return the strong locks that this session holds; of two on one relation the stronger one."""
    raw = await driver(conn)
    held = dict[int, str]()
    for oid, mode in await raw.fetch(_HELD, list(there), raw.get_server_pid()):
        if mode in STRONG and STRONG.index(mode) >= STRONG.index(held.get(oid, STRONG[0])):
            held[oid] = mode
    return {(oid, there[oid].name, mode) for oid, mode in held.items()}


def _names(messages: list[str]) -> set[str]:
    return {found[1] for message in messages if (found := _GOES_OVER.match(message))}


def _tables(there: dict[int, There]) -> set[str]:
    return {each.name for each in there.values() if each.kind in "rpmt"}


async def _sql(connection: "asyncpg.Connection[Any]", oid: int) -> str:
    return str(await connection.fetchval("SELECT $1::oid::regclass::text", oid))
