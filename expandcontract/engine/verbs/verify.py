"""`ec verify`: compare every row, and bind the proof to everything that keeps it true."""

import time
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine import mismatches, orphans, other_tables, standing_check
from expandcontract.engine import situation as situations
from expandcontract.engine.allowed_verbs import applies
from expandcontract.engine.context import Context
from expandcontract.engine.leased_work import Work, leased
from expandcontract.engine.mismatches import Sink
from expandcontract.engine.repair import repair
from expandcontract.engine.runner import begin_phase, end_phase, fail_phase, record
from expandcontract.engine.sweep_rounds import SweepPace, walk_round
from expandcontract.engine.verbs import undo
from expandcontract.ledger import chunk, proof
from expandcontract.ledger.chunk import Round
from expandcontract.model import killpoints
from expandcontract.model.errors import Blocked, Mismatches
from expandcontract.model.names import literal, quote
from expandcontract.model.phases import Phase, Verb
from expandcontract.model.situation import Situation
from expandcontract.model.step import Purpose, Sweep
from expandcontract.postgres import owner_rights
from expandcontract.sweep.sides import side_value

#: How often a comparison begins anew because what it is bound to changed under it.
MOST_TRIES = 5


class _Spoiled(Exception):
    """What the proof is bound to changed while rows were compared."""


@dataclass(frozen=True)
class MismatchedRow:
    """A row that does not match: its key, and its values where they were asked for."""

    key: str
    old: str | None = None
    new: str | None = None


@dataclass(frozen=True)
class Naming:
    """How rows that do not match are named: by key, with `show_values` by their values as well.

    `export` takes every one of them, the error ten.
    """

    show_values: bool = False
    export: Sink | None = None


@dataclass(frozen=True)
class VerifyOptions(SweepPace):
    """How rows are compared, and what is done about those that do not match.

    `repair` fills them from the old side and compares once more. `standing` puts the comparison up as a
    constraint until contract.
    """

    naming: Naming = Naming()
    repair: bool = False
    standing: bool = False


async def verify(context: Context, name: str, options: VerifyOptions = VerifyOptions()) -> Situation:
    """Compare every row of a ready change; return the change with its proof.

    Raises:
        Mismatches: count and keys, values only with `show_values`.
        UnsupportedShape: the change cannot have a standing comparison.
        WrongState, Interrupted, TimeIsUp, Paused, LeaseHeld, Blocked.
    """
    situation = await undo.finish(context, await situations.one(context, name))
    if applies(context, Verb.VERIFY, situation):
        if options.standing:
            standing_check.require(situation)
        await _prove_or_repair(context, situation, options)
        if options.standing:
            await standing_check.put_up(context, situation)
    return await situations.one(context, name)


async def look(context: Context, name: str, blocks: int) -> Situation:
    """Compare the rows of this many random blocks; no proof is made. Raises Mismatches, WrongState."""
    situation = await situations.one(context, name)
    if applies(context, Verb.VERIFY, situation):
        await mismatches.sample(context, situation, blocks)
    return situation


async def _prove_or_repair(context: Context, situation: Situation, options: VerifyOptions) -> None:
    try:
        await prove(context, situation, options, verb="verify", naming=options.naming)
    except Mismatches as found:
        if not options.repair or situation.plan.pair is None:
            raise
        context.notice(situation.name, f"Repairing: {found.message}")
        await repair(context, situation, options, verb="verify")
        await prove(context, situation, options, verb="verify", naming=Naming(options.naming.show_values))


async def prove(
    context: Context, situation: Situation, pace: SweepPace, *, verb: str, naming: Naming | None = None
) -> None:
    """Compare every row and write the proof. Raises Mismatches, and Blocked when the comparison is spoiled
    again and again.
    """
    async with leased(context, situation, verb, exclusive=False) as work:
        orphans.require_table(work.situation)
        await other_tables.stand(work)
        for _ in range(MOST_TRIES):
            try:
                return await _once(work, pace, naming or Naming())
            except _Spoiled as spoiled:
                context.notice(situation.name, f"Comparing anew, because meanwhile: {spoiled}.")
    raise Blocked(
        f"{situation.name} could not be compared: what keeps it in sync is changed all the time.",
        why="Something else alters the table, its triggers or its functions.",
        next=f"ec verify {situation.name}",
    )


async def _once(work: Work, pace: SweepPace, naming: Naming) -> None:
    context = work.context
    began = time.monotonic()
    await begin_phase(work, Phase.VERIFY)
    async with work.transaction(patient=True) as conn:
        begun = await proof.begin(conn, context.tables, work.situation.change_id)
    killpoints.reach("verify.bound")
    section, step, action = work.plan.sweep(Purpose.COMPARE)

    async def unchanged(conn: AsyncConnection) -> None:
        if faults := await proof.differences(conn, context.tables, begun.id):
            raise _Spoiled("; ".join(faults))

    await walk_round(work, action, begun.round, pace, unchanged)
    await _require_compared(work, begun.id)
    async with work.transaction(patient=True) as conn:
        await unchanged(conn)
        finding = await proof.finish(conn, context.tables, begun.id)
        await record(work, conn, section, step, time.monotonic() - began)
        keys = (
            await chunk.samples(conn, context.tables, _round(work, begun.round)) if finding.mismatches else ()
        )
    killpoints.reach("verify.compared")
    if finding.mismatches:
        named = (
            await _values(work, action, keys)
            if naming.show_values and action.old
            else tuple(MismatchedRow(_spell(key)) for key in keys)
        )
        error = _mismatches(work, finding, named)
        if naming.export is not None:
            error.state += await _exported(work, naming, naming.export)
        await fail_phase(work, Phase.VERIFY, error)
        raise error
    await end_phase(work, Phase.VERIFY)


async def _require_compared(work: Work, proof_id: int) -> None:
    """Raise _Spoiled where chunks were removed from the ledger meanwhile: their rows were not compared."""
    tables = work.context.tables
    async with work.context.database.transaction() as conn:
        if await proof.compared(conn, tables, proof_id):
            return
        why = "chunks of the comparison were removed from the ledger"
        await proof.spoil(conn, tables, work.situation.change_id, why)
    raise _Spoiled(why)


async def _exported(work: Work, naming: Naming, sink: Sink) -> str:
    number = await mismatches.every(work.context, work.situation, sink, show_values=naming.show_values)
    return f" {number:,} rows that do not match now were exported."


def _round(work: Work, number: int) -> Round:
    return Round(work.situation.change_id, work.situation.attempt, Purpose.COMPARE, number)


def _mismatches(work: Work, finding: proof.ProofCounts, named: tuple[MismatchedRow, ...]) -> Mismatches:
    listed = "; ".join(
        f"{row.key}: {row.old} / {row.new}" if row.old or row.new else row.key for row in named
    )
    unfit = f", {finding.unfit:,} of them because {_misfit(work)}" if finding.unfit else ""
    more = "" if len(named) == finding.mismatches else " and more"
    rules = work.plan.enforces if finding.unfit else ()
    remedy = (
        f"Correct those values, then: ec verify {work.name}" if finding.unfit else f"ec backfill {work.name}"
    )
    if work.plan.pair is None:
        return _broken(work, finding, f"{listed}{more}")
    return Mismatches(
        f"{finding.mismatches:,} of {finding.rows_compared:,} rows {work.plan.fault}{unfit}.",
        why=" ".join((f"Rows: {listed}{more}.", *(("From contract on:", *rules) if rules else ()))),
        state="Both sides stay in use; contract is shut.",
        next=remedy,
    )


def _broken(work: Work, finding: proof.ProofCounts, listed: str) -> Mismatches:
    """Rows that break a rule: nothing but their owner's hand can mend them. Of rows that match still: they
    were written since, or would match again.
    """
    if work.plan.copies:
        return Mismatches(
            f"{finding.mismatches:,} of {finding.rows_compared:,} rows {work.plan.fault}.",
            why=f"Rows: {listed}. Somebody goes on writing such rows, or they would match once more.",
            state="What was written stays.",
            next=f"Stop what writes them, then: ec backfill {work.name}",
        )
    return Mismatches(
        f"{finding.mismatches:,} of {finding.rows_compared:,} rows {work.plan.fault}.",
        why=f"Rows: {listed}. ec verify {work.name} --export FILE writes the keys of all.",
        state="Nothing refuses them yet; contract is shut.",
        next=f"Correct those rows, then: ec verify {work.name}",
    )


def _misfit(work: Work) -> str:
    misfit = "the new side cannot hold the value"
    return f"{misfit}, or a rule of it would refuse the row" if work.plan.enforces else misfit


def _spell(key: dict[str, str]) -> str:
    return ", ".join(f"{column}={value}" for column, value in key.items())


async def _values(work: Work, action: Sweep, keys: tuple[dict[str, str], ...]) -> tuple[MismatchedRow, ...]:
    """Read the rows again. Keys are text, so this is a scan of the table: only for those who asked to see
    values.
    """
    wanted = " OR ".join(
        "("
        + " AND ".join(f"t.{quote(column)}::text = {literal(value)}" for column, value in key.items())
        + ")"
        for key in keys
    )
    named = ", ".join(f"t.{quote(column)}::text" for column in keys[0])
    old, new = (f"({side_value(side)})::text" for side in (action.old, action.new))
    query = f"SELECT {old}, {new}, {named} FROM {action.table} t WHERE {wanted}"
    async with work.context.database.transaction() as conn:
        found = await owner_rights.rows(conn, str(action.table), query)
    columns = tuple(keys[0])
    return tuple(
        MismatchedRow(_spell(dict(zip(columns, row[2:], strict=True))), row[0], row[1]) for row in found
    )
