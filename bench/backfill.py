"""What a backfill costs, beside what people do instead: on tables of five shapes, idle and under load.

    python bench/backfill.py [--only methods] [--rows 500000] [--tables middling wide]

Each section writes its block of docs/benchmarks.md. It starts a server of its own.
"""

from instrument import flat, idle, load, pairs, reading, script, shares
from instrument.tables import SHAPES

SECTIONS = {
    "methods": idle.run,
    "batches": flat.batches,
    "sizes": flat.sizes,
    "reading": reading.run,
    "load": load.run,
    "shares": shares.run,
}


def main() -> None:
    """Read the arguments and run."""
    made = script.parser(__doc__)
    made.add_argument("--rows", type=int, default=500_000)
    made.add_argument("--tables", nargs="+", choices=SHAPES, default=list(SHAPES))
    made.add_argument("--repeat", type=int, default=3, help="runs of each measurement without load")
    made.add_argument("--sizes", nargs="+", type=int, default=[500_000, 2_000_000, 8_000_000])
    pairs.options(made)
    script.run(SECTIONS, made, in_memory={"load", "shares"})


if __name__ == "__main__":
    main()
