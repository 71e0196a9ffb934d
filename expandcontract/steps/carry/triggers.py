"""Triggers of the user that name the column in UPDATE OF or WHEN."""

from expandcontract.model.names import RelationName, quote
from expandcontract.postgres import watchers
from expandcontract.postgres.catalog.trigger import Trigger
from expandcontract.steps import tables
from expandcontract.steps.carry.subject import Subject, Trait

#: pg_trigger.tgenabled, where it is not as CREATE TRIGGER leaves it.
_ENABLED = {"A": "ENABLE ALWAYS", "R": "ENABLE REPLICA", "D": "DISABLE"}


class Triggers(Trait):
    """PostgreSQL knows a trigger's columns by number, not by name: without this it would go on with the
    hidden one.

    Where the new column takes over the name, the same text made anew means the new column; at undo once more
    the old one.
    """

    def hide(self, subject: Subject) -> tuple[str, ...]:
        return tuple(statement for trigger in remade(subject) for statement in _anew(subject, trigger))

    def unhide(self, subject: Subject) -> tuple[str, ...]:
        return self.hide(subject)


def remade(subject: Subject) -> tuple[Trigger, ...]:
    """Return the triggers that contract makes anew. Under a new name the text would mean nothing."""
    if not subject.swap:
        return ()
    named = (t for t in subject.snapshot.triggers if subject.column.name in t.uses and t.definition)
    return tuple(trigger for trigger in named if not trigger.name.startswith(watchers.OURS))


def named(subject: Subject, trigger: Trigger) -> str:
    """Return the trigger as dependents are named."""
    return f"{quote(trigger.name)} ON {_table(subject, trigger).sql}"


def _table(subject: Subject, trigger: Trigger) -> RelationName:
    return trigger.child or subject.table


def _anew(subject: Subject, trigger: Trigger) -> tuple[str, ...]:
    table, name = _table(subject, trigger).sql, quote(trigger.name)
    before, after = trigger.definition
    statements = [f"DROP TRIGGER {name} ON {table}", f"{before} ON {table} {after}"]
    if trigger.enabled in _ENABLED:
        statements.append(f"ALTER TABLE {table} {_ENABLED[trigger.enabled]} TRIGGER {name}")
    if trigger.comment is not None:
        statements.append(tables.comment_on("TRIGGER", f"{name} ON {table}", trigger.comment))
    return tuple(statements)
