"""Windows: runs of blocks that are copied in passes, so that each pass finds room where the one before it moved its rows away. Pure."""

from dataclasses import dataclass

#: In how many transactions a dense window is covered. A divisor of 256 (see statements.py).
PASSES = 8
#: A window with a larger share of rows to write than this is dense.
DENSE = 1 / PASSES
#: How many strips several workers interleave: a pass frees no room while another worker's transaction, begun earlier, may still see its old rows.
INTERLEAVED = 3
#: A window may hold so many times the rows that it was meant to hold.
SLACK = 1.25


@dataclass(frozen=True)
class Look:
    """What a run of blocks holds: all rows, those to be written, and the first and the last block with such a row."""

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
    """What is copied before the checkpoint moves: `passes` transactions over each of the strips."""

    strips: tuple[Strip, ...]
    passes: int


def passes(look: Look) -> int:
    """Return in how many passes to cover what was looked at: one where few rows of a page are written, which find room anyway."""
    return PASSES if look.wanted > look.rows * DENSE and look.wanted > look.last - look.first else 1


def plan(look: Look, batch: int, strips: int) -> Window:
    """Return the window at the beginning of what was looked at, so large that one pass over one strip writes about `batch` rows."""
    k = passes(look)
    blocks = look.last - look.first + 1
    capacity = batch * k * strips
    if look.wanted > capacity * SLACK:
        blocks = max(1, blocks * capacity // look.wanted)
    return Window(split(look.first, look.first + blocks, strips), k)


def split(first: int, end: int, parts: int) -> tuple[Strip, ...]:
    """Divide a run of blocks into `parts` of about the same size; fewer when there are fewer blocks."""
    parts = max(1, min(parts, end - first))
    marks = [first + (end - first) * part // parts for part in range(parts + 1)]
    return tuple(Strip(a, b) for a, b in zip(marks, marks[1:], strict=False))


def blocks_for(batch: int, strips: int, density: float) -> int:
    """Return over how many blocks to look for a dense window, where `density` rows to be written were found per block."""
    return max(1, int(batch * PASSES * strips / density))
