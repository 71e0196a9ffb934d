"""Windows: runs of blocks that are copied in passes. Pure.

Each pass finds room on the pages where the one before it moved rows away from.
"""

from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import ceil

#: In how many transactions a dense window is covered, at most: each makes the pages be pruned once more.
PASSES = 16
#: A pass has this many rows at least: it is a transaction, and what few rows move takes little room.
PASS_ROWS = 32
#: The first pass has this many times the rows of the last: rows grow, so each leaves less room for the next.
TAPER = 2.5
#: A window with a larger share of rows to write than this is dense.
DENSE = 1 / 8
#: The first pass over a strip has this many batches at the most, while they have no more than this many rows.
WINDOW_BATCHES, WINDOW_ROWS = 10, 1_000
#: How many strips several workers interleave: a pass frees no room while another worker's transaction,
#: begun earlier, may still see its old rows.
INTERLEAVED = 3


@dataclass(frozen=True)
class BlockCounts:
    """What a run of blocks holds: the rows to be written, the first and last block with such a row, and the
    highest place that one had on a page.
    """

    wanted: int
    first: int
    last: int
    highest: int

    @property
    def density(self) -> float:
        """How many rows of a block are to be written."""
        return self.wanted / (self.last - self.first + 1)


@dataclass(frozen=True)
class Strip:
    """A run of blocks, the end excluded."""

    first: int
    end: int


@dataclass(frozen=True)
class Pass:
    """The rows of a window that lie at these places of their pages, `per_block` on each."""

    places: tuple[int, int]
    per_block: float

    def part(self, run: Strip, batch: int) -> Strip:
        """Return the beginning of a run of blocks that one transaction of at most `batch` rows writes.

        The run is divided evenly: a last transaction of a few rows would cost what a full one does.
        """
        blocks = run.end - run.first
        most = max(1, batch // max(1, ceil(self.per_block)))
        return Strip(run.first, run.first + ceil(blocks / ceil(blocks / most)))

    def rows(self, run: Strip) -> int:
        """Return about how many rows it writes in a run of blocks."""
        return ceil(self.per_block * (run.end - run.first))


@dataclass(frozen=True)
class Window:
    """What is copied in one go: one pass after the other, each over all strips."""

    strips: tuple[Strip, ...]
    passes: tuple[Pass, ...]


def passes(look: BlockCounts) -> int:
    """Return in how many passes to cover what was looked at.

    One is enough where few rows of a page are written, or few at all: they find room anyway.
    """
    sparse = look.density < 1 or look.density <= look.highest * DENSE
    return 1 if sparse else max(1, min(PASSES, look.highest, look.wanted // PASS_ROWS))


def plan(look: BlockCounts, batch: int, strips: int) -> Window:
    """Return the window at the beginning of `look`."""
    places = tapered(look.highest, passes(look))
    shares = tuple(
        Pass((each.first, each.end), look.density * (each.end - each.first) / look.highest) for each in places
    )
    seen = look.last - look.first + 1
    blocks = min(seen, blocks_for(batch, strips, shares[0].per_block))
    return Window(split(look.first, look.first + blocks, strips), shares)


def tapered(highest: int, passes: int) -> tuple[Strip, ...]:
    """Divide the places of a page into passes, the first with the most rows; none is empty."""
    taper = TAPER if passes < highest else 1.0
    shares = [taper - (taper - 1) * number / max(1, passes - 1) for number in range(passes)]
    marks = [round(highest * part / sum(shares)) for part in accumulate(shares, initial=0.0)]
    sizes = sorted((b - a for a, b in pairwise(marks) if a < b), reverse=True)
    return tuple(Strip(a, b) for a, b in pairwise(accumulate(sizes, initial=1)))


def split(first: int, end: int, parts: int) -> tuple[Strip, ...]:
    """Divide a run of blocks into `parts` of about the same size; fewer when there are fewer blocks."""
    parts = max(1, min(parts, end - first))
    marks = [first + (end - first) * part // parts for part in range(parts + 1)]
    return tuple(Strip(a, b) for a, b in pairwise(marks))


def blocks_for(batch: int, strips: int, per_block: float) -> int:
    """Return how many blocks make a window whose first pass writes this many rows of a block.

    On each strip that is a batch or, where batches are small, as many as also fill those of smaller passes.
    """
    rows = max(batch, min(WINDOW_ROWS, WINDOW_BATCHES * batch))
    return max(1, rows * strips // max(1, ceil(per_block)))
