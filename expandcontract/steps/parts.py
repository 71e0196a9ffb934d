"""What a change is made of, and the one place that puts it in order.

A part says what it adds to each section. What an application would notice stands together in one transaction
a turn: contract, undo, rollback and purge each end with the step that moves the change.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from typing import Any, TypeVar

from expandcontract.model.names import RelationName
from expandcontract.model.notes import Note
from expandcontract.model.phases import Section, State
from expandcontract.model.step import Lock, LockMode, Occasion, Step, Transactional, Upkeep
from expandcontract.model.upkeep import KeptUp
from expandcontract.steps import tables

T = TypeVar("T")

#: What stands, of whatever a change keeps up, once it has entered a state.
_UPKEEP = {State.HIDDEN: Upkeep.HIDDEN, State.ACTIVE: Upkeep.SYNC}


@dataclass(frozen=True)
class Part:
    """One thing that a change brings about.

    Steps of `expand` to `verify`, and those before and after a turn, run one by one; `turning` come right
    before contract's turn, `returning` before undo's, after all that takes time. `contract`, `undo`,
    `rollback` and `purge` are statements of the transaction that makes the turn, under `lock` on the table;
    those of a rollback must do no harm where nothing was made yet. `also_locked` are other tables that the
    turns lock, first: those that it refers to, in the order in which the application's own transactions
    reach them. `below` are its children by inheritance, locked after it, as PostgreSQL does. `beside` are
    those statements of `rollback` that clear away what does not go with the table. `upkeep` is the trigger
    that it needs to stand, and `repair` what puts that back.

    `follows` are views that contract has read something else, and undo again, each after those that it reads;
    `hidden_views` what is called otherwise after contract, and goes with purge: those whose places others
    take (`views_anew`), what they said, and those that are hidden with what they read, which `goes_along`.
    `remade` are triggers of the user, as `name ON table`, that both make anew. `refused` are predicates over
    `t` of rows that a rule which comes with contract will refuse: whoever compares rows before names them.
    """

    expand: tuple[Step, ...] = ()
    dual_write: tuple[Step, ...] = ()
    backfill: tuple[Step, ...] = ()
    verify: tuple[Step, ...] = ()
    repair: tuple[Step, ...] = ()
    before_contract: tuple[Step, ...] = ()
    turning: tuple[Step, ...] = ()
    contract: tuple[str, ...] = ()
    before_undo: tuple[Step, ...] = ()
    returning: tuple[Step, ...] = ()
    undo: tuple[str, ...] = ()
    after_undo: tuple[Step, ...] = ()
    before_rollback: tuple[Step, ...] = ()
    rollback: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    purge: tuple[str, ...] = ()
    lock: LockMode = LockMode.ACCESS_EXCLUSIVE
    also_locked: tuple[RelationName, ...] = ()
    below: tuple[RelationName, ...] = ()
    upkeep: tuple[KeptUp, ...] = ()
    follows: tuple[RelationName, ...] = ()
    hidden_views: tuple[RelationName, ...] = ()
    goes_along: tuple[RelationName, ...] = ()
    views_anew: tuple[RelationName, ...] = ()
    remade: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    enforces: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sentences:
    """What the steps that move a change are called; only `rollback` where there is nothing to contract."""

    rollback: str
    contract: str = ""
    undo: str = ""
    purge: str = ""


def together(parts: Sequence[Part]) -> Part:
    """Return one part of several that keep their order whichever way it goes, as names that one of them turns
    another one rests on. Its lock is the strongest of theirs.
    """
    lock = max((part.lock for part in parts), key=list(LockMode).index)
    added: dict[str, Any] = {
        field.name: _flat(getattr(part, field.name) for part in parts)
        for field in fields(Part)
        if field.name != "lock"
    }
    return Part(**added, lock=lock)


def sections(
    table: RelationName, parts: Sequence[Part], sentences: Sentences, *, final: RelationName | None = None
) -> dict[Section, tuple[Step, ...]]:
    """Return all steps of a change of these parts, in order. Undo and rollback take the parts back in the
    opposite order. `final` is what the table is called from contract on, where that is another name.
    """
    back = tuple(reversed(parts))
    remove = _turn(
        table, back, "remove", "-", sentences.rollback, State.ROLLED_BACK, [p.rollback for p in back]
    )
    found = {
        Section.EXPAND: _flat(part.expand for part in parts),
        Section.DUAL_WRITE: _flat(part.dual_write for part in parts),
        Section.BACKFILL: _flat(part.backfill for part in parts),
        Section.VERIFY: _flat(part.verify for part in parts),
        Section.REPAIR: _flat(part.repair for part in parts),
        Section.ROLLBACK: (
            *_flat(part.before_rollback for part in back),
            replace(remove, beside=_flat(part.beside for part in back)),
        ),
    }
    if any(part.contract or part.before_contract for part in parts):
        found |= _contracted(table, final or table, parts, sentences)
    return {section: found[section] for section in Section if section in found}


def _contracted(
    table: RelationName, final: RelationName, parts: Sequence[Part], sentences: Sentences
) -> dict[Section, tuple[Step, ...]]:
    back = tuple(reversed(parts))
    purge = _turn(final, parts, "drop", "-", sentences.purge, State.PURGED, [p.purge for p in parts])
    return {
        Section.CONTRACT: (
            *_flat(part.before_contract for part in parts),
            *_flat(part.turning for part in parts),
            _turn(table, parts, "hide", "~", sentences.contract, State.HIDDEN, [p.contract for p in parts]),
        ),
        Section.UNDO: (
            *_flat(part.before_undo for part in back),
            *_flat(part.returning for part in back),
            _turn(final, back, "unhide", "~", sentences.undo, State.ACTIVE, [part.undo for part in back]),
            *_flat(part.after_undo for part in back),
        ),
        Section.PURGE: (replace(purge, reversible=False),),
    }


def finish(what: str, statements: tuple[str, ...]) -> Step:
    """Return the step that clears away what nothing needs any more, when the change is finished."""
    return Step("finish", "-", what, Transactional(statements), occasion=Occasion.FINISHED)


def _turn(  # noqa: PLR0913, PLR0917 - what a step is made of
    table: RelationName,
    parts: Sequence[Part],
    id_: str,
    symbol: str,
    sentence: str,
    becomes: State,
    statements: Iterable[Sequence[str]],
) -> Step:
    run = _flat(statements)
    # A turn that alters nothing, as it only closes a change, stops nobody.
    locks = _locks(table, parts) if run else ()
    return Step(id_, symbol, sentence, Transactional(run, locks), becomes=becomes, makes=_UPKEEP.get(becomes))


def _locks(table: RelationName, parts: Sequence[Part]) -> tuple[Lock, ...]:
    mode = max((part.lock for part in parts), key=list(LockMode).index)
    others, below = _flat(part.also_locked for part in parts), _flat(part.below for part in parts)
    return tables.locks(mode, *others, table, *below)


def _flat(parts: Iterable[Iterable[T]]) -> tuple[T, ...]:
    return tuple(chain.from_iterable(parts))
