"""The machine: one change, its applications, and everybody else who has a hand on table, trigger and server.

What it does at random is checked against a model: the value of each row as it was committed.
"""

import asyncio
import itertools
import time
from collections import Counter, defaultdict
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar, TypeAlias, TypeVar

import asyncpg
import pytest
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from expandcontract.engine.context import Context
from expandcontract.engine.situation import load
from expandcontract.engine.verbs import control
from expandcontract.model.errors import (
    ConnectionLost,
    EcError,
    GateShut,
    Mismatches,
    NotReady,
    Paused,
    Refused,
    UnknownChange,
    WouldLose,
)
from expandcontract.model.events import ignore
from expandcontract.model.phases import Refuse, Stage, Verb, answer
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database
from expandcontract.testing.server import Server
from tests.chaos import life
from tests.chaos.life import EXAMPLES, OPTIONS, Example
from tests.chaos.nursery import DIED, STOPPED, Nursery
from tests.conftest import CHEAPLY
from tests.property.hands import INTACT, LEAF, TAMPERINGS, Shape, rewrites

T = TypeVar("T")
#: Which key gets which value, and whether through the new side.
Writes: TypeAlias = list[tuple[int, str, bool]]
VERBS = ("start", "backfill", "verify", "contract", "undo", "rollback", "purge")
ON = {
    Stage.NOT_STARTED: "start",
    Stage.BEFORE_READY: "backfill",
    Stage.READY: "contract",
    Stage.HIDDEN: "purge",
    Stage.ROLLED_BACK: "start",
}
BACK = {Stage.BEFORE_READY: "rollback", Stage.READY: "rollback", Stage.HIDDEN: "undo"}
#: Where somebody else's hands do what `ec` must notice and mend.
TENDED = (Stage.BEFORE_READY, Stage.READY)
#: How often the server crashes in one example: it takes as long as a whole life.
CRASHES = 3
KEYS = st.integers(1, 18)
VALUES = st.integers(1, 20).map(str)
WRITES = st.lists(st.tuples(KEYS, VALUES, st.booleans()), max_size=4)


class Machine(RuleBasedStateMachine):
    """One change of `people`. `rows` is what was committed: the pair's value by key.

    `drifted` are the rows that were written while nothing kept the sides in sync (`off`), with the values
    that the new side may still have: until a repair only the old side must hold what was written, and a
    repair that died may have been there for a value in between. `untended`: what a proof rests on was
    touched, and no command has looked since, so that contract must be refused: something was `altered`, or a
    partition that came is `unseen`. `unproven`: nor has one ended that mends and proves.
    """

    server: Server
    nursery: Nursery
    shape: Shape
    numbers = itertools.count(1)
    #: When it is enough, and how much longer it may take until each of `some` has happened.
    until: ClassVar[float]
    grace: ClassVar[float] = 0.0
    some: ClassVar[tuple[str, ...]] = ()
    #: How many commands the change has behind it when an example begins.
    beginnings: ClassVar[tuple[int, ...]] = (2, 0, 1, 2, 3)
    #: What nobody else writes.
    values = itertools.count(1000)
    #: Over all runs: what was done, so that a test can tell whether it meant something.
    seen: ClassVar[Counter[str]]

    @property
    def untended(self) -> bool:
        """Whether what a proof rests on was touched, and no command has looked."""
        return self.altered or self.unseen

    @classmethod
    def over(cls) -> bool:
        """Whether no further example shall begin."""
        missing = not all(cls.seen[each] for each in cls.some)
        return time.monotonic() > cls.until + (cls.grace if missing else 0.0)

    @initialize(ahead=st.integers(0, 4))
    def begin(self, ahead: int) -> None:
        """Make a database with ledger and table, and carry the change some way."""
        assume(not self.over())
        self.seen["examples"] += 1
        self.example: Example = EXAMPLES[self.shape.example]
        self.database = f"machine_{next(self.numbers)}"
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        template = self.shape.template
        self._do(execute(self.server.url(), f"CREATE DATABASE {self.database} TEMPLATE {template} {CHEAPLY}"))
        self.url = self.server.url(self.database)
        self._connect()
        values = self._do(self.session.fetch(f"SELECT id, {self.example.old}::text FROM people"))
        self.rows: dict[int, str | None] = {row[0]: row[1] for row in values}
        self.drifted = defaultdict[int, set[str | None]](set)
        self.away: dict[int, str | None] | None = None
        self.off = self.altered = self.unseen = self.unproven = self.ready = self.paused = False
        self.crashes = 0
        self.stage = Stage.NOT_STARTED
        for verb in ("start", "backfill", "contract")[: self.beginnings[ahead % len(self.beginnings)]]:
            self._command(verb)

    def teardown(self) -> None:
        """Drop it again."""
        if hasattr(self, "session"):
            self._do(self.session.close())
            self._do(execute(self.server.url(), f"DROP DATABASE {self.database} WITH (FORCE)"))
            self._runner.close()

    # -- operators

    @rule(verb=st.sampled_from(VERBS), writes=WRITES)
    def give(self, verb: str, writes: Writes) -> None:
        """Give a command. It does its work, or is refused with exit code 4 as the table of verbs and stages
        says; it never fails. Applications write whatever else an example is about.
        """
        self._command(verb)
        self.write(writes)

    @rule(back=st.booleans(), writes=WRITES)
    def carry_on(self, *, back: bool, writes: Writes) -> None:
        """Give the command that leads on, or back."""
        if (verb := self._next(back=back)) is not None:
            self._command(verb)
        self.write(writes)

    @precondition(lambda self: self.stage == Stage.READY and self.untended)
    @rule()
    def contract_too_early(self) -> None:
        """What a proof rests on was touched, and nobody looked: it is refused."""
        self._command("contract")
        assert self.stage == Stage.READY

    @precondition(lambda self: self.stage != Stage.PURGED)
    @rule(back=st.booleans(), number=st.integers(1, 10))
    def die(self, *, back: bool, number: int) -> None:
        """Give that command, and die at its so manieth point, if there are so many."""
        if (verb := self._next(back=back)) is not None:
            outcome = self.nursery.run(self.url, self.shape.example, verb, nth=number)
            self.seen["died"] += outcome.how == DIED
            assert outcome.code is not None or outcome.error is None, outcome.error
            self._tended(verb)

    @precondition(lambda self: self.stage in TENDED and not self.paused)
    @rule()
    def pause(self) -> None:
        """Pause the change. A backfill that has something to do says so; resumed, it goes on."""
        self.paused = True  # once is enough: it takes long
        self._do(self._wish(paused=True))
        options = replace(OPTIONS, wait_when_paused=False)
        try:
            self._do(life.act(self.url, self.example, "backfill", options=options))
        except Paused:
            self.seen["paused"] += 1
        self._do(self._wish(paused=False))
        self._tended("backfill")

    # -- applications

    @rule(writes=WRITES)
    def write(self, writes: Writes) -> None:
        """Update or insert, each through one side."""
        for key, value, new in writes:
            self._write(key, value, new=new)

    @precondition(lambda self: self.shape.unique)
    @rule(key=KEYS, new=st.booleans())
    def write_null(self, key: int, *, new: bool) -> None:
        """Update to NULL: through the new side only from ready on, before it says nothing."""
        if key in self.rows and self._intact():
            self._sql(f'UPDATE people SET "{self._column(new=new and self.ready)}" = NULL WHERE id = {key}')
            self.rows[key] = None

    @rule(key=KEYS)
    def write_other(self, key: int) -> None:
        """Update another column."""
        self._sql(f"UPDATE people SET pad = pad || 'x' WHERE id = {key}")

    @rule(key=KEYS)
    def delete(self, key: int) -> None:
        """Delete."""
        self._sql(f"DELETE FROM people WHERE id = {key}")
        self.rows.pop(key, None)
        self.drifted.pop(key, None)

    # -- somebody else's hands

    @precondition(lambda self: self.stage in (*TENDED, Stage.HIDDEN) and not self.off)
    @rule(how=st.sampled_from(sorted(TAMPERINGS)), key=KEYS)
    def tamper(self, how: str, key: int) -> None:
        """Take the trigger away in one of several ways, and write a row meanwhile: the one side that is kept,
        the old one until contract, and the new one after it.
        """
        if not self._do(self.session.fetchval(INTACT)):
            return  # a start that died left none
        value = str(next(self.values))
        write = f'UPDATE people SET "{self._column(new=False)}" = {value} WHERE id = {key}'
        self._sql(TAMPERINGS[how].around(write))
        if key in self.rows:
            self.drifted[key].add(self.rows[key])
            self.rows[key] = value
        self.off = TAMPERINGS[how].lasts
        self._touched(f"tampered: {how}")

    @rule(key=KEYS, value=VALUES)
    def write_as_a_replica_does(self, key: int, value: str) -> None:
        """Under session_replication_role = replica the trigger fires all the same."""
        if key in self.rows and self._intact() and not self.shape.unique:
            write = f'UPDATE people SET "{self._column(new=False)}" = {value} WHERE id = {key}'
            self._sql(f"BEGIN; SET LOCAL session_replication_role = replica; {write}; COMMIT")
            self.rows[key] = value

    @rule(data=st.data())
    def rewrite(self, data: st.DataObject) -> None:
        """Move every row to another file. A proof that was made before does not count any more."""
        self._do(self.session.execute(data.draw(st.sampled_from(list(rewrites(self.shape))))))
        self._touched("rewritten")

    @precondition(lambda self: self.shape.partitioned and self.away is None and self.stage in TENDED)
    @rule()
    def detach(self) -> None:
        """Take a partition with its rows away, as retention does: a proof counts for what stays."""
        self._sql(f"ALTER TABLE people DETACH PARTITION {LEAF.name}")
        self.away = {key: self.rows.pop(key) for key in list(self.rows) if key in LEAF}
        self.unseen = False
        self.seen["detached"] += 1

    @precondition(lambda self: self.away is not None and self.stage in TENDED)
    @rule(key=KEYS)
    def attach(self, key: int) -> None:
        """Bring the partition back, with a row that was written while nothing kept its sides in sync. What
        the table has got since, and the partition has not, may keep it away.
        """
        away = self.away or {}
        if self._columns("people") != self._columns(LEAF.name):
            return
        value = str(next(self.values))
        self._sql(f'UPDATE {LEAF.name} SET "{self.example.old}" = {value} WHERE id = {key}')
        for each in away:
            self.drifted[each].add(away[each])
        if key in away:
            away[key] = value
        try:
            self._sql(f"ALTER TABLE people ATTACH PARTITION {LEAF.name} {LEAF.bounds}")
        except asyncpg.PostgresError:
            return
        self.rows |= away
        self.away = None
        self.unseen = self.unproven = True
        self.seen["attached"] += 1

    @precondition(lambda self: self.stage != Stage.PURGED and self.crashes < CRASHES)
    @rule(back=st.booleans(), number=st.integers(1, 10))
    def crash(self, *, back: bool, number: int) -> None:
        """Stop the server at once while a command is at that point. Its process ends with an answer."""
        if (verb := self._next(back=back)) is None:
            return
        outcome = self.nursery.run(self.url, self.shape.example, verb, nth=number, signal="SIGSTOP")
        if outcome.how == STOPPED:
            self.session.terminate()
            self.server.restart("immediate")
            self._connect()
            outcome = self.nursery.wake(outcome.pid)
            self.seen["crashed"] += 1
            self.crashes += 1
        assert outcome.code is not None or outcome.error is None, outcome.error
        self._tended(verb)

    @invariant()
    def holds(self) -> None:
        """Every row is there, on each side with what was written last; until ready the new side may be
        unfilled, and until a repair what was written without the trigger may be on one side alone.
        """
        if not hasattr(self, "session"):
            return
        found = self._do(life.values(self.session, self.example))
        assert found.keys() == self.rows.keys()
        for key, sides in found.items():
            wanted = {self.rows[key]} if self.ready or self.rows[key] is None else {self.rows[key], None}
            wanted |= {*self.drifted[key], None} if key in self.drifted else set()
            assert set(sides) <= wanted, f"row {key}: {sides}, written was {self.rows[key]}"
            assert self.rows[key] in sides

    def _write(self, key: int, value: str, *, new: bool) -> None:
        """While nothing keeps the sides in sync, write through the old one, and only rows that are there:
        what the new one got then would be lost, as the docs say.
        """
        intact = self._intact()
        if not (intact or key in self.rows) or not self._has_room(key):
            return
        if any(value in held for held in self.drifted.values()):
            return
        column = self._column(new=new and intact)
        if key in self.rows:
            statement = f'UPDATE people SET "{column}" = {value} WHERE id = {key}'
        else:
            statement = f'INSERT INTO people (id, "{column}") VALUES ({key}, {value})'
        if self.shape.unique and value in {held for other, held in self.rows.items() if other != key}:
            # Numbers are unique, on whichever side they are written.
            with pytest.raises(asyncpg.UniqueViolationError):
                self._sql(statement)
            return
        self._sql(statement)
        if not intact:
            self.drifted[key].add(self.rows[key])
        self.rows[key] = value
        self.seen["old" if column == self.example.old else "new"] += 1

    def _command(self, verb: str) -> None:
        stage = self.stage
        if verb == "contract" and stage == Stage.READY:
            self._do(self._acknowledge())
        try:
            self._do(life.act(self.url, self.example, verb))
        except UnknownChange:
            assert stage == Stage.NOT_STARTED
        except ConnectionLost:
            self._tended(verb)  # the machine was so busy that the server took the process for dead
        except EcError as refused:
            self._require_refusal(verb, stage, refused)
        else:
            self.seen[verb] += 1
            self._done(verb, stage)

    def _done(self, verb: str, stage: Stage) -> None:
        """Check what must hold after a command that succeeded."""
        self._tended(verb)
        if verb == "contract" and stage == Stage.READY:
            assert not self.untended, "contracted without a proof of what is there now"
        if verb == "backfill" and self.stage == Stage.READY:
            self.unproven = False
        if verb == "undo" and stage == Stage.HIDDEN:
            self.altered = self.unproven = True
        hidden = verb == "contract" and stage == Stage.READY
        if hidden or (self.stage != Stage.HIDDEN and not self.unproven):
            # From here on both sides must hold what was written, whatever happened before. Nothing looks at
            # a change that is hidden until it is undone.
            self._mended()

    def _mended(self) -> None:
        """Expect of every row what was written. Nobody mends those of a partition that is away: it comes back
        with a column of an earlier start, too.
        """
        for key in self.rows:
            self.drifted.pop(key, None)

    def _tended(self, verb: str) -> None:
        """Note that a command looked, however far it came, and see where the change is then."""
        if verb in ("backfill", "verify"):
            self.altered = self.unseen = False
        self.stage = self._do(self._load())
        self.ready = self.stage in (Stage.READY, Stage.HIDDEN, Stage.PURGED, Stage.ROLLED_BACK)
        if self.stage == Stage.ROLLED_BACK:
            self.off = False
            self._mended()

    def _touched(self, how: str) -> None:
        """Note that what a proof rests on was touched."""
        if self.stage in TENDED:
            self.altered = self.unproven = True
        self.seen[how] += 1

    def _require_refusal(self, verb: str, stage: Stage, refused: EcError) -> None:
        if verb == "verify" and isinstance(refused, Mismatches):
            assert self.drifted
            return
        if verb == "undo" and isinstance(refused, WouldLose):
            assert self.drifted
            self._obey(refused)
            return
        wrong = isinstance(answer(Verb(verb), stage), Refuse)
        shut = verb == "contract" and isinstance(refused, GateShut)
        damaged = isinstance(refused, NotReady) and (self.untended or not self._intact())
        self.seen["shut"] += shut and self.untended
        assert refused.exit_code == 4
        assert wrong or shut or damaged, f"{verb}, {stage}: {refused} {refused.why}"

    def _obey(self, refused: WouldLose) -> None:
        """Do what it says is to be done before the same command: the hidden side is written anew."""
        statement, _, command = str(refused.next).partition("; then: ")
        assert command == f"ec undo {self.example.change.name}"
        self._sql(statement)
        self._do(life.act(self.url, self.example, "undo"))
        self._mended()
        self.seen["obeyed"] += 1
        self._done("undo", Stage.HIDDEN)

    def _next(self, *, back: bool) -> str | None:
        """Return the verb that leads on or back; what must be proven first is."""
        if self.stage == Stage.PURGED:
            return None
        if self.stage == Stage.READY and self.unproven and not back:
            return "backfill"
        return (BACK if back else ON).get(self.stage, ON[self.stage])

    async def _load(self) -> Stage:
        context = self._context()
        found = await load(context)
        await context.database.close()
        return found[0].stage if found else Stage.NOT_STARTED

    async def _acknowledge(self) -> None:
        context = self._context()
        if not self.shape.swaps:
            with suppress(Refused):  # it is open where new code was seen, and nothing is known before ready
                await control.ack(context, self.example.change.name, "new-code-seen", "the machine says so")
        await context.database.close()

    async def _wish(self, *, paused: bool) -> None:
        context = self._context()
        await (control.pause if paused else control.resume)(context, self.example.change.name)
        await context.database.close()

    def _context(self) -> Context:
        return Context(
            Database(self.url),
            Policy(quiet_for=timedelta(0), soak=timedelta(microseconds=1)),
            ignore,
            "machine",
        )

    def _column(self, *, new: bool) -> str:
        """Return the column that old or new code writes now: new code not before both are kept in sync."""
        there = self._columns("people")
        if self.example.old not in there:
            return self.example.after
        kept = self._do(self.session.fetchval(INTACT))
        return self.example.new if new and kept and self.example.new in there else self.example.old

    def _columns(self, table: str) -> set[str]:
        query = """SELECT attname::text FROM pg_attribute
            WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped"""
        return {row[0] for row in self._do(self.session.fetch(query, table))}

    def _intact(self) -> bool:
        """Whether nobody took the trigger away, or a command put it back."""
        self.off = self.off and not self._do(self.session.fetchval(INTACT))
        return not self.off

    def _has_room(self, key: int) -> bool:
        return self.away is None or key not in LEAF

    def _connect(self) -> None:
        self.session: asyncpg.Connection[Any] = self._do(asyncpg.connect(self.url, statement_cache_size=0))

    def _sql(self, statement: str) -> None:
        # Whoever died a moment ago may hold its locks still, until the server notices.
        self._do(self.session.execute(f"SET statement_timeout = '60s'; {statement}"))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)


async def execute(url: str, *statements: str) -> None:
    """Run statements on a connection of their own."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()
