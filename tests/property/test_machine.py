"""Any verb at any time, dying at any point, between any writes of old and new code: both sides always hold
what was written.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from expandcontract.engine.context import Context
from expandcontract.engine.situation import load
from expandcontract.engine.verbs import control
from expandcontract.model.errors import EcError, GateShut, UnknownChange
from expandcontract.model.events import ignore
from expandcontract.model.phases import Refuse, Stage, Verb, answer
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database
from expandcontract.testing.server import Server
from tests.chaos import life
from tests.chaos.life import EXAMPLES, Example
from tests.chaos.nursery import DIED, Nursery

ROWS = 12
T = TypeVar("T")
VERBS = ("start", "backfill", "verify", "contract", "undo", "rollback", "purge")
ON = {
    Stage.NOT_STARTED: "start",
    Stage.BEFORE_READY: "backfill",
    Stage.READY: "contract",
    Stage.HIDDEN: "purge",
    Stage.ROLLED_BACK: "start",
}
BACK = {Stage.BEFORE_READY: "rollback", Stage.READY: "rollback", Stage.HIDDEN: "undo"}
KEYS = st.integers(1, ROWS + 6)
VALUES = st.integers(1, 20).map(str)


class Machine(RuleBasedStateMachine):
    """One change of `people` and its applications. `rows` is what was committed: the pair's value by key."""

    server: Server
    nursery: Nursery
    template: str
    numbers = itertools.count(1)
    #: Over all runs: what was done, so that a test can tell whether it meant something.
    seen: ClassVar[Counter[str]]

    name: str

    @initialize(ahead=st.integers(0, 3))
    def begin(self, ahead: int) -> None:
        """Make a database with ledger and table, and carry the change some way."""
        self.example: Example = EXAMPLES[self.name]
        self.database = f"machine_{next(self.numbers)}"
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._do(_execute(self.server.url(), f"CREATE DATABASE {self.database} TEMPLATE {self.template}"))
        self.url = self.server.url(self.database)
        self.session: asyncpg.Connection[Any] = self._do(asyncpg.connect(self.url, statement_cache_size=0))
        values = self._do(self.session.fetch(f"SELECT id, {self.example.old}::text FROM people"))
        self.rows: dict[int, str | None] = {row[0]: row[1] for row in values}
        self.ready = False
        for verb in ("start", "backfill", "contract")[:ahead]:
            self._command(verb)

    def teardown(self) -> None:
        """Drop it again."""
        if hasattr(self, "session"):
            self._do(self.session.close())
            self._do(_execute(self.server.url(), f"DROP DATABASE {self.database} WITH (FORCE)"))
            self._runner.close()

    @rule(verb=st.sampled_from(VERBS))
    def give(self, verb: str) -> None:
        """Give a command. It does its work, or is refused with exit code 4 as the table of verbs and stages
        says; it never fails.
        """
        self._command(verb)

    @rule(back=st.booleans())
    def carry_on(self, *, back: bool) -> None:
        """Give the command that leads on, or back."""
        stage = self._stage()
        if stage != Stage.PURGED:
            self._command((BACK if back else ON).get(stage, ON[stage]))

    @rule(back=st.booleans(), number=st.integers(1, 10))
    def die(self, *, back: bool, number: int) -> None:
        """Give that command, and die at its so manieth point, if there are so many."""
        stage = self._stage()
        if stage != Stage.PURGED:
            verb = (BACK if back else ON).get(stage, ON[stage])
            outcome = self.nursery.run(self.url, self.name, verb, nth=number)
            self.seen["died"] += outcome.how == DIED
            assert outcome.code is not None or outcome.error is None, outcome.error
            self._look()

    @rule(key=KEYS, value=VALUES, new=st.booleans())
    def write(self, key: int, value: str, *, new: bool) -> None:
        """Update or insert through one side."""
        column = self._column(new=new)
        if key in self.rows:
            statement = f'UPDATE people SET "{column}" = {value} WHERE id = {key}'
        else:
            statement = f'INSERT INTO people (id, "{column}") VALUES ({key}, {value})'
        if self.name == "to" and value in {held for other, held in self.rows.items() if other != key}:
            # Numbers are unique, on whichever side they are written.
            with pytest.raises(asyncpg.UniqueViolationError):
                self._sql(statement)
            self.seen["duplicate"] += 1
            return
        self._sql(statement)
        self.rows[key] = value
        self.seen["new" if new else "old"] += 1

    @precondition(lambda self: self.name == "to")
    @rule(key=KEYS, new=st.booleans())
    def write_null(self, key: int, *, new: bool) -> None:
        """Update to NULL: through the new side only from ready on, before it says nothing."""
        if key in self.rows:
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

    @invariant()
    def holds(self) -> None:
        """Every row is there, on each side with what was written last; until ready the new side may be
        unfilled.
        """
        if not hasattr(self, "session"):
            return
        found = self._do(life.values(self.session, self.example))
        assert found.keys() == self.rows.keys()
        for key, sides in found.items():
            wanted = {self.rows[key]} if self.ready or self.rows[key] is None else {self.rows[key], None}
            assert set(sides) <= wanted, f"row {key}: {sides}, written was {self.rows[key]}"
            assert self.rows[key] in sides

    def _command(self, verb: str) -> None:
        stage = self._stage()
        if verb == "contract" and stage == Stage.READY:
            self._do(self._acknowledge())
        try:
            self._do(life.act(self.url, self.example, verb))
        except UnknownChange:
            assert stage == Stage.NOT_STARTED
        except EcError as refused:
            self._require_refusal(verb, stage, refused)
        else:
            self.seen[verb] += 1
        self._look()

    def _require_refusal(self, verb: str, stage: Stage, refused: EcError) -> None:
        wrong = isinstance(answer(Verb(verb), stage), Refuse)
        shut = verb == "contract" and isinstance(refused, GateShut)
        assert refused.exit_code == 4
        assert wrong or shut, f"{verb}, {stage}: {refused} {refused.why}"

    def _look(self) -> None:
        self.ready = self._stage() in (Stage.READY, Stage.HIDDEN, Stage.PURGED, Stage.ROLLED_BACK)

    def _stage(self) -> Stage:
        return self._do(self._load())

    async def _load(self) -> Stage:
        context = self._context()
        found = await load(context)
        await context.database.close()
        return found[0].stage if found else Stage.NOT_STARTED

    async def _acknowledge(self) -> None:
        context = self._context()
        if self.name != "swap":
            await control.ack(context, self.example.change.name, "new-code-seen", "the machine says so")
        await context.database.close()

    def _context(self) -> Context:
        return Context(Database(self.url), Policy(quiet_for=timedelta(0)), ignore, "machine")

    def _column(self, *, new: bool) -> str:
        """Return the column that old or new code writes now: new code not before both are kept in sync."""
        query = """SELECT array_agg(attname::text),
            EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'people'::regclass AND tgname LIKE '~e%')
            FROM pg_attribute WHERE attrelid = 'people'::regclass AND attnum > 0 AND NOT attisdropped"""
        ((there, kept),) = self._do(self.session.fetch(query))
        if self.example.old not in there:
            return self.example.after
        return self.example.new if new and kept and self.example.new in there else self.example.old

    def _sql(self, statement: str) -> None:
        # Whoever died a moment ago may hold its locks still, until the server notices.
        self._do(self.session.execute(f"SET statement_timeout = '5s'; {statement}"))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)


async def _execute(url: str, *statements: str) -> None:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


@pytest.fixture
def template(database: str) -> str:
    """Give the name of a database with ledger and table, and no session."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(
            _execute(
                database,
                life.TABLE.replace(f"generate_series(1, {life.ROWS})", f"generate_series(1, {ROWS})"),
            )
        )
        runner.run(_execute(database, "UPDATE people SET name = id::text, number = id"))
        runner.run(life.act(database, EXAMPLES["rename"], "init"))
    return urlsplit(database).path.removeprefix("/")


@pytest.fixture
def machine(server: Server, nursery: Nursery, template: str) -> type[Machine]:
    """Give the machine with all that it needs."""

    class OnServer(Machine):
        seen: ClassVar[Counter[str]] = Counter()

    OnServer.server, OnServer.nursery, OnServer.template = server, nursery, template
    return OnServer


def _run(machine: type[Machine], example: str, examples: int, steps: int) -> None:
    machine.name = example
    limits = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=True,
        # The run that fails is short enough to read, and making it shorter takes long.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=limits)


def test_any_order_of_commands_and_writes(machine: type[Machine]) -> None:
    """A few runs, always the same."""
    for example in EXAMPLES:
        _run(machine, example, examples=4, steps=12)
    assert min(machine.seen[each] for each in ("start", "backfill", "contract", "died", "old", "new")) > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_any_order_of_commands_and_writes_at_length(machine: type[Machine]) -> None:
    """Many runs, longer ones."""
    for example in EXAMPLES:
        _run(machine, example, examples=15, steps=40)
    assert min(machine.seen[each] for each in (*VERBS, "died", "old", "new", "duplicate")) > 0, machine.seen
