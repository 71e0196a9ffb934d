"""kill -9 in every verb of every kind: the same command brings about what it would have undisturbed."""

import asyncio
import re

import asyncpg
import pytest

from expandcontract.model.phases import State
from expandcontract.testing.server import Server
from tests.acceptance.catalog import difference, everything
from tests.chaos.nursery import DIED, ENDED, Nursery, Outcome
from tests.conftest import database_of
from tests.kinds.cases import Case
from tests.kinds.every import EVERY
from tests.rotation import part

FORWARD = ("start", "backfill", "contract", "undo", "backfill", "contract", "purge")
BACKWARD = ("start", "backfill", "rollback")


#: A third of them in each commit. A rollback that asks whether values may be lost is another command the
#: second time.
PLAYED = part(
    [
        pytest.param(case, acts, id=f"{case.id} {acts[-1]}")
        for case in EVERY
        for acts in (FORWARD, BACKWARD)
        if acts is FORWARD or not case.discard
    ],
    3,
)


class Stage:
    """A case in databases of its own, one for each beginning of a life."""

    def __init__(self, nursery: Nursery, server: Server, case: Case) -> None:
        self._nursery, self._server, self.case = nursery, server, case
        self.asked = [f"0001_{case.kind.replace('-', '_')}", case.kind, dict(case.fields)]

    def act(self, url: str, verb: str) -> tuple[str, ...]:
        """Carry out one act to its end, and return the points that it reached."""
        found = self.run(url, verb)
        assert (found.how, found.error) == (ENDED, None), f"{verb}: {found}"
        return found.points

    def run(self, url: str, verb: str, **more: object) -> Outcome:
        """Fork a child for it."""
        return self._nursery.run(url, self.asked, verb, acknowledged=self.case.acknowledged, **more)

    def see(self, url: str) -> tuple[str, list[str]]:
        """Return the state of the change, and the whole catalog."""
        return asyncio.run(_seen(url))


async def _seen(url: str) -> tuple[str, list[str]]:
    connection = await asyncpg.connect(url)
    try:
        state = await connection.fetchval("SELECT state FROM expandcontract.change")
        # Another database numbers its files differently.
        lines = [re.sub(r"^(relation .*) \d+$", r"\1", line) for line in await everything(connection)]
        return str(state), lines
    finally:
        await connection.close()


async def _given(url: str, script: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(script)
    finally:
        await connection.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("case", "acts"), PLAYED)
def test_an_act_that_was_killed_is_finished_by_the_same_command(
    nursery: Nursery, server: Server, ledger_template: str, case: Case, acts: tuple[str, ...]
) -> None:
    """At a twelfth of the points in each commit, all of them in turn."""
    stage = Stage(nursery, server, case)
    with database_of(server, ledger_template) as undisturbed, database_of(server, ledger_template) as killed:
        for url in (undisturbed, killed):
            asyncio.run(_given(url, case.given))
        for verb in acts:
            points = stage.act(undisturbed, verb)
            wanted = stage.see(undisturbed)
            for point in part(tuple(dict.fromkeys(points)), 12):
                outcome = stage.run(killed, verb, kill=(point, 1))
                # What is done already has other points.
                assert outcome.how == DIED or outcome.error is None, f"{verb}, {point}: {outcome}"
            stage.act(killed, verb)
            state, now = stage.see(killed)
            assert (state, difference(wanted[1], now)) == (wanted[0], []), verb
            if wanted[0] == State.FINISHED and verb != "rollback" and acts == FORWARD:
                return
