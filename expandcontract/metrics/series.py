"""Every series that there is: its name, its labels, what it says, and how it is read from a change. Pure.

Names and labels are an interface: dashboards and alerts of others are made of them. One more is a row here.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from expandcontract.metrics.watched import WatchedChange, WatchedDatabase
from expandcontract.model.phases import State
from expandcontract.model.records import SweepRecord

#: The values of a series' own labels, and the number.
Sample: TypeAlias = tuple[tuple[str, ...], float]


class Type(StrEnum):
    """How Prometheus understands a series."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True)
class OfDatabase:
    """A series of a database. `labels` come after `database`."""

    name: str
    help: str
    read: Callable[[WatchedDatabase], Iterable[Sample]]
    labels: tuple[str, ...] = ()
    type: Type = Type.GAUGE


@dataclass(frozen=True)
class OfChange:
    """A series of a change. `labels` come after `database` and `change`."""

    name: str
    help: str
    read: Callable[[WatchedChange], Iterable[Sample]]
    labels: tuple[str, ...] = ()
    type: Type = Type.GAUGE


def _one(value: float | None) -> Iterator[Sample]:
    """Yield a value without labels, unless it is not known."""
    if value is not None:
        yield (), float(value)


def _at(moment: datetime | None) -> Iterator[Sample]:
    yield from _one(None if moment is None else moment.timestamp())


def _info(it: WatchedChange) -> Iterator[Sample]:
    yield (it.situation.kind, it.situation.table.sql, it.state), 1.0


def _phase_status(it: WatchedChange) -> Iterator[Sample]:
    for phase, record in it.situation.phases.items():
        yield (phase.value, record.status.value), 1.0


def _phase_started(it: WatchedChange) -> Iterator[Sample]:
    for phase, record in it.situation.phases.items():
        if record.started_at is not None:
            yield (phase.value,), record.started_at.timestamp()


def _phase_finished(it: WatchedChange) -> Iterator[Sample]:
    for phase, record in it.situation.phases.items():
        if record.finished_at is not None:
            yield (phase.value,), record.finished_at.timestamp()


def _contractable(it: WatchedChange) -> Iterator[Sample]:
    yield from _one(it.situation.was_ready and all(verdict.open for verdict in it.verdicts))


def _gate_open(it: WatchedChange) -> Iterator[Sample]:
    for verdict in it.verdicts:
        yield (verdict.gate, str(verdict.hard).lower()), float(verdict.open)


def _gate_blind(it: WatchedChange) -> Iterator[Sample]:
    for verdict in it.verdicts:
        yield (verdict.gate,), float(verdict.blind)


def _workers(it: WatchedChange) -> Iterator[Sample]:
    verbs = [holder.verb for holder in it.situation.holders if holder.alive]
    for verb in dict.fromkeys(verbs):
        yield (verb,), float(verbs.count(verb))


def _sweeps(
    value: Callable[[SweepRecord, WatchedChange], float | None],
) -> Callable[[WatchedChange], Iterator[Sample]]:
    """Return what reads a number of each sweep that was begun, where it is known."""

    def read(it: WatchedChange) -> Iterator[Sample]:
        for sweep, record in (("copy", it.situation.copy), ("compare", it.situation.compare)):
            found = None if record is None else value(record, it)
            if found is not None:
                yield (sweep,), float(found)

    return read


def _eta(record: SweepRecord, it: WatchedChange) -> float | None:
    working = any(holder.alive for holder in it.situation.holders)
    return record.eta_seconds if working and not record.finished else None


def _progress(record: SweepRecord, _: WatchedChange) -> float | None:
    return None if record.active_at is None else record.active_at.timestamp()


def _valid_until(it: WatchedChange) -> Iterator[Sample]:
    proof = it.situation.proof
    if proof is not None and not (proof.mismatches or proof.spoiled_at or proof.differences):
        yield from _at(proof.finished_at + it.situation.policy.proof_max_age)


def _undo_window(it: WatchedChange) -> Iterator[Sample]:
    hidden_at = it.situation.hidden_at
    if it.situation.state == State.HIDDEN and hidden_at is not None:
        yield from _at(hidden_at + it.situation.policy.undo_window)


def _lock_tries(it: WatchedChange) -> Iterator[Sample]:
    if it.tally is not None:
        yield ("taken",), float(it.tally.locks_taken)
        yield ("missed",), float(it.tally.locks_missed)


def _throttled(it: WatchedChange) -> Iterator[Sample]:
    if it.tally is not None:
        for throttle, seconds in sorted(it.tally.throttled_seconds.items()):
            yield (throttle,), seconds


def _states(it: WatchedDatabase) -> Iterator[Sample]:
    for state, count in sorted(it.states.items()):
        yield (state,), float(count)


OF_DATABASE: tuple[OfDatabase, ...] = (
    OfDatabase("ec_up", "1 where the database was reached.", lambda it: _one(it.changes is not None)),
    OfDatabase(
        "ec_scrape_duration_seconds", "How long it took to look at the database.", lambda it: _one(it.seconds)
    ),
    OfDatabase("ec_changes", "How many changes are in this state.", _states, ("state",)),
)

OF_CHANGE: tuple[OfChange, ...] = (
    OfChange(
        "ec_change_info", "1, with what the change is and its state.", _info, ("kind", "table", "state")
    ),
    OfChange("ec_phase_status", "1 for the status that each phase has.", _phase_status, ("phase", "status")),
    OfChange("ec_phase_started_timestamp_seconds", "When the phase began.", _phase_started, ("phase",)),
    OfChange("ec_phase_finished_timestamp_seconds", "When the phase ended.", _phase_finished, ("phase",)),
    OfChange(
        "ec_ready",
        "1 where code that uses the new side may be deployed.",
        lambda it: _one(it.situation.deployable),
    ),
    OfChange("ec_contractable", "1 where contract would hide the old side now.", _contractable),
    OfChange(
        "ec_gate_open",
        "1 for a gate that is open. Nobody can waive a hard one.",
        _gate_open,
        ("gate", "hard"),
    ),
    OfChange("ec_gate_blind", "1 for a gate that could not look.", _gate_blind, ("gate",)),
    OfChange("ec_workers", "How many processes are at work, by their command.", _workers, ("verb",)),
    OfChange("ec_paused", "1 where somebody paused it.", lambda it: _one(it.situation.wish.paused)),
    OfChange(
        "ec_rows_total",
        "Rows that the sweep's last round went over. A new round begins at 0.",
        _sweeps(lambda record, _: record.rows),
        ("sweep",),
        Type.COUNTER,
    ),
    OfChange(
        "ec_blocks",
        "Blocks of the sweep's last round.",
        _sweeps(lambda record, _: record.blocks_total),
        ("sweep",),
    ),
    OfChange(
        "ec_blocks_done",
        "Those of them that are done.",
        _sweeps(lambda record, _: record.blocks_done),
        ("sweep",),
    ),
    OfChange("ec_eta_seconds", "Time left; absent while nobody works or knows.", _sweeps(_eta), ("sweep",)),
    OfChange(
        "ec_progress_timestamp_seconds",
        "When a batch of the sweep was done last.",
        _sweeps(_progress),
        ("sweep",),
    ),
    OfChange(
        "ec_hot_ratio",
        "Share of the copied rows whose update needed no index entry.",
        lambda it: _one(it.situation.copy.hot_ratio if it.situation.copy else None),
    ),
    OfChange(
        "ec_throttled_seconds_total",
        "Time that a sweep was held back, by the throttle that did.",
        _throttled,
        ("throttle",),
        Type.COUNTER,
    ),
    OfChange(
        "ec_lock_tries_total",
        "Locks that were taken, and tries that were given up after lock_timeout.",
        _lock_tries,
        ("outcome",),
        Type.COUNTER,
    ),
    OfChange(
        "ec_lock_held_seconds_max",
        "Longest time that a lock was held.",
        lambda it: _one(None if it.tally is None else it.tally.held_seconds),
    ),
    OfChange(
        "ec_lock_wait_seconds_max",
        "Longest time that others waited behind a lock, or behind a try for one.",
        lambda it: _one(None if it.tally is None else it.tally.felt_seconds),
    ),
    OfChange(
        "ec_proof_mismatches",
        "Rows that the last proof found to differ.",
        lambda it: _one(it.situation.proof.mismatches if it.situation.proof else None),
    ),
    OfChange(
        "ec_proof_valid_until_timestamp_seconds",
        "When the proof ends; absent where it does not hold.",
        _valid_until,
    ),
    OfChange(
        "ec_old_writer_seen_timestamp_seconds",
        "When somebody was seen last to write the old side.",
        lambda it: _at(max((each.last_seen for each in it.situation.old_writers), default=None)),
    ),
    OfChange(
        "ec_undo_window_ends_timestamp_seconds", "When the hidden old side may be purged.", _undo_window
    ),
    OfChange(
        "ec_conflicts", "Values that a side lost or could not hold.", lambda it: _one(it.situation.conflicts)
    ),
)
