"""Privileges on the column itself; those on the table cover every column already."""

from expandcontract.model.names import quote
from expandcontract.model.step import Step, Transactional
from expandcontract.steps.carry.subject import Subject
from expandcontract.steps.parts import Part


def part(subject: Subject) -> Part:
    """GRANT (column), each as it stands on the old one."""
    statements = tuple(
        f"GRANT {grant.privilege} ({quote(subject.new)}) ON {subject.table.sql} TO "
        f"{quote(grant.grantee) if grant.grantee else 'PUBLIC'}"
        f"{' WITH GRANT OPTION' if grant.grantable else ''}"
        for grant in subject.column.grants
    )
    if not statements:
        return Part()
    sentence = f"privileges on {quote(subject.new)} as on {quote(subject.column.name)}"
    # From 18 on GRANT takes ACCESS SHARE on the table; before, no lock.
    return Part(backfill=(Step("privileges", "+", sentence, Transactional(statements)),))
