"""Pure. One row of the view status_v1, in JSON, as a Situation."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

from expandcontract.model.live import Live, Lost
from expandcontract.model.phases import Phase, State, Status
from expandcontract.model.plan import from_data
from expandcontract.model.policy import Policy
from expandcontract.model.records import (
    Heard,
    Holder,
    Judged,
    NewestStep,
    PhaseRecord,
    Proof,
    SweepRecord,
    Waits,
    Waiver,
    Wish,
)
from expandcontract.model.situation import Situation
from expandcontract.model.users import OldWriter


def of(row: Mapping[str, Any], policy: Policy) -> Situation:
    """Return what a row of status_v1 says."""
    phases = {Phase(record["phase"]): _phase(record) for record in row["phases"]}
    return Situation(
        change_id=row["id"],
        name=row["name"],
        kind=row["kind"],
        attempt=row["attempt"],
        cycle=row["cycle"],
        state=State(row["state"]),
        started=phases[Phase.EXPAND].status != Status.PENDING,
        plan=from_data(row["plan"]),
        phases=phases,
        live=Live(
            table_exists=True,
            sync_faults=tuple(row["sync_altered"]),
            lost=tuple(Lost(kind, name) for kind, name in row["new_side_lost"]),
            is_copy=row["is_copy"],
        ),
        policy=policy if (soak := phases[Phase.CONTRACT].soak) is None else replace(policy, soak=soak),
        now=datetime.fromisoformat(row["now"]),
        copy=_sweep(row["copy"]),
        compare=_sweep(row["compare"]),
        proof=_proof(row["newest_proof"]),
        old_writers=tuple(_old_writer(writer) for writer in row["old_writers"] or ()),
        conflicts=row["conflicts"],
        waivers=tuple(_waiver(waiver) for waiver in row["waivers"] or ()),
        wish=wish(row["wish"]),
        holders=tuple(_holder(holder) for holder in row["holders"] or ()),
        steps_done=frozenset(row["steps_done"]),
        covered=frozenset(row["covered"]),
        hidden_at=moment(row["hidden_at"]),
        relation=row["relation"],
        others=tuple(row["others"]),
        newest_step=_newest_step(row["newest_step"]),
        judged=_judged(row["judged"]),
    )


def _phase(record: Mapping[str, Any]) -> PhaseRecord:
    return PhaseRecord(
        phase=Phase(record["phase"]),
        status=Status(record["status"]),
        started_at=moment(record["started_at"]),
        finished_at=moment(record["finished_at"]),
        error=record["error"],
        soak=_lasting(record.get("soak_seconds")),
    )


def _lasting(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _sweep(record: Mapping[str, Any] | None) -> SweepRecord | None:
    if record is None:
        return None
    names = {field.name for field in fields(SweepRecord)} & record.keys()
    read = {"rows_per_second": _rate(record), "active_at": moment(record.get("active_at"))}
    return SweepRecord(**{name: record[name] for name in names} | read)


def _rate(record: Mapping[str, Any]) -> float:
    """Return the rate that a process measures now, or where none does, that of the whole time."""
    if record["chunks_open"] and record["rows_per_second"] is not None:
        return float(record["rows_per_second"])
    return float(record["rows"] / record["seconds"]) if record["seconds"] else 0.0


def _proof(record: Mapping[str, Any] | None) -> Proof | None:
    if record is None:
        return None
    return Proof(
        id=record["id"],
        finished_at=datetime.fromisoformat(record["finished_at"]),
        rows_compared=record["rows_compared"],
        mismatches=record["mismatches"],
        spoiled_at=moment(record["spoiled_at"]),
        spoiled_why=record["spoiled_why"],
        differences=tuple(record["differences"]),
    )


def _old_writer(record: Mapping[str, Any]) -> OldWriter:
    return OldWriter(**with_moments(record, "first_seen", "last_seen"))


def _waiver(record: Mapping[str, Any]) -> Waiver:
    return Waiver(**with_moments(record, "at"))


def wish(record: Mapping[str, Any] | None) -> Wish:
    """Return what is wished of a change, as the view has it."""
    if record is None:
        return Wish()
    moments = {name: moment(record[name]) for name in ("paused_at", "paused_until", "asked_at")}
    heard = tuple(Heard(**with_moments(each, "at")) for each in record["heard"])
    return Wish(**{**record, **moments, "heard": heard})


def _holder(record: Mapping[str, Any]) -> Holder:
    waits = None if record["waits"] is None else Waits(**with_moments(record["waits"], "since"))
    return Holder(**{**with_moments(record, "until", "acquired_at"), "waits": waits})


def _judged(record: Mapping[str, Any] | None) -> Judged | None:
    if record is None:
        return None
    return Judged(
        at=datetime.fromisoformat(record["at"]),
        gates=tuple(record["gates"]),
        damage=tuple(record["damage"]),
        undo_until=moment(record["undo_until"]),
    )


def _newest_step(record: Mapping[str, Any] | None) -> NewestStep | None:
    if record is None:
        return None
    return NewestStep(**with_moments(record, "since"))


def moment(text: str | None) -> datetime | None:
    """Return a moment as JSON has it."""
    return None if text is None else datetime.fromisoformat(text)


def with_moments(record: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the record with these of its texts as moments."""
    return {**record, **{name: datetime.fromisoformat(record[name]) for name in names}}
