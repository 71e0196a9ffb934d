"""What a plan says: costs and hazards before they happen, and the words in which it speaks of itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """A cost or hazard that the plan says before it happens.

    There is one way to have something acknowledged: a hazard made by `Note.hazard`. `ec start` refuses (exit
    4) before anything is changed, and prints the line with `--acknowledge CODE` for all of them; the ledger
    keeps who acknowledged which sentence (event `acknowledged`). Whoever finds a hazard only has to yield it:
    `hazards.of_pair` for what follows from the snapshot, `Part.notes` for what a part brings along.

    `found` is what was seen in rows or statistics, such as counts and keys. It is said with the sentence, and
    no part of the fingerprint, nor is a note that has it: rows come and go without a second review.
    """

    code: str
    sentence: str
    acknowledge: bool = False
    found: str = ""

    @classmethod
    def hazard(cls, kind: str, sentence: str, *, about: str = "", found: str = "") -> "Note":
        """Return a hazard that must be acknowledged before `start`.

        Its code names itself: `kind`, or `kind:about` where each thing is acknowledged for itself, so that
        what comes later under another name is not covered by what was said of the first.
        """
        return cls(f"{kind}:{about}" if about else kind, sentence, acknowledge=True, found=found)

    @property
    def said(self) -> str:
        """The sentence, with what was found."""
        return f"{self.sentence} {self.found}".rstrip()


@dataclass(frozen=True)
class Words:
    """How a change speaks of itself in gates, status and report: clauses without a full stop.

    `about` says what it does, for the head of a plan. `ready` is why new code may run, `contracted` what is
    so after contract, `destroys` what purge takes away for good; that is empty where it only closes the
    change. `broken` says of rows what a comparison finds wrong with them: "have no value in fax". `stays` is
    what a rollback does not take back.
    """

    about: str = ""
    ready: str = "every row is in sync, and the new side has its indexes"
    contracted: str = "the old side is hidden"
    destroys: str = "the old side"
    broken: str = ""
    stays: str = ""
