"""One stage on which the same act is played again and again, each time from the same beginning.

The ledger knows its database by its OID and takes a copy for one. So the stage always has the same OID: it is
dropped, and made again from a template that was kept of it.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg

from expandcontract.model.plan import from_data
from expandcontract.model.step import Action, Transactional
from expandcontract.testing.server import Server
from tests.chaos import life
from tests.chaos.life import EXAMPLES, TABLE, After
from tests.chaos.nursery import ENDED, Nursery
from tests.conftest import CHEAPLY

STAGE, STAGE_OID = "stage", 900_000
T = TypeVar("T")


@dataclass(frozen=True)
class Played:
    """What a life had come to after some acts, none of which was disturbed: the points of the last one, and
    the template to begin the next one from.
    """

    example: str
    acts: tuple[str, ...]
    points: tuple[str, ...]
    after: After | None
    template: str

    @property
    def verb(self) -> str:
        """The last act."""
        return self.acts[-1]


class Theatre:
    """Plays lives on a server, undisturbed ones once, and keeps what they came to."""

    def __init__(self, server: Server, nursery: Nursery) -> None:
        self.nursery = nursery
        self._server = server
        self._played: dict[tuple[str, tuple[str, ...]], Played] = {}
        self._actions: dict[str, dict[tuple[str, str], str]] = {}

    @property
    def url(self) -> str:
        """The stage's."""
        return self._server.url(STAGE)

    def played(self, example: str, acts: tuple[str, ...]) -> Played:
        """Return what the acts come to when nothing disturbs them."""
        key = (example, acts)
        if key not in self._played:
            self._played[key] = self._play(example, acts) if acts else self._open(example)
        return self._played[key]

    def set(self, example: str, acts: tuple[str, ...]) -> None:
        """Set the stage as it was after those acts."""
        self._set(self.played(example, acts).template)

    def actions(self, example: str) -> Mapping[tuple[str, str], str]:
        """Return the action of each step of the example's plan, by section and step."""
        if example not in self._actions:
            self.set(example, ("start",))
            query = "SELECT plan::text FROM expandcontract.change"
            plan = from_data(json.loads(self.watch(lambda application: application.fetchval(query))))
            self._actions[example] = {
                (section.value, step.id): _kind(step.action)
                for section, steps in plan.sections.items()
                for step in steps
            }
        return self._actions[example]

    def watch(self, look: "Callable[[asyncpg.Connection[Any]], Coroutine[Any, Any, T]]") -> T:
        """Run something in a session of the application."""
        return _run(_watch(self.url, look))

    def _open(self, example: str) -> Played:
        self._set("template0")
        self.watch(lambda application: application.execute(TABLE))
        outcome = self.nursery.run(self.url, example, "init")
        assert outcome.error is None, outcome.error
        return Played(example, (), (), None, self._keep(example, ()))

    def _play(self, example: str, acts: tuple[str, ...]) -> Played:
        self.set(example, acts[:-1])
        outcome = self.nursery.run(self.url, example, acts[-1])
        assert outcome.error is None, outcome.error
        assert outcome.how == ENDED
        changed = EXAMPLES[example]

        async def look(application: "asyncpg.Connection[Any]") -> After:
            now = await life.after(application, changed)
            written = await life.write(application, changed, len(acts))
            require_values(await life.values(application, changed), now.values, written)
            return now

        return Played(example, acts, outcome.points, self.watch(look), self._keep(example, acts))

    def _set(self, template: str) -> None:
        self._do(
            f"DROP DATABASE IF EXISTS {STAGE} WITH (FORCE)",
            f"CREATE DATABASE {STAGE} OID {STAGE_OID} TEMPLATE {template} {CHEAPLY}",
        )

    def _keep(self, example: str, acts: tuple[str, ...]) -> str:
        template = f"kept_{len(self._played)}_{example}_{len(acts)}"
        self._do(f"CREATE DATABASE {template} TEMPLATE {STAGE} {CHEAPLY}")
        return template

    def _do(self, *statements: str) -> None:
        async def each(connection: "asyncpg.Connection[Any]") -> None:
            for statement in statements:
                await connection.execute(statement)

        _run(_watch(self._server.url(), each))


def _kind(action: Action) -> str:
    patient = isinstance(action, Transactional) and action.patient
    return f"{type(action).__name__}{', patient' if patient else ''}"


def require_values(now: life.Values, undisturbed: life.Values, written: life.Written) -> None:
    """Hold the rows to what they were without disturbance, and to what was written meanwhile, which both
    sides must hold.
    """
    assert now.keys() == undisturbed.keys() | written.values.keys()
    for row, sides in now.items():
        held = {side for side in sides if side is not None}
        if row in written.values:
            assert held == {written.values[row]}, f"row {row}: {sides}, written was {written.values[row]}"
        elif row == written.touched:
            assert held == {side for side in undisturbed[row] if side is not None}, f"row {row}: {sides}"
        else:
            assert list(sides) == list(undisturbed[row]), f"row {row}: {sides} instead of {undisturbed[row]}"


def require_same(now: After, undisturbed: After, written: life.Written) -> None:
    """Hold what an act came to after it was disturbed to what it comes to undisturbed."""
    for name, things in undisturbed.catalog.items():
        assert now.catalog[name] == things, f"{name} in the catalog"
    for name, value in undisturbed.ledger.items():
        assert name == "copied" or now.ledger[name] == value, (
            f"{name} in the ledger: {now.ledger[name]} instead of {value}"
        )
    require_values(now.values, undisturbed.values, written)
    twice = [row for row, times in now.written.items() if times > 1]
    assert not twice, f"rows that were written more than once: {twice}"
    assert sum(now.written.values()) == (now.ledger["copied"] or 0)


def _run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)


async def _watch(url: str, look: "Callable[[asyncpg.Connection[Any]], Coroutine[Any, Any, T]]") -> T:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    try:
        return await look(connection)
    finally:
        await connection.close()
