"""Looks at rows apart from any proof: a sample of blocks, and all rows that do not match, one by one."""

from collections.abc import Callable
from typing import TypeAlias

from expandcontract.engine.context import Context
from expandcontract.model.errors import Mismatches
from expandcontract.model.situation import Situation
from expandcontract.model.step import Purpose, Sweep
from expandcontract.sweep.governor import Governor
from expandcontract.sweep.row_reader import MismatchFound, RowReader

#: Takes one row that does not match; it may write it to a file.
Sink: TypeAlias = Callable[[MismatchFound], None]


async def sample(context: Context, situation: Situation, blocks: int) -> None:
    """Compare the rows of this many blocks chosen at random, and say what was seen. It never counts as proof.

    Raises Mismatches.
    """
    reading = _reading(context, situation)
    counts = await reading.sample(await reading.leaves(situation.relation), blocks)
    context.check_stop(situation.name)
    looked = f"{counts.mismatches:,} of {counts.rows:,} rows in {counts.blocks:,} blocks"
    seen = f"{looked} {situation.plan.fault}"
    if counts.mismatches:
        raise Mismatches(
            f"{seen}.",
            why="This was a sample; there may be more.",
            state="Both sides stay in use." if situation.plan.pair is not None else "Nothing was changed.",
            next=f"ec verify {situation.name}",
        )
    context.notice(situation.name, f"{seen}. This was a sample, and is no proof.")


async def every(context: Context, situation: Situation, sink: Sink, *, show_values: bool) -> int:
    """Give every row that does not match now to `sink`; return how many. Memory does not depend on it."""
    reading = _reading(context, situation)
    number = 0
    for leaf in await reading.leaves(situation.relation):
        async for found in reading.mismatches(leaf, values=show_values):
            sink(found)
            number += 1
    context.check_stop(situation.name)
    return number


def _reading(context: Context, situation: Situation) -> RowReader:
    def tell(text: str) -> None:
        context.notice(situation.name, text)

    governor = Governor(context.database, Purpose.COMPARE, context.limits, tell)
    return RowReader(context.database, _comparison(situation), governor, context.stop)


def _comparison(situation: Situation) -> Sweep:
    return situation.plan.sweep(Purpose.COMPARE)[-1]
