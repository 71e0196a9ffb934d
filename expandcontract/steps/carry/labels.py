"""The column's security labels, by which a provider masks or shuts it."""

from expandcontract.model.names import literal, quote
from expandcontract.steps.carry.subject import Subject


def statements(subject: Subject) -> tuple[str, ...]:
    """Return SECURITY LABEL, for the transaction that adds the column: it has the values at once that labels
    keep from somebody.
    """
    column = f"{subject.table.sql}.{quote(subject.new)}"
    return tuple(
        f"SECURITY LABEL FOR {quote(provider)} ON COLUMN {column} IS {literal(label)}"
        for provider, label in subject.column.labels
    )
