"""A load that nobody here wrote."""

from pathlib import Path

import pytest

from expandcontract.testing.operator import Operator
from expandcontract.testing.pgbench import rename_under_load
from expandcontract.testing.server import Server
from tests.conftest import VERSION


@pytest.mark.timeout(1200)
@pytest.mark.slow
@pytest.mark.in_turn(2)
async def test_a_column_of_pgbench_is_renamed_under_its_own_load(tmp_path: Path) -> None:
    """While 300,000 accounts are copied no transaction fails, and every delta ends where it belongs.

    In a hurry: pgbench leaves no core, where a courteous backfill rests for most of the time.
    """
    with Server.start(VERSION, {"fsync": "off"}) as server:
        operator = Operator(tmp_path, server.url(), settings={"EC_THROTTLE_OFF": "courtesy"})
        found = await rename_under_load(server, operator, tmp_path, scale=3, alone=1.0)
    assert found.failed == 0
    assert found.sums["accounts"] is not None
    assert len(set(found.sums.values())) == 1, found.sums
    # It means something: pgbench wrote in every phase but the shortest, and each row was copied and compared.
    assert all(found.latencies[phase].statements > 0 for phase in ("alone", "backfill", "verify"))
    assert found.status["phases"]["backfill"]["rows_written"] > 0
    assert found.compared_under_load == pytest.approx(300_000, rel=0.01)
    assert found.status["phases"]["verify"]["rows_compared"] == 300_000
    assert found.status["state"] == "purged"
