"""The column's comment, or the one that was asked for."""

from expandcontract.model.names import quote
from expandcontract.model.step import LockMode, Step, Transactional
from expandcontract.steps import tables
from expandcontract.steps.carry.subject import Subject
from expandcontract.steps.parts import Part


def part(subject: Subject) -> Part:
    """COMMENT ON COLUMN: SHARE UPDATE EXCLUSIVE, which stops neither readers nor writers."""
    comment = subject.rules.comment
    if comment is None and not subject.pair.uneven:
        comment = subject.column.comment
    if comment is None or not subject.leads:
        return Part()
    statement = tables.comment_on("COLUMN", f"{subject.table.sql}.{quote(subject.new)}", comment)
    action = Transactional((statement,), tables.locks(LockMode.SHARE_UPDATE_EXCLUSIVE, subject.table))
    return Part(backfill=(Step("comment", "+", f"comment on {quote(subject.new)}", action),))
