"""The life of a change as data: phases, their statuses, the states of a change, and what each verb does in
each stage.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Phase(StrEnum):
    """The five phases, in order."""

    EXPAND = "expand"
    DUAL_WRITE = "dual_write"
    BACKFILL = "backfill"
    VERIFY = "verify"
    CONTRACT = "contract"


class Section(StrEnum):
    """The lists of steps of a plan: the phases, the ways back and out, and what puts a damaged trigger back.
    One .sql file each.
    """

    EXPAND = "expand"
    DUAL_WRITE = "dual_write"
    BACKFILL = "backfill"
    VERIFY = "verify"
    CONTRACT = "contract"
    UNDO = "undo"
    ROLLBACK = "rollback"
    PURGE = "purge"
    REPAIR = "repair"


class Status(StrEnum):
    """Where a phase is."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"


class State(StrEnum):
    """Where a change is in the large."""

    ACTIVE = "active"
    HIDDEN = "hidden"
    PURGED = "purged"
    ROLLED_BACK = "rolled_back"
    #: Ready, where there is nothing to contract: it claims nothing any more.
    FINISHED = "finished"


class Stage(StrEnum):
    """The columns of the table of verbs and states."""

    NOT_STARTED = "not started"
    BEFORE_READY = "before ready"
    READY = "ready"
    HIDDEN = "hidden"
    PURGED = "purged"
    ROLLED_BACK = "rolled back"
    FINISHED = "finished"


class Verb(StrEnum):
    """The verbs whose meaning depends on the stage."""

    START = "start"
    BACKFILL = "backfill"
    VERIFY = "verify"
    CONTRACT = "contract"
    UNDO = "undo"
    PURGE = "purge"
    ROLLBACK = "rollback"
    RESTORE = "restore"


@dataclass(frozen=True)
class Run:
    """The verb does its work."""


@dataclass(frozen=True)
class Nothing:
    """There is nothing to do; `why` says so. Exit 0."""

    why: str


@dataclass(frozen=True)
class Refuse:
    """The verb does not apply. `next` is the command that does. Exit 4."""

    why: str
    next: str


Answer: TypeAlias = Run | Nothing | Refuse

_RUN = Run()
_UNDO_FIRST = "The change is contracted."
_GONE = "The change was purged: there is no way back."
_NOT_STARTED = "The change was not started."
_ROLLED_BACK = "The change was rolled back."
_FINISHED = Nothing("The change is finished: there was nothing to contract.")
_START = "ec start {change}"
_BACKFILL = "ec backfill {change}"

#: What each verb does to a change in each stage; `{change}` stands for its name.
ANSWERS: Mapping[Verb, Mapping[Stage, Answer]] = {
    Verb.START: {
        Stage.NOT_STARTED: _RUN,
        Stage.BEFORE_READY: _RUN,
        Stage.READY: Nothing("The change is started and ready."),
        Stage.HIDDEN: Nothing("The change is contracted already."),
        Stage.PURGED: Nothing("The change is finished."),
        Stage.ROLLED_BACK: _RUN,
        Stage.FINISHED: _FINISHED,
    },
    Verb.BACKFILL: {
        Stage.NOT_STARTED: Refuse(_NOT_STARTED, _START),
        Stage.BEFORE_READY: _RUN,
        Stage.READY: _RUN,
        Stage.HIDDEN: Refuse(_UNDO_FIRST, "ec undo {change}"),
        Stage.PURGED: Nothing("The change is finished."),
        Stage.ROLLED_BACK: Refuse(_ROLLED_BACK, _START),
        Stage.FINISHED: _FINISHED,
    },
    Verb.VERIFY: {
        Stage.NOT_STARTED: Refuse(_NOT_STARTED, _START),
        Stage.BEFORE_READY: Refuse("The change is not ready yet.", _BACKFILL),
        Stage.READY: _RUN,
        Stage.HIDDEN: Refuse(_UNDO_FIRST, "ec undo {change}"),
        Stage.PURGED: Refuse(_GONE, "ec log {change}"),
        Stage.ROLLED_BACK: Refuse(_ROLLED_BACK, _START),
        Stage.FINISHED: _FINISHED,
    },
    Verb.CONTRACT: {
        Stage.NOT_STARTED: Refuse(_NOT_STARTED, _START),
        Stage.BEFORE_READY: Refuse("The change is not ready yet.", _BACKFILL),
        Stage.READY: _RUN,
        Stage.HIDDEN: Nothing("The change is contracted already."),
        Stage.PURGED: Nothing("The change is finished."),
        Stage.ROLLED_BACK: Refuse(_ROLLED_BACK, _START),
        Stage.FINISHED: _FINISHED,
    },
    Verb.UNDO: {
        Stage.NOT_STARTED: Refuse(_NOT_STARTED, _START),
        Stage.BEFORE_READY: Nothing("The change is not contracted: there is nothing to undo."),
        Stage.READY: Nothing("The change is not contracted: there is nothing to undo."),
        Stage.HIDDEN: _RUN,
        Stage.PURGED: Refuse(_GONE, "ec log {change}"),
        Stage.ROLLED_BACK: Refuse(_ROLLED_BACK, _START),
        Stage.FINISHED: _FINISHED,
    },
    Verb.PURGE: {
        Stage.NOT_STARTED: Refuse(_NOT_STARTED, _START),
        Stage.BEFORE_READY: Refuse("The change is not contracted.", _BACKFILL),
        Stage.READY: Refuse("The change is not contracted.", "ec contract {change}"),
        Stage.HIDDEN: _RUN,
        Stage.PURGED: Nothing("The change is finished."),
        Stage.ROLLED_BACK: Refuse(_ROLLED_BACK, _START),
        Stage.FINISHED: _FINISHED,
    },
    Verb.ROLLBACK: {
        Stage.NOT_STARTED: Nothing("The change was not started: there is nothing to roll back."),
        Stage.BEFORE_READY: _RUN,
        Stage.READY: _RUN,
        Stage.HIDDEN: Refuse(_UNDO_FIRST, "ec undo {change}"),
        Stage.PURGED: Refuse(_GONE, "ec log {change}"),
        Stage.ROLLED_BACK: Nothing("The change was rolled back already."),
        Stage.FINISHED: _RUN,
    },
    Verb.RESTORE: {
        Stage.NOT_STARTED: Refuse(_NOT_STARTED, _START),
        Stage.BEFORE_READY: Refuse("The change is not ready yet.", _BACKFILL),
        Stage.READY: _RUN,
        Stage.HIDDEN: Refuse(_UNDO_FIRST, "ec undo {change}"),
        Stage.PURGED: Refuse(_GONE, "ec log {change}"),
        Stage.ROLLED_BACK: Refuse("There is no new side to give them back to.", _START),
        Stage.FINISHED: _FINISHED,
    },
}


def answer(verb: Verb, stage: Stage) -> Answer:
    """Return what `verb` does to a change in `stage`."""
    return ANSWERS[verb][stage]
