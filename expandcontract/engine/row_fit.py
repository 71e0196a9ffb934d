"""Whether the rows that are there can be carried through, looked for before anything of the plan stands.

The plan's own predicates are asked of a sample of the rows, or of all, by the plan's own functions, which
stand on the empty copy meanwhile. A plan runs none of the application's code: an expression that calls any is
not tried.
"""

from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine.rehearsal import aside
from expandcontract.model.change import Pair, Unfit
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import RelationName, quote
from expandcontract.model.notes import Note
from expandcontract.model.phases import Section
from expandcontract.model.plan import Plan
from expandcontract.model.step import Purpose, Sweep, Transactional
from expandcontract.postgres import empty_copy, sample
from expandcontract.postgres.clone import Question
from expandcontract.postgres.empty_copy import EmptyCopy
from expandcontract.postgres.query import execute, rows
from expandcontract.postgres.sample import Looked
from expandcontract.postgres.sqlstate import is_disconnect, server_message

#: A sample is not worth more, in milliseconds; whoever asks for all rows waits for them.
_SAMPLE_TIMEOUT_MS = 5_000

#: What nearly every value loses, whatever rows there are now.
_LOSES = {
    ("json", "jsonb"): "jsonb keeps neither the blanks nor the order of keys of a json document",
    ("double precision", "numeric"): "numeric takes 15 digits of a double precision, which may have 17",
    ("real", "numeric"): "numeric takes 6 digits of a real, which may have 9",
}
_MEANWHILE = {
    Unfit.REFUSE: "From dual_write on a write that brings one is refused, and those that are there keep "
    "contract shut. Other expressions may fit, or --unfit record or accept.",
    Unfit.RECORD: "They are kept in the ledger, and contract stays shut until somebody has mended them.",
    Unfit.ACCEPT: "They are NULL on the new side.",
}


@dataclass(frozen=True)
class Rows:
    """Where to look: the table itself, its copy with the plan compiled for that, and whether at every row.
    `volatile`: an expression of the pair may do or be something else at each call.
    """

    table: RelationName
    copy: EmptyCopy
    tried: Plan
    question: Question
    volatile: bool
    whole: bool


async def hazards(conn: AsyncConnection, asked: Rows) -> tuple[Note, ...]:
    """Return what the rows say of the plan. Raises UnsupportedShape where one would be too large with one
    column more.
    """
    async with aside(conn):
        try:
            return (*_by_type(asked), *await _seen(conn, asked))
        except DBAPIError as error:
            if is_disconnect(error):
                raise
            return (*_by_type(asked), _not_looked_at(server_message(error)[0]))


async def _seen(conn: AsyncConnection, asked: Rows) -> tuple[Note, ...]:
    pair = asked.tried.sides
    limit = "0" if asked.whole else str(_SAMPLE_TIMEOUT_MS)
    await rows(conn, "SELECT pg_catalog.set_config('statement_timeout', $1, true)", limit)
    known = pair.identity or await _stands(conn, asked)
    await _refuse_too_wide(conn, asked, known=known)
    if pair.identity or pair.computed_outside:
        return ()
    if not known:
        why = "the expressions are volatile, or call code that PostgreSQL did not bring along"
        return (_not_looked_at(f"{why}, and a plan runs none of it"),)
    await execute(conn, "SET LOCAL transaction_read_only = on")
    named = (*pair.old_columns, *(each.column for each in pair.beside))
    looked = await sample.look(
        conn,
        asked.table,
        asked.copy.snapshot.primary_key,
        (tuple(map(quote, named)), (quote(pair.new.column), _copied(asked.tried))),
        _sweep(asked.tried, Purpose.COMPARE).unfit,
        whole=asked.whole,
    )
    return _found(pair, looked)


async def _stands(conn: AsyncConnection, asked: Rows) -> bool:
    """Make the functions of the pair; return whether they may be called."""
    pair, tried = asked.tried.sides, asked.tried
    if pair.computed_outside or asked.volatile:
        return False
    steps = (*tried.steps(Section.EXPAND), *tried.steps(Section.DUAL_WRITE))
    made = (s for step in steps if isinstance(step.action, Transactional) for s in step.action.statements)
    await empty_copy.run(conn, (*asked.copy.statements, *made))
    return not await sample.calls_foreign_code(conn, tried.kept_up().functions)


async def _refuse_too_wide(conn: AsyncConnection, asked: Rows, *, known: bool) -> None:
    pair, table = asked.tried.sides, asked.table
    made = _copied(asked.tried) if known else f"NULL::{pair.new.type}"
    said = await sample.too_wide(conn, table, pair.new.type, made)
    if said is not None:
        raise UnsupportedShape(
            f"A row of {table} is too large for one column more: {said}.",
            why="A row must fit on a page. Move columns to another table first, or to a type that can be "
            "stored beside it.",
        )


def _sweep(plan: Plan, purpose: Purpose) -> Sweep:
    actions = (step.action for steps in plan.sections.values() for step in steps)
    return next(each for each in actions if isinstance(each, Sweep) and each.purpose == purpose)


def _copied(plan: Plan) -> str:
    """Return the expression over `t` by which the copy makes the new side's value."""
    ((_, made),) = _sweep(plan, Purpose.COPY).assignments
    return made


def _by_type(asked: Rows) -> tuple[Note, ...]:
    pair, question = asked.tried.sides, asked.question
    loses = _LOSES.get((pair.old.type, pair.new.type))
    if loses is None or question.using is not None or question.back is not None or pair.unfit == Unfit.ACCEPT:
        return ()
    sentence = f"Ordinary values do not fit: {loses}. {_MEANWHILE[pair.unfit]}"
    return (_note(pair, sentence),)


def _found(pair: Pair, looked: Looked) -> tuple[Note, ...]:
    if not looked.found:
        return ()
    column, what = " and ".join(map(quote, pair.old_columns)), f"{pair.new.type} cannot hold"
    if pair.old_more:
        what = f"--into makes nothing of, or --back not what they were; {pair.new.type} does not tell them"
    sentence = f"There are values of {column} that {what}. {_MEANWHILE[pair.unfit]}"
    of = "rows" if looked.whole else "rows of a sample"
    more = ", ..." if looked.found > len(looked.keys) else ""
    return (_note(pair, sentence, f"{looked.found} of {looked.rows} {of}: {'; '.join(looked.keys)}{more}."),)


def _note(pair: Pair, sentence: str, found: str = "") -> Note:
    """Who chose a policy has acknowledged what it is for."""
    if pair.unfit == Unfit.REFUSE:
        return Note.hazard("unfit", sentence, found=found)
    return Note("unfit", sentence, found=found)


def _not_looked_at(why: str) -> Note:
    return Note("rows-not-looked-at", f"Whether the values of the rows fit was not looked at: {why}.")
