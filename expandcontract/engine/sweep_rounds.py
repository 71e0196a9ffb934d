"""Sweeps in the life of a change: rounds of chunks, and what must stay as it was while they are walked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine import copy_session, earlier_fill
from expandcontract.engine.leased_work import Work
from expandcontract.ledger.chunk import is_swept
from expandcontract.model.change import Mode
from expandcontract.model.errors import Interrupted, Paused, TimeIsUp
from expandcontract.model.step import Purpose, Sweep, Transformation
from expandcontract.steps.sessions import FILLING
from expandcontract.sweep.job import Job, OnError, SweepOptions, SweepOutcome
from expandcontract.sweep.shift import SliceCheck
from expandcontract.sweep.walk import lay, walk
from expandcontract.throttles.limits import Limits
from expandcontract.transforms.process import require


@dataclass(frozen=True)
class SweepPace:
    """How a process takes part in a sweep."""

    batch: int | None = None
    workers: int = 1
    max_rate: float | None = None
    max_runtime: timedelta | None = None
    wait_when_paused: bool = True
    user_triggers: bool = True
    on_error: OnError = "stop"
    show_values: bool = False

    def options(self, limits: Limits, settings: tuple[tuple[str, str], ...] = ()) -> SweepOptions:
        """Return it for a sweep that keeps to `limits`, and whose sessions have these `settings`."""
        return SweepOptions(
            self.batch,
            self.workers,
            self.max_rate,
            self.max_runtime,
            self.wait_when_paused,
            limits,
            settings,
            on_error=self.on_error,
            show_values=self.show_values,
        )


async def walk_round(
    work: Work, action: Sweep, round_: int, pace: SweepPace, check: SliceCheck | None = None
) -> SweepOutcome:
    """Lay the round's chunks, unless they are, and walk them.

    Raises Interrupted, TimeIsUp or Paused when the walk ended before its end; everything up to the last
    checkpoint is kept.
    """
    context, situation = work.context, work.situation
    copies = action.purpose == Purpose.COPY
    settings = copy_session.settings(situation, user_triggers_fire=pace.user_triggers)
    pair = situation.plan.pair
    # What we fill where nothing is computed anew is nobody's write.
    if copies and pair is not None and pair.mode == Mode.FILL:
        settings = (*settings, (FILLING, "on"))
    job = Job(situation.change_id, work.name, situation.attempt, round_, action, situation.relation)
    # Another process may be laying the same chunks: that is worth waiting for.
    async with context.database.transaction(patient=True) as conn:
        await lay(conn, context.tables, job, workers=pace.workers)
    outcome = await walk(
        await copy_session.marked(work) if copies else context.database,
        context.tables,
        job,
        options=pace.options(context.limits, settings if copies else ()),
        listen=context.listen,
        stop=context.stop,
        check=check,
        void_leases=work.lease.alone,
    )
    if not outcome.finished:
        raise _stopped(work, outcome)
    return outcome


def _stopped(work: Work, outcome: SweepOutcome) -> Interrupted | TimeIsUp | Paused:
    state = f"{outcome.rows:,} rows are done; the checkpoint is written."
    again = "Run the same command again."
    match outcome.stopped_by:
        case "runtime":
            return TimeIsUp(f"{work.name}: --max-runtime is over.", state=state, next=again)
        case "paused":
            return Paused(f"{work.name} is paused.", state=state, next=f"ec resume {work.name}")
        case _:
            return Interrupted(f"{work.name} stopped on request.", state=state, next=again)


async def copy_to_end(work: Work, pace: SweepPace, *, anew: bool = False) -> SweepOutcome:
    """Copy until no row is out of sync, over everything that there is, while what keeps the sides in sync
    stays as it was.

    What a round was laid over is kept with it: when trigger, functions or leaves are others at its end, rows
    may have moved to where the round did not look, and another round follows. A round over finished rows
    writes nothing. `anew` begins a round over the present size even when the last one is finished.
    """
    _, _, action = work.plan.sweep(Purpose.COPY)
    if isinstance(action, Transformation):
        await require(action.function)
    await earlier_fill.refuse(work, action)
    after, found = None, [0]
    while True:
        round_ = await _round(work, anew=anew, after=after)
        outcome = await walk_round(work, action, round_, pace)
        found.append(outcome.rows)
        async with work.transaction() as conn:
            differences = await _differences(conn, work, round_)
            # As the ledger has it now: a server that failed over may have lost the end of the round.
            situation = work.situation
            if not await is_swept(
                conn, work.context.tables, situation.change_id, situation.attempt, Purpose.COPY
            ):
                differences = (*differences, "not every chunk of the round is done, or still there")
        if not differences and not (isinstance(action, Transformation) and is_worth_another(found)):
            return replace(outcome, rows=sum(found)) if isinstance(action, Transformation) else outcome
        why = differences or ("a row that is not filled moves when it is written",)
        work.context.notice(work.name, f"Looking through all rows once more: {'; '.join(why)}.")
        anew, after = True, round_


def is_worth_another(found: Sequence[int]) -> bool:
    """Return whether another round is likely to find what the last ones missed. `found` are their rows.

    Where only a program fills rows, one that is not filled yet may be written by others and move to where the
    round has been already; and old code leaves more of them behind. The first kind dies out, so rounds go on
    until one finds nothing. The second does not: once they find about as many as before, that is old code.
    """
    before, last = found[-2:]
    return last > 0 and (before == 0 or last <= before / 2)


async def _round(work: Work, *, anew: bool, after: int | None = None) -> int:
    """Return the number of the round to walk; a new one is bound to the state of now, before its first chunk
    is laid. One that somebody else began `after` that number will do.
    """
    context, situation = work.context, work.situation
    async with context.database.transaction(patient=True) as conn:
        change = context.tables.change
        # Two workers that come together shall have the same round.
        await conn.execute(
            select(change.c.id).where(change.c.id == situation.change_id).with_for_update(key_share=True)
        )
        last, open_ = await _last_round(conn, work)
        anew = anew and (after is None or last <= after)
        if last and (open_ or not anew) and not await _differences(conn, work, last):
            return last
        await conn.exec_driver_sql(
            f"INSERT INTO {context.tables.qualified('laid')} (change_id, attempt, purpose, round, who, bound)"
            f" VALUES ($1, $2, $3, $4, $5, {context.tables.qualified('bound_state')}($1))",
            (situation.change_id, situation.attempt, Purpose.COPY.value, last + 1, context.who),
        )
        return last + 1


async def _last_round(conn: AsyncConnection, work: Work) -> tuple[int, bool]:
    """Return the last round of copying that was bound, and whether chunks of it are open."""
    laid, chunk, situation = work.context.tables.laid, work.context.tables.chunk, work.situation
    bound = select(func.coalesce(func.max(laid.c.round), 0)).where(
        laid.c.change_id == situation.change_id,
        laid.c.attempt == situation.attempt,
        laid.c.purpose == Purpose.COPY.value,
    )
    last = int((await conn.execute(bound)).scalar_one())
    open_ = select(func.count()).where(
        chunk.c.change_id == situation.change_id,
        chunk.c.attempt == situation.attempt,
        chunk.c.purpose == Purpose.COPY.value,
        chunk.c.round == last,
        chunk.c.status != "done",
    )
    return last, bool((await conn.execute(open_)).scalar_one())


async def _differences(conn: AsyncConnection, work: Work, round_: int) -> tuple[str, ...]:
    """Return in sentences what is not as it was when the round was bound."""
    tables, situation = work.context.tables, work.situation
    query = (
        f"SELECT {tables.qualified('differences_now')}($1, l.bound) FROM {tables.qualified('laid')} l "
        "WHERE (l.change_id, l.attempt, l.purpose, l.round) = ($1, $2, $3, $4)"
    )
    values = (situation.change_id, situation.attempt, Purpose.COPY.value, round_)
    return tuple((await conn.exec_driver_sql(query, values)).scalar_one())
