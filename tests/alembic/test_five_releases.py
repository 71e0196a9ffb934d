"""Two applications live through five releases, deployed as the guides say, while people use them."""

import itertools
from pathlib import Path

import pytest

from tests.alembic.rolling import Fleet, Image, fleet_under_load

pytestmark = [pytest.mark.slow, pytest.mark.in_turn(2), pytest.mark.timeout(600)]

RELEASES = 5


@pytest.mark.parametrize("app", ["a", "b"])
async def test_five_releases_without_a_failed_request(app: str, tmp_path: Path, empty_database: str) -> None:
    """Old and new instances serve side by side, each release is taken back once and comes again, and when no
    old one is left the next `alembic upgrade head` contracts: no request fails, and what one instance was
    told each other one tells.
    """
    images = [Image(tmp_path, empty_database, app, release) for release in range(RELEASES + 1)]
    async with fleet_under_load(images[0]) as fleet:
        await fleet.served()
        for old, new in itertools.pairwise(images):
            await _released(fleet, old, new)
        assert fleet.failures == []
    await images[-1].alembic("check")  # models and database agree


async def _released(fleet: Fleet, old: Image, new: Image) -> None:
    running = list(fleet.serving)
    first = await fleet.start(new)
    await fleet.stop(*first)  # somebody saw something in the new code
    running += await fleet.start(old, 1)
    await fleet.start(new)
    await fleet.stop(*running)
    await new.contract()
    await fleet.served()
