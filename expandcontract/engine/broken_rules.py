"""Rows that break a rule which contract was about to bring into force: how many there are, and which.

The rows were compared before, and all fitted. Between that and contract old code may have written others:
where it has dropped a rule of its own, where the new side's says more than the old one's, or where only a
program outside of the database fills rows.
"""

from sqlalchemy.exc import DBAPIError

from expandcontract.engine import mismatches
from expandcontract.engine.leased_work import Work
from expandcontract.engine.runner import fail_phase
from expandcontract.ledger import proof
from expandcontract.model.errors import EcError, Mismatches, StepFailed
from expandcontract.model.phases import Phase, Section
from expandcontract.model.step import Sweep
from expandcontract.postgres.sqlstate import (
    CHECK_VIOLATION,
    FOREIGN_KEY_VIOLATION,
    NOT_NULL_VIOLATION,
    sqlstate,
)
from expandcontract.sweep.row_reader import MismatchFound

#: This many rows are named.
NAMED = 10
#: What validation says of a row that breaks a rule.
_OF_RULES = frozenset({CHECK_VIOLATION, NOT_NULL_VIOLATION, FOREIGN_KEY_VIOLATION})


async def told(work: Work, error: EcError) -> EcError:
    """Return what is to be raised in place of what ended a contract: Mismatches with the number of rows that
    keep it from coming about, where there are any, and otherwise the very same error.

    The proof does not say any more that there is none.
    """
    if not work.plan.compares or not _of_a_rule(error):
        return error
    try:
        number, keys = await _rows(work)
    except (EcError, DBAPIError):
        return error  # they are counted for the sake of what is said, and for nothing else
    if not number:
        return error
    found = _mismatches(work, number, keys)
    async with work.transaction() as conn:
        await proof.spoil(conn, work.context.tables, work.situation.change_id, _spoiled(work))
    await fail_phase(work, Phase.CONTRACT, found)
    return found


async def counted(work: Work, section: Section, error: EcError) -> EcError:
    """Return what is to be raised in place of what ended a validation in `section`, of a constraint that
    stood before: Mismatches with the number of rows that break it, where that can be told, and otherwise the
    very same error.
    """
    looks = any(isinstance(step.action, Sweep) for step in work.plan.steps(Section.REPAIR))
    if work.plan.pair is not None or not looks or not _of_a_rule(error):
        return error
    try:
        number, keys = await _rows(work)
    except (EcError, DBAPIError):
        return error  # as above
    if not number:
        return error
    listed = "; ".join(keys) + ("" if number == len(keys) else " and more")
    rows = f"{number:,} rows" if number > 1 else "1 row"
    return Mismatches(
        f"{rows} of {work.plan.table} {work.plan.fault}.",
        why=f"Rows: {listed}.",
        state=f"What {section} had begun was taken back: nothing is refused that was not before.",
        next=f"Correct those rows, then: ec {section} {work.name}",
    )


def _of_a_rule(error: EcError) -> bool:
    return isinstance(error, StepFailed) and sqlstate(error.__cause__ or error) in _OF_RULES


async def _rows(work: Work) -> tuple[int, list[str]]:
    """Read all rows once more; return how many break a rule or do not match, and the keys of the first."""
    keys: list[str] = []

    def name(row: MismatchFound) -> None:
        if len(keys) < NAMED:
            keys.append(", ".join(f"{column}={value}" for column, value in row.key.items()))

    return await mismatches.every(work.context, work.situation, name, show_values=False), keys


def _mismatches(work: Work, number: int, keys: list[str]) -> Mismatches:
    outside = work.plan.computed_outside
    rows = f"{number:,} rows" if number > 1 else "A row"
    listed = "; ".join(keys) + ("" if number == len(keys) else " and more")
    return Mismatches(
        f"{rows} of {work.plan.table} would be refused from contract on: written since all were verified.",
        why=" ".join((f"Rows: {listed}.", *_rules(work))),
        state=f"What contract had begun was taken back, and refuses nothing.{_both(work)}",
        next=f"ec backfill {work.name}" if outside else f"Correct those rows, then: ec verify {work.name}",
    )


def _rules(work: Work) -> tuple[str, ...]:
    rules = ("From contract on:", *work.plan.enforces) if work.plan.enforces else ()
    if not work.plan.computed_outside:
        return rules
    return f"Old code leaves rows without {work.plan.final_column}, which only a program can make.", *rules


def _both(work: Work) -> str:
    return "" if work.plan.pair is None else " Both sides stay in use."


def _spoiled(work: Work) -> str:
    if work.plan.computed_outside:
        return "a row was left unfilled after it was made"
    return "a row was written that would be refused from contract on"
