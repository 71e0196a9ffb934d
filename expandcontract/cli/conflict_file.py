"""A file of the values that the ledger keeps for a change."""

from typing import TYPE_CHECKING

from expandcontract.cli.rows_file import written
from expandcontract.cli.views.conflicts import ConflictView, ExportView

if TYPE_CHECKING:
    from expandcontract.engine.context import Context
    from expandcontract.ledger.conflict import ConflictKind


async def exported(
    context: "Context", name: str, path: str, kind: "ConflictKind | None" = None, *, values: bool
) -> ExportView:
    """Write the values of a kind, or all, newest first. Raises UsageError and UnknownChange."""
    from expandcontract.engine.verbs import conflicts

    with written(path) as write:
        number = await conflicts.export(
            context,
            name,
            lambda value: write(ConflictView.of(value, values=values).model_dump(mode="json")),
            kind,
        )
    return ExportView(change=name, file=path, values=number)
