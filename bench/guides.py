"""The ways of the usual guides to Alembic beside `ec`: `python bench/guides.py [--rows 1000000]`.

It writes the block `guides` of docs/benchmarks.md, and starts a server of its own.
"""

from instrument import guides, script


def main() -> None:
    """Read the arguments and run."""
    made = script.parser(__doc__)
    made.add_argument("--rows", type=int, default=1_000_000)
    made.add_argument("--clients", type=int, default=4, help="sessions of the old application")
    script.run({"guides": guides.run}, made)


if __name__ == "__main__":
    main()
