"""Triggers of the table, those of constraints left out."""

from dataclasses import dataclass

from expandcontract.model.names import RelationName


@dataclass(frozen=True)
class Trigger:
    """A user trigger. `enabled` is pg_trigger.tgenabled; `uses` are columns that UPDATE OF or WHEN names."""

    name: str
    before: bool
    row: bool
    on_insert: bool
    on_update: bool
    enabled: str
    function: RelationName
    uses: tuple[str, ...]
