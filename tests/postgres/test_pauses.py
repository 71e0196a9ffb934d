"""Two pauses of one change: the longer one holds, and whoever pauses is told of the other."""

from datetime import timedelta

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import control
from expandcontract.model.events import Event, Notice
from expandcontract.model.policy import Policy
from expandcontract.model.records import Wish
from tests.postgres import ledgers

HALF_AN_HOUR = timedelta(minutes=30)
NAME = "0001_rename"


async def test_a_pause_does_not_end_sooner_because_of_another_one(database: str) -> None:
    """Nobody's work goes on by itself while somebody wants it to stand still, whoever came last."""
    async with ledgers.opened(database) as bare:
        await bare.sql(ledgers.TABLE)
        await ledgers.with_change(bare, ledgers.plan())
        heard: list[Event] = []

        async def paused(who: str, lasting: timedelta | None, why: str | None = None) -> Wish:
            context = Context(bare.database, Policy(), heard.append, who)
            return (await control.pause(context, NAME, why=why, lasting=lasting)).wish

        for_a_while = await paused("ann", HALF_AN_HOUR, "lunch")
        assert for_a_while.paused_until is not None
        assert (await paused("bob", timedelta(minutes=5))) == for_a_while
        longer = await paused("bob", 2 * HALF_AN_HOUR)
        assert (longer.paused_by, longer.paused_until or 0) > ("bob", for_a_while.paused_until)
        without_end = await paused("eve", None, "incident")
        assert (without_end.paused_by, without_end.paused_until) == ("eve", None)
        assert (await paused("bob", HALF_AN_HOUR)) == without_end
        said = [event.text for event in heard if isinstance(event, Notice)]
        assert [sentence.split(" by ")[0] for sentence in said] == [
            "It stays paused", "It was paused", "It was paused", "It stays paused",
        ]  # fmt: skip
        assert "incident: that lasts longer. ec resume 0001_rename ends it." in said[-1]
        context = Context(bare.database, Policy(), heard.append, "ann")
        assert not (await control.resume(context, NAME)).wish.paused
        assert (await paused("ann", HALF_AN_HOUR)).paused_until is not None
