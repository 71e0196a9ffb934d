"""Soft: no row was found that the rule would refuse.

PostgreSQL's own validation decides, under contract; the count spares contract a start that must fail, and
names the rows. It says nothing of what was written since.
"""

from humanize import naturaldelta

from expandcontract.model.phases import Phase, Section, Status
from expandcontract.model.records import Proof
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict

NAME = "looks-clean"
HARD = False
WAITS = False
ORDER = 100


def judge(situation: Situation) -> Verdict | None:
    """Open when the last count found no row that breaks the rule. Without a rule there is no such gate, and a
    pair of columns has a harder one.
    """
    if situation.plan.pair is not None or not situation.plan.steps(Section.VERIFY):
        return None
    if not situation.plan.compares:
        return _looked(situation)
    proof, verify = situation.proof, f"ec verify {situation.name}"
    if proof is None:
        return _uncounted(situation)
    if proof.mismatches:
        mended = ("They are written once more.", f"ec backfill {situation.name}")
        then, next_ = mended if situation.plan.copies else ("Correct them, and count once more.", verify)
        return _shut(f"{_found(proof, situation)}. {then}", next_)
    if proof.spoiled_at:
        why = proof.spoiled_why or "the last count was spoiled"
        return _shut(f"Rows were not counted since: {why}.", verify)
    ago = naturaldelta(situation.since(proof.finished_at))
    return Verdict(NAME, HARD, open=True, reason=f"{_found(proof, situation)}, {ago} ago.")


def known(situation: Situation) -> str:
    """Which count it was, and what it found: another one may find other rows."""
    proof = situation.proof
    counted = "not counted" if proof is None else f"count {proof.id}: {proof.mismatches:,}"
    return f"attempt {situation.attempt}, cycle {situation.cycle}: {counted}"


def _looked(situation: Situation) -> Verdict:
    """What one look at the whole table found, which no proof tells of."""
    look = situation.phases[Phase.VERIFY]
    if look.status == Status.DONE and look.finished_at is not None:
        ago = naturaldelta(situation.since(look.finished_at))
        return Verdict(NAME, HARD, open=True, reason=f"No row was found that the rule refuses, {ago} ago.")
    return _shut(look.error, f"ec backfill {situation.name}") if look.error else _uncounted(situation)


def _found(proof: Proof, situation: Situation) -> str:
    return f"{proof.mismatches:,} of {proof.rows_compared:,} rows {situation.plan.fault}"


def _uncounted(situation: Situation) -> Verdict:
    compare, backfill = situation.compare, f"ec backfill {situation.name}"
    if situation.phases[Phase.VERIFY].status == Status.RUNNING and compare is not None:
        blocks = f"{compare.blocks_done:,} of {compare.blocks_total:,} blocks"
        return _shut(f"Rows are being counted: {blocks}.", backfill)
    next_ = backfill if situation.started else f"ec start {situation.name}"
    return _shut("Nobody counted the rows that break the rule.", next_)


def _shut(reason: str, command: str) -> Verdict:
    return Verdict(NAME, HARD, open=False, reason=reason, next=command)
