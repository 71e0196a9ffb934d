"""Windows: runs of blocks that are copied in passes. Pure.

Each pass finds room on the pages where the one before it moved rows away from.
"""

from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import ceil

#: In how many transactions a dense window is covered, at most: each makes the pages be pruned once more.
PASSES = 16
#: The first pass has so many times the rows of the last: rows grow, so each leaves less room for the next.
TAPER = 2.5
#: A window with a larger share of rows to write than this is dense.
DENSE = 1 / 8
#: How many strips several workers interleave: a pass frees no room while another worker's transaction,
#: begun earlier, may still see its old rows.
INTERLEAVED = 3


@dataclass(frozen=True)
class Look:
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
class Window:
    """What is copied in one go: a transaction for each of `places` over each strip, each for no more than
    `share` rows, which are `per_block` of a block.
    """

    strips: tuple[Strip, ...]
    places: tuple[Strip, ...]
    per_block: float
    share: int


def passes(look: Look) -> int:
    """Return in how many passes to cover what was looked at.

    One is enough where few rows of a page are written: they find room anyway.
    """
    sparse = look.density < 1 or look.density <= look.highest * DENSE
    return 1 if sparse else min(PASSES, look.highest)


def plan(look: Look, batch: int, strips: int) -> Window:
    """Return the window at the beginning of `look`: one pass over one strip writes about `batch` rows."""
    places = tapered(look.highest, passes(look))
    per_block = look.density * max(strip.end - strip.first for strip in places) / look.highest
    seen = look.last - look.first + 1
    blocks = min(seen, blocks_for(batch, strips, per_block))
    parts = split(look.first, look.first + blocks, strips)
    return Window(parts, places, per_block, ceil(per_block * blocks / len(parts)))


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
    """Return how many blocks make a window where a pass writes so many rows of a block.

    No pass shall have more than a batch to write on a strip: what is cut off is left to the last pass, and
    then finds no room.
    """
    return max(1, batch * strips // max(1, ceil(per_block)))
