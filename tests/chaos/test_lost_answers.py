"""The answer to a COMMIT is lost: it was carried out, and whoever asked for it does not know."""

import asyncio

import pytest
from sqlalchemy.exc import DBAPIError

from expandcontract.model.errors import ConnectionLost, EcError
from expandcontract.postgres.sqlstate import translate
from tests.chaos import life
from tests.chaos.life import EXAMPLES
from tests.chaos.nursery import ENDED
from tests.chaos.proxy import proxied
from tests.chaos.test_kill import ACTS, MEANWHILE
from tests.chaos.theatre import Played, Theatre, require_same
from tests.rotation import part

pytestmark = pytest.mark.in_turn(2)


@pytest.mark.parametrize("acts", ACTS, ids="-".join)
def test_an_act_whose_commit_was_not_answered_is_finished_by_the_same_command(
    theatre: Theatre, acts: tuple[str, ...]
) -> None:
    """At some commits, others in each commit of ours: the act ends well or with an error of ours, and the
    same command comes to the same end.
    """
    played = theatre.played("rename", acts)
    commits = _commits(theatre, played)
    assert commits > 1
    numbers = part(range(1, commits + 1), 20)
    assert sum(_lose_and_go_on(theatre, played, number) for number in numbers) >= len(numbers) - 1


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("acts", ACTS, ids="-".join)
def test_any_commit_may_not_be_answered(theatre: Theatre, example: str, acts: tuple[str, ...]) -> None:
    """At every commit there is, an eighth of them at a time."""
    played = theatre.played(example, acts)
    numbers = part(range(1, _commits(theatre, played) + 1), 8)
    assert sum(_lose_and_go_on(theatre, played, number) for number in numbers) >= len(numbers) * 0.9


def _commits(theatre: Theatre, played: Played) -> int:
    async def count() -> int:
        async with proxied(theatre.url) as (proxy, url):
            await life.act(url, EXAMPLES[played.example], played.verb)
            return proxy.commits

    theatre.set(played.example, played.acts[:-1])
    return asyncio.run(count())


def _lose_and_go_on(theatre: Theatre, played: Played, number: int) -> bool:
    """Return whether there was that commit: how often a look for blockers is taken depends on the clock."""
    where = f"lost the answer to commit {number} of {' '.join(played.acts)} of {played.example}"
    theatre.set(played.example, played.acts[:-1])
    lost = asyncio.run(_lose(theatre.url, played, number))
    changed = EXAMPLES[played.example]
    written = theatre.watch(lambda application: life.write(application, changed, MEANWHILE))
    again = theatre.nursery.run(theatre.url, played.example, played.verb)
    assert (again.how, again.error) == (ENDED, None), f"{where}: {again.error}"
    now = theatre.watch(lambda application: life.after(application, changed))
    assert played.after is not None
    try:
        require_same(now, played.after, written)
    except AssertionError as error:
        error.add_note(where)
        raise
    return lost


async def _lose(url: str, played: Played, number: int) -> bool:
    async with proxied(url, number) as (proxy, through):
        try:
            await life.act(through, EXAMPLES[played.example], played.verb)
        except (EcError, DBAPIError) as error:
            # As the command line spells it: what stands in the ledger is said, and the same command goes on.
            assert isinstance(translate(error), ConnectionLost), error  # noqa: PT017 - or it ends well
        return proxy.lost
