"""The column's comment."""

from expandcontract.model.names import quote
from expandcontract.model.step import LockMode, Step, Transactional
from expandcontract.steps import tables
from expandcontract.steps.carry.subject import Subject, Trait


class Comment(Trait):
    """COMMENT ON COLUMN: SHARE UPDATE EXCLUSIVE, which stops neither readers nor writers."""

    def settle(self, subject: Subject) -> tuple[Step, ...]:
        if subject.column.comment is None:
            return ()
        statement = tables.comment_on(
            "COLUMN", f"{subject.table.sql}.{quote(subject.new)}", subject.column.comment
        )
        return (
            Step(
                "comment",
                "+",
                f"comment on {quote(subject.new)}",
                Transactional((statement,), tables.locks(LockMode.SHARE_UPDATE_EXCLUSIVE, subject.table)),
            ),
        )
