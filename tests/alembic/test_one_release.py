"""One release of one of the two applications, deployed as the guides say, while people use it."""

import itertools
from pathlib import Path

import pytest

from tests.alembic.rolling import Image, fleet_under_load
from tests.rotation import part

RELEASES = tuple(itertools.product("ab", range(1, 6)))


@pytest.mark.parametrize(("app", "release"), part(RELEASES, len(RELEASES)))
async def test_a_release_without_a_failed_request(
    app: str, release: int, tmp_path: Path, empty_database: str
) -> None:
    """An old and a new instance serve side by side, and when the old one is gone the release is contracted.
    The releases before it went through on a database without a row. All of them, each taken back once, are
    slow; another one is here in each commit.
    """
    old, new = (Image(tmp_path, empty_database, app, each) for each in (release - 1, release))
    async with fleet_under_load(old, people_at_once=2, instances=1) as fleet:
        await fleet.served()
        running = list(fleet.serving)
        await fleet.start(new, 1)
        await fleet.stop(*running)
        await new.contract()
        await fleet.served()
        assert fleet.failures == []
