"""How many transactions others have open at once: the average of samples taken about once a second. Pure."""

#: The newest sample counts for this much of the average: it is that of about the last ten seconds.
WEIGHT = 1 / 8
#: Until more is known there is always one.
AT_FIRST = 1.0


class Others:
    """The transactions of others that were seen open at a moment."""

    def __init__(self) -> None:
        self.at_once = AT_FIRST

    def note(self, transactions: int) -> None:
        """Add a sample."""
        self.at_once += WEIGHT * (transactions - self.at_once)
