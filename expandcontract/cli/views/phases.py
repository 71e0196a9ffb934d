"""The five phases of a change as `ec status` tells them: how far each is, and what it found."""

from datetime import datetime
from typing import Literal

from expandcontract.cli.views.format import alone, count, held, moment, percent, rate, seconds
from expandcontract.cli.views.view import Part
from expandcontract.engine.hot_updates import spoilers
from expandcontract.model.phases import Phase, Status
from expandcontract.model.records import PhaseRecord, Proof
from expandcontract.model.situation import Situation


class PhaseView(Part):
    """One phase of the current attempt."""

    status: Status
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None

    def tells(self) -> str:
        """Return the line of the text."""
        return self.error or ""


class BackfillView(PhaseView):
    """The copy of the rows and the settling of the new side. `stage` is null when neither runs.

    `rows_per_second` is the present rate while somebody copies, and then that of the whole copy.
    `hot_spoiled_by` says why a low `hot_ratio` is low. `eta_seconds` is null while nobody knows. Where nobody
    works on it, rate, estimate and throttle are null, and `idle_since` is when somebody was last heard.
    `rows_skipped` are those for which a transform made no value. All of it is of the last `round` of copying.
    """

    stage: Literal["copy", "settle"] | None
    rows_written: int
    blocks_done: int
    blocks_total: int
    rows_per_second: float | None
    copy_seconds: float
    batch: int | None
    hot_ratio: float | None
    hot_spoiled_by: tuple[str, ...]
    eta_seconds: float | None
    throttled_by: str | None
    idle_since: datetime | None
    rows_skipped: int
    round: int | None

    def tells(self) -> str:
        """Return the line of the text."""
        if self.error:
            return self.error
        if self.round is None and (self.status == Status.DONE or self.stage == "settle"):
            return ""  # it builds, and copies no row
        parts = [f"{self._which_round()}{count(self.rows_written, 'row')}"]
        if self.copy_seconds:
            parts = [f"{parts[0]} in {seconds(self.copy_seconds)}", *rate(self.rows_per_second)]
        if self.stage == "copy":
            done = percent(self.blocks_done / max(self.blocks_total, 1))
            parts.append(f"{done} of {count(self.blocks_total, 'block')}")
        parts += [f"batch {count(self.batch)}"] if self.batch and self.stage == "copy" else []
        parts += [f"HOT {percent(self.hot_ratio)}"] if self.hot_ratio is not None else []
        parts += [f"eta {seconds(self.eta_seconds)}"] if self.eta_seconds is not None else []
        parts += [f"{count(self.rows_skipped, 'row')} left out (ec log)"] if self.rows_skipped else []
        parts += [held(self.throttled_by)] if self.throttled_by else []
        parts += alone(self.idle_since)
        return ", ".join(parts) if self.status != Status.PENDING else ""

    def _which_round(self) -> str:
        return f"round {self.round}: " if self.round and self.round > 1 else ""


class VerifyView(PhaseView):
    """The comparison that runs, otherwise the newest. `proof_valid_until` is null when no proof counts now;
    `spoiled` says why. `fault` is what rows are looked at for where they are not compared with another side:
    "break CHECK (...)"; then a look is no proof, and `looked_at` is when it ended.
    """

    rows_compared: int
    mismatches: int
    blocks_done: int
    blocks_total: int
    rows_per_second: float | None
    eta_seconds: float | None
    throttled_by: str | None
    idle_since: datetime | None
    proof_valid_until: datetime | None
    spoiled: str | None
    fault: str | None
    looked_at: datetime | None

    def tells(self) -> str:
        """Return the line of the text."""
        if self.error:
            return self.error
        found = self.rows_compared or self.proof_valid_until or self.looked_at or self.spoiled
        if not found and self.status in (Status.PENDING, Status.DONE):
            return ""  # nothing yet, or there is nothing to compare
        compared = self._found()
        if self.status == Status.RUNNING:
            return ", ".join([compared, *self._pace()])
        if self.spoiled:
            what = "look" if self.fault else "proof"
            return f"{compared}; the {what} no longer counts: {self.spoiled}"
        until, at = self.proof_valid_until, self.looked_at
        proof = f", proof valid until {moment(until)}" if until else ""
        return f"{compared}{proof}{f', {moment(at)}' if at else ''}"

    def _found(self) -> str:
        if self.fault:
            return f"{count(self.rows_compared, 'row')} looked at, {count(self.mismatches)} {self.fault}"
        mismatches = count(self.mismatches, "mismatch", "mismatches")
        return f"{count(self.rows_compared, 'row')} compared, {mismatches}"

    def _pace(self) -> list[str]:
        done = percent(self.blocks_done / max(self.blocks_total, 1))
        parts = [*rate(self.rows_per_second), f"{done} of {count(self.blocks_total, 'block')}"]
        parts += [f"eta {seconds(self.eta_seconds)}"] if self.eta_seconds is not None else []
        return parts + ([held(self.throttled_by)] if self.throttled_by else []) + alone(self.idle_since)


class PhasesView(Part):
    """The five phases, in order."""

    expand: PhaseView
    dual_write: PhaseView
    backfill: BackfillView
    verify: VerifyView
    contract: PhaseView


def phases_of(situation: Situation) -> PhasesView:
    """Read the phases of a situation."""
    records = situation.phases
    return PhasesView(
        expand=PhaseView(**_base(records[Phase.EXPAND])),
        dual_write=PhaseView(**_base(records[Phase.DUAL_WRITE])),
        backfill=_backfill(records[Phase.BACKFILL], situation),
        verify=_verify(records[Phase.VERIFY], situation),
        contract=PhaseView(**_base(records[Phase.CONTRACT])),
    )


def _base(record: PhaseRecord) -> dict[str, object]:
    return {
        "status": record.status,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "error": record.error,
    }


def _backfill(record: PhaseRecord, situation: Situation) -> BackfillView:
    copy = situation.copy
    running = record.status in (Status.RUNNING, Status.FAILED)
    # Of a kind that builds, or validates, no row is copied.
    copies = situation.plan.pair is not None or situation.plan.copies
    copying = running and copies and (copy is None or not copy.finished)
    idle = situation.left_alone(copy) if copying else None
    present = copy if copying and idle is None else None
    return BackfillView(
        **_base(record),
        stage=("copy" if copying else "settle") if running else None,
        rows_written=copy.rows if copy else 0,
        blocks_done=copy.blocks_done if copy else 0,
        blocks_total=copy.blocks_total if copy else 0,
        rows_per_second=None if idle else copy.rows_per_second if copy else 0.0,
        copy_seconds=copy.seconds if copy else 0.0,
        batch=present.batch if present else None,
        hot_ratio=copy.hot_ratio if copy else None,
        hot_spoiled_by=spoilers(situation) if copying else (),
        eta_seconds=present.eta_seconds if present else None,
        throttled_by=present.throttled_by if present else None,
        idle_since=idle,
        rows_skipped=copy.mismatches if copy else 0,
        round=copy.round if copy else None,
    )


def _verify(record: PhaseRecord, situation: Situation) -> VerifyView:
    proof, compare = situation.proof, situation.compare
    running = compare if record.status == Status.RUNNING else None
    idle, pair = situation.left_alone(running), situation.plan.pair is not None
    return VerifyView(
        **_base(record),
        rows_compared=running.rows if running else proof.rows_compared if proof else 0,
        mismatches=running.mismatches if running else proof.mismatches if proof else 0,
        blocks_done=compare.blocks_done if compare else 0,
        blocks_total=compare.blocks_total if compare else 0,
        rows_per_second=None if idle else compare.rows_per_second if compare else 0.0,
        eta_seconds=running.eta_seconds if running and not idle else None,
        throttled_by=running.throttled_by if running and not idle else None,
        idle_since=idle,
        proof_valid_until=_valid_until(proof, situation) if pair else None,
        spoiled=_spoiled(proof) if proof else None,
        fault=None if pair else situation.plan.fault,
        looked_at=None if pair or running or proof is None else proof.finished_at,
    )


def _valid_until(proof: Proof | None, situation: Situation) -> datetime | None:
    if proof is None or proof.mismatches or _spoiled(proof):
        return None
    until = proof.finished_at + situation.policy.proof_max_age
    return until if until > situation.now else None


def _spoiled(proof: Proof) -> str | None:
    if proof.spoiled_at is not None:
        return proof.spoiled_why or "it was spoiled"
    return "; ".join(proof.differences) or None
