"""Windows: runs of blocks that are copied in passes. Pure.

Each pass finds room on the pages where the one before it moved rows away from.
"""

from dataclasses import dataclass
from itertools import pairwise

#: In how many transactions a dense window is covered. Divisors of 256 (see statements.py).
PASSES = 8
#: Where a page has many rows, more passes leave more of the indexes alone, for a little more reading.
MORE_PASSES, MANY_ROWS = 16, 32
#: A window with a larger share of rows to write than this is dense.
DENSE = 1 / PASSES
#: How many strips several workers interleave: a pass frees no room while another worker's transaction,
#: begun earlier, may still see its old rows.
INTERLEAVED = 3
#: A window may hold so many times the rows that it was meant to hold.
SLACK = 1.25


@dataclass(frozen=True)
class Look:
    """What a run of blocks holds: rows, those to be written, and the first and last block with such a row."""

    rows: int
    wanted: int
    first: int
    last: int


@dataclass(frozen=True)
class Strip:
    """A run of blocks, the end excluded."""

    first: int
    end: int


@dataclass(frozen=True)
class Window:
    """What is copied in one go: `passes` transactions over each strip, each for about `share` rows."""

    strips: tuple[Strip, ...]
    passes: int
    share: int


def passes(look: Look) -> int:
    """Return in how many passes to cover what was looked at.

    One is enough where few rows of a page are written: they find room anyway.
    """
    blocks = look.last - look.first + 1
    if look.wanted <= look.rows * DENSE or look.wanted < blocks:
        return 1
    return MORE_PASSES if look.wanted >= blocks * MANY_ROWS else PASSES


def plan(look: Look, batch: int, strips: int) -> Window:
    """Return the window at the beginning of `look`: one pass over one strip writes about `batch` rows."""
    k = passes(look)
    blocks = seen = look.last - look.first + 1
    capacity = batch * k * strips
    if look.wanted > capacity * SLACK:
        blocks = max(1, seen * capacity // look.wanted)
    parts = split(look.first, look.first + blocks, strips)
    return Window(parts, k, -(-look.wanted * blocks // (seen * k * len(parts))))


def split(first: int, end: int, parts: int) -> tuple[Strip, ...]:
    """Divide a run of blocks into `parts` of about the same size; fewer when there are fewer blocks."""
    parts = max(1, min(parts, end - first))
    marks = [first + (end - first) * part // parts for part in range(parts + 1)]
    return tuple(Strip(a, b) for a, b in pairwise(marks))


def blocks_for(batch: int, strips: int, density: float) -> int:
    """Return over how many blocks to look for a window where a block has `density` rows to be written."""
    k = MORE_PASSES if density >= MANY_ROWS else PASSES
    return max(1, int(batch * k * strips / density))
