"""How many sessions of others work at once: the average of samples taken about once a second. Pure."""

#: The newest sample counts for so much of the average: it is that of about the last ten seconds.
WEIGHT = 1 / 8
#: Until more is known somebody works all the time.
AT_FIRST = 1.0


class Others:
    """The sessions of others that were seen at work at a moment."""

    def __init__(self) -> None:
        self.at_once = AT_FIRST

    def note(self, working: int) -> None:
        """Add a sample."""
        self.at_once += WEIGHT * (working - self.at_once)
