"""Hard: a complete comparison found nothing, and all that it rests on is as it was then."""

from humanize import naturaldelta

from expandcontract.model.phases import Phase, Status
from expandcontract.model.records import Proof
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict

NAME = "verified"
HARD = True
ORDER = 20


def judge(situation: Situation) -> Verdict | None:
    """Open with a proof of this database that found no mismatch, is not spoiled, and is not too old.

    Without a pair of columns there is no such gate.
    """
    return None if situation.plan.pair is None else _judge(situation, situation.proof)


def _judge(situation: Situation, proof: Proof | None) -> Verdict:
    if proof is None:
        return _shut(_unproven(situation), _prove(situation))
    if situation.live.is_copy:
        return _shut("This database is a copy of the one in which the proof was made.", "ec doctor")
    if proof.mismatches:
        return _shut(_found(proof), f"ec backfill {situation.name}")
    if faults := _faults(proof):
        # Rows may have drifted meanwhile: backfill restores what came loose, repairs and proves.
        return _shut(f"The proof does not hold any more: {faults}.", f"ec backfill {situation.name}")
    if situation.phases[Phase.VERIFY].status != Status.DONE:
        # The ledger's guard asks for it as well.
        return _shut("Another verification was begun and did not end.", f"ec verify {situation.name}")
    return _aged(proof, situation)


def _aged(proof: Proof, situation: Situation) -> Verdict:
    """The last condition: an old proof says nothing about damage from outside, such as a failing disk."""
    age, limit = situation.since(proof.finished_at), situation.policy.proof_max_age
    if age > limit:
        reason = f"The proof is {naturaldelta(age)} old; {naturaldelta(limit)} is the limit."
        return _shut(reason, f"ec verify {situation.name}")
    until = proof.finished_at + limit
    reason = f"{proof.rows_compared:,} rows compared, 0 mismatches. Holds until {until:%Y-%m-%d %H:%M}."
    return Verdict(NAME, HARD, open=True, reason=reason)


def _shut(reason: str, command: str) -> Verdict:
    return Verdict(NAME, HARD, open=False, reason=reason, next=command)


def _found(proof: Proof) -> str:
    return f"{proof.mismatches:,} of {proof.rows_compared:,} rows do not match."


def _faults(proof: Proof) -> str:
    """Say what spoiled the proof, which often brought the differences, and what else is different now."""
    spoiled = (proof.spoiled_why or "spoiled") if proof.spoiled_at else ""
    return "; ".join(filter(None, (spoiled, *(each for each in proof.differences if each not in spoiled))))


def _unproven(situation: Situation) -> str:
    compare = situation.compare
    if situation.phases[Phase.VERIFY].status == Status.RUNNING and compare is not None:
        return f"Verification is under way: {compare.blocks_done:,} of {compare.blocks_total:,} blocks."
    return "The two sides were not compared yet."


def _prove(situation: Situation) -> str:
    """Backfill goes on to verify by itself."""
    if not situation.started:
        return f"ec start {situation.name}"
    return f"ec {'verify' if situation.ready else 'backfill'} {situation.name}"
