"""What somebody did to the other tables that a change works on: those that are not kept in sync. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from expandcontract.model.live import Live
from expandcontract.model.names import RelationName, quote
from expandcontract.model.phases import State
from expandcontract.model.situation import Situation


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, as a sentence, and the line that mends it; empty where none does."""

    sentence: str
    next: str


def faults(situation: Situation) -> tuple[Fault, ...]:
    """Return what is wrong with the tables that the change needs as they were when it was planned."""
    back = f"ec rollback {situation.name}" if situation.state == State.ACTIVE else ""
    plan, watched = situation.plan, zip(situation.plan.others, situation.live.others, strict=False)
    return tuple(
        fault
        for number, (site, live) in enumerate(watched, 1)
        if not plan.kept_up(number).trigger and not (site.may_go and not live.table_exists)
        for fault in _of(site.table, live, back)
    )


def moved_back(was: RelationName, now: RelationName) -> str:
    """Return the statements that give a table the name `was` again."""
    moves = [f"ALTER TABLE {now} SET SCHEMA {quote(was.schema)}"] if was.schema != now.schema else []
    if was.name != now.name:
        moves.append(f"ALTER TABLE {RelationName(was.schema, now.name)} RENAME TO {quote(was.name)}")
    return "; ".join(moves)


def _of(table: RelationName, live: Live, back: str) -> Iterator[Fault]:
    if not live.table_exists:
        yield Fault(f"Table {table}, which the change needs, is gone.", back)
        return
    now = live.called
    if now is not None and now != table:
        yield Fault(f"Table {table}, which the change needs, is called {now} now.", moved_back(table, now))
    for column in live.missing_columns:
        yield Fault(f"Column {quote(column)} of {table}, which the change needs, is not there.", back)
