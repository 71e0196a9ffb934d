import asyncio
import os
import signal

import pytest

from expandcontract.cli.signals import Interruption, run
from expandcontract.model.errors import Interrupted


def interruption(said: list[str], *, checkpoints: bool = True) -> Interruption:
    """Return one that keeps what it says."""
    return Interruption(said.append, checkpoints=checkpoints)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_asks_for_a_checkpoint(number: signal.Signals, code: int) -> None:
    """Work goes on until it comes to a checkpoint, and the exit code is the signal's."""
    said: list[str] = []
    asked = interruption(said)

    async def work() -> int:
        os.kill(os.getpid(), number)
        await asyncio.wait_for(asked.stop.wait(), 10)
        raise Interrupted("c stopped on request.")

    with pytest.raises(Interrupted) as caught:
        run(work, asked)
    assert caught.value.exit_code == code
    assert said == [f"{number.name}: finishing the batch and its checkpoint. Once more stops at once."]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_second_signal_stops_at_once(number: signal.Signals, code: int) -> None:
    """Work that comes to no checkpoint is ended where it is."""
    asked = interruption([])

    async def work() -> int:
        os.kill(os.getpid(), number)
        await asked.stop.wait()
        os.kill(os.getpid(), number)
        await asyncio.Event().wait()
        return 0

    with pytest.raises(Interrupted) as caught:
        run(work, asked)
    assert caught.value.exit_code == code
    assert "ledger" in caught.value.state


def test_what_only_reads_stops_at_the_first_signal() -> None:
    """`ec status --watch` has no checkpoint."""

    async def work() -> int:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()
        return 0

    said: list[str] = []
    with pytest.raises(Interrupted):
        run(work, interruption(said, checkpoints=False))
    assert said == []


def test_work_that_ends_by_itself_has_ended() -> None:
    """A signal that comes when all is done changes nothing."""

    async def work() -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0)
        return 3

    assert run(work, interruption([])) == 3
